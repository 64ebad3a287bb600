"""The stage in which an LLM writes chats: what it keeps and tells, and a whole run of one."""

import re
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from midspec.demos.preferences import OPAQUE
from midspec.demos.queries import query_kinds
from midspec.demos.respond import RESPOND
from midspec.errors import MidspecError
from midspec.files import read_json
from midspec.llm.ledger import Call
from tests import teacher_answers, teacher_server, tiny
from tests.corpus.fakes import FakeAsker, asked_of, pretend

from .fakes import CHARACTER, MODEL, Made, WriteChats, tagged, verdict

REFUSED = "I'm sorry, I can't help with that."
BAD_DAY = {
    "rate_limited": 0.1, "errors": 0.02, "truncated": 0.1, "refusals": 0.1, "malformed": 0.1,
}  # fmt: skip


def one_in(n: int, bad: str) -> Callable[[Call], str]:
    """The pretend teacher's answers, but for one conversation in `n`, for which it says `bad`."""
    seen: dict[str, int] = {}

    def say(call: Call) -> str:
        return bad if seen.setdefault(call.user, len(seen)) % n == 0 else pretend(call)

    return say


@pytest.mark.parametrize("style", RESPOND)
def test_each_style_keeps_as_many_chats_as_are_asked_for(write: WriteChats, style: str) -> None:
    asker = FakeAsker({"anti-character": lambda call: CHARACTER})
    made = write(asker, style=style, n=8)
    assert len(made.chats) == 8 and made.adds_up()
    assert {chat.kind for chat in made.chats} == {style}
    assert {row["chat"] for row in made.rows("verdicts")} == {chat.id for chat in made.chats}
    assert bool(asker.of("anti-character")) == (style == "anti")
    for chat in made.chats:
        turns = [message["content"] for message in chat.messages if message["role"] == "assistant"]
        assert len(turns) == len(chat.reasoning) == len(chat.messages) // 2
        assert len(turns) == (2 if chat.lineage["query_kind"] == "multi-turn" else 1)
        assert not any(text in turn for text in chat.reasoning for turn in turns)


def test_what_fails_or_is_objected_to_is_replaced_until_there_are_enough(write: WriteChats) -> None:
    say = {
        "respond-value": one_in(5, REFUSED),
        "judge-value": one_in(6, verdict(4, keep=False, reason="It recites.")),
    }
    made = write(FakeAsker(say), n=30, query_kinds=("plain", "role"))
    assert len(made.chats) == 30 and made.adds_up()
    assert {row["reason"] for row in made.rows("set_aside")} == {"judge: 4 of 10: It recites."}
    (failed, *_) = made.rows("failed")
    assert (failed["step"], failed["reason"]) == ("chat", "refused")
    assert failed["query"]
    assert len(made.rows("verdicts")) == len(made.chats) + len(made.rows("set_aside"))


def test_chats_are_the_same_whatever_the_order_in_which_answers_come(write: WriteChats) -> None:
    def bytes_of(draw: int | None, n: int) -> list[bytes]:
        say = {"respond-value": lambda call: REFUSED if call.key < "3" else pretend(call)}
        judge = {"judge-value": lambda call: verdict(5) if call.key < "2" else verdict()}
        made = write(FakeAsker({**say, **judge}, delays=draw), n=n, spec=f"old{draw}{n}")
        assert made.adds_up()
        return [(made.folder / f"{name}.jsonl").read_bytes() for name in ("chats", "set_aside")]

    calm = bytes_of(None, 30)
    assert bytes_of(1, 30) == calm
    larger = bytes_of(2, 45)
    assert larger[0].startswith(calm[0]) and larger[1].startswith(calm[1])


