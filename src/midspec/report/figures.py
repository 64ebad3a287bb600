"""The report's figures as inline SVG: text stays text, and every colour is the page's own."""

import re
from collections.abc import Callable, Collection, Sequence
from html import escape
from io import StringIO
from math import isfinite, isnan
from typing import Any

from midspec.records import Metric
from midspec.report.scores import ALL, decimals
from midspec.report.tables import Difference, Result, pooled
from midspec.report.wording import MINUS, interval, score, signed
from midspec.stats.intervals import Estimate

# Points. A figure is drawn at a phone's width and scaled up, so its text is readable on both.
WIDTH, ROW, TOP, BOTTOM = 360, 21, 4, 24
LABEL_CHARACTERS = 24
NOT_READABLE = "not readable"

# matplotlib knows no CSS: it is given colours that nothing else has, and they are replaced after.
INK, FAINT, ACCENT, PAPER = "#010203", "#010204", "#010205", "#010206"
COLOURS = {
    INK: "currentColor",
    FAINT: "var(--faint, #8a857b)",
    ACCENT: "var(--accent, #0f6b5c)",
    PAPER: "var(--paper, #fff)",
}
STYLE = {"svg.fonttype": "none", "font.size": 10, "text.parse_math": False, "text.color": INK}
NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


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
            _text(axes, -0.04, y, _shorten(row.arm), "right", weight=weight)
            if not row.readable:
                _text(axes, 0.5, y, NOT_READABLE, "center", color=FAINT)
                continue
            _interval(axes, y, Estimate(row.rate, row.low, row.high), colour, filled=mine)
            told = score(row.rate, metric)
            _text(axes, 1.05, y, told, "left", color=colour, weight=weight)

    title = f"{evaluation}: {metric.name} by arm with 95% intervals"
    told = "; ".join(f"{row.arm} {_told(row, metric)}" for row in shown)
    return _svg(f"{title}. {told}", len(shown), (141, 34), draw)


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
    """Labels stand above their intervals, since two arms' names fill a phone's width."""
    evals = list(dict.fromkeys(row.eval for row in rows))
    ends = [abs(end) for row in rows for end in (row.low, row.high) if not isnan(end)]
    least = 0.1 * rows[0].reach if isfinite(rows[0].reach) else 0.1
    reach = 1.08 * max([least, *ends])

    def draw(axes: Any) -> None:
        axes.set_xlim(-reach, reach)
        axes.locator_params(axis="x", nbins=5)
        axes.xaxis.set_major_formatter(lambda value, position: signed(value, rows[0].digits))
        y = 0.0
        for evaluation in evals:
            _text(axes, 0, y, evaluation, "left", color=FAINT)
            y += 1
            for row in (row for row in rows if row.eval == evaluation):
                colour = ACCENT if row.adjusted else INK
                label = f"{_shorten(row.arm)} − {_shorten(row.against)}"
                _text(axes, 0, y, label, "left", weight="bold" if row.adjusted else "normal")
                y += 0.9
                # Zero is marked interval by interval: a whole line would strike out the labels.
                axes.plot([0, 0], [y - 0.4, y + 0.4], color=FAINT, linewidth=1)
                if row.readable:
                    found = Estimate(row.difference, row.low, row.high)
                    _interval(axes, y, found, colour, filled=row.adjusted)
                _text(axes, 1.03, y, _difference(row), "left", color=colour)
                y += 1.1

    told = "; ".join(f"{row.eval}, {row.arm} − {row.against}: {_difference(row)}" for row in rows)
    title = f"Paired differences with 95% intervals. {told}"
    return _svg(title, len(evals) + 2 * len(rows), (8, 108), draw)


def _difference(row: Difference) -> str:
    if not row.readable:
        return NOT_READABLE
    told = interval(row.low, row.high, row.digits)
    return f"{signed(row.difference, row.digits)} {told}".rstrip()


def _interval(axes: Any, y: float, estimate: Estimate, colour: str, filled: bool) -> None:
    ends, width = [estimate.low, estimate.high], 1.8 if filled else 1.2
    axes.plot(ends, [y, y], color=colour, linewidth=width, clip_on=False)
    face = colour if filled else PAPER
    axes.plot(
        [estimate.mean], [y], "o", markersize=6.5, markerfacecolor=face, markeredgecolor=colour,
        markeredgewidth=1.3, clip_on=False,
    )  # fmt: skip


def _text(axes: Any, x: float, y: float, text: str, align: str, **style: str) -> None:
    """Put text at a share of the axes' width, in the row `y`."""
    axes.text(
        x, y, text, ha=align, va="center_baseline", transform=axes.get_yaxis_transform(), **style
    )


def _shorten(name: str) -> str:
    return name if len(name) <= LABEL_CHARACTERS else f"{name[: LABEL_CHARACTERS - 1]}…"


def _svg(title: str, rows: int, margins: tuple[int, int], draw: Callable[[Any], None]) -> str:
    """Draw one set of axes with `rows` rows, first row on top, and return it for the page."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    left, right = margins
    height = TOP + ROW * max(rows, 1) + BOTTOM
    # The salt names shared shapes, so two figures on one page have no id in common.
    with rc_context({**STYLE, "svg.hashsalt": title}):
        figure = Figure(figsize=(WIDTH / 72, height / 72))
        axes = figure.add_axes(
            (
                left / WIDTH,
                BOTTOM / height,
                (WIDTH - left - right) / WIDTH,
                1 - (TOP + BOTTOM) / height,
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
