"""How figures are drawn: one set of axes as inline SVG; text stays text, every colour is the page's
own, and what is drawn can be pointed at."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from html import escape
from io import StringIO
from typing import Any
from warnings import catch_warnings, simplefilter

from midspec.stats.intervals import Estimate

# Points. A figure is drawn at a phone's width and scaled up, so its text is readable on both.
WIDTH, ROW, TOP, BOTTOM = 360, 21, 4, 24
LABEL = 130  # of a name on the left
TEXT = 10
NEAR = 9  # points around a dot that count as pointing at it

# matplotlib knows no CSS: it is given colours that nothing else has, and they are replaced after.
INK, FAINT, ACCENT, PAPER, ALERT = "#010203", "#010204", "#010205", "#010206", "#010207"
COLOURS = {
    INK: "currentColor",
    FAINT: "var(--faint, #8a857b)",
    ACCENT: "var(--accent, #0f6b5c)",
    PAPER: "var(--paper, #fff)",
    ALERT: "var(--alert, #a03d17)",
}
STYLE = {"svg.fonttype": "none", "font.size": TEXT, "text.parse_math": False, "text.color": INK}
NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


@dataclass(frozen=True)
class Spot:
    """A place of a figure that answers to being pointed at, and what it says, line by line.

    y is its middle and `tall` its height, in rows; x is where it stands on the axis, and `wide` how
    much of it it takes, None for the whole width of the figure and 0 for a dot. band: the number
    that `in_band` gave to what is drawn in its rows, None where nothing else moves with it.
    facts: what it is about, such as its arm, by which the page filters.
    """

    told: Sequence[str]
    y: float
    tall: float = 1.0
    x: float = 0.0
    wide: float | None = None
    band: int | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


def in_band(band: int, artists: Sequence[Any], seed: object = "") -> None:
    """Mark what is drawn in a band of rows, which the page can hide, and close up over; of one seed
    alone, its number."""
    for artist in artists:
        artist.set_gid(f"band-{band}-{seed}")


def draw_interval(
    axes: Any, y: float, estimate: Estimate, colour: str, filled: bool, dot: str = "o"
) -> list[Any]:
    """A mean as a dot, filled or not, on its interval, in the row `y`."""
    ends, width = [estimate.low, estimate.high], 1.8 if filled else 1.2
    face = colour if filled else PAPER
    return [
        *axes.plot(ends, [y, y], color=colour, linewidth=width, clip_on=False),
        *axes.plot(
            [estimate.mean], [y], dot, markersize=6.5, markerfacecolor=face, markeredgecolor=colour,
            markeredgewidth=1.3, clip_on=False,
        ),
    ]  # fmt: skip


def draw_text(axes: Any, x: float, y: float, text: str, align: str, **style: Any) -> Any:
    """Put text at a share of the axes' width, in the row `y`."""
    return axes.text(
        x, y, text, ha=align, va="center_baseline", transform=axes.get_yaxis_transform(), **style
    )


@lru_cache(maxsize=1024)
def shorten(name: str, weight: str = "normal") -> str:
    """A name as long as there is room for; what is left out is its middle, since arms of one family
    differ at their ends."""
    kept, label = len(name), name
    while kept > 2 and wide(label, weight) > LABEL:
        kept -= 1
        label = f"{name[: kept // 2]}…{name[-(kept - kept // 2) :]}"
    return label


def wide(text: str, weight: str) -> float:
    """How wide text is, in points, in matplotlib's own font, which is as wide as any page's."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(weight=weight, size=TEXT)
    with catch_warnings():
        simplefilter("ignore")  # of letters that it hasn't
        found: float = text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]
    return found


def svg_of(
    title: str,
    rows: int,
    margins: tuple[int, int],
    draw: Callable[[Any], Sequence[Spot] | None],
    above: int = 0,
    below: int = 0,
    axis: bool = True,
) -> str:
    """Draw one set of axes with `rows` rows, first row on top, and return it for the page.

    draw: draws, and returns what can be pointed at, if anything can. above, below: how many rows of
    text stand over it and under its axis; axis: whether there is one.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    left, right = margins
    bottom = (BOTTOM if axis else TOP) + ROW * below
    top = TOP + ROW * above
    height = top + ROW * max(rows, 1) + bottom
    with rc_context(STYLE), catch_warnings():
        # It has fonts without every letter; the page's own draw the text.
        simplefilter("ignore")
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
        spots = draw(axes) or ()
        drawn = StringIO()
        # The salt names shared shapes, so two figures on one page have no id in common.
        with rc_context({"svg.hashsalt": f"{title} {[spot.told for spot in spots]}"}):
            figure.savefig(drawn, format="svg", transparent=True, metadata=NO_METADATA)
        low, high = axes.get_xlim()
    scale = (WIDTH - left - right) / (high - low)
    pointed = [_spot(spot, top, lambda x: left + (x - low) * scale, scale) for spot in spots]
    return _for_page(drawn.getvalue(), title, pointed)


def _spot(spot: Spot, top: float, place: Callable[[float], float], scale: float) -> str:
    """A spot as a shape that isn't seen; its title is what a page without JavaScript shows."""
    y, tall = top + (spot.y + 0.5) * ROW, spot.tall * ROW
    if spot.wide == 0:
        shape = f'<circle cx="{place(spot.x):.1f}" cy="{y:.1f}" r="{NEAR}"'
    else:
        wide = WIDTH if spot.wide is None else spot.wide * scale
        x = 0 if spot.wide is None else place(spot.x) - wide / 2
        shape = f'<rect x="{x:.1f}" y="{y - tall / 2:.1f}" width="{wide:.1f}" height="{tall:.1f}"'
    facts = "".join(f' data-{name}="{escape(value)}"' for name, value in spot.facts.items())
    moves = "" if spot.band is None else f' data-band="{spot.band}" data-rows="{spot.tall:g}"'
    told = escape("\n".join(spot.told))
    return (
        f'<g class="spot" role="img" aria-label="{escape(", ".join(spot.told))}"{moves}{facts}>'
        f'<title>{told}</title>{shape} fill="transparent"/></g>'
    )


def _for_page(svg: str, title: str, spots: Sequence[str]) -> str:
    """Make a stand-alone SVG part of a page: no header, no style sheet, no ids that clash."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<style.*?</style>|<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = svg.replace("xlink:href", "href")
    svg = re.sub(r' id="band-(\d+)-(\w*)"', _banded, svg)
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg))
    svg = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else "", svg)
    svg = re.sub(r"<[^!?][^>]*>", _lighter, svg)
    svg = re.sub(r">\s+<", "><", svg)
    for stand_in, colour in COLOURS.items():
        svg = svg.replace(stand_in, colour)
    box = re.search(r'viewBox="[^"]*"', svg)
    name = escape(title)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" {box[0] if box else ""}'
        f' role="{"group" if spots else "img"}" aria-label="{name}">'
    )
    svg = re.sub(r"<svg[^>]*>", lambda _: f'{head}\n<g aria-hidden="true">', svg, count=1)
    return svg.strip().removesuffix("</svg>") + f"</g>\n{''.join(spots)}</svg>"


def _lighter(tag: re.Match[str]) -> str:
    """A tag without fonts, which are the page's, and with numbers to a hundredth of a point: half
    the size. Text between tags stays as it is."""
    found = re.sub(r"font-family: [^;\"]*; ", "", tag[0])
    found = re.sub(r"\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}", found)
    return re.sub(r"\s+", " ", found)


def _banded(found: re.Match[str]) -> str:
    seed = f' data-seed="{found[2]}"' if found[2] else ""
    return f' data-band="{found[1]}"{seed}'
