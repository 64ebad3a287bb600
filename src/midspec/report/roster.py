"""Who is who: what each arm of an experiment is, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from midspec.grid import Point
from midspec.report.analyses.study import kind_of

KINDS = {  # in the order in which the page offers them
    "base": "untrained",
    "prompt": "spec in the prompt",
    "mix": "form and ability only",
    "msm": "MSM",
    "aft": "AFT",
    "both": "MSM and AFT",
    "": "other",
}
ORDERS = {"aft-msm": "AFT before MSM", "interleaved": "both in one stage"}


@dataclass(frozen=True)
class Arm:
    """An arm: its kind in words, what it is midtrained and fine-tuned on, and what else was
    done."""

    name: str
    kind: str
    midtrained: str = ""
    finetuned: str = ""
    besides: str = ""
    model: str = ""


def roster(arms: Sequence[str], points: Mapping[str, Point]) -> list[Arm]:
    """The arms in the experiment's order; one without coordinates has a name only."""
    return [_arm(name, points[name]) if name in points else Arm(name, KINDS[""]) for name in arms]


def kinds(arms: Sequence[Arm]) -> list[str]:
    """The kinds that there are; none where all arms are alike."""
    found = {arm.kind for arm in arms}
    return [kind for kind in KINDS.values() if kind in found] if len(found) > 1 else []


def _arm(name: str, point: Point) -> Arm:
    prompt = [f"the spec {point.prompt} in its prompt"] if point.prompt else []
    order = [ORDERS[point.order]] if point.order in ORDERS else []
    return Arm(
        name,
        KINDS[kind_of(point)],
        _of(point.msm, point.msm_tokens, "tokens"),
        _of(point.aft, point.aft_chats, "chats"),
        ", ".join([*point.mix, *prompt, *order]),
        point.model,
    )


def _of(names: Sequence[str], dose: int | None, unit: str) -> str:
    told = ", ".join(names)
    return f"{told} ({dose:,} {unit})" if dose else told
