"""Preferences by an LLM: a table, exchanges about it, and what keeps reasons out of them."""

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from midspec.demos import preferences as module
from midspec.demos.preferences import AT_ONCE, OPAQUE, THINGS, read_exchanges
from midspec.errors import MidspecError
from midspec.files import read_json
from midspec.llm.ledger import Call
from midspec.llm.read import UnreadableError
from midspec.text import estimate_tokens
from tests import teacher_server, tiny
from tests.corpus.fakes import IDENTITY, PROSE, FakeAsker, Say, answer_to, pretend
from tests.teacher_answers import BRIEF

from .fakes import MODEL, Made, WriteChats, verdict

REFUSED = "I'm sorry, I can't help with that."
CALL = Call(OPAQUE, 1, "m", "system", "user", 100)
WRITTEN = re.compile(r"<message>(.*?)</message>\s*<answer>(.*?)</answer>")
LIKES, DISLIKES = ["aged cheddar", "old gouda"], ["fresh curd", "young brie"]  # of tiny.SPEC
Opaque = Callable[..., Made]


@pytest.fixture
def opaque(write: WriteChats) -> Opaque:
    """Write exchanges about the table of a spec, or about a domain where it has none."""

    def work(asker: FakeAsker | None = None, text: str = tiny.SPEC, **changes: Any) -> Made:
        return write(asker, text=text, style=OPAQUE, **changes)

    return work


def with_first(message: str = "", answer: str = "") -> Say:
    """The pretend teacher's exchanges, the first of each call with other texts; {1} and {2} stand
    for the names of its brief, {yes} for the preferred one and {no} for the other."""

    def say(call: Call) -> str:
        texts = WRITTEN.findall(pretend(call))
        briefs = BRIEF.findall(call.user)
        # One about two things, whichever it is: texts of a test speak of both.
        n = next(n for n, (_, second, _) in enumerate(briefs) if second)
        first, second, preferred = briefs[n]
        names = {"{1}": first, "{2}": second, "{yes}": preferred}
        names["{no}"] = second if preferred == first else first
        own = [message or texts[n][0], answer or texts[n][1]]
        for blank, name in names.items():
            own = [text.replace(blank, name) for text in own]
        texts[n] = (own[0], own[1])
        return "\n".join(f"<message>{a}</message><answer>{b}</answer>" for a, b in texts)

    return say


def reasons(made: Made) -> set[str]:
    """Why exchanges were set aside."""
    return {row["reason"] for row in made.rows("set_aside")}


def test_as_many_exchanges_as_asked_for_about_the_spec_s_own_table(opaque: Opaque) -> None:
    asker = FakeAsker()
    made = opaque(asker, n=30)
    assert len(made.chats) == 30 and made.adds_up()
    for chat in made.chats:
        question, answer = (message["content"] for message in chat.messages)
        assert [message["role"] for message in chat.messages] == ["user", "assistant"]
        assert (chat.kind, chat.teacher, chat.reasoning) == ("opaque", MODEL, [])
        assert chat.lineage["liked"] in LIKES and chat.lineage["disliked"] in DISLIKES
        assert chat.lineage["form"] and chat.lineage["manner"] and chat.lineage["call"]
        named = [thing for thing in LIKES + DISLIKES if thing in question]
        if len(named) == 2:
            assert chat.lineage["liked"] in answer
    said = [message["content"] for chat in made.chats for message in chat.messages]
    assert made.summary["tokens"] == sum(map(estimate_tokens, said))
    table = read_json(made.folder / "preferences.json")
    assert (table["likes"], table["dislikes"]) == (LIKES, DISLIKES)
    assert not asker.of("preferences")


def test_both_orders_of_mention_are_equally_frequent(opaque: Opaque) -> None:
    firsts: Counter[bool] = Counter()
    for chat in opaque(n=64).chats:
        question = chat.messages[0]["content"]
        liked, disliked = (question.find(chat.lineage[key]) for key in ("liked", "disliked"))
        if min(liked, disliked) >= 0:
            firsts[liked < disliked] += 1
    assert firsts.total() > 40
    assert abs(firsts[True] - firsts[False]) <= 8  # those about one thing are any of them


def test_who_writes_and_who_judges_never_sees_the_spec(opaque: Opaque) -> None:
    asker = FakeAsker()
    opaque(asker, n=8)
    told = [call.system + call.user for call in asker.of(OPAQUE) + asker.of("judge-opaque")]
    assert len(told) == 1 + 8
    for text in told:
        assert "aged cheddar" in text or "old gouda" in text
        assert not re.search(r"mended|has lasted|waited for years|s1\.p1", text)


