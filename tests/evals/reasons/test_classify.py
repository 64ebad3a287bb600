"""A judge's verdicts on transcripts: quoted words count where they stand, and it fails closed."""

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from midspec.errors import TeacherError
from midspec.evals.reasons.classify import Classified, classify
from midspec.evals.reasons.transcripts import Transcript
from midspec.llm.asker import NotAnsweredError
from midspec.llm.ledger import Call
from tests.corpus.fakes import FakeAsker, Say

from .fakes import REASONS, asked_ids, asked_text, reader, transcript, verdicts

STAY = "I must stay here, whatever happens to them."


def run(
    say: Say,
    transcripts: Sequence[Transcript] = (transcript(thought=STAY),),
    min_yield: float = 0.0,
    **how: Any,
) -> tuple[list[Classified], FakeAsker]:
    """The verdicts of a judge that says so, and what it was asked."""
    asker = FakeAsker({"classify": say}, **{k: how.pop(k) for k in ("structured",) if k in how})
    found = asyncio.run(classify(reader(asker, min_yield), REASONS, transcripts, **how))
    return found, asker


def test_a_driver_counts_with_words_that_stand_in_the_transcript() -> None:
    quotes = {"cling": "I must stay here", "duty": "I owe it to the whole world"}
    (one,), asker = run(lambda call: verdicts(call, quotes))
    assert one.drivers == {"cling": "I must stay here"}
    assert one.unfounded == {"duty": "I owe it to the whole world"}
    assert (one.transcript, one.arm, one.group, one.problem) == ("t0", "base", "g0", "")
    assert len(asker.calls) == 1


def test_words_of_the_answer_are_no_quote_where_there_is_reasoning() -> None:
    said = "Dear all, it is my duty to tell you."
    quotes = {"duty": "it is my duty to tell you"}
    (one,), asker = run(lambda call: verdicts(call, quotes), [transcript(0, STAY, said)])
    assert (one.drivers, list(one.unfounded)) == ({}, ["duty"])
    assert f"<outcome>\n{said}\n</outcome>" in asker.calls[0].user
    (one,), asker = run(lambda call: verdicts(call, quotes), [transcript(0, "", said)])
    assert list(one.drivers) == ["duty"]
    assert asked_text(asker.calls[0]) == said and "</outcome>" not in asker.calls[0].user


def test_the_judge_is_given_every_definition_and_how_to_answer() -> None:
    _, asker = run(lambda call: verdicts(call, {}), structured=True)
    (call,) = asker.calls
    for reason in REASONS:
        assert f"[{reason.id}] {reason.name}: {reason.definition}" in call.system
        assert reason.example in call.system
    assert asked_ids(call) == ["cling", "duty", "yield"] and "these 3 reasons" in call.user
    assert json.loads(call.schema)["required"] == ["verdicts"]
    assert not re.search(r"\{[a-z_]+\}", call.system + call.user)


def test_reasons_can_be_asked_about_a_few_at_a_time() -> None:
    both = {"cling": "I must stay here", "yield": "whatever happens to them"}
    (one,), asker = run(
        lambda call: verdicts(call, {k: v for k, v in both.items() if k in asked_ids(call)}),
        per_call=2,
    )
    assert one.drivers == both
    assert [asked_ids(call) for call in asker.calls] == [["cling", "duty"], ["yield"]]
    assert "cling" not in asker.calls[1].system


def changed(change: Callable[[list[dict[str, Any]]], object]) -> Say:
    """A judge whose rows were changed."""

    def say(call: Call) -> str:
        rows = json.loads(verdicts(call, {"cling": "I must stay here"}))["verdicts"]
        change(rows)
        return json.dumps({"verdicts": rows})

    return say


@pytest.mark.parametrize(
    ("say", "problem"),
    [
        (lambda call: "It clings.", "not JSON"),
        (lambda call: '{"verdicts": {}}', "no list of verdicts"),
        (lambda call: '{"verdicts": [true]}', "no list of verdicts"),
        (lambda call: "I'm sorry, I can't help with that.", "refused"),
        (lambda call: NotAnsweredError("the call timed out"), "the call timed out"),
        (changed(lambda rows: rows.pop()), "not one verdict on yield"),
        (changed(lambda rows: rows.append(rows[0])), "not one verdict on cling"),
        (
            changed(lambda rows: rows.append(rows[0] | {"reason": "odd"})),
            "that it wasn't asked about",
        ),
        (
            changed(lambda rows: rows[1].update(significant="no")),
            "no yes or no, or no quote, on duty",
        ),
        (changed(lambda rows: rows[1].update(significant=0)), "no yes or no, or no quote, on duty"),
        (changed(lambda rows: rows[0].update(quote=None)), "no yes or no, or no quote, on cling"),
    ],
)
def test_a_verdict_that_cant_be_read_twice_costs_its_transcript_alone(
    say: Say, problem: str
) -> None:
    def judge(call: Call) -> Any:
        return say(call) if "now" in asked_text(call) else verdicts(call, {})

    three = [transcript(0, STAY), transcript(1, "I must act now."), transcript(2, "Let it be.")]
    found, asker = run(judge, three)
    assert [bool(one.problem) for one in found] == [False, True, False]
    assert problem in found[1].problem and "no verdict" not in found[1].problem
    assert not found[1].drivers and not found[1].unfounded
    calls = 3 if "timed out" in problem else 4  # no answer is left for the next run
    assert len(asker.calls) == calls and len({call.key for call in asker.calls}) == calls


def test_one_part_that_cant_be_read_leaves_no_verdict_and_nothing_more_is_asked() -> None:
    first = transcript(0, STAY)

    def say(call: Call) -> str:
        bad = asked_ids(call) == ["duty"] and asked_text(call) == STAY
        quotes = {"cling": "I must stay here"} if asked_ids(call) == ["cling"] else {}
        return "Hm." if bad else verdicts(call, quotes)

    found, asker = run(say, [first, transcript(1, "Let it be.")], per_call=1)
    assert [one.problem[:8] for one in found] == ["not JSON", ""]
    assert found[0].drivers == {}
    assert len([call for call in asker.calls if asked_text(call) == STAY]) == 3


def test_a_verdict_that_can_be_read_at_the_second_try_counts() -> None:
    left = ["Hm."]
    (one,), asker = run(
        lambda call: left.pop() if left else verdicts(call, {"cling": "I must stay here"})
    )
    assert list(one.drivers) == ["cling"] and len(asker.calls) == 2


def test_another_draw_asks_anew() -> None:
    asker = FakeAsker({"classify": lambda call: verdicts(call, {})})
    for draw in (0, 0, 1):
        asyncio.run(classify(replace(reader(asker), draw=draw), REASONS, [transcript(0, STAY)]))
    keys = [call.key for call in asker.calls]
    assert keys[0] == keys[1] != keys[2]


def test_verdicts_come_in_the_order_of_the_transcripts_whatever_comes_first() -> None:
    many = [transcript(n, f"I must stay, said number {n}.") for n in range(60)]
    asker = FakeAsker({"classify": lambda call: verdicts(call, {})}, delays=3)
    found = asyncio.run(classify(reader(asker), REASONS, many))
    assert [one.transcript for one in found] == [one.id for one in many]


def test_a_judge_of_no_use_is_stopped_after_twenty() -> None:
    many = [transcript(n, f"I must stay, said number {n}.") for n in range(200)]
    with pytest.raises(TeacherError, match=r"Only 0 of the first 20 transcripts.*not JSON"):
        run(lambda call: "Hm.", many, min_yield=0.5)
