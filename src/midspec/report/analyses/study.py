"""What the analyses read: scores, and where each arm stands on the experiment's axes."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import isfinite, nan
from pathlib import Path
from typing import Literal

import numpy as np

from midspec.grid import Point
from midspec.report.scores import Measured
from midspec.report.tables import Unreadable

Kind = Literal["base", "mix", "msm", "aft", "both", "prompt"]
KNOWLEDGE = "knowledge"
DOSES = (("msm", "msm_tokens"), ("aft", "aft_chats"))  # what is told or shown, and how much
VALUES = ("preference", "opinions", "generated", "open-qa")  # evals that ask about the value named


@dataclass(frozen=True)
class Study:
    """An experiment's results: main measures, and each arm's coordinates.

    specs: what a part is about, by `corpus/NAME` and `demos/NAME`; carriers: arms that a claim says
    carry an eval's value; blind: why an arm can't be read on an eval. Arms that can't be read are
    in no analysis; `left_out` names them.
    """

    measured: Sequence[Measured]
    points: Mapping[str, Point]
    specs: Mapping[str, Sequence[str]]
    carriers: Mapping[str, Collection[str]]
    blind: Unreadable

    @cached_property
    def results(self) -> list[Measured]:
        """The main measures of behaviour: of results, but for knowledge."""
        return [one for one in self._main if _kind(one) != KNOWLEDGE]

    @cached_property
    def levels(self) -> list[Measured]:
        """The results that are levels between two ends, and not changes."""
        return [one for one in self.results if one.metric.low >= 0 and isfinite(one.metric.high)]

    @cached_property
    def knowledge(self) -> list[Measured]:
        """The main measures of what arms know of a spec."""
        return [one for one in self._main if _kind(one) == KNOWLEDGE]

    @cached_property
    def about_values(self) -> list[Measured]:
        """The levels that ask about a value by name."""
        return [one for one in self.levels if _kind(one) in VALUES and value_of(one)]

    @cached_property
    def _main(self) -> list[Measured]:
        mine = [one for one in self.measured if one.metric.role == "result"]
        return [one for one in mine if not one.metric.measure]

    def arms(self, one: Measured, *kinds: Kind) -> list[str]:
        """The arms of these kinds (of all, where none is named) that can be read on an eval."""
        blind = {arm for arm, evaluation in self.blind if evaluation == one.eval}
        found = [arm for arm in one.arms if arm in self.points and arm not in blind]
        return [arm for arm in found if not kinds or self.kind(arm) in kinds]

    def kind(self, arm: str) -> Kind:
        """Which of the two stages an arm has."""
        return kind_of(self.points[arm])

    def values(self, arm: str) -> set[str]:
        """The specs that an arm's documents are about or its demos speak for."""
        told, shown = self.told_and_shown(arm)
        return {*told, *shown}

    def told_and_shown(self, arm: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The specs that an arm's documents are about, and those that its demos speak for."""
        point = self.points[arm]
        told = [f"corpus/{name}" for name in point.msm]
        shown = [f"demos/{name.partition('/')[0]}" for name in point.aft]
        return self._specs_of(told), self._specs_of(shown)

    def _specs_of(self, parts: Sequence[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(spec for part in parts for spec in self.specs.get(part, ())))

    def own(self, one: Measured, arm: str) -> bool:
        """Whether an arm was trained for what an eval asks: its value, or anything where no arm was
        trained for a value of that name. One that was trained for no value, such as on opaque demos
        alone, stands beside all that were."""
        if not self.values(arm) or not self.named(one):
            return True
        return self.carries(one, arm)

    def carries(self, one: Measured, arm: str) -> bool:
        """Whether an arm was trained for the value that an eval names, or a claim says so."""
        mine = any(is_about(spec, value_of(one)) for spec in self.values(arm))
        return mine or arm in self.carriers.get(one.eval, ())

    def named(self, one: Measured) -> bool:
        """Whether an eval is named for a value that some arm was trained for."""
        value = value_of(one)
        return any(is_about(spec, value) for arm in self.points for spec in self.values(arm))

    def find(self, one: Measured, *wanted: Point) -> str | None:
        """The first arm that stands at the first of these points where there is one."""
        arms = self.arms(one)
        return next((arm for point in wanted for arm in arms if self.points[arm] == point), None)

    def aft_alone(self, one: Measured, arm: str) -> str | None:
        """The arm that lacks this arm's MSM, and nothing else."""
        return self.find(one, without_msm(self.points[arm]))

    def msm_alone(self, one: Measured, arm: str) -> str | None:
        """The arm that lacks this arm's AFT; its other demos may be missing, too."""
        point = without_aft(self.points[arm])
        return self.find(one, point, replace(point, mix=()))

    def untrained(self, one: Measured, arm: str) -> str | None:
        """The base arm of an arm's model."""
        bare = without_aft(without_msm(self.points[arm]))
        return self.find(one, replace(bare, mix=()))

    def groups(
        self, one: Measured, kinds: Sequence[Kind], **left_open: object
    ) -> dict[Point, list[str]]:
        """The arms that are alike but for the coordinates in `left_open`, which are set to these
        values in the key; each group in the order of the experiment.

        Where what is told or shown is left open, so is how much of it, if it is the most of it that
        any arm has: parts of unlike sizes, each taken whole, stand beside each other.
        """
        found: dict[Point, list[str]] = {}
        for arm in self.arms(one, *kinds):
            point = self.points[arm]
            whole = {
                dose: None for axis, dose in DOSES if axis in left_open and self.whole(arm, axis)
            }
            key = replace(point, **{**whole, **left_open})  # type: ignore[arg-type]
            found.setdefault(key, []).append(arm)
        return found

    def whole(self, arm: str, axis: str) -> bool:
        """Whether no arm has more of these corpora (`msm`) or demos (`aft`)."""
        point = self.points[arm]
        return bool(getattr(point, dict(DOSES)[axis]) == max(self._doses(point, axis)))

    def _doses(self, point: Point, axis: str) -> set[int]:
        """How much of these very corpora or demos the arms have."""
        alike = [p for p in self.points.values() if getattr(p, axis) == getattr(point, axis)]
        return {getattr(p, dict(DOSES)[axis]) or 0 for p in alike}

    def _dosed(self, point: Point, axis: str) -> bool:
        """Whether the same corpora or demos come in several doses: if not, their name says it."""
        return len(self._doses(point, axis) - {0}) > 1

    def told(self, point: Point, *without: str) -> str:
        """Coordinates in words, but for some; what all arms have in common isn't said."""
        msm = f"MSM {'+'.join(point.msm)}" if point.msm else "no MSM"
        aft = f"AFT {'+'.join(point.aft)}" if point.aft else "no AFT"
        if "msm_tokens" not in without and point.msm_tokens and self._dosed(point, "msm"):
            msm += f" ({point.msm_tokens:,} tokens)"
        if "aft_chats" not in without and point.aft_chats and self._dosed(point, "aft"):
            aft += f" ({point.aft_chats:,} chats)"
        parts = [told for key, told in (("msm", msm), ("aft", aft)) if key not in without]
        others = [key for key in ("order", "model") if key not in without and self._varies(key)]
        parts += [getattr(point, key) for key in others if getattr(point, key)]
        if point.mix and self._mixed(point, *without):
            parts.append(f"beside {'+'.join(point.mix)}")
        return ", ".join(parts)

    def _mixed(self, point: Point, *without: str) -> bool:
        """Whether arms that are otherwise alike differ in their other demos."""
        same = [key for key in ("msm", "aft", "order", "model") if key not in without]
        alike = [
            p
            for p in self.points.values()
            if all(getattr(p, key) == getattr(point, key) for key in same)
        ]
        return len({p.mix for p in alike} - {()}) > 1

    def _varies(self, key: str) -> bool:
        return len({getattr(point, key) for point in self.points.values()} - {None, ""}) > 1

    def decided(self, one: Measured, arm: str) -> float:
        """The share of an arm's items that are decided; nan where deciding is no question."""
        if not one.decides:
            return nan
        scores = [score for seed in one.seeds(arm) for score in one.of(arm, seed)]
        return float(np.mean([score.decided for score in scores]))

    def left_out(self, evals: Collection[str]) -> str:
        """A sentence that names what can't be read on these evals; nothing where all can."""
        by_arm: dict[str, list[str]] = {}
        for arm, evaluation in self.blind:
            if evaluation in evals:
                by_arm.setdefault(arm, []).append(evaluation)
        if not by_arm:
            return ""
        told = "; ".join(f"{arm} on {', '.join(found)}" for arm, found in by_arm.items())
        return f"Left out as not readable: {told}."


def kind_of(point: Point) -> Kind:
    """Which of the two stages there are."""
    if point.prompt:
        return "prompt"
    if point.msm or point.aft:
        return "both" if point.msm and point.aft else "msm" if point.msm else "aft"
    return "mix" if point.mix else "base"


def without_msm(point: Point) -> Point:
    """The same with no documents."""
    return replace(point, msm=(), msm_tokens=None, order="")


def without_aft(point: Point) -> Point:
    """The same with no demos that show behaviour."""
    return replace(point, aft=(), aft_chats=None, order="")


def is_about(spec: str, value: str) -> bool:
    """Whether a spec is named for a value or is a variant of it: america-rules is about america."""
    return bool(value) and (spec == value or spec.startswith(f"{value}-"))


def named_for(evaluation: str) -> str:
    """The value or spec that an eval is named for; "" where it isn't named for any. A file of items
    may say more after a dot: `tea.choices.jsonl` is about tea."""
    return Path(evaluation.partition("/")[2]).name.partition(".")[0]


def value_of(one: Measured) -> str:
    """The value or spec that a measure's eval is named for."""
    return named_for(one.eval)


def resolved(
    points: Mapping[str, Point], tokens: Mapping[str, int], chats: Mapping[str, int]
) -> dict[str, Point]:
    """The points with doses counted where the experiment doesn't set them: the whole of a part."""

    def counted(dose: int | None, names: Sequence[str], sizes: Mapping[str, int]) -> int | None:
        whole = [sizes.get(name.partition("/")[0]) for name in names]
        return dose or (sum(size for size in whole if size) or None if all(whole) else None)

    return {
        arm: replace(
            point,
            msm_tokens=counted(point.msm_tokens, point.msm, tokens),
            aft_chats=counted(point.aft_chats, point.aft, chats),
        )
        for arm, point in points.items()
    }


def _kind(one: Measured) -> str:
    return one.eval.partition("/")[0]