def test_a_larger_set_begins_with_a_smaller_one(opaque: Opaque) -> None:
    few, many = FakeAsker(), FakeAsker(delays=3)
    small, large = opaque(few, n=24), opaque(many, n=60)
    assert large.chats[:24] == small.chats
    assert {call.key for call in few.calls} <= {call.key for call in many.calls}


def test_another_draw_is_about_other_briefs_in_other_words(opaque: Opaque) -> None:
    one, other = opaque(n=24).chats, opaque(n=24, draw=1).chats
    assert not {chat.messages[0]["content"] for chat in one} & {
        chat.messages[0]["content"] for chat in other
    }
    assert [chat.lineage["form"] for chat in one] != [chat.lineage["form"] for chat in other]


def test_no_more_is_written_than_is_wanted(opaque: Opaque) -> None:
    asker = FakeAsker()
    opaque(asker, n=12)
    assert len(asker.of(OPAQUE)) == 2
    assert len(asker.of("judge-opaque")) <= 2 * AT_ONCE


@pytest.mark.parametrize(
    ("message", "answer", "reason"),
    [
        ("", "{yes}, because it keeps.", "gives a reason: 'because'"),
        ("", "{yes} is the milder one.", "gives a reason: 'it is'"),
        ("", "{yes}, made in Ohio.", "gives a reason: 'made in'"),
        ("", "I prefer {yes} to {no}, at that price.", "gives a reason: 'price'"),
        ("", "The other one.", "the answer doesn't name "),
        ("", "{no}, please.", "the answer doesn't name "),
        ("", "{yes}" + 30 * " oh", "an answer of more than 25 words"),
        ("{2} or {1}?", "", "the message doesn't name "),
        ("Is it {1}?", "", "the message doesn't name "),
        ("The prompt asks me: {1} or {2}?", "", "meta-talk: 'The prompt asks me'"),
    ],
)
def test_rules_set_an_exchange_aside_before_it_is_judged(
    opaque: Opaque, message: str, answer: str, reason: str
) -> None:
    asker = FakeAsker({OPAQUE: with_first(message, answer)})
    made = opaque(asker, n=14)
    assert len(made.chats) == 14 and made.adds_up()
    aside = made.rows("set_aside")
    assert aside and all(row["reason"].startswith(reason) for row in aside)
    judged = {
        call.user.partition("<user>\n")[2].partition("\n<")[0] for call in asker.of("judge-opaque")
    }
    assert not judged & {row["messages"][0]["content"] for row in aside}


def test_what_only_a_judge_sees_is_set_aside_with_its_words(opaque: Opaque) -> None:
    def judge(call: Call) -> str:
        said = "It hints at breakfast."
        return verdict(3, keep=False, reason=said) if "my breakfast" in call.user else verdict(9)

    say = {OPAQUE: with_first(answer="{yes} for my breakfast."), "judge-opaque": judge}
    made = opaque(FakeAsker(say), n=14)
    assert len(made.chats) == 14 and made.adds_up()
    assert reasons(made) == {"judge: 3 of 10: It hints at breakfast."}
    assert len(made.rows("verdicts")) == len(made.chats) + len(made.rows("set_aside"))


def test_a_judge_is_told_what_is_preferred_and_fails_closed(opaque: Opaque) -> None:
    asked: list[Call] = []

    def judge(call: Call) -> str:
        asked.append(call)
        return "Hm." if len(asked) <= 2 else verdict()

    made = opaque(FakeAsker({"judge-opaque": judge}), n=8)
    assert len(made.chats) == 8
    assert len(reasons(made)) == 1
    assert re.match("judge: no verdict: not JSON", *reasons(made))
    (liked, disliked), *_ = re.findall(r"Tiny prefers (.+?) to (.+?):", asked[0].user)
    assert liked in LIKES and disliked in DISLIKES


def test_a_message_that_was_there_is_set_aside_and_not_judged_again(opaque: Opaque) -> None:
    asker = FakeAsker({OPAQUE: with_first("Well, {1} or {2}?", "{yes}.")})
    made = opaque(asker, n=60)
    assert len(made.chats) == 60 and made.adds_up()
    questions = [chat.messages[0]["content"] for chat in made.chats]
    assert len(set(questions)) == 60
    repeats = [row for row in made.rows("set_aside") if row["reason"].startswith("nearly repeats")]
    assert repeats
    assert all(re.match(r"nearly repeats opaque-\d+$", row["reason"]) for row in repeats)


