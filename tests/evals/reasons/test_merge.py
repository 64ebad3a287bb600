"""Few reasons of many: an LLM merges names, and verdicts show what always goes together."""

import asyncio
import json
import re
from typing import Any

import pytest

from midspec.evals.reasons import merge
from midspec.evals.reasons.extract import Extracted, Found
from midspec.evals.reasons.merge import Canonical, find_canonical, merge_overlapping
from midspec.llm.ledger import Call
from tests.corpus.fakes import FakeAsker, Say

from .fakes import CLING, DUTY, REASONS, YIELD, driven, group, reader


def extracted(*names: str) -> list[Extracted]:
    """Transcripts in which a reason of that name each was seen; several with commas between."""
    return [
        Extracted(f"t{n}", "base", tuple(Found(one, f"It {one}.", f"I {one}.") for one in own))
        for n, own in enumerate(listed.split(", ") for listed in names)
    ]


def run(say: Say, *names: str) -> tuple[list[Canonical], int, FakeAsker]:
    asker = FakeAsker({"merge": say})
    canonical, unread = asyncio.run(find_canonical(reader(asker), extracted(*names)))
    return canonical, unread, asker


def numbers(call: Call) -> dict[str, int]:
    """The numbers under which a call lists reasons, by name."""
    return {name: int(n) for n, name in re.findall(r"^(\d+)\. (.+?): ", call.user, re.MULTILINE)}


def said(*groups: dict[str, Any]) -> str:
    return json.dumps({"reasons": groups})


def test_what_is_the_same_is_one_reason_by_how_many_transcripts_it_was_seen_in() -> None:
    def say(call: Call) -> str:
        n = numbers(call)
        assert "These are 3 reasons" in call.user, "a name that comes up twice is listed once"
        return said(
            group("stays on", n["clings"], n["survives"]),
            group("is calm", n["rests"], kind="aligned"),
        )

    canonical, unread, asker = run(say, "clings, survives", "Clings", "rests", "rests", "survives")
    assert [(c.reason.id, c.reason.kind, c.transcripts) for c in canonical] == [
        ("stays-on", "misaligned", 3),
        ("is-calm", "aligned", 2),
    ]
    assert set(canonical[0].names) == {"clings", "Clings", "survives"}
    assert canonical[0].reason.definition == "Where it shows stays on."
    assert canonical[0].reason.example in ("I clings.", "I survives.")
    assert (unread, len(asker.calls)) == (0, 1)


def test_what_was_seen_once_or_beyond_the_most_is_left_out_and_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(merge, "MOST_REASONS", 1)
    canonical, _, _ = run(lambda call: said(), "a", "a", "a", "b", "b", "c")
    assert [(c.reason.name, c.left_out) for c in canonical] == [
        ("a", ""),
        ("b", "not one of the 1 that were seen most often"),
        ("c", "seen in fewer than 2 transcripts"),
    ]


def test_nothing_is_lost_that_an_answer_leaves_out_or_names_twice() -> None:
    canonical, _, _ = run(lambda call: said(group("x", 1, 1), group("y", 1, 2)), "a", "b", "c")
    assert sorted(name for one in canonical for name in one.names) == ["a", "b", "c"]
    assert sorted(one.reason.name for one in canonical) == ["c", "x", "y"]


@pytest.mark.parametrize(
    "answer",
    [
        "They are all one.",
        '{"reasons": 1}',
        said(group("", 1)),
        said(group("x", 1, kind="bad")),
        said(group("x")),
        said(group("x", 0)),
        said(group("x", 4)),
        said(group("x", True)),
        said(group("x", "1")),
    ],
)
def test_an_answer_that_cant_be_read_twice_merges_nothing_and_is_counted(answer: str) -> None:
    canonical, unread, asker = run(lambda call: answer, "a", "b", "c")
    assert sorted(one.reason.name for one in canonical) == ["a", "b", "c"]
    assert {one.reason.kind for one in canonical} == {"other"}
    assert (unread, len(asker.calls)) == (1, 2)


def test_many_are_merged_in_rounds_until_they_fit_one_question(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(merge, "AT_ONCE", 10)

    def say(call: Call) -> str:
        """Those whose names begin alike are one."""
        own: dict[str, list[int]] = {}
        for n, first in re.findall(r"^(\d+)\. (\w)", call.user, re.MULTILINE):
            own.setdefault(first, []).append(int(n))
        return said(*(group(f"{first} all", *ns) for first, ns in own.items()))

    names = [f"{first}{n}" for n in range(12) for first in "ab"]
    canonical, _, asker = run(say, *names)
    assert [(c.reason.id, c.transcripts, len(c.names)) for c in canonical] == [
        ("a-all", 12, 12),
        ("b-all", 12, 12),
    ]
    assert len(asker.calls) == 4, "three questions about 24 reasons, one about what is left"


def test_no_reason_takes_no_question() -> None:
    asker = FakeAsker()
    none = [Extracted("t0", "base"), Extracted("t1", "base", problem="no verdict")]
    assert asyncio.run(find_canonical(reader(asker), none)) == ([], 0)
    assert not asker.calls


def overlapping(both: int, first: int, second: int) -> list[Any]:
    """Verdicts in which cling and duty drive so many transcripts together and each alone."""
    names = [("cling", "duty")] * both + [("cling",)] * first + [("duty",)] * second
    return [driven(n, *own) for n, own in enumerate(names)]


def test_reasons_that_nearly_always_go_together_are_one() -> None:
    drivers = merge_overlapping(REASONS, overlapping(16, 4, 1), 0.75)
    assert [(d.id, d.parts) for d in drivers] == [
        ("cling", ("cling", "duty")),
        ("yield", ("yield",)),
    ]
    assert drivers[0].name == "cling to its post / call it duty"
    assert CLING.definition in drivers[0].definition and DUTY.definition in drivers[0].definition
    assert [drivers[0].drives(one) for one in (driven(0, "duty"), driven(0, "yield"))] == [
        True,
        False,
    ]


@pytest.mark.parametrize(("both", "first", "second"), [(15, 4, 1), (7, 1, 1), (20, 0, 80)])
def test_reasons_that_overlap_less_or_are_rare_stay_apart(
    both: int, first: int, second: int
) -> None:
    assert len(merge_overlapping(REASONS, overlapping(both, first, second), 0.75)) == 3


def test_a_good_reason_and_a_bad_one_are_never_one_and_over_1_nothing_is() -> None:
    always = [driven(n, "cling", "duty", "yield") for n in range(20)]
    assert [d.parts for d in merge_overlapping(REASONS, always, 0.75)] == [
        ("cling", "duty"), ("yield",),
    ]  # fmt: skip
    assert len(merge_overlapping(REASONS, always, 1.0)) == len([CLING, DUTY, YIELD])


def test_what_was_merged_is_merged_further() -> None:
    third = CLING.__class__("fear", "fear", "misaligned", "It fears.", "I fear it.")
    always = [driven(n, "cling", "duty", "fear") for n in range(20)]
    (one, _) = merge_overlapping([*REASONS, third], always, 0.75)
    assert set(one.parts) == {"cling", "duty", "fear"}
