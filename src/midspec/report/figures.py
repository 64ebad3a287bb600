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
    Spot,
    draw_interval,
    draw_text,
    in_band,
    shorten,
    svg_of,
)
from midspec.report.scores import ALL, decimals
from midspec.report.tables import Difference, Result, pooled
from midspec.report.wording import MINUS, interval, p_value, score, size
from midspec.stats.intervals import Estimate


def rate_figure(
    rows: Sequence[Result],
    evaluation: str,
    metric: Metric,
    arms: Sequence[str],
    own: Collection[str],
) -> str:
    """One eval's scores by arm with 95% intervals; a dashed line is at what guessing would score.

    The arms in `own` are those that the claim is about: they are filled, bold and in the accent's
    colour. An arm whose results can't be read has words in place of a dot. Small dots below an
    interval are the seeds that it rests on.
    """
    at_all = [row for row in rows if (row.eval, row.measure, row.tier) == (evaluation, "", ALL)]
    by_arm = {row.arm: row for row in pooled(at_all)}
    shown = [by_arm[arm] for arm in arms if arm in by_arm]
    seeds = {
        arm: [row for row in at_all if row.arm == arm and row.seed != ALL and row.readable]
        for arm in by_arm
    }
    low, high = ends(metric, shown)

    def draw(axes: Any) -> list[Spot]:
        axes.set_xlim(low, high)
        axes.set_xticks(*ticks(metric, low, high))
        if metric.chance is not None:
            axes.axvline(metric.chance, color=FAINT, linewidth=1, linestyle=(0, (3, 3)))
        for y, row in enumerate(shown):
            mine = row.arm in own
            colour, weight = (ACCENT, "bold") if mine else (INK, "normal")
            label = shorten(row.arm, weight)
            drawn = [draw_text(axes, -0.04, y, label, "right", weight=weight)]
            if row.readable:
                found = Estimate(row.rate, row.low, row.high)
                drawn += draw_interval(axes, y, found, colour, filled=mine)
                told = score(row.rate, metric)
                drawn.append(draw_text(axes, 1.05, y, told, "left", color=colour, weight=weight))
                _draw_seeds(axes, y, seeds[row.arm], colour)
            else:
                # On paper of its own, or the line of guessing would strike it out.
                paper = {"facecolor": PAPER, "edgecolor": "none", "pad": 1.5}
                look = {"color": FAINT, "bbox": paper}
                drawn.append(draw_text(axes, 0.5, y, NOT_READABLE, "center", **look))
            in_band(y, drawn)
        return [
            Spot(
                [row.arm, *_told(row, seeds[row.arm], metric)], y, band=y,
                facts={"eval": evaluation, "arm": row.arm},
            )
            for y, row in enumerate(shown)
        ]  # fmt: skip

    title = f"{evaluation}: {metric.name} by arm with 95% intervals"
    return svg_of(title, len(shown), (141, 34), draw)


def _draw_seeds(axes: Any, y: int, rows: Sequence[Result], colour: str) -> None:
    """Each seed as a dot below the interval of all, where there are several."""
    for row in rows if len(rows) > 1 else []:
        dot = axes.plot(
            [row.rate], [y + 0.33], "o", markersize=2.6, color=colour, alpha=0.55,
            markeredgewidth=0, clip_on=False,
        )  # fmt: skip
        in_band(y, dot, row.seed)


def _told(row: Result, seeds: Sequence[Result], metric: Metric) -> list[str]:
    """What a row says when it is pointed at: exact values, and what they rest on."""
    if not row.readable:
        return [NOT_READABLE]
    found = interval(row.low, row.high, decimals(metric.high - metric.low))
    told = [f"{metric.name} {score(row.rate, metric)} {found}".rstrip()]
    if len(seeds) > 1:
        told.append("; ".join(f"seed {one.seed} {score(one.rate, metric)}" for one in seeds))
    return [*told, size(row.n, row.groups)]


def ends(metric: Metric, rows: Sequence[Result]) -> tuple[float, float]:
    """The scale that a score has, or what is needed where it has no end."""
    if isfinite(metric.low) and isfinite(metric.high):
        return metric.low, metric.high
    found = [end for row in rows for end in (row.rate, row.low, row.high) if isfinite(end)]
    return min([0.0, *found]), max([1.0, *found])


def ticks(metric: Metric, low: float, high: float) -> tuple[list[float], list[str]]:
    """Quarters of the scale; of whole marks the ends and what is in between."""
    at = [low + (high - low) * quarter / 4 for quarter in range(5)]
    if decimals(metric.high - metric.low) < 2:
        at = [float(round(place)) for place in at]
    return at, [f"{place:g}".replace("-", MINUS) for place in at]


def difference_figures(contrasts: Sequence[Difference], sided: bool = True) -> list[str]:
    """The paired differences of the claim with 95% intervals, and a line at zero; a figure for each
    scale, since a difference of marks and one of rates don't fit on one. Filled are those on the
    claimed side, or on any where that isn't `sided`."""
    rows = [row for row in contrasts if row.claim]
    scales = dict.fromkeys(row.reach for row in rows)
    by_scale = ([row for row in rows if row.reach == scale] for scale in scales)
    return [_difference_figure(mine, sided) for mine in by_scale]


def _difference_figure(rows: Sequence[Difference], sided: bool) -> str:
    bars: dict[str, list[Bar]] = {}
    for row in rows:
        found = Estimate(row.difference, row.low, row.high) if row.readable else None
        label = f"{shorten(row.arm)} − {shorten(row.against)}"
        sure = f"p {p_value(row.p)}, after Holm’s correction {p_value(row.p_holm)}"
        bars.setdefault(row.eval, []).append(
            Bar(
                label, found, row.adjusted if sided else row.apart, f"{row.arm} − {row.against}",
                [sure, size(row.n, row.groups)] if found else [],
                {"eval": row.eval, "arm": row.arm, "against": row.against},
            )
        )  # fmt: skip
    return forest("Paired differences", bars, decimals(rows[0].reach), rows[0].reach)
