"""Where each arm of an experiment stands: on which corpora, demos, doses, order and model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from midspec.arms import Step, model_name, model_of, shows, size_of
from midspec.config import Experiment
from midspec.grid_arms import Order
from midspec.parts import Use


@dataclass(frozen=True)
class Point:
    """An arm's coordinates; two arms with the same ones differ in settings alone.

    msm: the corpora that it is midtrained on, and `msm_tokens` of them all together (their doses,
    else the sizes that they are to reach; None where there are none, or a size isn't in tokens).
    aft: the demos that show behaviour, as NAME or NAME/reasoning, and `aft_chats` of them (None
    where there are none, or a set is taken whole and its size isn't set).
    mix: the other demos (kinds mix, replay, everyday), which teach form and keep ability.
    order: of MSM and AFT; "" where an arm lacks one of the two. model: the base model's name.
    prompt: the spec that a reference arm carries in its prompt.
    """

    msm: tuple[str, ...]
    msm_tokens: int | None
    aft: tuple[str, ...]
    aft_chats: int | None
    order: Order | Literal[""]
    model: str
    prompt: str | None
    mix: tuple[str, ...] = ()

    @property
    def untrained(self) -> bool:
        """Whether it is a base model that nothing was done to, not even by a prompt."""
        return not (self.msm or self.aft or self.mix or self.prompt)


def coordinates(experiment: Experiment) -> dict[str, Point]:
    """Every arm's coordinates, of a grid or written by hand, in the experiment's order."""
    return {arm: _point(experiment, steps) for arm, steps in experiment.arms.items()}


def _point(experiment: Experiment, steps: Sequence[Step]) -> Point:
    corpora = [use for step in steps for use in step.documents()]
    demos = [use for step in steps for use in step.uses()]
    aft = [use for use in demos if shows(experiment.demos[use.name])]
    return Point(
        msm=tuple(dict.fromkeys(use.name for use in corpora)),
        msm_tokens=_total([_tokens(experiment, use) for use in corpora]),
        aft=tuple(dict.fromkeys(use.label for use in aft)),
        aft_chats=_total([use.dose or experiment.demos[use.name].n for use in aft]),
        order=_order(experiment, steps) if corpora and aft else "",
        model=model_name(model_of(steps) or experiment.model),
        prompt=next((step.prompt for step in steps if step.prompt), None),
        mix=tuple(dict.fromkeys(use.label for use in demos if use not in aft)),
    )


def _order(experiment: Experiment, steps: Sequence[Step]) -> Order:
    """Which of the two comes first; both in one step are interleaved."""
    told = [number for number, step in enumerate(steps) if step.documents()]
    shown = [
        number
        for number, step in enumerate(steps)
        if any(shows(experiment.demos[use.name]) for use in step.uses())
    ]
    if set(told) & set(shown):
        return "interleaved"
    return "msm-aft" if told[0] < shown[0] else "aft-msm"


def _tokens(experiment: Experiment, use: Use) -> int | None:
    return use.dose or size_of(experiment.corpora[use.name])


def _total(parts: Sequence[int | None]) -> int | None:
    known = [part for part in parts if part is not None]
    return sum(known) if known and len(known) == len(parts) else None
