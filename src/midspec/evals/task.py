"""What an eval is: questions about what the folder of its items or its spec holds, and a metric."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from midspec.records import Choice, Metric, Question, Score

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.log import EvalLog

Chat = list[dict[str, str]]


@dataclass(frozen=True)
class Ask:
    """What an eval is to ask: its items' file, a spec's folder, which half, at most how many.

    identity: whom a spec speaks of, or what a scene calls the assistant: model_name and
    provider_name; empty where the experiment doesn't say.
    thinking: whether who is asked thinks before it answers, and so needs no scratchpad.
    """

    items: Path | None
    spec: Path | None
    half: str
    max_items: int | None
    identity: Mapping[str, str] = field(default_factory=dict)
    thinking: bool = False


class Asking(Protocol):
    """What the configs of all stages that ask have."""

    @property
    def half(self) -> str: ...
    @property
    def max_items(self) -> int | None: ...
    @property
    def identity(self) -> tuple[tuple[str, str], ...]: ...


def ask_of(config: Asking, inputs: Mapping[str, Path | None], thinking: bool = False) -> Ask:
    """What a stage asks: of its input `items`, or about the spec that is its input `about`."""
    items, about = inputs.get("items"), inputs.get("about")
    return Ask(items, about, config.half, config.max_items, dict(config.identity), thinking)


def reference_prompt(inputs: Mapping[str, Path]) -> str | None:
    """What a reference arm has in its system prompt: the spec of the input `spec`."""
    return (inputs["spec"] / "spec.md").read_text(encoding="utf-8") if "spec" in inputs else None


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


def change(after: Choice, before: Choice) -> Score:
    """How much more of an item's forms choose the wanted option after something than before."""
    return replace(
        score(after, after.share - before.share),
        decided=after.decided and before.decided,
        margin=after.margin - before.margin,
    )


@dataclass(frozen=True)
class ChoiceTask:
    """An eval by likelihood; the first metric is its main one.

    needs: what the part of its name after the slash is: a set of "items" or "opinions", a "spec"
    of the experiment, or "" for none. named: whether its scenes call the assistant by a name.
    main_forms: how the names of the forms begin over which its main measure is a mean, "" for all.
    version: to be raised when what is asked changes.
    """

    metrics: tuple[Metric, ...]
    questions: Callable[[Ask], list[Question]]
    needs: str = ""
    scores: Callable[[Sequence[Choice]], list[Score]] = share_of_forms
    main_forms: str = ""
    named: bool = False
    version: int = 1


@dataclass(frozen=True)
class Passage:
    """A text that an arm reads."""

    id: str
    domain: str
    text: str
    tier: str = ""
    half: str = ""


@dataclass(frozen=True)
class LossTask:
    """An eval by the loss on texts, in nats a token: nothing is chosen.

    version: to be raised when the texts change.
    """

    metrics: tuple[Metric, ...]
    passages: Callable[[Ask], list[Passage]]
    needs: str = ""
    version: int = 1


@dataclass(frozen=True)
class GeneratedTask:
    """An eval by generation; the first metric is its main one.

    task: makes an Inspect task, whose samples carry the metadata item, form, domain, tier, half and
    group, and whose config says how it is answered. All that a system prompt holds
    stands in a sample's input, since a reference arm's spec is put before it. scores: the rows of
    a scored log. judged: whether its scorers ask a judge, as the model in the role "grader".
    named: whether its scenes call the assistant by a name.

    repeats: how often each sample is answered; more than once what is sampled, and only there
    another number may be set. count: how many samples the task has, found out without making it
    (Inspect takes a second to import); None where that can't be told. forms: how many of them
    belong together in intervals, as an item's two orders do. version: to be raised when what is
    asked changes; scoring: when what answers are worth does. answer_tokens, judge_calls,
    judge_sent, judge_received: tokens of an answer, calls to judge it, and tokens of a call without
    answer and spec, as `midspec plan` reckons with them.
    """

    metrics: tuple[Metric, ...]
    task: Callable[[Ask], Task]
    scores: Callable[[EvalLog], list[Score]]
    needs: str = ""
    judged: bool = False
    named: bool = False
    repeats: int = 1
    count: Callable[[Ask], int] | None = None
    forms: int = 1
    version: int = 1
    scoring: int = 1
    answer_tokens: int = 300
    judge_calls: int = 1
    judge_sent: int = 900
    judge_received: int = 150
