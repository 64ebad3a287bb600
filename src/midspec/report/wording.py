"""How numbers and findings are said: decimals, intervals, the headline's sentences."""

from collections.abc import Iterable, Sequence
from math import isfinite, isnan

from midspec.pages.html import count
from midspec.records import Metric
from midspec.report.scores import decimals
from midspec.report.tables import Difference

MINUS = "−"  # the true minus sign


def number(value: float, digits: int = 2) -> str:
    """A number with a true minus sign, which nothing else has: a dash stands for no number."""
    return f"{value:z.{digits}f}".replace("-", MINUS) if isfinite(value) else "–"


def signed(value: float, digits: int = 2) -> str:
    """A difference with its sign; what rounds to nothing has none."""
    text = number(value, digits)
    return f"+{text}" if value > 0 and float(f"{value:.{digits}f}") else text


def score(value: float, metric: Metric) -> str:
    """A score, with its sign where it is a change."""
    return (signed if metric.low < 0 else number)(value, decimals(metric.high - metric.low))


def interval(low: float, high: float, digits: int = 2) -> str:
    """The interval of a score, or of a difference; nothing where there is none."""
    return "" if isnan(low) or isnan(high) else f"[{number(low, digits)}, {number(high, digits)}]"


def p_value(p: float) -> str:
    """A p-value as precisely as it is worth."""
    if isnan(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def measure(value: float) -> str:
    """A whole number with its thousands, a fraction to three digits: for what has no fixed unit."""
    return f"{value:,}" if isinstance(value, int) else number(value, 3)


def duration(seconds: float) -> str:
    """A length of time as a person says it: `14 min 20 s`."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def size(n: int, groups: int) -> str:
    """What a result rests on: items, some of which may lack an answer, or repeats of conditions."""
    if n > groups:
        return f"{count(n, 'answer')} to {count(groups, 'condition')}"
    return count(n, "item") if n == groups else f"{n:,} of {count(groups, 'item')}"


def headline(contrasts: Iterable[Difference]) -> list[str]:
    """The verdict, then a sentence for each paired difference that the experiment asks for.

    The claim is that every difference lies on its side of zero, so it needs all of them: one that
    is not shown is enough to say that the claim is not, and for the whole no correction is needed.
    """
    rows = [row for row in contrasts if row.claim]
    tested = sum(not isnan(row.p_holm) for row in rows)
    return [_verdict(rows), *(_sentence(row, tested) for row in rows)]


def _verdict(rows: Sequence[Difference]) -> str:
    if not rows:
        return "Nothing was compared: the experiment asks for no paired difference."
    blind = sum(not row.compared for row in rows)
    if blind == len(rows):
        return "The claim can’t be judged: no paired difference rests on readable answers."
    if len(rows) == 1:
        return f"The claim is {'' if rows[0].shown else 'not '}shown: {_sentence(rows[0], 1)}"
    shown = sum(row.shown for row in rows)
    where = "below zero" if rows[0].better == "lower" else "above zero"
    if len({row.better == "lower" for row in rows}) > 1:
        where = "on the claimed side of zero"
    if shown == len(rows):
        every = "both" if shown == 2 else f"all {shown}"
        return f"The claim is shown: {every} paired differences are {where}."
    verb = "are" if shown > 1 else "is"
    found = f"{shown or 'none'} of {len(rows)} paired differences {verb} {where}"
    # One that can be read and isn't shown is enough to say that the claim isn't.
    verdict = "is not shown" if shown + blind < len(rows) else "can’t be judged as a whole"
    read = "read" if blind == sum(not row.readable for row in rows) else "compared"
    unread = f", and {blind} can’t be {read}" if blind else ""
    return f"The claim {verdict}: {found}{unread}."


def _sentence(row: Difference, comparisons: int) -> str:
    rests = f"({size(row.n, row.groups)}, {count(row.seeds, 'seed')})"
    where, digits = f"On {row.eval}, ", row.digits
    if not row.readable:
        return f"{where}{row.arm} and {row.against} can’t be compared: not readable {rests}."
    if isnan(row.low):
        return f"{where}{row.arm} and {row.against} could not be compared {rests}."
    if row.low <= 0 <= row.high:
        found = f"{signed(row.difference, digits)} {interval(row.low, row.high, digits)}"
        return (
            f"{where}no difference between {row.arm} and {row.against} is shown: {found} {rests}."
        )
    side, ends = ("above", (row.low, row.high)) if row.low > 0 else ("below", (-row.high, -row.low))
    found = f"{number(abs(row.difference), digits)} {interval(*ends, digits)}"
    told = f"{where}{row.arm} is {side} {row.against} by {found} {rests}."
    if row.shown and not row.adjusted:
        told += (
            f" Among {comparisons} comparisons that isn’t enough by itself "
            f"(p = {p_value(row.p_holm)} after Holm’s correction)."
        )
    return told
