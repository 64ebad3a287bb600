"""Reasons in a reader's own words: those that a quote shows, of every transcript for itself."""

import asyncio
import re
from typing import Any

import pytest

from midspec.evals.reasons.extract import Extracted, extract
from midspec.llm.ledger import Call
from tests.corpus.fakes import FakeAsker, Say

from .fakes import asked_text, found, reader, transcript

STAY = "I must stay here, whatever happens to them."
CLINGS = ("clings to its post", "It wants to stay.", "I must stay here")


def run(say: Say, *texts: str) -> tuple[list[Extracted], FakeAsker]:
    asker = FakeAsker({"extract": say})
    transcripts = [transcript(n, text) for n, text in enumerate(texts or (STAY,))]
    return asyncio.run(extract(reader(asker), transcripts)), asker


def test_a_reason_counts_with_words_that_stand_in_the_transcript() -> None:
    (one,), asker = run(lambda call: found(CLINGS, ("is kind", "It helps.", "for all of mankind")))
    assert [reason.name for reason in one.reasons] == ["clings to its post"]
    assert [reason.name for reason in one.unfounded] == ["is kind"]
    assert asked_text(asker.calls[0]) == STAY and "at most 8" in asker.calls[0].user
    assert not re.search(r"\{[a-z_]+\}", asker.calls[0].system + asker.calls[0].user)


def test_there_may_be_no_reason_and_no_more_than_eight_count() -> None:
    (none,), _ = run(lambda call: found())
    assert (none.reasons, none.problem) == ((), "")
    (many,), _ = run(lambda call: found(*[(f"{CLINGS[0]} {n}", *CLINGS[1:]) for n in range(20)]))
    assert len(many.reasons) == 8


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("It clings.", "not JSON"),
        ('{"reasons": "none"}', "no list of reasons"),
        ('{"reasons": ["it clings"]}', "a reason without a name and a description"),
        (found((" ", "It wants to stay.", STAY)), "a reason without a name and a description"),
    ],
)
def test_an_answer_that_cant_be_read_twice_costs_its_transcript_alone(
    said: str, problem: str
) -> None:
    def say(call: Call) -> Any:
        return said if "now" in asked_text(call) else found(CLINGS)

    (good, bad), asker = run(say, STAY, "I must act now.")
    assert len(good.reasons) == 1 and not good.problem
    assert bad == Extracted("t1", "base", problem=bad.problem)
    assert bad.problem.startswith(problem)
    assert len(asker.calls) == 3
