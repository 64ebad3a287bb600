"""What the paper reports of the same arms on the same question, beside what was measured here.

Models, items and texts differ, so only the pattern can be compared, never a number with a number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from midspec.grid import Point
from midspec.records import Metric
from midspec.report.analyses.study import kind_of
from midspec.report.charts import NOT_READABLE
from midspec.report.drawing import (
    ACCENT,
    ALERT,
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
from midspec.report.figures import ends, ticks
from midspec.report.scores import ALL, decimals
from midspec.report.tables import Result, pooled
from midspec.report.wording import interval, number, score
from midspec.stats.intervals import Estimate
from midspec.yaml_file import shipped_yaml

# Of the models that the paper tells of: a mark in the figure, and its sign in the legend.
DOTS = {"D": "◇", "s": "□", "^": "△", "v": "▽"}


@dataclass(frozen=True)
class Row:
    """One arm: what was measured here, and what the paper has for such an arm, model by model."""

    found: Result
    published: Sequence[float]


@dataclass(frozen=True)
class Comparison:
    """One eval's arms beside a figure of the paper; differs: what else is not the same."""

    eval: str
    figure: str
    models: Sequence[str]
    differs: str
    rows: Sequence[Row]
    metric: Metric
    svg: str

    @property
    def legend(self) -> list[tuple[str, str]]:
        """Each model with its sign."""
        return [*zip(DOTS.values(), self.models, strict=False)]


def comparisons(
    results: Sequence[Result],
    metrics: Mapping[tuple[str, str], Metric],
    points: Mapping[str, Point],
    specs: Mapping[str, Sequence[str]],
) -> list[Comparison]:
    """The evals of which the paper has a figure with two or more arms of this experiment.

    points are the arms' coordinates; specs what parts are about, as the report's config has them.
    """
    rows = [row for row in pooled(results) if row.tier == ALL and not row.measure]
    found = []
    for figure in _figures():
        for evaluation in figure["evals"]:
            mine = [row for row in rows if row.eval == evaluation and row.arm in points]
            both = [
                Row(row, known["scores"])
                for row in mine
                for known in figure["arms"]
                if _same(known, points[row.arm], specs)
            ]
            if len(both) < 2:
                continue
            metric = metrics[evaluation, ""]
            svg = _draw(evaluation, figure["figure"], figure["models"], both, metric)
            found.append(
                Comparison(
                    evaluation, figure["figure"], figure["models"], figure["differs"], both,
                    metric, svg,
                )
            )  # fmt: skip
    return found


def _figures() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shipped_yaml("midspec.report", "published.yaml")
    return found


def _same(known: Mapping[str, Any], point: Point, specs: Mapping[str, Sequence[str]]) -> bool:
    """Whether an arm is of the kind that the paper has, by what is told and shown in it."""
    told = {spec for name in point.msm for spec in specs.get(f"corpus/{name}", ())}
    plain = [label.removesuffix("/reasoning") for label in point.aft]
    shown = {spec for name in plain for spec in specs.get(f"demos/{name}", ())}
    wanted = {"told": told, "shown": shown}
    return (
        kind_of(point) == known["kind"]
        and point.order in ("", "msm-aft")
        and all(found == ({known[key]} if key in known else set()) for key, found in wanted.items())
        and (plain != [*point.aft]) == known.get("reasoning", False)
        and ("aft" not in known or plain == [known["aft"]])
    )


def _draw(
    evaluation: str, figure: str, models: Sequence[str], rows: Sequence[Row], metric: Metric
) -> str:
    """Ours as in the figure of scores, the paper's as one mark a model without an interval."""
    low, high = ends(metric, [row.found for row in rows])
    digits = decimals(metric.high - metric.low)

    def draw(axes: Any) -> list[Spot]:
        axes.set_xlim(low, high)
        axes.set_xticks(*ticks(metric, low, high))
        spots = []
        for y, row in enumerate(rows):
            ours = row.found
            drawn = [draw_text(axes, -0.04, y, shorten(ours.arm), "right")]
            for dot, there in zip(DOTS, row.published, strict=False):
                drawn += axes.plot(
                    [there], [y], dot, markersize=6, color=ALERT, markerfacecolor=PAPER,
                    markeredgewidth=1.2, clip_on=False,
                )  # fmt: skip
            if ours.readable:
                found = Estimate(ours.rate, ours.low, ours.high)
                drawn += draw_interval(axes, y, found, ACCENT, filled=True)
                here = f"{score(ours.rate, metric)} {interval(ours.low, ours.high, digits)}"
            else:
                here = NOT_READABLE
            drawn.append(
                draw_text(
                    axes, 1.05, y, score(ours.rate, metric) if ours.readable else "–", "left",
                    color=INK if ours.readable else FAINT,
                )
            )  # fmt: skip
            in_band(y, drawn)
            pairs = zip(models, row.published, strict=True)
            paper = [f"published, {model}: {number(there, 2)}" for model, there in pairs]
            facts = {"eval": evaluation, "arm": ours.arm}
            spots.append(Spot([ours.arm, f"here {here}".rstrip(), *paper], y, band=y, facts=facts))
        return spots

    return svg_of(f"{evaluation} beside the paper’s {figure}", len(rows), (141, 34), draw)
