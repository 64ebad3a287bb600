"""What the terminal shows: progress while a run goes on, and tables when it is over."""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf, isnan
from pathlib import Path
from threading import Lock
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table

from midspec import progress
from midspec.report.guardrails import Beside
from midspec.report.scores import decimals
from midspec.report.tables import Difference, Result, from_json
from midspec.report.wording import duration, interval, number, p_value, signed
from midspec.run.stage import Stage
from midspec.screen import Screen
from midspec.stats.student import LEVEL
from midspec.text import upper_first

console = Screen()

LONGEST_NAME = 28  # of an arm, that no table of 80 columns cuts
LOG_SECONDS = 30.0  # without a terminal, how often a stage says how far it is


@dataclass
class Running:
    """A stage that runs: its bar, when it began and last wrote a line, and how far it was then."""

    bar: TaskID
    began: float
    said: float
    since: float = 0.0  # when the first report came
    at_first: float | None = None  # a resumed stage doesn't begin at 0

    def left(self, done: float, whole: float, now: float) -> str:
        """About how long it still takes, at the pace since its first report."""
        if self.at_first is None:
            self.since, self.at_first = now, done
        gained = done - self.at_first
        seconds = (whole - done) * (now - self.since) / gained if gained > 0 else 0.0
        return f"{duration(seconds)} left" if seconds > 0 else ""


class Watch:
    """Tells of stages as they run: a bar each in a terminal, a line now and then in a log.

    Of stages that run side by side, one begins with its first report and not when it is told of,
    since it may wait for a place; and its lines carry its title.
    """

    def __init__(self, bars: Progress, total: int, side_by_side: bool) -> None:
        self.bars, self.total, self.side_by_side = bars, total, side_by_side
        self.told: set[str] = set()
        self.running: dict[str, Running] = {}
        self.last: Stage | None = None
        self.lock = Lock()  # reports of stages side by side come from several threads

    def __call__(self, what: str, stage: Stage) -> None:
        """Take in what became of a stage: an Observer."""
        key, title = stage.fingerprint(), escape(stage.title or stage.name)
        with self.lock:
            if what == "start":
                self.last = stage
                if not self.side_by_side:
                    self._begin(stage)
                return
            was = self.running.pop(key, None)
            if was:
                self.bars.remove_task(was.bar)
            if key in self.told:
                return
            self.told.add(key)
        took = f"  {duration(time.monotonic() - was.began)}" if was else ""
        count = f"{len(self.told):>3}/{self.total}"
        console.print(f"[dim]{count}[/] {what:<7} {title}[dim]{took}[/]")

    def report(self, stage: Stage, done: float, whole: float, note: str) -> None:
        """Show how far a stage is."""
        with self.lock:
            if stage.fingerprint() in self.told:
                return  # it came late
            row = self.running.get(stage.fingerprint()) or self._begin(stage)
            now = time.monotonic()
            left = row.left(done, whole, now)
            self.bars.update(row.bar, total=whole, completed=done, note=note, left=left)
            if console.is_terminal or now - row.said <= LOG_SECONDS:
                return
            row.said = now
        left = f"  about {left}" if left else ""
        of = f"  {escape(stage.title or stage.name)}:" if self.side_by_side else ""
        console.print(f"   {of} {done / whole:4.0%}  {escape(note)}{left}")

    def report_last(self, done: float, whole: float, note: str) -> None:
        """Show how far the stage is that began last: a progress listener."""
        if self.last:
            self.report(self.last, done, whole, note)

    def say(self, text: str) -> None:
        """Write a line that stays."""
        console.print(f"    {escape(text)}")

    def _begin(self, stage: Stage) -> Running:
        bar = self.bars.add_task(stage.title or stage.name, total=1.0, note="", left="")
        now = time.monotonic()
        self.running[stage.fingerprint()] = row = Running(bar, now, now)
        return row


