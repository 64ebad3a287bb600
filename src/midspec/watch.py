"""A run seen from a second terminal: its stages under way, read from the store."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import fmean

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from midspec.errors import StoreError
from midspec.files import read_object
from midspec.report.wording import duration
from midspec.run.bucket import Bucket
from midspec.run.remote import find_remote
from midspec.run.stage import MANIFEST, Stage
from midspec.run.under_way import ENDING, UnderWay, is_running, read_under_way
from midspec.run.view import SHOW_SECONDS, View
from midspec.train.metrics import FILE, Metric, Tail

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 12  # of a curve, in letters: all of a row has room in 80 columns
LAST = 20  # steps over which a speed is told
FINISHED_SHOWN = 8
LOOK_SECONDS = 1.0
QUIET_SECONDS = 15.0  # without a stage under way, a run is over: between two stages takes less
START_SECONDS = 60.0  # that it may take until there is a first one


@dataclass
class Watched:
    """A store, or those of its stages that somebody asks for: `wanted` by folder name, or all.

    root: its folder, or the mirror of one at a URL, where stages of all machines are looked at.
    title: what it is called; last: the folder that ends the run, if it is known.
    """

    root: Path
    title: str
    wanted: dict[str, str] | None = None
    last: str = ""
    tails: dict[str, Tail] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)
    seen: float | None = None  # when something was last under way
    view: View | None = field(init=False)

    def __post_init__(self) -> None:
        remote = find_remote(self.root)
        self.view = View(remote.bucket) if remote else None

    @property
    def shown(self) -> Path:
        """The folder that is looked at."""
        return self.view.root if self.view else self.root

    @property
    def look_seconds(self) -> float:
        """How long until there may be something new to see."""
        return SHOW_SECONDS if self.view else LOOK_SECONDS

    def frame(self) -> tuple[RenderableType, bool]:
        """What there is to see now, and whether that was the end."""
        if self.view:
            self.view.refresh(self.wanted)
        states = [s for s in read_under_way(self.shown) if self._is_wanted(s.name)]
        states = [s for s in states if not (self.shown / s.name / MANIFEST).exists()]
        running = [is_running(state, self.root) for state in states]
        finished = self._finished()
        ended = self._is_done() or self._is_quiet(any(running))
        table = _table()
        for name in finished[-FINISHED_SHOWN:]:
            table.add_row(*self._finished_row(name), style="dim")
        for state, runs in zip(states, running, strict=True):
            table.add_row(*self._row(state, runs))
        return Group(self._head(len(finished), sum(running), ended), table), ended

    def _is_quiet(self, running: bool) -> bool:
        """Whether nothing has been under way for so long that nothing is to be expected."""
        now = time.monotonic()
        if running:
            self.seen = now
        if self.seen is None:
            return now - self.began > START_SECONDS
        return now - self.seen > QUIET_SECONDS

    def _is_wanted(self, name: str) -> bool:
        return self.wanted is None or name in self.wanted

    def _is_done(self) -> bool:
        return bool(self.last) and (self.shown / self.last / MANIFEST).exists()

    def _finished(self) -> list[str]:
        """Finished stages, the last one last."""
        names = self.wanted or [path.parent.name for path in self.shown.glob(f"*/{MANIFEST}")]
        times = {}
        for name in names:
            manifest = self.shown / name / MANIFEST
            if manifest.exists():
                times[name] = manifest.stat().st_mtime
        return sorted(times, key=times.__getitem__)

    def _head(self, finished: int, running: int, ended: bool) -> str:
        of = f" of {len(self.wanted)}" if self.wanted else ""
        said = f"[bold]{escape(self.title)}[/]  {finished}{of} stages done, {running} under way"
        return said + (". The run has stopped." if ended and not self._is_done() else "")

    def _finished_row(self, name: str) -> list[str]:
        try:
            manifest = read_object(self.shown / name / MANIFEST)
        except StoreError:
            return [escape(name)]
        if self.view:
            self.view.fetch_metrics(name)
        rows = self._tail(self.shown / name / FILE).refresh()
        title = str(manifest.get("title") or name)
        return [escape(title), "done", _loss(rows), "", "", duration(manifest.get("seconds", 0))]

    def _row(self, state: UnderWay, runs: bool) -> list[str]:
        """A stage that isn't finished: a training with its loss, others with what they say."""
        rows = self._tail(self.shown / ".work" / state.name / FILE).refresh()
        far = f"{state.done:,.0f}/{state.total:,.0f}" if state.total > 1 else f"{state.done:.0%}"
        if state.error:
            return [escape(state.title), "[red]failed[/]", escape(state.error.split(". ")[0]), far]
        if not runs:
            return [escape(state.title), "[yellow]stopped[/]", _loss(rows), far]
        what = _loss(rows) or escape(state.note)
        left = state.seconds_left
        return [
            escape(state.title),
            "[green]runs[/]",
            what,
            far,
            _speed(rows),
            f"{duration(left)} left" if left is not None else "",
        ]

    def _tail(self, path: Path) -> Tail:
        return self.tails.setdefault(str(path), Tail(path))


