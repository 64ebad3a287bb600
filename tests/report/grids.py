"""Score rows of a made-up grid: arms by coordinates, with rates that a test chooses."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from midspec.grid import Point
from midspec.records import Metric, Score
from midspec.report.analyses.study import Study
from midspec.report.scores import Measured

from .rows import AMERICA, RATE

BASE = Point((), None, (), None, "", "tiny", None)


def arm(msm: str = "", aft: str = "", tokens: int = 0, chats: int = 0, **fields: object) -> Point:
    """Coordinates by corpus and demos; "" is none. Doses default to 72,000 tokens and 240 chats."""
    stands = replace(
        BASE,
        msm=(msm,) if msm else (),
        msm_tokens=(tokens or 72_000) if msm else None,
        aft=(aft,) if aft else (),
        aft_chats=(chats or 240) if aft else None,
        order="msm-aft" if msm and aft else "",
    )
    return replace(stands, **fields)  # type: ignore[arg-type]


def scores(
    rates: Mapping[str, float],
    items: int = 200,
    seeds: int = 3,
    apart: float = 0.0,
    draw: int = 0,
    untrained: Sequence[str] = ("base",),
) -> dict[tuple[str, int], list[Score]]:
    """Every arm's answers at about its rate, in two orders of the options: items differ in
    difficulty, which all arms share; seeds are `apart`."""
    random = np.random.default_rng(draw)
    hard_I = random.normal(0, 0.15, items)
    found = {}
    for name, rate in rates.items():
        for seed in range(1 if name in untrained else seeds):
            chance_I = (rate + hard_I + apart * random.normal()).clip(0.01, 0.99)
            shares_I = random.binomial(2, chance_I) / 2
            found[name, seed] = [
                Score(f"i{n}", "pets", "", "held-out", float(s), bool(s != 0.5), 2 * float(s) - 1)
                for n, s in enumerate(shares_I)
            ]
    return found


def measured(
    rates: Mapping[str, float],
    evaluation: str = AMERICA,
    metric: Metric = RATE,
    **how: object,
) -> Measured:
    """An eval's scores by arm."""
    return Measured(evaluation, metric, scores(rates, **how))  # type: ignore[arg-type]


def study(
    points: Mapping[str, Point],
    *evals: Measured,
    specs: Mapping[str, Sequence[str]] | None = None,
    blind: Mapping[tuple[str, str], str] | None = None,
) -> Study:
    """What the analyses read; a corpus and a set of demos are about the spec of their name, but for
    demos called cheese, which are opaque."""
    parts = {f"corpus/{name}": [name] for point in points.values() for name in point.msm}
    for point in points.values():
        for name in point.aft:
            parts[f"demos/{name}"] = [] if name == "cheese" else [name]
    return Study(evals, points, {**parts, **(specs or {})}, {}, blind or {})


def by(points: Mapping[str, Point], rate: Callable[[Point], float]) -> dict[str, float]:
    """Every arm's rate by its coordinates."""
    return {name: rate(point) for name, point in points.items()}
