"""What the terminal shows: progress while a run goes on, and tables when it is over."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from midspec import progress
from midspec.report.scores import decimals
from midspec.run.build import Observer
from midspec.run.stage import Stage

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

LOG_SECONDS = 30.0  # without a terminal, how often a stage says how far it is


@contextmanager
def watching(total: int) -> Iterator[Observer]:
    """Show stages as they run: a bar in a terminal, a line now and then in a log."""
    told: set[str] = set()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bars:
        bar = bars.add_task("", total=1.0, note="")
        began = said = time.monotonic()
        at_first: float | None = None  # a resumed stage doesn't begin at 0

        def show(done: float, whole: float, note: str) -> None:
            nonlocal said, at_first
            at_first = done if at_first is None else at_first
            bars.update(bar, total=whole, completed=done, note=note)
            now = time.monotonic()
            if not console.is_terminal and now - said > LOG_SECONDS:
                said = now
                pace = (done - at_first) / (now - began)
                left = f"  about {duration((whole - done) / pace)} left" if pace > 0 else ""
                console.print(f"    {done / whole:4.0%}  {note}{left}")

        def tell(what: str, stage: Stage) -> None:
            nonlocal began, said, at_first
            title = escape(stage.title or stage.name)
            if what == "start":
                began, said, at_first = time.monotonic(), time.monotonic(), None
                bars.reset(bar, description=title, total=1.0, note="")
                return
            if stage.fingerprint() in told:
                return
            told.add(stage.fingerprint())
            took = f"  {duration(time.monotonic() - began)}" if what != "cached" else ""
            console.print(f"[dim]{len(told):>3}/{total}[/] {what:<7} {title}[dim]{took}[/]")

        with progress.listening(show, lambda text: console.print(f"    {escape(text)}")):
            yield tell


def scores_table(rows: Sequence[tuple[str, ...]], title: str) -> Table:
    """What evals say of one model: eval, metric, mean with its interval, and of how many."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for name in ("eval", "metric", "mean (95% interval)", "n"):
        table.add_column(name, justify="right" if name == "n" else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    return table


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def show_results(found: dict[str, Any], arms: Sequence[str], evals: Sequence[str]) -> None:
    """Print what an experiment showed: results, comparisons, and what must be read beside them."""
    console.print(results_table(found, arms, evals))
    if found["contrasts"]:
        console.print(contrasts_table(found))
    for line in remarks(found, arms):
        console.print(line, soft_wrap=True)


def results_table(found: dict[str, Any], arms: Sequence[str], evals: Sequence[str]) -> Table:
    """The results by eval and arm over all tiers: the score with its interval, the same over
    decided items, how many these are, and how much of the gap to the reference arm is closed."""
    title = "Results, all tiers (95% interval)"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("arm", overflow="fold")
    for column in ("score", "if decided", "decided", "gap closed")[: 4 if found["gaps"] else 3]:
        table.add_column(column, justify="left" if column == "score" else "right")
    metrics = {row["eval"]: row for row in found["metrics"] if not row["measure"]}
    pooled: dict[tuple[str, str], dict[str, Any]] = {}
    for row in found["results"]:
        if row["tier"] == "all" and not row["measure"]:
            pooled[row["eval"], row["arm"]] = row  # the row pooled over seeds comes last
    for evaluation in evals:
        metric = metrics.get(evaluation)
        if metric is None or metric["role"] != "result":
            continue
        name = metric["name"][:1].upper() + metric["name"][1:]
        table.add_row(f"[bold]{escape(evaluation)}[/]", f"[dim]{escape(name)}[/]")
        for arm in arms:
            if (row := pooled.get((evaluation, arm))) is not None:
                table.add_row(f"  {escape(arm)}", *_cells(row, metric, found["gaps"]))
    return table


def _cells(row: dict[str, Any], metric: dict[str, Any], gaps: dict[str, list[str]]) -> list[str]:
    """A score with its interval, and what it must be read with."""
    if not row["readable"]:
        return ["[yellow]not readable[/]"]
    digits = _digits(metric)
    closed = _number(row["gap_closed"])
    if row["gap_closed"] is None and row["arm"] not in gaps.get(row["eval"], [row["arm"]]):
        closed = "undefined"
    score = f"{row['rate']:.{digits}f}{_interval(row['low'], row['high'], digits)}"
    cells = [score, _number(row["rate_decided"]), _number(row["decided"])]
    return [*cells, closed] if gaps else cells


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def contrasts_table(found: dict[str, Any]) -> Table:
    """The paired differences that the experiment asks for, all tiers together; the p is Holm's."""
    title = "Paired differences, all tiers (95% interval; p after Holm's correction)"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("arm − against", overflow="fold")
    table.add_column("difference", no_wrap=True)
    table.add_column("", no_wrap=True)
    rows = [row for row in found["contrasts"] if row["tier"] == "all" and not row["measure"]]
    metrics = {row["eval"]: row for row in found["metrics"] if not row["measure"]}
    for evaluation in dict.fromkeys(row["eval"] for row in rows):
        table.add_row(f"[bold]{escape(evaluation)}[/]")
        digits = _digits(metrics[evaluation])
        for row in rows:
            if row["eval"] == evaluation:
                pair = f"  {escape(row['arm'])} − {escape(row['against'])}"
                table.add_row(pair, _difference(row, digits), _verdict(row))
    return table


def _difference(row: dict[str, Any], digits: int) -> str:
    if not row["readable"] or row["difference"] is None:
        return "–"
    between = _interval(row["low"], row["high"], digits, "+")
    return f"{row['difference']:+.{digits}f}{between}"


def _verdict(row: dict[str, Any]) -> str:
    """What can be said of one difference by itself."""
    if not row["readable"]:
        return "[yellow]not readable[/]"
    if row["p_holm"] is None:
        return "not compared"
    p = f" [dim]p {row['p_holm']:.3f}[/]" if row["p_holm"] >= 0.001 else " [dim]p < 0.001[/]"
    if row["p_holm"] >= 0.05:
        return f"not shown{p}"
    above = row["low"] > 0
    good = above != (row["better"] == "lower")
    return f"[{'green' if good else 'red'}]{'above' if above else 'below'} 0[/]{p}"


def remarks(found: dict[str, Any], arms: Sequence[str]) -> list[str]:
    """What must be read beside the tables, a line each: guardrails that are clearly worse than the
    base arm's, and what the comparisons could have shown."""
    worse = {
        arm: "; ".join(_guardrail(row) for row in found["guardrails"] if _gave_way(row, arm))
        for arm in arms
    }
    lines = [f"  {escape(arm)}: {escape(told)}" for arm, told in worse.items() if told]
    if found["guardrails"]:
        what = "clearly worse than the base arm's, or another value that moved"
        lines = [f"Guardrails {what}:", *lines] if lines else [f"No guardrail is {what}."]
    return [*lines, *(f"[dim]{escape(power['said'])}[/]" for power in found["power"])]


def _gave_way(row: dict[str, Any], arm: str) -> bool:
    return bool(row["worse"]) and row["arm"] == arm


def _guardrail(row: dict[str, Any]) -> str:
    """One guardrail that gave way."""
    match row["kind"]:
        case "broken":
            return "broken (answers loop, are stock replies or empty)"
        case "ratio":
            return f"{row['eval']} {row['value']:.2f}×"
        case "change":
            return f"{row['name']} of {row['note']} {row['value']:+.2f}"
    return f"{row['name']} {row['value']:.2f}"


def _digits(metric: dict[str, Any]) -> int:
    """How many decimals an eval's scores are told with; a scale without an end has null there."""
    ends = metric["low"], metric["high"]
    return decimals(inf if None in ends else ends[1] - ends[0])


def _interval(low: float | None, high: float | None, digits: int, sign: str = "") -> str:
    if low is None or high is None:
        return ""
    return f" [dim]\\[{low:{sign}.{digits}f}, {high:{sign}.{digits}f}][/]"


def short(path: Path) -> str:
    """A path as short as it can be said from here."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
