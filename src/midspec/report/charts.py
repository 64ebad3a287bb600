"""Intervals in a column: the figure of differences that several findings share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite, isnan
from typing import Any

from midspec.report.drawing import (
    ACCENT,
    FAINT,
    INK,
    Spot,
    draw_interval,
    draw_text,
    in_band,
    svg_of,
    wide,
)
from midspec.report.scores import decimals_clear
from midspec.report.wording import interval, signed
from midspec.stats.intervals import Estimate

NOT_READABLE = "not readable"
ROOM = 108  # right of a figure for a difference in words, which may take more


@dataclass(frozen=True)
class Bar:
    """A difference in a column of such: None where it can't be read. strong: it stands out;
    spoken: the label at full length, for who points at it or hears the page; more: what else is
    told there; facts: what it is about, by which the page filters."""

    label: str
    found: Estimate | None
    strong: bool = False
    spoken: str = ""
    more: Sequence[str] = ()
    facts: Mapping[str, str] = field(default_factory=dict)

    def told(self, digits: int) -> str:
        """The difference in words."""
        if self.found is None:
            return NOT_READABLE
        digits = decimals_clear(self.found.low, self.found.high, digits)
        between = interval(self.found.low, self.found.high, digits)
        return f"{signed(self.found.mean, digits)} {between}".rstrip()


def forest(title: str, bars: Mapping[str, Sequence[Bar]], digits: int, scale: float) -> str:
    """Differences with 95% intervals below headings, and a mark at zero; `scale` is how large one
    can be. Labels stand above their intervals, since two arms' names fill a phone's width."""
    shown = [bar.found for rows in bars.values() for bar in rows if bar.found]
    ends = [abs(end) for found in shown for end in (found.low, found.high) if not isnan(end)]
    reach = 1.08 * max([0.1 * scale if isfinite(scale) else 0.1, *ends])

    def draw(axes: Any) -> list[Spot]:
        axes.set_xlim(-reach, reach)
        axes.locator_params(axis="x", nbins=5)
        axes.xaxis.set_major_formatter(lambda value, position: signed(value, digits))
        spots: list[Spot] = []
        y = 0.0
        for heading, rows in bars.items():
            if heading:
                in_band(len(spots), [draw_text(axes, 0, y, heading, "left", color=FAINT)])
                # It says nothing that its bars don't, and goes when the last of them does.
                spots.append(Spot([heading], y, band=len(spots), facts={"heading": heading}))
                y += 1
            for bar in rows:
                colour = ACCENT if bar.strong else INK
                weight = "bold" if bar.strong else "normal"
                drawn = [draw_text(axes, 0, y, bar.label, "left", weight=weight)]
                y += 0.9
                # Zero is marked interval by interval: a whole line would strike out the labels.
                drawn += axes.plot([0, 0], [y - 0.4, y + 0.4], color=FAINT, linewidth=1)
                if bar.found:
                    drawn += draw_interval(axes, y, bar.found, colour, filled=bar.strong)
                drawn.append(draw_text(axes, 1.03, y, bar.told(digits), "left", color=colour))
                in_band(len(spots), drawn)
                told = [bar.spoken or bar.label, bar.told(digits), *bar.more]
                if heading:
                    told.insert(0, heading)
                spots.append(Spot(told, y - 0.4, 2, band=len(spots), facts=bar.facts))
                y += 1.1
        return spots

    height = sum(map(bool, bars)) + 2 * sum(map(len, bars.values()))
    told = [bar.told(digits) for rows in bars.values() for bar in rows]
    room = round(max([ROOM, *(wide(text, "normal") + 14 for text in told)]))
    return svg_of(f"{title} with 95% intervals", height, (14, room), draw)
