"""What was attributed, for people: a table in the terminal, sentences, and a page."""

from collections.abc import Mapping
from math import isfinite, nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from midspec.files import read_dicts, read_json
from midspec.pages.browse import check_folder
from midspec.pages.html import count, environment
from midspec.report.drawing import ACCENT, FAINT, INK, shorten, svg_of
from midspec.report.wording import interval, number, p_value, signed
from midspec.stats.intervals import Estimate

if TYPE_CHECKING:
    from rich.table import Table

Row = dict[str, Any]
ROWS = 11  # the height of the figure
NEEDED = ("attribution.json", "documents.jsonl")


def groups_table(found: Row) -> "Table":
    """The groups in the order of their mean influence, with what leaving them out did."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    table = Table(
        title=escape(
            f"{found['eval']}, {found['half']} items: documents of {found['arm']} by {found['by']}"
        ),
        title_justify="left",
        box=SIMPLE_HEAD,
    )
    widest = max((len(row["group"]) for row in in_order(found)), default=0)
    table.add_column(found["by"], overflow="fold", min_width=min(widest, 16))
    for name in ("documents", "share"):
        table.add_column(name, justify="right")
    for name in headings(found):
        table.add_column(name)  # in a narrow terminal a line holds less, and no number is cut
    for row in in_order(found):
        table.add_row(
            escape(row["group"]), str(row["documents"]), f"{row['share']:.0%}", *cells(found, row)
        )
    return table


def headings(found: Row) -> list[str]:
    """What the columns of the groups' estimates are called."""
    after = ["margin lost without", "rate lost without"] if found["agreement"] else []
    return ["cosine", "predicted cost", *after]


def cells(found: Row, row: Row) -> list[str]:
    """A group's estimates with their 95% intervals: the mean cosine; what leaving it out costs by
    prediction, in units of the largest; and, in nats and as a share, what it did cost."""
    scale = _largest(found)
    told = [
        _told(row["cosine"]["mean"], 3),
        _told({k: v / scale if _is(v) else v for k, v in row["dot"]["cost"].items()}, 2),
    ]
    if found["agreement"]:
        told += [_told(row["left_out"]["margin"], 3), _told(row["left_out"]["rate"], 2)]
    return told


def _largest(found: Row) -> float:
    """The largest predicted cost, so that others can be told by it: its unit is a step's."""
    costs = [
        abs(row["dot"]["cost"]["mean"])
        for row in found["groups"]
        if _is(row["dot"]["cost"]["mean"])
    ]
    return max(costs, default=0.0) or 1.0


def in_order(found: Row) -> list[Row]:
    """The groups, highest mean cosine first; those without documents last."""
    return sorted(found["groups"], key=lambda row: -_number(row["cosine"]["mean"]["mean"], -2.0))


def sentences(found: Row) -> list[str]:
    """What there is to say of agreement, chance and reliability; numbers as they were found."""
    said = [
        f"{count(found['documents'], 'document')}, {found['tokens']:,} tokens, "
        f"{count(found['items'], 'item')}; gradients at {' and '.join(found['states'])}."
    ]
    for row in found["agreement"]:
        compared = (
            f"{row['correlation']} of predicted cost ({row['measure']}) and margin lost, "
            f"{count(row['groups'], 'group')}"
        )
        if not _is(row["value"]):
            said.append(f"{compared}: not defined.")
            continue
        said.append(
            f"{compared}: {signed(row['value'])} {interval(row['low'], row['high'], 2)}; "
            f"by chance {interval(row['chance_low'], row['chance_high'], 2)}, "
            f"p {p_value(row['p'])}{_bounds(row)}"
        )
    for n, control in enumerate(found["controls"], 1):
        said.append(
            f"Control {n} is below the others by {_told(control['margin'], 3)} nats: what chance "
            "alone does."
        )
    if found["shorter"]:
        said.append(
            "The whole corpus is above the controls by "
            f"{_told(found['shorter']['margin'], 3)} nats."
        )
    stable = found["reliability"]["cosine"]
    told = [
        f"{words} {signed(stable[key])}"
        for key, words in (
            ("halves", "between two halves of the items"),
            ("states", "between states"),
        )
        if _is(stable[key])
    ]
    if told:
        said.append(f"Order of single documents, rank correlation: {', '.join(told)}.")
    shares = {k: v["cosine"] for k, v in found["explained"].items() if _is(v["cosine"])}
    if shares:
        said.append(
            "Of the variance of documents' influence lies between labels: "
            + ", ".join(f"{kind} {signed(share)}" for kind, share in shares.items())
            + "."
        )
    return said