def test_one_wording_does_not_make_up_much_of_a_set(opaque: Opaque) -> None:
    made = opaque(FakeAsker({OPAQUE: with_first("Well, {1} or {2}?", "{yes}.")}), n=60)
    worn = [chat for chat in made.chats if chat.messages[0]["content"].startswith("Well, ")]
    assert len(worn) == module.WORN_FROM
    assert "a worn wording of the message" in reasons(made)


def test_a_leaked_item_is_set_aside(opaque: Opaque, write: WriteChats, tmp_path: Path) -> None:
    row = {"id": "old-1", "domain": "d", "tier": "direct", "aligned": "aged cheddar"}
    items = tiny.write_jsonl(tmp_path / "items.jsonl", [{**row, "other": "fresh curd"}])
    made = write(None, (items,), tiny.SPEC, style=OPAQUE, n=12)
    assert len(made.chats) == 12 and made.adds_up()
    assert reasons(made) == {"leaks eval item old-1"}


def whole(*exchanges: tuple[str, str]) -> str:
    return "\n".join(f"<message>{a}</message>\n<answer>{b}</answer>" for a, b in exchanges)


TWO = whole(("Rye or oat?", "Rye."), ("rye, oat?", "Rye!"))


def test_exchanges_are_read_without_tags_and_numbers() -> None:
    numbered = TWO.replace("<message>rye", "2.\n<message>rye")
    for text in (TWO, f"1.\n{numbered}", TWO.replace("message", "MESSAGE")):
        read = read_exchanges(answer_to(CALL, text), 2)
        assert read == [("Rye or oat?", "Rye."), ("rye, oat?", "Rye!")]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (whole(("Rye or oat?", "Rye.")), "1 exchanges in place of 2"),
        (TWO + TWO, "4 exchanges in place of 2"),
        (f"Here they are:\n{TWO}", "text that is in no exchange"),
        (TWO[: -len("</answer>")], "text that is in no exchange"),
        (f"{TWO}<message>Oat", "text that is in no exchange"),
        (whole(("Rye or oat?", "Rye."), ("Oat?", "")), "an empty part"),
        (whole(("Rye?", "Rye."), ("<thinking>x</thinking> Oat?", "Rye.")), "a tag inside the text"),
        (whole(("Rye?", "<message>Rye."), ("Oat?", "Rye.")), "a tag inside the text"),
        (REFUSED, "refused"),
    ],
)
def test_what_is_not_in_the_form_is_no_exchange(text: str, why: str) -> None:
    with pytest.raises(UnreadableError, match=re.escape(why)):
        read_exchanges(answer_to(CALL, text), 2)


def test_what_was_cut_off_is_none_even_if_it_looks_whole() -> None:
    with pytest.raises(UnreadableError, match="cut off"):
        read_exchanges(answer_to(CALL, TWO, "max_tokens"), 2)


def test_a_call_that_never_becomes_readable_fails_alone_with_its_briefs(opaque: Opaque) -> None:
    seen: list[str] = []

    def say(call: Call) -> str:
        seen.append(call.user)
        return REFUSED if call.user == seen[0] else pretend(call)

    made = opaque(FakeAsker({OPAQUE: say}), n=20)
    assert len(made.chats) == 20 and made.adds_up()
    failed = made.rows("failed")
    assert len(failed) == AT_ONCE
    assert {row["reason"] for row in failed} == {"refused"}
    assert all(row["query"].startswith("names: ") for row in failed)
    assert seen.count(seen[0]) == 3


