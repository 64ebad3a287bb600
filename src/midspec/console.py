"""What the terminal shows: progress while a run goes on, and tables when it is over."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from midspec import progress
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


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def results_table(found: dict[str, Any], arms: Sequence[str], evals: Sequence[str]) -> Table:
    """Value-aligned rate by arm and eval, all tiers together, with intervals."""
    title = "Value-aligned rate, all tiers (95% interval)"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("arm")
    for evaluation in evals:
        table.add_column(evaluation)
    pooled: dict[tuple[str, str], dict[str, Any]] = {}
    for row in found["results"]:
        if row["tier"] == "all":
            pooled[row["arm"], row["eval"]] = row  # the row pooled over seeds comes last
    for arm in arms:
        cells = [pooled[arm, evaluation] for evaluation in evals]
        table.add_row(
            escape(arm),
            *(f"{c['rate']:.2f} [dim]\\[{c['low']:.2f}, {c['high']:.2f}][/]" for c in cells),
        )
    return table


def contrasts_table(found: dict[str, Any]) -> Table:
    """The paired differences that the experiment asks for, all tiers together."""
    title = "Paired differences, all tiers (95% interval)"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("arm − against", no_wrap=True)
    table.add_column("difference", no_wrap=True)
    table.add_column("", no_wrap=True)
    rows = [row for row in found["contrasts"] if row["tier"] == "all"]
    for evaluation in dict.fromkeys(row["eval"] for row in rows):
        table.add_row(f"[bold]{escape(evaluation)}[/]")
        for row in rows:
            if row["eval"] != evaluation:
                continue
            shown = "[green]above 0[/]" if row["low"] > 0 else "not shown"
            shown = "[red]below 0[/]" if row["high"] < 0 else shown
            table.add_row(
                f"  {escape(row['arm'])} − {escape(row['against'])}",
                f"{row['difference']:+.2f} [dim]\\[{row['low']:+.2f}, {row['high']:+.2f}][/]",
                shown,
            )
    return table


def short(path: Path) -> str:
    """A path as short as it can be said from here."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
