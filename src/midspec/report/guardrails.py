"""What stands beside every arm's results: guardrails, the controls that decide whether results can
be read, and whether the values that an arm wasn't trained for moved."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import exp, nan
from typing import Literal

from midspec.report.analyses.study import is_about, value_of
from midspec.report.scores import Measured, decimals, decimals_clear
from midspec.report.tables import Unreadable
from midspec.report.wording import number, signed
from midspec.stats.intervals import Estimate, difference

BROKEN = "broken"
BROKEN_SHARE = 0.5  # of an arm's seeds
DRIFT = "sibling drift"
PERPLEXITY = "perplexity"  # the eval of loss in nats: what it means is the ratio to the base arm's

Kind = Literal["score", "ratio", "change", "broken"]


@dataclass(frozen=True)
class Beside:
    """One arm on one guardrail: its value, and whether it is clearly worse than the base arm's.

    kind: a score; a ratio to the base arm's; a change against it, of what `note` names; or whether
    the arm is broken. better: which way is good.
    """

    arm: str
    eval: str
    name: str
    kind: Kind
    value: float
    low: float
    high: float
    worse: bool = False
    note: str = ""
    digits: int = 2
    better: str = ""

    @property
    def told(self) -> str:
        """What was found, in words."""
        match self.kind:
            case "broken":
                return "broken (answers loop, are stock replies or empty)"
            case "ratio":
                return f"{self.eval} {number(self.value, self.digits)}×"
            case "change":
                return f"{self.name} of {self.note} {signed(self.value, self.digits)}"
            case "score":
                return f"{self.name} {number(self.value, self.digits)}"


def beside(
    measured: Sequence[Measured],
    arms: Sequence[str],
    bases: Mapping[str, str],
    values_of: Mapping[str, Collection[str]],
    carriers: Mapping[str, Collection[str]],
    blind: Unreadable,
) -> list[Beside]:
    """Every guardrail of every arm: those of evals, controls that have a floor, and drift.

    bases: the untrained arm of each arm's model, "" where there is none, and then there are only
    scores. values_of: the values that each trained arm was trained for; carriers: the arms that a
    claim says carry an eval's value; blind: why an arm can't be read on an eval, of which no drift
    is told.
    """
    shown = [one for one in measured if one.metric.role == "guardrail" or _decides(one)]
    cells = [_cell(one, arm, bases[arm]) for one in shown for arm in one.arms]
    drifts = (_drift(measured, arm, bases[arm], values_of, carriers, blind) for arm in arms)
    return cells + [cell for cell in drifts if cell]


def _decides(measured: Measured) -> bool:
    """Whether it is a control that decides if results can be read."""
    return measured.metric.role == "control" and measured.metric.floor is not None


def _cell(measured: Measured, arm: str, base: str) -> Beside:
    evaluation, name = measured.eval, measured.metric.name
    better = measured.metric.better
    score = measured.estimate(arm, measured.seeds(arm))
    if name == BROKEN:
        broken = score.mean >= BROKEN_SHARE
        return Beside(arm, evaluation, name, "broken", score.mean, nan, nan, broken)
    change = _change(measured, arm, base)
    worse = {"higher": change.high < 0, "lower": change.low > 0}.get(better, False)
    if evaluation == PERPLEXITY and base in measured.arms:
        ratio, low, high = (exp(nats) for nats in (change.mean, change.low, change.high))
        name = "ratio to the base arm"
        digits = decimals_clear(low, high, 2, nothing=1.0)
        return Beside(
            arm, evaluation, name, "ratio", ratio, low, high, worse, digits=digits, better=better
        )
    return Beside(
        arm, evaluation, name, "score", score.mean, score.low, score.high, worse,
        digits=decimals(measured.reach), better=better,
    )  # fmt: skip


def _change(measured: Measured, arm: str, base: str) -> Estimate:
    """How an arm differs from the base arm, which doesn't differ from itself."""
    if arm == base:
        return Estimate(0.0, nan, nan)
    values = measured.paired(arm, base) if base in measured.arms else None
    if values is None or not values.size:
        return Estimate(nan, nan, nan)
    return difference(values, measured.reach)


def _drift(
    measured: Sequence[Measured],
    arm: str,
    base: str,
    values_of: Mapping[str, Collection[str]],
    carriers: Mapping[str, Collection[str]],
    blind: Unreadable,
) -> Beside | None:
    """The value that moved most of those that an arm wasn't trained for, and by how much."""
    found = []
    for one in measured if arm in values_of and arm != base else []:
        if not one.eval.startswith("preference/") or one.metric.measure:
            continue
        value = value_of(one)
        own = any(is_about(mine, value) for mine in values_of[arm])
        carried = arm in carriers.get(one.eval, ())
        readable = {name for name in one.arms if (name, one.eval) not in blind}
        if {arm, base} <= readable and not own and not carried:
            found.append((_change(one, arm, base), value))
    if not found:
        return None
    most, value = max(found, key=lambda pair: abs(pair[0].mean))
    return Beside(
        arm, "", DRIFT, "change", most.mean, most.low, most.high, most.clear, value,
        digits=decimals_clear(most.low, most.high, 2),
    )  # fmt: skip
