"""Curves over a dose, heat maps, and points: the figures of the analyses.

They fit a phone's width. What colour tells is told by words, fill or a line's style, too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, log2
from typing import Any

from midspec.report.drawing import (
    ACCENT,
    ALERT,
    FAINT,
    INK,
    PAPER,
    Spot,
    draw_text,
    shorten,
    svg_of,
)
from midspec.report.wording import MINUS, interval, number
from midspec.stats.intervals import Estimate

STYLES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))  # then the same with other dots
DOTS = "os^Dv"
FLOOR = 10  # the row at which the lowest score of a plot stands
DARKEST = 0.55  # of a cell, so that text on it can be read


@dataclass(frozen=True)
class Curve:
    """Scores by dose, smallest first; a dose of 0 is an arm that has none of it."""

    label: str
    doses: Sequence[float]
    found: Sequence[Estimate]
    strong: bool = False


def curves(
    title: str, rows: Sequence[Curve], unit: str, ends: tuple[float, float], chance: float | None
) -> str:
    """Curves over the logarithm of a dose; each has a style of its own, which the key below names.

    A dose of 0 stands a step left of the smallest, and no line leads there.
    """
    doses = sorted({dose for row in rows for dose in row.doses})
    places = _places(doses)

    def draw(axes: Any) -> list[Spot]:
        spots = []
        axes.set_xlim(-0.35, max(places.values()) + 0.35)
        axes.set_xticks(list(places.values()), [_short(dose) for dose in places])
        height = _scale(axes, *ends)
        across = axes.get_yaxis_transform()
        if chance is not None:
            dashes = (0, (3, 3))
            at = [height(chance)] * 2
            axes.plot([0, 1], at, color=FAINT, linewidth=1, linestyle=dashes, transform=across)
        for number_, row in enumerate(rows):
            colour = ACCENT if row.strong else INK
            style, dot = STYLES[number_ % len(STYLES)], DOTS[number_ % len(DOTS)]
            look = {"color": colour, "linewidth": 1.6, "linestyle": style}
            dots = _dots(colour, row.strong)
            # Curves stand a little apart, so that their intervals don't hide each other.
            aside = (number_ - (len(rows) - 1) / 2) * 0.09
            xs = [places[dose] + aside for dose in row.doses]
            ys = [height(found.mean) for found in row.found]
            above = slice(1 if row.doses[0] == 0 else 0, None)
            axes.plot(xs[above], ys[above], **look)
            axes.plot(xs, ys, dot, clip_on=False, **dots)
            for x, found in zip(xs, row.found, strict=True):
                if isfinite(found.low):
                    end = [height(found.low), height(found.high)]
                    axes.plot([x, x], end, color=colour, linewidth=1)
            for dose, x, y, found in zip(row.doses, xs, ys, row.found, strict=True):
                told = f"{number(found.mean)} {interval(found.low, found.high)}".rstrip()
                spots.append(Spot([row.label, f"{dose:,.0f} {unit}: {told}"], y, x=x, wide=0))
            y = FLOOR + 2.2 + number_
            axes.plot([0, 0.09], [y, y], transform=across, clip_on=False, **look)
            axes.plot([0.045], [y], dot, transform=across, clip_on=False, **dots)
            draw_text(axes, 0.12, y, row.label, "left", color=colour)
        return spots

    return svg_of(title, FLOOR + 1, (34, 10), draw, below=len(rows) + 1)


def _dots(colour: str, filled: bool) -> dict[str, Any]:
    face = colour if filled else PAPER
    edge = {"markeredgecolor": colour, "markeredgewidth": 1.2}
    return {"markersize": 5.5, "markerfacecolor": face, **edge}


def _places(doses: Sequence[float]) -> dict[float, float]:
    """Where each dose stands, by its logarithm; 0 a step left of the others."""
    above = [dose for dose in doses if dose]
    span = log2(above[-1] / above[0]) or 1.0
    places = {dose: log2(dose / above[0]) / span * 5 for dose in above}
    if 0 not in doses:
        return places
    return {0: 0.0, **{dose: place + 1 for dose, place in places.items()}}


def _short(dose: float) -> str:
    """A dose as short as an axis needs it: 1.25k, 36k, 8M."""
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if dose >= 0.9995 * size:
            return f"{dose / size:.3g}{letter}"
    return f"{dose:.3g}"


def _scale(axes: Any, low: float, high: float) -> Callable[[float], float]:
    """Write the scale of scores beside rows 0 to FLOOR, and return where a score stands."""

    def height(score: float) -> float:
        return FLOOR - 0.2 - (score - low) / (high - low) * (FLOOR - 0.4)

    for quarter in range(5):
        level = low + (high - low) * quarter / 4
        draw_text(
            axes, -0.03, height(level), f"{level:g}".replace("-", MINUS), "right", color=FAINT
        )
        at, across = [height(level)] * 2, axes.get_yaxis_transform()
        axes.plot([0, 1], at, color=FAINT, linewidth=0.4, alpha=0.5, transform=across)
    return height


@dataclass(frozen=True)
class Tile:
    """A cell of a heat map: its words, how dark it is (−1 to 1, below 0 in the other colour), and
    whether it is framed (own) or told in bold (strong). more: what else is told of it where it is
    pointed at."""

    text: str
    shade: float
    own: bool = False
    strong: bool = False
    more: Sequence[str] = ()


def heat_map(
    title: str, rows: Sequence[str], columns: Sequence[str], tiles: Mapping[tuple[int, int], Tile]
) -> str:
    """Rows by columns; columns are numbered above and named below, since names don't fit there."""
    deep = 1.25

    def draw(axes: Any) -> list[Spot]:
        from matplotlib.patches import Rectangle

        spots = []
        axes.set_xlim(0, len(columns))
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)
        many = len(columns) > 1
        for place, name in enumerate(columns):
            label = f"{place + 1}" if many else ""
            axes.text(place + 0.5, 0.05, label, ha="center", va="center_baseline", color=FAINT)
            told = f"{place + 1}  {name}" if many else name
            draw_text(axes, -0.62, len(rows) * deep + 1.2 + place, told, "left", color=FAINT)
        for line, name in enumerate(rows):
            y = 0.6 + line * deep
            draw_text(axes, -0.03, y + deep / 2, shorten(name), "right")
            for place in range(len(columns)):
                if not (tile := tiles.get((line, place))):
                    continue
                colour = ACCENT if tile.shade >= 0 else ALERT
                axes.add_patch(
                    Rectangle((place + 0.03, y + 0.03), 0.94, deep - 0.06, linewidth=0,
                              facecolor=colour, alpha=DARKEST * min(1.0, abs(tile.shade)))
                )  # fmt: skip
                if tile.own:
                    axes.add_patch(
                        Rectangle((place + 0.03, y + 0.03), 0.94, deep - 0.06, linewidth=1.3,
                                  facecolor="none", edgecolor=INK)
                    )  # fmt: skip
                axes.text(place + 0.5, y + deep / 2, tile.text, ha="center", color=INK,
                          va="center_baseline", weight="bold" if tile.strong else "normal",
                          size=9 if len(columns) > 5 else 10)  # fmt: skip
                said = [f"{name}, {columns[place]}", tile.text, *tile.more]
                spots.append(Spot(said, y + deep / 2, deep, place + 0.5, 1))
        return spots

    height = int(len(rows) * deep + 2 + len(columns))
    return svg_of(title, height, (138, 4), draw, axis=False)


