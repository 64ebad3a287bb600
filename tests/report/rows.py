"""Rows of a report with what a test doesn't care about filled in."""

from dataclasses import replace

from midspec.records import Metric, Score
from midspec.report.scores import Measured
from midspec.report.tables import Difference, Result

AMERICA = "preference/america"
RATE = Metric("value-aligned rate", better="")
MARK = Metric("judge's mark", low=1, high=10, chance=None)
CHANGE = Metric("change under pressure", low=-1, chance=0, better="")
VERDICT = Metric("verdict", chance=None, better="lower")

RESULT = Result(
    "aft", AMERICA, "", "result", "all", 0, 126, 126, 0.5, 0.4, 0.6, 0.1, 0.9, 0.55
)  # fmt: skip
DIFFERENCE = Difference(
    AMERICA, "", "all", "msm-america+aft", "aft", 126, 126, 3,
    0.18, 0.09, 0.27, 0.001, 0.1, 0.05, 0.15, better="", p_holm=0.002,
)  # fmt: skip


def result(rate: float, **changes: object) -> Result:
    """An arm's rate, give or take a tenth."""
    return replace(RESULT, rate=rate, low=rate - 0.1, high=rate + 0.1, **changes)  # type: ignore[arg-type]


def contrast(low: float, difference: float, high: float, **changes: object) -> Difference:
    """A difference whose p-values go with its interval."""
    p = 0.001 if low > 0 or high < 0 else 0.4
    told = {"p": p, "p_holm": p, **changes}
    return replace(DIFFERENCE, difference=difference, low=low, high=high, **told)  # type: ignore[arg-type]


def measured(
    values: dict[str, list[list[float]]],
    evaluation: str = AMERICA,
    metric: Metric = RATE,
    margin: float | None = None,
    **fields: object,
) -> Measured:
    """An eval's scores by arm: a list of values for each seed."""
    scores = {
        (arm, seed): [
            Score(f"i{n}", "pets", "", "held-out", value, margin=margin, **fields)  # type: ignore[arg-type]
            for n, value in enumerate(own)
        ]
        for arm, seeds in values.items()
        for seed, own in enumerate(seeds)
    }
    return Measured(evaluation, metric, scores)
