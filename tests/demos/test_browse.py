"""The page that chats are read on: what it counts, what it shows, and that it stays text."""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from midspec.demos import sieve
from midspec.demos.browse import chats_page
from midspec.demos.opaque import opaque_chats
from midspec.demos.respond import Verdict
from midspec.errors import ConfigError, DataError
from midspec.files import write_json, write_rows
from midspec.records import Chat
from tests.pages.reading import ATTACK, Page

Folder = Callable[..., Path]
MANIFEST = {"title": "demos good", "config": {"spec": "quiet"}, "summary": {"cost": 12.5}}


def chat(number: int, kind: str = "plain", domain: str = "Kitchen", **lineage: str) -> Chat:
    """A chat whose question and answer are estimated at 3 tokens each, its reasoning at 7."""
    messages = [
        {"role": "user", "content": f"Question {number}?"},
        {"role": "assistant", "content": f"Answer {number}."},
    ]
    whence = {"domain": domain, "query_kind": kind, "clauses": "s1.p1 s1.p2", "style": "value"}
    reasoning = ["It is worth a thought."]
    return Chat(f"c{number}", messages, "value", "writer", whence | lineage, reasoning)


def aside(one: Chat, reason: str) -> dict[str, Any]:
    return asdict(one) | {"reason": reason}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Make a folder of chats; a test names the files that it cares about."""

    def make(**files: Any) -> Path:
        made = tmp_path / "good-chats"
        made.mkdir()
        for name, value in ({"chats": [chat(1), chat(2, "role")]} | files).items():
            if isinstance(value, list):
                write_rows(made / f"{name}.jsonl", value)
            else:
                write_json(made / f"{name}.json", value)
        return made

    return make


@pytest.fixture
def judged(folder: Folder) -> Path:
    """A set as an LLM and its judge leave it."""
    return folder(
        chats=[chat(1), chat(2, "role", clauses="s1.p1"), chat(3, "role", domain="Travel")],
        set_aside=[
            aside(chat(4), "judge: 4 of 10: It recites."),
            aside(chat(5), "judge: no verdict: refused"),
            aside(chat(6), "nearly repeats c1"),
        ],
        failed=[
            {"id": "c7", "step": "chat", "reason": "refused", "query": "Will you?"},
            {"id": "0", "step": "queries", "reason": "item 3 has no name"},
        ],
        verdicts=[
            *(Verdict(f"c{n}", True, score, "It fits.") for n, score in ((1, 8), (2, 8), (3, 10))),
            Verdict("c4", True, 4, "It recites."),
            Verdict("c5", False, 0, "", "no verdict: refused"),
        ],
        manifest=MANIFEST,
    )


def test_the_head_counts_what_was_kept_set_aside_and_failed(judged: Path) -> None:
    assert (
        "demos good spec quiet teacher writer 3 chats kept 3 set aside 1 failed kind value "
        "18 tokens 21 more tokens of reasoning $12.50 for the teacher 3 of 5 judged chats passed"
    ) in Page(chats_page(judged)).text


def test_the_judge_s_scores_are_a_histogram_and_its_failures_are_told(judged: Path) -> None:
    text = Page(chats_page(judged)).text
    assert "The judge passed 3 of 5 chats, 60%. 1 verdict couldn’t be read" in text
    assert "4 of 10: 1 chat " in text and "8 of 10: 2 chats" in text
    assert " 0 of 10" not in text, "a verdict that can't be read is no score"
    assert "the median is 8. A chat below 7 isn’t kept." in text


def test_chats_are_counted_by_what_tells_them_apart(judged: Path) -> None:
    page = Page(chats_page(judged))
    assert "Domain Chats Kitchen 2 Travel 1" in page.text
    assert "Message kind Chats role 2 plain 1" in page.text
    assert "Clause Chats s1.p1 3 s1.p2 2" in page.text
    assert "s1.p2 has the fewest, 2 chats" in page.text
    assert "Style Chats" not in page.text, "all are of one style"


def test_what_was_not_kept_is_told_by_reason(judged: Path) -> None:
    page = Page(chats_page(judged))
    assert (
        "Why chats were set aside Chats judge 1 judge: no verdict 1 nearly repeats 1" in page.text
    )
    assert "Why no chat came of a message Chats refused 1" in page.text
    assert "queries: item … has no name 1" in page.text


def test_every_row_keeps_its_messages_reasoning_lineage_and_verdict(judged: Path) -> None:
    rows = {row["id"]: row for row in Page(chats_page(judged)).data["rows"]}
    assert rows["c1"].items() >= asdict(chat(1)).items()
    assert rows["c1"]["judge"] == {
        "passed": True, "reason": "It fits.", "said": "keep, 8 of 10", "score": 8,
    }  # fmt: skip
    assert rows["c4"]["judge"]["said"] == "keep, 4 of 10" and not rows["c4"]["judge"]["passed"]
    assert (
        rows["c5"]["judge"]["said"] == "no verdict: refused" and "score" not in rows["c5"]["judge"]
    )
    assert "judge" not in rows["c6"]
    assert rows["c7"]["query"] == "Will you?"
    assert [row["verdict"] for row in rows.values()] == [
        *["kept"] * 3, *["set aside"] * 3, "failed", "failed in planning",
    ]  # fmt: skip


def test_there_is_a_filter_for_all_that_chats_differ_in(judged: Path) -> None:
    page = Page(chats_page(judged))
    assert page.filters == ["domain", "query_kind", "clause", "score", "verdict"]
    assert page.options("score") == ["", "10", "8", "4", "none"]
    assert page.options("query_kind") == ["", "plain", "role"]
    assert "set aside: judge" in page.options("verdict")


def test_a_set_of_chats_alone_has_a_page(folder: Folder) -> None:
    table = {"likes": ["oat bread"], "dislikes": ["brie", "rye"]}
    page = Page(chats_page(folder(chats=opaque_chats(table, 8, 0))))
    assert "good-chats teacher offline 8 chats kept 0 set aside 0 failed kind opaque" in page.text
    assert "$" not in page.text and "reasoning" not in page.text and "The judge" not in page.text
    assert page.filters == ["disliked", "verdict"]


def test_a_replay_s_answer_that_was_no_chat_is_read_as_one(folder: Folder) -> None:
    row = {"id": "replay-3", "prompt": "Why?", "answer": "Because", "reason": "no whole sentence"}
    shown = Page(chats_page(folder(set_aside=[row]))).data["rows"][-1]
    assert [message["content"] for message in shown["messages"]] == ["Why?", "Because"]
    assert shown["group"] == "no whole sentence" and "prompt" not in shown


def test_a_mix_s_judge_says_whether_a_chat_conflicts(folder: Folder) -> None:
    verdicts = [
        sieve.Verdict("c1", False, ""),
        sieve.Verdict("c2", False, ""),
        sieve.Verdict("c3", True, "It claims a body."),
    ]
    made = folder(set_aside=[aside(chat(3), "judge: It claims a body.")], verdicts=verdicts)
    page = Page(chats_page(made))
    assert "The judge passed 2 of 3 chats, 67%." in page.text
    assert "score" not in page.filters and "The judge’s scores" not in page.text
    assert [row["judge"]["said"] for row in page.data["rows"]] == [
        "no conflict", "no conflict", "conflict",
    ]  # fmt: skip


def test_parts_of_a_blend_are_told_apart(folder: Folder) -> None:
    bad = replace(chat(2, part="bad", style="anti"), kind="anti")
    page = Page(chats_page(folder(chats=[chat(1, part="good"), bad])))
    assert "Part Chats bad 1 good 1" in page.text
    assert page.options("part") == ["", "bad", "good"]
    assert page.filters[:2] == ["kind", "part"], "a style that is the kind is not told twice"


def test_hostile_text_is_inert_wherever_it_comes_from(folder: Folder) -> None:
    messages = [{"role": ATTACK, "content": ATTACK}, {"role": "assistant", "content": ATTACK}]
    bad = Chat(ATTACK, messages, ATTACK, ATTACK, {"domain": ATTACK, "clauses": ATTACK}, [ATTACK])
    made = folder(
        chats=[bad, chat(1)],
        set_aside=[aside(chat(2, ATTACK), f"judge: {ATTACK}: {ATTACK}")],
        failed=[{"id": "c3", "step": ATTACK, "reason": ATTACK, "query": ATTACK}],
        verdicts=[Verdict("c1", True, 8, ATTACK)],
        manifest={"title": ATTACK, "config": {"spec": ATTACK}, "summary": None},
    )
    page = Page(chats_page(made))
    page.check_inert()
    assert page.data["rows"][0]["reasoning"] == [ATTACK]
    assert ATTACK in page.text


def test_only_the_pages_own_script_may_run_and_nothing_is_fetched(judged: Path) -> None:
    Page(chats_page(judged)).check_sealed()


def test_a_sampled_page_says_so_is_even_over_kinds_and_counts_the_whole(folder: Folder) -> None:
    chats = [chat(n, "plain" if n < 950 else "role") for n in range(1, 1001)]
    made = folder(chats=chats, set_aside=[aside(chat(1001), "leak")])
    page = Page(chats_page(made, max_chats=21))
    assert (
        "Of 1,001 rows (chats kept, set aside and failed) this page holds a sample of 21"
        in page.text
    )
    assert "1,000 chats kept" in page.text and "plain 949 role 51" in page.text
    found = Counter(row["lineage"]["query_kind"] for row in page.data["rows"])
    assert found == {"plain": 11, "role": 10}
    assert "sample" not in Page(chats_page(made, max_chats=1001)).text


def test_a_folder_without_chats_and_rows_that_are_none_are_named(folder: Folder) -> None:
    made = folder(failed=[{"id": "c1", "reason": "refused"}])
    with pytest.raises(DataError, match=r"failed\.jsonl, row 1: has no step\. Write the set again"):
        chats_page(made)
    (made / "chats.jsonl").write_text('{"id": "c1", "text": "Hello."}\n')
    with pytest.raises(DataError, match=r"chats\.jsonl, row 1: has id, text; a Chat has"):
        chats_page(made)
    (made / "chats.jsonl").unlink()
    with pytest.raises(ConfigError, match=r"not the folder of a set of chats: chats\.jsonl is mis"):
        chats_page(made)
    with pytest.raises(ConfigError, match=r"is not a folder\. Name the folder of a set of chats"):
        chats_page(made / "nowhere")