@contextmanager
def watching(total: int, side_by_side: bool = False) -> Iterator[Watch]:
    """Show `total` stages as they run, one after another or side by side."""
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[note]}", markup=False),
        TextColumn("[dim]{task.fields[left]}[/]"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bars:
        watch = Watch(bars, total, side_by_side)
        with progress.listening(watch.report_last, watch.say):
            yield watch


def scores_table(rows: Sequence[tuple[str, Result]], title: str) -> Table:
    """What evals say of one model, by the metric's name: the mean with its interval, of choices by
    likelihood the same over decided items and how many these are, and of how many it is."""
    about = f"{escape(title)}, means (95% interval)"
    # Close together, so that words aren't broken in 80 columns.
    table = Table(title=about, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    decides = any(row.decides and row.has_margin for _, row in rows)
    table.add_column("metric", overflow="fold")
    table.add_column("mean", no_wrap=True)
    for name in ("if\ndecided", "decided", "n") if decides else ("n",):
        table.add_column(name, justify="right")
    headed = ""
    for metric, row in rows:
        if row.eval != headed:
            headed = row.eval
            table.add_row(f"[bold]{escape(headed)}[/]")
        mean = f"{number(row.rate)}{_interval(row.low, row.high, 2) if row.groups > 1 else ''}"
        over = ["", ""]
        if row.decides and row.has_margin:
            both = (row.rate_decided, row.decided)
            over = ["" if isnan(share) else number(share) for share in both]
        if not row.readable:
            mean, over = "[yellow]not readable[/]", ["", ""]
        table.add_row(_indented(metric), mean, *(over if decides else []), f"{row.n:,}")
    return table


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
    # Close together, so that no arm's name is cut in 80 columns.
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("arm", overflow="fold", min_width=_room(arms))
    for column in ("score", "if\ndecided", "decided", "gap\nclosed")[: 4 if found["gaps"] else 3]:
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
        name = upper_first(metric["name"])
        table.add_row(f"[bold]{escape(evaluation)}[/]", f"[dim]{escape(name)}[/]")
        for arm in arms:
            if (row := pooled.get((evaluation, arm))) is not None:
                table.add_row(_indented(arm), *_cells(row, metric, found["gaps"]))
    return table


def _cells(row: dict[str, Any], metric: dict[str, Any], gaps: dict[str, list[str]]) -> list[str]:
    """A score with its interval, and what it must be read with."""
    if not row["readable"]:
        return ["[yellow]not readable[/]"]
    digits = _digits(metric)
    closed = _number(row["gap_closed"])
    if row["gap_closed"] is None and row["arm"] not in gaps.get(row["eval"], [row["arm"]]):
        closed = "undefined"
    score = f"{number(row['rate'], digits)}{_interval(row['low'], row['high'], digits)}"
    cells = [score, _number(row["rate_decided"]), _number(row["decided"])]
    return [*cells, closed] if gaps else cells


def _number(value: float | None) -> str:
    return "" if value is None else number(value)


def contrasts_table(found: dict[str, Any]) -> Table:
    """The paired differences that the experiment asks for, all tiers together; the p is Holm's."""
    title = "Paired differences, all tiers (95% interval; p after Holm's correction)"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("arm − against", overflow="fold")
    table.add_column("difference", no_wrap=True)
    table.add_column("", no_wrap=True)
    rows = [row for each in found["contrasts"] if (row := from_json(Difference, each)).claim]
    for evaluation in dict.fromkeys(row.eval for row in rows):
        table.add_row(f"[bold]{escape(evaluation)}[/]")
        for row in rows:
            if row.eval == evaluation:
                pair = _indented(f"{row.arm} − {row.against}")
                table.add_row(pair, _difference(row), _verdict(row))
    return table


def _room(names: Iterable[str]) -> int:
    """What a column takes that is to cut no name, of those that aren't very long."""
    return 2 + max((len(name) for name in names if len(name) <= LONGEST_NAME), default=0)


def _indented(name: str) -> Padding:
    """A name under its eval; if it takes several lines, each of them."""
    return Padding(escape(name), (0, 0, 0, 2))


def _difference(row: Difference) -> str:
    if not row.readable or isnan(row.difference):
        return "–"
    return f"{signed(row.difference, row.digits)}{_interval(row.low, row.high, row.digits)}"


def _verdict(row: Difference) -> str:
    """What can be said of one difference by itself."""
    if not row.readable:
        return "[yellow]not readable[/]"
    if isnan(row.p_holm):
        return "not compared"
    p = f" [dim]p {p_value(row.p_holm)}[/]"
    if row.p_holm >= LEVEL:
        return f"not shown{p}"
    above = row.low > 0
    good = above != (row.better == "lower")
    return f"[{'green' if good else 'red'}]{'above' if above else 'below'} 0[/]{p}"


def remarks(found: dict[str, Any], arms: Sequence[str]) -> list[str]:
    """What must be read beside the tables, a line each: guardrails that are clearly worse than the
    base arm's, and what the comparisons could have shown."""
    cells = [from_json(Beside, row) for row in found["guardrails"]]
    return [*gave_way(cells, arms), *(f"[dim]{escape(one['said'])}[/]" for one in found["power"])]


def gave_way(cells: Sequence[Beside], arms: Sequence[str]) -> list[str]:
    """The guardrails that are clearly worse than the base arm's, a line for each arm with one."""
    worse = {
        arm: "; ".join(cell.told for cell in cells if cell.worse and cell.arm == arm)
        for arm in arms
    }
    lines = [f"  {escape(arm)}: {escape(told)}" for arm, told in worse.items() if told]
    if cells:
        what = "clearly worse than the base arm's, or another value that moved"
        lines = [f"Guardrails {what}:", *lines] if lines else [f"No guardrail is {what}."]
    return lines


def _digits(metric: dict[str, Any]) -> int:
    """How many decimals an eval's scores are told with; a scale without an end has null there."""
    ends = metric["low"], metric["high"]
    return decimals(inf if None in ends else ends[1] - ends[0])


def _interval(low: float | None, high: float | None, digits: int) -> str:
    between = "" if low is None or high is None else interval(low, high, digits)
    return f" [dim]{escape(between)}[/]" if between else ""


def short(path: Path) -> str:
    """A path as short as it can be said from here."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
