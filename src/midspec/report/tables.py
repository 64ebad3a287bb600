"""What the evaluations say, as rows: rates by arm, eval, tier and seed, and paired differences."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isnan

import numpy as np

from midspec.errors import DataError
from midspec.records import Score
from midspec.stats import Estimate, Table, bootstrap, wilson

ALL = "all"  # the tier, or the seed, of a pooled row

Scores = Mapping[tuple[str, str, int], Sequence[Score]]  # by arm, eval, seed


@dataclass(frozen=True)
class Result:
    """One arm on one tier of an eval: the share of answers, over both orders, that are aligned."""

    arm: str
    eval: str
    tier: str
    seed: int | str
    n: int
    rate: float
    margin: float
    low: float
    high: float
    decided: float  # share of items on which both option orders agree
    rate_decided: float  # rate over those; nan when there are none


@dataclass(frozen=True)
class Difference:
    """An arm against another, paired by item: what training on the one and not the other did."""

    eval: str
    tier: str
    arm: str
    against: str
    n: int
    seeds: int
    difference: float
    low: float
    high: float
    margin_difference: float
    margin_low: float
    margin_high: float

    @property
    def above_zero(self) -> bool:
        """Whether the interval of the difference in rate lies above 0."""
        return self.low > 0


def results(scores: Scores) -> list[Result]:
    """A row for every arm, eval, tier and seed, and rows pooled over tiers and over seeds."""
    rows = []
    for arm, evaluation in dict.fromkeys((arm, evaluation) for arm, evaluation, _ in scores):
        seeds = _seeds(scores, arm, evaluation)
        for tier in _tiers(scores[arm, evaluation, seeds[0]]):
            for group in [*([seed] for seed in seeds), seeds] if len(seeds) > 1 else [seeds]:
                aligned, decided, margin = (
                    _table(scores, arm, evaluation, tier, group, field)
                    for field in ("value", "decided", "margin")
                )
                rate, sure = _rate(aligned), aligned[decided > 0]
                rows.append(
                    Result(
                        arm=arm,
                        eval=evaluation,
                        tier=tier,
                        seed=ALL if group is seeds and len(seeds) > 1 else group[0],
                        n=aligned.shape[1],
                        rate=rate.mean,
                        margin=float(margin.mean()),
                        low=rate.low,
                        high=rate.high,
                        decided=float(decided.mean()),
                        rate_decided=float(sure.mean()) if sure.size else float("nan"),
                    )
                )
    return rows


def contrasts(scores: Scores, wanted: Sequence[tuple[str, str, str]]) -> list[Difference]:
    """The paired differences asked for, each as (eval, arm, against), by tier and pooled."""
    rows = []
    for evaluation, arm, against in wanted:
        seeds = _seeds(scores, arm, evaluation)
        others = _seeds(scores, against, evaluation)
        # An arm that isn't trained was asked once: it stands against every seed of the other.
        pairs = [(s, s if s in others else others[0]) for s in seeds]
        if len(others) > len(seeds):
            pairs = [(s if s in seeds else seeds[0], s) for s in others]
        asked, other = (
            {c.item for c in scores[a, evaluation, s]}
            for a, s in ((arm, seeds[0]), (against, others[0]))
        )
        if asked != other:
            raise DataError(
                f"{arm} and {against} were asked different items of {evaluation}, so they can't be "
                "paired. Run both with the same half and max_items."
            )
        for tier in _tiers(scores[arm, evaluation, seeds[0]]):
            rate, margin = (
                _difference(scores, evaluation, tier, arm, against, pairs, field)
                for field in ("value", "margin")
            )
            count = len(_pick(scores[arm, evaluation, seeds[0]], tier))
            rows.append(
                Difference(
                    evaluation, tier, arm, against, count, len(pairs),
                    rate.mean, rate.low, rate.high, margin.mean, margin.low, margin.high,
                )
            )  # fmt: skip
    return rows


def as_json(
    rows: Sequence[Result], differences: Sequence[Difference], seconds: float
) -> dict[str, object]:
    """The results for programs; nan becomes null."""

    def plain(row: Result | Difference) -> dict[str, object]:
        values: dict[str, object] = asdict(row)
        return {k: None if isinstance(v, float) and isnan(v) else v for k, v in values.items()}

    return {
        "results": [plain(row) for row in rows],
        "contrasts": [plain(row) for row in differences],
        "seconds": seconds,
    }


def _rate(aligned_SI: Table) -> Estimate:
    """The bootstrap's interval, or Wilson's where every answer is the same and none varies."""
    if aligned_SI.size and aligned_SI.min() == aligned_SI.max():
        items = aligned_SI.shape[1]
        return wilson(round(aligned_SI[0].sum()), items)
    return bootstrap(aligned_SI)


def _seeds(scores: Scores, arm: str, evaluation: str) -> list[int]:
    return [seed for a, e, seed in scores if (a, e) == (arm, evaluation)]


def _tiers(answers: Sequence[Score]) -> list[str]:
    return [ALL, *dict.fromkeys(score.tier for score in answers)]


def _pick(answers: Sequence[Score], tier: str) -> list[Score]:
    return sorted((c for c in answers if tier in (ALL, c.tier)), key=lambda score: score.item)


def _table(
    scores: Scores, arm: str, evaluation: str, tier: str, seeds: Sequence[int], field: str
) -> Table:
    return np.array(
        [
            [float(getattr(c, field)) for c in _pick(scores[arm, evaluation, seed], tier)]
            for seed in seeds
        ]
    )


def _difference(
    scores: Scores,
    evaluation: str,
    tier: str,
    arm: str,
    against: str,
    pairs: Sequence[tuple[int, int]],
    field: str,
) -> Estimate:
    ours = _table(scores, arm, evaluation, tier, [a for a, _ in pairs], field)
    theirs = _table(scores, against, evaluation, tier, [b for _, b in pairs], field)
    return bootstrap(ours - theirs)