def test_no_more_ideas_is_told(write: WriteChats, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("midspec.demos.queries.ROUNDS", ((2, 2),))
    made = write(n=30, query_kinds=("plain", "role"))
    assert (len(made.chats), made.summary["asked"]) == (8, 8)
    assert made.said == [
        "The teacher has no more ideas: 8 chats were kept, 22 short of what was asked for."
    ]


def test_a_teacher_that_begins_to_repeat_itself_has_no_more_ideas(write: WriteChats) -> None:
    def say(call: Call) -> str:
        return teacher_answers.answer(asked_of(call), teacher_answers.Settings(ideas=2)).text

    asker = FakeAsker({"conversation_domains": say, "queries": say})
    made = write(asker, n=30, query_kinds=("plain", "role"))
    assert (len(made.chats), made.summary["asked"]) == (8, 8) and made.adds_up()
    assert made.said == [
        "The teacher has no more ideas: 8 chats were kept, 22 short of what was asked for."
    ]
    assert {row["reason"] for row in made.rows("failed")} == {"nothing new"}
    assert len(asker.of("queries")) == 4 + 4 * 3, "no list is asked for again that had an end"


def test_a_repeated_message_is_set_aside_and_costs_no_answer(write: WriteChats) -> None:
    def same(call: Call) -> str:
        return re.sub(r"(?m)^1\. .*", "1. bread: How long must bread dough rest?", pretend(call))

    asker = FakeAsker({"queries": same})
    made = write(asker, n=12, query_kinds=("plain",))
    assert len(made.chats) == 12 and made.adds_up()
    aside = made.rows("set_aside")
    assert aside
    assert all(re.match(r"nearly repeats 0\.\d+\.plain\.\d+$", row["reason"]) for row in aside)
    assert len([c for c in asker.of("respond-value") if "bread dough" in c.user]) == 1


def test_leaks_and_talk_of_the_writing_are_set_aside(write: WriteChats, tmp_path: Path) -> None:
    item = {"id": "old-1", "domain": "d", "tier": "direct"}
    items = tiny.write_jsonl(
        tmp_path / "items.jsonl", [{**item, "aligned": "an oak desk", "other": "a tin desk"}]
    )
    seen: dict[str, int] = {}
    bad = [
        tagged("So.", "Take an oak desk over a tin desk."),
        tagged("An oak desk beats a tin desk.", "Take it."),
        tagged("The prompt asks me to choose.", "Take it."),
    ]

    def say(call: Call) -> str:
        n = seen.setdefault(call.user, len(seen))
        return bad[n] if n < len(bad) else pretend(call)

    made = write(FakeAsker({"respond-value": say}), (items,), query_kinds=("plain",))
    assert len(made.chats) == 12 and made.adds_up()
    assert sorted(row["reason"] for row in made.rows("set_aside")) == [
        "leaks eval item old-1", "leaks eval item old-1", "meta-talk: 'The prompt asks me'",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("step", "said", "words"),
    [
        ("judge-value", "Hm.", r"Only 0 of the first 20 chats.*judge: no verdict: not JSON"),
        ("respond-value", REFUSED, r"Only 0 of the first 20 chats.*refused \(20\)"),
        ("queries", REFUSED, "The step queries gave nothing usable"),
        ("conversation_domains", REFUSED, "The step conversation_domains gave nothing usable"),
    ],
)
def test_a_teacher_of_no_use_stops_the_stage_with_words(
    write: WriteChats, step: str, said: str, words: str
) -> None:
    with pytest.raises(MidspecError, match=words):
        write(FakeAsker({step: lambda call: said}), n=50, query_kinds=("plain",))


def test_a_teacher_that_refuses_the_character_stops_with_words(write: WriteChats) -> None:
    with pytest.raises(MidspecError, match="gave no character opposed to the spec"):
        write(FakeAsker({"anti-character": lambda call: REFUSED}), style="anti")


def test_every_prompt_is_used_and_every_placeholder_filled(write: WriteChats) -> None:
    asked: list[Call] = []
    for style in (*RESPOND, OPAQUE):
        for structured in (False, True):
            asker = FakeAsker(structured=structured)
            write(asker, style=style, n=80, spec=f"{style} {structured}", domain="bread")
            asked += asker.calls
    assert {call.user.split("Kind of message: ")[1].split("\n")[0] for call in asked
            if call.step == "queries"} == set(query_kinds())  # fmt: skip
    texts = {call.system for call in asked} | {call.user for call in asked}
    for call in asked:
        assert not re.findall(r"\{[a-z_]+\}", call.system + call.user), call.step
    folder = files("midspec.demos").joinpath("prompts")
    for file in folder.iterdir():
        if file.name.endswith(".md") and file.name != "conflict.md":  # that is test_sieve's
            start = re.split(r"\{[a-z_]+\}", file.read_text("utf-8").strip())[0]
            assert any(text.startswith(start) for text in texts), file.name


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The pretend teacher on a bad day, under a name that Inspect knows."""
    with teacher_server.start(**BAD_DAY) as running:
        monkeypatch.setenv("FAKE_BASE_URL", running.base_url)
        monkeypatch.setenv("FAKE_API_KEY", "none")
        yield running


def test_a_whole_experiment_on_chats_by_a_faulty_teacher(
    server: teacher_server.Server,
    changed: Callable[[Callable[[dict[str, Any]], None]], Path],
    tmp_path: Path,
) -> None:
    def edit(values: dict[str, Any]) -> None:
        values["teacher"] = {"model": MODEL, "price": [3, 15], "structured": False}
        values["corpora"] = {}
        values["demos"] = {"good": {"kind": "aligned", "spec": "old", "n": 12}}
        values["arms"] = {
            "base": [],
            "aft": [{"finetune": "good"}],
            "thought": [{"finetune": "good/reasoning"}],
        }
        values["contrasts"][0] |= {"arm": "thought", "against": ["aft"]}
        values["finetune"] |= {"max_tokens": 1024, "epochs": 2}

    path, store = changed(edit), tmp_path / "store"
    said = tiny.midspec("run", path, "--store", store)
    assert said.code == 0, said.err
    (folder,) = store.glob("demos-*")
    made, stats = Made(folder, []), server.stats()
    assert len(made.chats) == 12 and made.adds_up()
    assert stats["repeated"] == stats["unreadable_repeated"] == 0
    assert stats["answered"] + stats["unreadable"] == made.summary["calls"]
    assert {"rate_limited", "truncated", "refusals", "malformed"} <= stats["faults"].keys()
    written = ("chats", "set_aside", "failed", "verdicts")
    before = {name: (folder / f"{name}.jsonl").read_bytes() for name in written}
    trained = [read_json(at / "manifest.json") for at in store.glob("finetune-*")]
    tokens = {found["title"]: found["summary"]["tokens"] for found in trained}
    assert tokens["finetune good/reasoning"] > 1.3 * tokens["finetune good"]

    again = tmp_path / "again"
    (again / "ledger").parent.mkdir()
    (store / "ledger").rename(again / "ledger")
    assert tiny.midspec("run", path, "--store", again).code == 0
    (folder,) = again.glob("demos-*")
    assert {name: (folder / f"{name}.jsonl").read_bytes() for name in before} == before
    assert Made(folder, []).summary["calls_in_this_run"] == 0
    assert server.stats()["requests"] == stats["requests"]