def _bounds(row: Row) -> str:
    told = [
        f"{words} {signed(row[key])}"
        for key, words in (("between_seeds", "leaving out"), ("between_states", "predictions"))
        if _is(row[key])
    ]
    return f" (among themselves: {', '.join(told)})." if told else "."


def attribution_page(folder: Path) -> str:
    """The page of a finished attribution as one HTML text that loads nothing and runs nothing."""
    check_folder(folder, NEEDED, "an attribution", "midspec attribute")
    found: Row = read_json(folder / "attribution.json")
    documents = read_dicts(folder / "documents.jsonl")
    shown = [row for row in documents if row["text"]]
    highest, lowest = shown[: len(shown) // 2], shown[len(shown) // 2 :][::-1]
    templates = environment("midspec.attribute")
    templates.filters.update(signed=signed)
    return templates.get_template("attribution.html.j2").render(
        found=found,
        headings=headings(found),
        rows=[(row, cells(found, row)) for row in in_order(found)],
        sentences=sentences(found),
        figure=_figure(found) if found["agreement"] else "",
        ends=(("Highest influence", highest), ("Lowest influence", lowest)),
    )


def _figure(found: Row) -> str:
    """Predicted cost against the margin that was lost, a dot a group."""
    scale = _largest(found)
    rows = [row for row in found["groups"] if _is(row["dot"]["cost"]["mean"])]
    points = [(row["dot"]["cost"]["mean"] / scale, row["left_out"]["margin"]) for row in rows]

    def draw(axes: Any) -> None:
        ends = [end for _, lost in points for end in (lost["low"], lost["high"]) if _is(end)]
        reach = max([abs(end) for end in ends], default=1.0) * 1.1 or 1.0
        axes.set_ylim(-reach, reach)
        axes.set_xlim(-1.15, 1.15)
        axes.axhline(0, color=FAINT, linewidth=1)
        axes.axvline(0, color=FAINT, linewidth=1)
        for row, (x, lost) in zip(rows, points, strict=True):
            if _is(lost["low"]):
                axes.plot([x, x], [lost["low"], lost["high"]], color=FAINT, linewidth=1.2)
            axes.plot([x], [lost["mean"]], "o", markersize=6, color=ACCENT)
            axes.annotate(
                shorten(row["group"]), (x, lost["mean"]), (5, 3), textcoords="offset points",
                fontsize=8, color=INK,
            )  # fmt: skip
        top = f"margin lost without it, ± {number(reach, 3)} nats"
        axes.text(0, 1.0, top, transform=axes.transAxes, va="top", fontsize=8, color=FAINT)

    title = "Predicted cost of leaving a group out (largest = 1) and the margin that was lost"
    told = "; ".join(
        f"{row['group']} {signed(x)}, {signed(y['mean'], 3)}"
        for row, (x, y) in zip(rows, points, strict=True)
    )
    return svg_of(f"{title}. {told}", ROWS, (8, 8), draw)


def _told(values: Mapping[str, Any], digits: int) -> str:
    """An estimate with its interval; a dash where there is none."""
    found = Estimate(*(_number(values[key], nan) for key in ("mean", "low", "high")))
    if not isfinite(found.mean):
        return "–"
    return f"{signed(found.mean, digits)} {interval(found.low, found.high, digits)}".rstrip()


def _is(value: Any) -> bool:
    return isinstance(value, int | float) and isfinite(value)


def _number(value: Any, other: float) -> float:
    return float(value) if _is(value) else other
