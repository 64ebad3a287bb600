"""How figures are drawn: one set of axes as inline SVG; text stays text, and every colour is the
page's own."""

import re
from collections.abc import Callable
from html import escape
from io import StringIO
from typing import Any

from midspec.stats.intervals import Estimate

# Points. A figure is drawn at a phone's width and scaled up, so its text is readable on both.
WIDTH, ROW, TOP, BOTTOM = 360, 21, 4, 24
LABEL_CHARACTERS = 24

# matplotlib knows no CSS: it is given colours that nothing else has, and they are replaced after.
INK, FAINT, ACCENT, PAPER, ALERT = "#010203", "#010204", "#010205", "#010206", "#010207"
COLOURS = {
    INK: "currentColor",
    FAINT: "var(--faint, #8a857b)",
    ACCENT: "var(--accent, #0f6b5c)",
    PAPER: "var(--paper, #fff)",
    ALERT: "var(--alert, #a03d17)",
}
STYLE = {"svg.fonttype": "none", "font.size": 10, "text.parse_math": False, "text.color": INK}
NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


def draw_interval(axes: Any, y: float, estimate: Estimate, colour: str, filled: bool) -> None:
    """A mean as a dot, filled or not, on its interval, in the row `y`."""
    ends, width = [estimate.low, estimate.high], 1.8 if filled else 1.2
    axes.plot(ends, [y, y], color=colour, linewidth=width, clip_on=False)
    face = colour if filled else PAPER
    axes.plot(
        [estimate.mean], [y], "o", markersize=6.5, markerfacecolor=face, markeredgecolor=colour,
        markeredgewidth=1.3, clip_on=False,
    )  # fmt: skip


def draw_text(axes: Any, x: float, y: float, text: str, align: str, **style: str) -> None:
    """Put text at a share of the axes' width, in the row `y`."""
    axes.text(
        x, y, text, ha=align, va="center_baseline", transform=axes.get_yaxis_transform(), **style
    )


def shorten(name: str) -> str:
    """A name as long as there is room for."""
    return name if len(name) <= LABEL_CHARACTERS else f"{name[: LABEL_CHARACTERS - 1]}…"


def svg_of(
    title: str,
    rows: int,
    margins: tuple[int, int],
    draw: Callable[[Any], None],
    above: int = 0,
    below: int = 0,
    axis: bool = True,
) -> str:
    """Draw one set of axes with `rows` rows, first row on top, and return it for the page.

    above, below: how many rows of text stand over it and under its axis; axis: whether there is
    one.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    left, right = margins
    bottom = (BOTTOM if axis else TOP) + ROW * below
    top = TOP + ROW * above
    height = top + ROW * max(rows, 1) + bottom
    # The salt names shared shapes, so two figures on one page have no id in common.
    with rc_context({**STYLE, "svg.hashsalt": title}):
        figure = Figure(figsize=(WIDTH / 72, height / 72))
        axes = figure.add_axes(
            (
                left / WIDTH,
                bottom / height,
                (WIDTH - left - right) / WIDTH,
                1 - (top + bottom) / height,
            )
        )
        axes.set_ylim(max(rows, 1) - 0.5, -0.5)
        axes.set_yticks([])
        axes.spines[["left", "right", "top"]].set_visible(False)
        axes.spines["bottom"].set_color(FAINT)
        axes.tick_params(axis="x", color=FAINT, labelcolor=FAINT, length=3, labelsize=9)
        draw(axes)
        drawn = StringIO()
        figure.savefig(drawn, format="svg", transparent=True, metadata=NO_METADATA)
    return _for_page(drawn.getvalue(), title)


def _for_page(svg: str, title: str) -> str:
    """Make a stand-alone SVG part of a page: no header, no style sheet, no ids that clash."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<style.*?</style>|<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = svg.replace("xlink:href", "href")
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg))
    svg = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else "", svg)
    for stand_in, colour in COLOURS.items():
        svg = svg.replace(stand_in, colour)
    box = re.search(r'viewBox="[^"]*"', svg)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {box[0] if box else ""} role="img">'
    return re.sub(
        r"<svg[^>]*>", lambda _: f"{head}\n<title>{escape(title)}</title>", svg, count=1
    ).strip()
