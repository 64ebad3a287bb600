"""Which arms of two runs are the same, and whether an eval asked both the same things."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from midspec.compare.run import Run, answering, manifest


@dataclass(frozen=True)
class Pair:
    """An arm of the first run and the one of another run that it is compared with.

    same: whether it is the very same model with the same prompt, asked in both runs.
    """

    first: str
    other: str
    same: bool


@dataclass(frozen=True)
class Asked:
    """What an eval asks, as its folders say it: what must be alike, and what may differ."""

    fixed: Mapping[str, Any] = field(default_factory=dict)
    free: Mapping[str, Any] = field(default_factory=dict)


def match_arms(first: Run, other: Run) -> list[Pair]:
    """The arms that both runs have: the same models under whatever name, then those of one name."""
    ours, theirs = first.models, other.models
    pairs: dict[str, Pair] = {}
    for arm in first.arms:
        alike = [one for one in other.arms if _same(ours.get(arm, {}), theirs.get(one, {}))]
        if alike:  # several names of one model: its own, if it is among them
            pairs[arm] = Pair(arm, arm if arm in alike else alike[0], True)
    taken = {pair.other for pair in pairs.values()}
    for arm in first.arms:
        if arm not in pairs and arm in other.arms and arm not in taken:
            pairs[arm] = Pair(arm, arm, False)
    return [pairs[arm] for arm in first.arms if arm in pairs]


def _same(ours: Mapping[int, Any], theirs: Mapping[int, Any]) -> bool:
    shared = ours.keys() & theirs.keys()
    return bool(shared) and all(ours[seed] == theirs[seed] for seed in shared)


def trains(run: Run, arm: str) -> bool:
    """Whether training made an arm, so that it differs from seed to seed."""
    return any(who[1] for who in run.models.get(arm, {}).values())


def asked(run: Run, evaluation: str) -> Asked:
    """What a run's eval asks, by the first of its folders: all arms are asked alike."""
    folder = next(at for (_, name, _), at in run.evaluations.items() if name == evaluation)
    scored, asking = manifest(folder), answering(folder)
    config = {**asking["config"], **scored["config"]}
    inputs = {**scored["inputs"], **asking["inputs"]}
    judge = config.get("judge") or {}
    return Asked(
        fixed={
            "version": (asking["version"], scored["version"], config.get("scoring")),
            "items": inputs.get("items", ""),
            "about": inputs.get("about", ""),
            "identity": config.get("identity") or [],
            "judge": judge.get("model", "") if isinstance(judge, dict) else "",
        },
        free={key: config.get(key) for key in ("half", "max_items", "repeats", "engine")},
    )


# What may not differ between runs whose answers are paired, as it is said where it does.
FIXED = {
    "version": "the eval or its scoring changed between them",
    "items": "their items are different files",
    "about": "they ask about different texts of the spec",
    "identity": "they ask about an assistant of another name",
    "judge": "different LLMs judged the answers",
}


def unlike(ours: Asked, theirs: Asked) -> str:
    """Why two runs' answers can't be paired; nothing where they can."""
    return "; ".join(why for key, why in FIXED.items() if ours.fixed[key] != theirs.fixed[key])


def told_apart(ours: Asked, theirs: Asked) -> list[str]:
    """In what they were asked differently though the same items: a half of them, or how often."""
    return [key for key in ours.free if ours.free[key] != theirs.free[key]]
