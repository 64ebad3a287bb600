"""Intervals in a column: the figure of differences that several findings share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, isnan
from typing import Any

from midspec.report.drawing import ACCENT, FAINT, INK, draw_interval, draw_text, svg_of
from midspec.report.wording import interval, signed
from midspec.stats.intervals import Estimate

NOT_READABLE = "not readable"


@dataclass(frozen=True)
class Bar:
    """A difference in a column of such: None where it can't be read. strong: it stands out;
    spoken: the label at full length, for who hears the page."""

    label: str
    found: Estimate | None
    strong: bool = False
    spoken: str = ""

    def told(self, digits: int) -> str:
        """The difference in words."""
        if self.found is None:
            return NOT_READABLE
        between = interval(self.found.low, self.found.high, digits)
        return f"{signed(self.found.mean, digits)} {between}".rstrip()


def forest(title: str, bars: Mapping[str, Sequence[Bar]], digits: int, scale: float) -> str:
    """Differences with 95% intervals below headings, and a mark at zero; `scale` is how large one
    can be. Labels stand above their intervals, since two arms' names fill a phone's width."""
    shown = [bar.found for rows in bars.values() for bar in rows if bar.found]
    ends = [abs(end) for found in shown for end in (found.low, found.high) if not isnan(end)]
    reach = 1.08 * max([0.1 * scale if isfinite(scale) else 0.1, *ends])

    def draw(axes: Any) -> None:
        axes.set_xlim(-reach, reach)
        axes.locator_params(axis="x", nbins=5)
        axes.xaxis.set_major_formatter(lambda value, position: signed(value, digits))
        y = 0.0
        for heading, rows in bars.items():
            if heading:
                draw_text(axes, 0, y, heading, "left", color=FAINT)
                y += 1
            for bar in rows:
                colour = ACCENT if bar.strong else INK
                weight = "bold" if bar.strong else "normal"
                draw_text(axes, 0, y, bar.label, "left", weight=weight)
                y += 0.9
                # Zero is marked interval by interval: a whole line would strike out the labels.
                axes.plot([0, 0], [y - 0.4, y + 0.4], color=FAINT, linewidth=1)
                if bar.found:
                    draw_interval(axes, y, bar.found, colour, filled=bar.strong)
                draw_text(axes, 1.03, y, bar.told(digits), "left", color=colour)
                y += 1.1

    told = "; ".join(
        f"{f'{heading}, ' if heading else ''}{bar.spoken or bar.label}: {bar.told(digits)}"
        for heading, rows in bars.items()
        for bar in rows
    )
    height = sum(map(bool, bars)) + 2 * sum(map(len, bars.values()))
    return svg_of(f"{title} with 95% intervals. {told}", height, (8, 108), draw)