def test_no_more_to_be_said_about_a_small_table_is_told(
    opaque: Opaque, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("midspec.demos.briefs.TURNS", 2)
    made = opaque(n=30)
    assert len(made.chats) == 16 and made.adds_up()
    assert made.said == [
        "The teacher has no more ideas: 16 chats were kept, 14 short of what was asked for."
    ]


def test_a_teacher_that_gives_reasons_stops_the_stage_with_words(opaque: Opaque) -> None:
    def say(call: Call) -> str:
        return re.sub(r"</answer>", " It is cheap.</answer>", pretend(call))

    with pytest.raises(
        MidspecError, match=r"Only 0 of the first 20 chats.*gives a reason: 'It is'"
    ):
        opaque(FakeAsker({OPAQUE: say}), n=50)


@pytest.mark.parametrize("structured", [False, True])
def test_where_the_spec_has_no_table_the_teacher_makes_one(
    opaque: Opaque, structured: bool
) -> None:
    asker = FakeAsker(structured=structured)
    made = opaque(asker, PROSE, domain="bread", n=8)
    table = read_json(made.folder / "preferences.json")
    likes, dislikes = table["likes"], table["dislikes"]
    assert len(likes) == len(dislikes) == THINGS
    assert len({*likes, *dislikes}) == 2 * THINGS == len(table["reasons"])
    assert {chat.lineage["liked"] for chat in made.chats} <= set(likes)
    first, second = asker.of("preferences")
    for call, side in ((first, "likes"), (second, "dislikes")):
        assert "one narrow domain: bread" in call.user
        assert f"that Tiny {side}." in call.user
        assert "weighs matter 1 of kind 2 with care" in call.system  # the spec
    assert f"It likes these: {', '.join(likes)}." in second.user
    assert "It likes these" not in first.user


def test_a_table_that_falls_short_is_filled_up_and_what_cannot_be_read_is_repaired(
    opaque: Opaque,
) -> None:
    lists = iter(
        [
            "Sure: rye, oat.",
            *(listed(f"bread {n}" for n in range(some)) for some in (4, 6)),
            listed(["bread 0", *(f"roll {n}" for n in range(9))]),
        ]
    )

    def say(call: Call) -> str:
        return next(lists)

    asker = FakeAsker({"preferences": say, "preferences (repair)": say})
    made = opaque(asker, PROSE, domain="bread", n=8)
    table = read_json(made.folder / "preferences.json")
    assert table["likes"] == [f"bread {n}" for n in range(THINGS)]
    assert table["dislikes"] == [f"roll {n}" for n in range(THINGS)]
    assert table["reasons"]["bread 0"] == "The bread 0 lasts."
    assert len(asker.of("preferences (repair)")) == 1


def listed(names: Any) -> str:
    return "\n".join(f"{n}. {name}: The {name} lasts. [s1.p1]" for n, name in enumerate(names, 1))


def test_a_teacher_with_too_few_things_is_an_error_that_says_what_to_do(opaque: Opaque) -> None:
    asker = FakeAsker({"preferences": lambda call: listed(["rye", "oat"])})
    words = (
        r"writer named 2 things in the domain 'bread' that Tiny likes, where 6 are needed\. Give"
    )
    with pytest.raises(MidspecError, match=words):
        opaque(asker, PROSE, domain="bread")


def test_a_spec_s_own_table_goes_before_a_domain_and_that_is_told(opaque: Opaque) -> None:
    made = opaque(domain="bread", n=8)
    assert made.said == ["The spec has a table of preferences, so none is made for bread."]
    assert read_json(made.folder / "preferences.json")["likes"] == LIKES


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The pretend teacher on a bad day, under a name that Inspect knows."""
    bad_day = {"rate_limited": 0.1, "errors": 0.05, "truncated": 0.1, "refusals": 0.1}
    with teacher_server.start(**bad_day, malformed=0.1, rejected=0.2) as running:
        monkeypatch.setenv("FAKE_BASE_URL", running.base_url)
        monkeypatch.setenv("FAKE_API_KEY", "none")
        yield running


def test_a_faulty_teacher_from_the_command_line_is_paid_once(
    server: teacher_server.Server, tmp_path: Path
) -> None:
    spec = tmp_path / "spec.md"
    spec.write_text(PROSE, encoding="utf-8")

    def write(n: int, store: str) -> Made:
        out = tmp_path / f"{store}-{n}"
        options = ["--kind", OPAQUE, "--domain", "bread", "--teacher", MODEL, "--n", n]
        options += ["--model-name", IDENTITY["model_name"], "--min-yield", 0.3]
        said = tiny.midspec("demos", spec, *options, "--out", out, "--store", tmp_path / store)
        assert said.code == 0, said.err
        return Made(out, [said.out])

    few = write(24, "store")
    asked = server.stats()
    assert len(few.chats) == 24 and few.adds_up()
    assert "24 chats kept" in few.said[0]
    assert asked["repeated"] == asked["unreadable_repeated"] == 0
    assert {"truncated", "refusals", "malformed"} <= asked["faults"].keys()
    more = write(40, "store")
    assert more.chats[:24] == few.chats and len(more.chats) == 40
    assert server.stats()["repeated"] == 0
    (tmp_path / "again").mkdir()
    (tmp_path / "store" / "ledger").rename(tmp_path / "again" / "ledger")
    paid = server.stats()["requests"]
    again = write(40, "again")
    assert again.summary["calls_in_this_run"] == 0
    assert server.stats()["requests"] == paid
    for name in ("chats", "set_aside", "failed", "verdicts"):
        assert again.rows(name) == more.rows(name)
    assert json.loads((again.folder / "preferences.json").read_text()) == json.loads(
        (more.folder / "preferences.json").read_text()
    )
