"""Tables of the analyses, laid out for as many characters as a terminal has."""

from collections.abc import Sequence
from itertools import takewhile

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from midspec.console import console
from midspec.report.analyses.section import Cell, Sheet

MOST_WIDE = 10_000  # characters, for measuring what a table would take
NAMES = 16  # characters that a table’s names have at least


def sheet_tables(sheet: Sheet, width: int) -> list[Table]:
    """A table of an analysis as wide as fits, its numbers never broken: else intervals stand below
    what they belong to, names are folded, and columns that have no room follow in another table."""
    left = range(1, len(sheet.columns))
    names = max(len(str(row[0])) for rows in sheet.groups.values() for row in rows)
    if _width(_sheet_table(sheet, left, " ", names)) <= width:
        return [_sheet_table(sheet, left, " ")]
    tables = list[Table]()
    while left:
        least = (_sheet_table(sheet, left[: n + 1], "\n", NAMES) for n in range(len(left)))
        fits = sum(1 for _ in takewhile(lambda table: _width(table) <= width, least))
        tables.append(_sheet_table(sheet, left[: max(fits, 1)], "\n"))
        left = left[max(fits, 1) :]
    return tables


def _sheet_table(
    sheet: Sheet, columns: Sequence[int], between: str, names: int | None = None
) -> Table:
    """Some columns of a sheet beside its names; `names` is how wide these are."""
    caption = escape(sheet.caption) if columns[0] == 1 else "The same rows:"
    table = Table(title=caption, title_justify="left", box=SIMPLE_HEAD)
    table.add_column(escape(sheet.columns[0]), overflow="fold", width=names)
    for place in columns:
        name = sheet.columns[place]
        name = name if len(name) <= NAMES else name.replace(" ", between)
        table.add_column(escape(name), justify="right", no_wrap=True)
    for heading, rows in sheet.groups.items():
        if heading:
            table.add_row(f"[dim]{escape(heading)}[/]")
        for row in rows:
            table.add_row(*(_written(row[place], between) for place in (0, *columns)))
    return table


def _width(table: Table) -> int:
    anything = console.options.update(width=MOST_WIDE)
    return Measurement.get(console, anything, table).maximum


def _written(cell: Cell | str, between: str) -> str:
    if isinstance(cell, str):
        return escape(cell)
    text = f"[bold]{escape(cell.text)}[/]" if cell.strong else escape(cell.text)
    small = (f"[dim]{escape(part)}[/]" for part in (cell.small, cell.beside) if part)
    return between.join((text, *small))
