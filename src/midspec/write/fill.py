"""Filling a corpus or a set of demonstrations, in order: first a probe, then until it is enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Protocol, TypeVar

from midspec import progress
from midspec.errors import TeacherError
from midspec.llm.asker import Spent
from midspec.write.flow import Needed

PROBE_ROWS = 20  # after so many, the teacher's yield is told, and judged
BARREN_ROWS = 100  # if none of so many could be kept, none is likely to be

Outcome = TypeVar("Outcome")
Taken_contra = TypeVar("Taken_contra", contravariant=True)


class Shelved(Protocol[Taken_contra]):
    """What is being filled: takes outcomes, and knows how much is still wanted."""

    noun: str

    def take(self, outcome: Taken_contra) -> None:
        """Keep one outcome, or set it aside with its reason."""

    def left(self) -> int:
        """How many rows are still wanted."""

    def kept(self) -> int:
        """How many rows are kept."""

    def tokens(self) -> int:
        """How many tokens these have."""

    def reasons(self) -> Counter[str]:
        """Why rows weren't kept, and how often."""


async def fill(
    outcomes: Callable[[Needed], AsyncGenerator[Outcome, None]],
    shelf: Shelved[Outcome],
    spent: Spent,
    min_yield: float,
) -> int:
    """Take outcomes in the order of their ideas until enough are kept; returns how many it took.

    Little is planned and begun before the first ones have shown what the teacher gives; a yield
    under `min_yield` then is a TeacherError.
    """
    asked, whole = 0, shelf.left()
    needed = Needed(min(PROBE_ROWS, whole), later=whole)
    async with aclosing(outcomes(needed)) as coming:
        async for outcome in coming:
            asked += 1
            shelf.take(outcome)
            left, kept = shelf.left(), shelf.kept()
            probed = max(0, PROBE_ROWS - asked)
            needed.taken, needed.rows = asked, min(left, probed) if probed else left
            note = f"{kept} {shelf.noun}, {shelf.tokens():,} tokens, ${spent.cost:,.2f}"
            progress.report(kept, kept + left, note)
            if asked == PROBE_ROWS:
                _probe(shelf, spent, min_yield)
            if left <= 0 or (not kept and asked >= BARREN_ROWS):
                break
        else:
            progress.say(
                f"The teacher has no more ideas: {shelf.kept():,} {shelf.noun} were kept, "
                f"{shelf.left():,} short of what was asked for."
            )
    if not shelf.kept():
        raise TeacherError(f"None of {asked} {shelf.noun} could be kept; {_reasons(shelf)}.")
    return asked


def _probe(shelf: Shelved[Outcome], spent: Spent, min_yield: float) -> None:
    """Tell yield, length and cost after the first rows; stop if it isn't worth going on."""
    kept = shelf.kept()
    mean = shelf.tokens() / max(1, kept)
    dollars = spent.cost * (kept + shelf.left()) / max(1, kept)
    progress.say(
        f"After {PROBE_ROWS} {shelf.noun}: {kept} kept, {mean:,.0f} tokens each on the average; "
        + ("no price known." if spent.unpriced else f"${dollars:,.2f} projected for the whole.")
    )
    if kept < min_yield * PROBE_ROWS:
        raise TeacherError(
            f"Only {kept} of the first {PROBE_ROWS} {shelf.noun} could be kept, under the floor "
            f"of {min_yield:.0%}; {_reasons(shelf)}. Every answer is kept. Go on with "
            "--min-yield 0, or choose another teacher."
        )


def _reasons(shelf: Shelved[Outcome]) -> str:
    """The commonest reasons why rows weren't kept."""
    common = shelf.reasons().most_common(3)
    return "reasons: " + "; ".join(f"{reason} ({n})" for reason, n in common)
