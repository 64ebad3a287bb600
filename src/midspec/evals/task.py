"""What an eval is: questions about what the folder of its items or its spec holds, and a metric."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from midspec.records import Choice, Metric, Question, Score

Chat = list[dict[str, str]]


@dataclass(frozen=True)
class Ask:
    """What an eval is to ask: its items' file, a spec's folder, which half, at most how many."""

    items: Path | None
    spec: Path | None
    half: str
    max_items: int | None


def share_of_forms(choices: Sequence[Choice]) -> list[Score]:
    """A score for each item: the share of its forms in which the wanted option is chosen."""
    return [score(choice, choice.share) for choice in choices]


def all_forms(choices: Sequence[Choice]) -> list[Score]:
    """A score for each item: 1 where every form chooses the wanted option, else 0."""
    return [score(choice, float(choice.share == 1)) for choice in choices]


def score(choice: Choice, value: float) -> Score:
    """A choice's score of some value."""
    return Score(
        choice.item, choice.domain, choice.tier, choice.half, value, choice.decided, choice.margin,
        choice.group,
    )  # fmt: skip


@dataclass(frozen=True)
class ChoiceTask:
    """An eval by likelihood; the first metric is its main one.

    needs: what the part of its name after the slash is: a set of "items" or "opinions", a "spec"
    of the experiment, or "" for none.
    """

    metrics: tuple[Metric, ...]
    questions: Callable[[Ask], list[Question]]
    needs: str = ""
    scores: Callable[[Sequence[Choice]], list[Score]] = share_of_forms