def scatter(
    title: str,
    points: Sequence[tuple[Estimate, Estimate]],
    names: Sequence[str],
    across: str,
    up: str,
    ends: tuple[tuple[float, float], tuple[float, float]],
) -> str:
    """Points with their intervals in both directions, numbered as the table below names them."""

    def draw(axes: Any) -> list[Spot]:
        spots = []
        axes.set_xlim(*ends[0])
        axes.locator_params(axis="x", nbins=5)
        height = _scale(axes, *ends[1])
        draw_text(axes, 0, -0.9, f"up: {up}", "left", color=FAINT)
        draw_text(axes, 1, FLOOR + 2, f"across: {across}", "right", color=FAINT)
        for x, y in points:
            if isfinite(x.low) and isfinite(y.low):
                thin = {"color": FAINT, "linewidth": 0.9}
                axes.plot([x.low, x.high], [height(y.mean)] * 2, **thin)
                axes.plot([x.mean] * 2, [height(y.low), height(y.high)], **thin)
        for place, (x, y) in enumerate(points, 1):
            at = (x.mean, height(y.mean))
            axes.plot(*([end] for end in at), "o", clip_on=False,
                      **{**_dots(ACCENT, False), "markersize": 13})  # fmt: skip
            axes.text(*at, f"{place}", ha="center", va="center_baseline", size=8, color=INK)
            both = zip((across, up), (x, y), strict=True)
            read = [f"{what} {number(e.mean)} {interval(e.low, e.high)}" for what, e in both]
            spots.append(Spot([names[place - 1], *map(str.rstrip, read)], at[1], x=at[0], wide=0))
        return spots

    return svg_of(title, FLOOR + 1, (34, 10), draw, below=1, above=1)