def watch_stages(root: Path, title: str, stages: Sequence[Stage], last: Stage) -> Watched:
    """Watch the stages of an experiment, up to its last one."""
    wanted = {stage.path(root).name: stage.title or stage.name for stage in stages}
    return Watched(root, title, wanted, last.path(root).name)


def watch_folder(path: Path) -> Watched | None:
    """Watch a whole store, or one stage by its folder, finished or not; None if it is neither."""
    if (path / "store.json").exists():
        return Watched(path, str(path))
    root = path.parent.parent if path.parent.name == ".work" else path.parent
    told = (root / path.name / MANIFEST, root / ".work" / f"{path.name}{ENDING}")
    if (root / "store.json").exists() and any(one.exists() for one in told):
        return Watched(root, path.name, {path.name: path.name}, path.name)
    return None


def watch_url(url: str, mirror: Callable[[str], Path]) -> Watched | None:
    """Watch a whole store at a URL, or one stage by its folder there; None if it is neither.

    `mirror` finds this machine's mirror of a store.
    """
    above, _, name = url.rstrip("/").rpartition("/")
    if Bucket(url).exists("store.json"):
        return Watched(mirror(url), url)
    store = Bucket(above) if not above.endswith("/") else None  # memory://x lies in no folder
    if store is None or not store.exists("store.json"):
        return None
    known = any(store.exists(one) for one in (f"{name}/{MANIFEST}", f".work/{name}{ENDING}"))
    return Watched(mirror(above), name, {name: name}, name) if known else None


def curve(values: Sequence[float], width: int = WIDTH) -> str:
    """Values as a line of bars, the mean of as many in each; the lowest is the lowest bar."""
    count = min(width, len(values))
    edges = [round(n * len(values) / count) for n in range(count + 1)] if count else []
    means = [fmean(values[a:b]) for a, b in pairwise(edges)]
    low, high = min(means, default=0.0), max(means, default=0.0)
    step = (high - low) / (len(BARS) - 1) or 1.0
    return "".join(BARS[round((mean - low) / step)] for mean in means)


def _loss(rows: Sequence[Metric]) -> str:
    """A training's loss as a curve and a number, and what is to be seen beside it."""
    if not rows:
        return ""
    told = f"{curve([row['loss'] for row in rows])} {rows[-1]['loss']:.2f}"
    held_out = [row["held_out_loss"] for row in rows if "held_out_loss" in row]
    spikes = sum(row.get("spike", False) for row in rows)
    told += f" [dim]held out {held_out[-1]:.2f}[/]" if held_out else ""
    return told + (f" [yellow]{spikes} spike{'s' * (spikes > 1)}[/]" if spikes else "")


def _speed(rows: Sequence[Metric]) -> str:
    last = rows[-LAST:]
    seconds = sum(row["seconds"] for row in last)
    return f"{sum(row['tokens'] for row in last) / seconds:,.0f}" if seconds else ""


def _table() -> Table:
    """An empty one; in a narrow terminal it is titles that give way."""
    table = Table(box=SIMPLE_HEAD)
    table.add_column("stage", overflow="fold")
    for name in ("", "loss", "step", "tokens/s", "time"):
        right = name in ("step", "tokens/s", "time")
        table.add_column(name, justify="right" if right else "left", no_wrap=True)
    return table
