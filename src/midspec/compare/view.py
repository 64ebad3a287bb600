"""What a comparison shows in the terminal."""

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table as Grid

from midspec.compare.comparison import Claim, Comparison, Line, Table
from midspec.compare.run import Run
from midspec.console import console, gave_way
from midspec.records import Metric
from midspec.report.analyses.section import Cell, Sheet, change
from midspec.report.charts import NOT_READABLE
from midspec.report.scores import decimals
from midspec.report.tables import Difference, Result
from midspec.report.wording import interval, p_value, score
from midspec.sheets import sheet_tables
from midspec.stats.intervals import Estimate
from midspec.text import upper_first

NONE = Cell("–")


def shown(found: Comparison) -> Iterator[RenderableType]:
    """The comparison from top to bottom: runs, settings, evals, comparisons, and what must be read
    beside them."""
    yield _runs(found.runs)
    if found.settings or found.sources:
        yield _settings(found)
    elif all(run.settings for run in found.runs):
        yield "Their settings are the same."
    sheets = [_table(table, found.runs) for table in found.tables]
    sheets += [_claims(found.claims, found.runs)] if found.claims else []
    for sheet in sheets:
        yield from sheet_tables(sheet, console.width)
    for run in found.runs:
        lines = gave_way(run.guardrails, run.arms)
        yield "\n".join([f"[bold]{escape(run.label)}[/]: {lines[0]}", *lines[1:]]) if lines else ""
    yield "\n".join(escape(line) for line in said(found))


def said(found: Comparison) -> list[str]:
    """What must be known to read the differences, a line each."""
    claims = [row for one in found.between for row in one.differences if row.claim]
    lines = list(found.notes)
    if claims:
        lines.append(
            "Differences are paired by item, with 95% intervals; a p is after Holm's correction "
            "over all that are shown against one run."
        )
        if all(row.seeds == 1 for row in claims):
            lines.append(
                "With one seed a difference is about these very models: part of it may be how "
                "training runs differ."
            )
    return [*lines, *(line for one in found.between for line in one.power)]


def value(result: Result | None, metric: Metric) -> Cell:
    """A value with its interval, or why there is none."""
    if result is None:
        return NONE
    if not result.readable:
        return Cell(NOT_READABLE)
    digits = decimals(metric.high - metric.low)
    return Cell(score(result.rate, metric), interval(result.low, result.high, digits))


def apart(line: Line, number: int) -> Cell:
    """What is said of an arm's difference between the first run and another one."""
    if line.same[number] and line.results[0] and line.results[number]:
        return Cell("same model")
    return difference(line.differences[number])


def difference(row: Difference | None) -> Cell:
    """A difference with its interval."""
    if row is None:
        return NONE
    if not row.readable:
        return Cell(NOT_READABLE)
    found = Estimate(row.difference, row.low, row.high)
    return change(found, row.digits, found.clear)


def changed(claim: Claim, number: int) -> Cell:
    """How much larger a comparison came out in another run than in the first."""
    if claim.same[number] and claim.found[number]:
        return Cell("same models")
    found = claim.changed[number]
    digits = next(row.digits for row in claim.found if row)
    return change(found, digits, found.clear) if found else NONE


def p_of(row: Difference | None) -> str:
    """The p of a difference after correction, or nothing."""
    return p_value(row.p_holm) if row and row.readable else ""


def name_of(line: Line, runs: Sequence[Run]) -> str:
    """An arm's name, with the others that it has elsewhere."""
    others = [
        f"{arm} in {run.label}"
        for arm, run in zip(line.arms, runs, strict=True)
        if arm and arm != line.arm
    ]
    return f"{line.arm} ({', '.join(others)})" if others else line.arm


def _runs(runs: Sequence[Run]) -> Grid:
    grid = Grid.grid(padding=(0, 2))
    for run in runs:
        grid.add_row(f"[bold]{escape(run.label)}[/]", escape(run.place), escape(run.made))
    return grid


def _settings(found: Comparison) -> RenderableType:
    table = Grid(title="Settings that differ", title_justify="left", box=SIMPLE_HEAD)
    for name in ("setting", *(run.label for run in found.runs)):
        table.add_column(escape(name), overflow="fold")
    for one in found.settings:
        table.add_row(escape(one.where), *map(escape, one.words))
    for line in found.sources:
        table.add_row(escape(line))
    return table


def _table(table: Table, runs: Sequence[Run]) -> Sheet:
    """An eval's values in every run, and the differences where there are any."""
    name = upper_first(table.metric.name)
    measure = f" ({table.measure})" if table.measure else ""
    others = [n for n in range(1, len(runs)) if any(apart(line, n) != NONE for line in table.lines)]
    columns = ["arm", *(run.label for run in runs)]
    rows: list[list[Cell | str]] = [
        [name_of(line, runs), *(value(result, table.metric) for result in line.results)]
        for line in table.lines
    ]
    for number in others:
        columns += [f"{runs[number].label} − {runs[0].label}", "p"]
        for row, line in zip(rows, table.lines, strict=True):
            row += [apart(line, number), p_of(line.differences[number])]
    return Sheet(f"{table.eval}{measure}: {name}", columns, {"": rows})


def _claims(claims: Sequence[Claim], runs: Sequence[Run]) -> Sheet:
    others = [n for n in range(1, len(runs)) if any(changed(c, n) != NONE for c in claims)]
    columns = ["arm − against", *(run.label for run in runs)]
    columns += [f"{runs[number].label} − {runs[0].label}" for number in others]
    groups: dict[str, list[list[Cell | str]]] = {}
    for claim in claims:
        row: list[Cell | str] = [f"{claim.arm} − {claim.against}", *map(difference, claim.found)]
        row += [changed(claim, number) for number in others]
        groups.setdefault(claim.eval, []).append(row)
    return Sheet("Comparisons within each run", columns, groups)
