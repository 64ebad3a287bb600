"""The report's figures as inline SVG: text stays text, and every colour is the page's own."""

from collections.abc import Collection, Sequence
from math import isfinite
from typing import Any

from midspec.records import Metric
from midspec.report.charts import NOT_READABLE, Bar, forest
from midspec.report.drawing import (
    ACCENT,
    FAINT,
    INK,
    PAPER,
    draw_interval,
    draw_text,
    shorten,
    svg_of,
)
from midspec.report.scores import ALL, decimals
from midspec.report.tables import Difference, Result, pooled
from midspec.report.wording import MINUS, interval, score
from midspec.stats.intervals import Estimate


def rate_figure(
    rows: Sequence[Result],
    evaluation: str,
    metric: Metric,
    arms: Sequence[str],
    own: Collection[str],
) -> str:
    """One eval's scores by arm with 95% intervals; a dashed line is at what guessing would score.

    The arms in `own` carry the eval's value: they are filled, bold and in the accent's colour. An
    arm whose results can't be read has words in place of a dot.
    """
    at_all = [
        row for row in pooled(rows) if (row.eval, row.measure, row.tier) == (evaluation, "", ALL)
    ]
    by_arm = {row.arm: row for row in at_all}
    shown = [by_arm[arm] for arm in arms if arm in by_arm]
    low, high = _ends(metric, shown)

    def draw(axes: Any) -> None:
        axes.set_xlim(low, high)
        axes.set_xticks(*_ticks(metric, low, high))
        if metric.chance is not None:
            axes.axvline(metric.chance, color=FAINT, linewidth=1, linestyle=(0, (3, 3)))
        for y, row in enumerate(shown):
            mine = row.arm in own
            colour, weight = (ACCENT, "bold") if mine else (INK, "normal")
            draw_text(axes, -0.04, y, shorten(row.arm), "right", weight=weight)
            if not row.readable:
                # On paper of its own, or the line of guessing would strike it out.
                look = {"color": FAINT, "backgroundcolor": PAPER}
                draw_text(axes, 0.5, y, NOT_READABLE, "center", **look)
                continue
            draw_interval(axes, y, Estimate(row.rate, row.low, row.high), colour, filled=mine)
            told = score(row.rate, metric)
            draw_text(axes, 1.05, y, told, "left", color=colour, weight=weight)

    title = f"{evaluation}: {metric.name} by arm with 95% intervals"
    told = "; ".join(f"{row.arm} {_told(row, metric)}" for row in shown)
    return svg_of(f"{title}. {told}", len(shown), (141, 34), draw)


def _told(row: Result, metric: Metric) -> str:
    if not row.readable:
        return NOT_READABLE
    found = interval(row.low, row.high, decimals(metric.high - metric.low))
    return f"{score(row.rate, metric)} {found}".rstrip()


def _ends(metric: Metric, rows: Sequence[Result]) -> tuple[float, float]:
    """The scale that a score has, or what is needed where it has no end."""
    if isfinite(metric.low) and isfinite(metric.high):
        return metric.low, metric.high
    ends = [end for row in rows for end in (row.rate, row.low, row.high) if isfinite(end)]
    return min([0.0, *ends]), max([1.0, *ends])


def _ticks(metric: Metric, low: float, high: float) -> tuple[list[float], list[str]]:
    """Quarters of the scale; of whole marks the ends and what is in between."""
    at = [low + (high - low) * quarter / 4 for quarter in range(5)]
    if decimals(metric.high - metric.low) < 2:
        at = [float(round(place)) for place in at]
    return at, [f"{place:g}".replace("-", MINUS) for place in at]


def difference_figures(contrasts: Sequence[Difference]) -> list[str]:
    """The paired differences of the claim with 95% intervals, and a line at zero; a figure for each
    scale, since a difference of marks and one of rates don't fit on one."""
    rows = [row for row in contrasts if row.claim]
    scales = dict.fromkeys(row.reach for row in rows)
    return [_difference_figure([row for row in rows if row.reach == scale]) for scale in scales]


def _difference_figure(rows: Sequence[Difference]) -> str:
    bars: dict[str, list[Bar]] = {}
    for row in rows:
        found = Estimate(row.difference, row.low, row.high) if row.readable else None
        label = f"{shorten(row.arm)} − {shorten(row.against)}"
        bars.setdefault(row.eval, []).append(
            Bar(label, found, row.adjusted, f"{row.arm} − {row.against}")
        )
    return forest("Paired differences", bars, rows[0].digits, rows[0].reach)
