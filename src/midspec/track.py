"""Metrics of trainings for an experiment tracker, beside the files that midspec writes itself.

A tracker follows the files in the store, so it makes no difference which process trains, or where.
How far it is with each of them is kept on the disk, so that after a kill no step is told twice.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

from rich.markup import escape

from midspec.console import console
from midspec.errors import ConfigError, StoreError
from midspec.files import write_text
from midspec.run.build import Observer
from midspec.run.lease import every
from midspec.run.remote import find_remote
from midspec.run.stage import Stage
from midspec.run.view import SHOW_SECONDS, View
from midspec.train.metrics import FILE, Metric, Tail

TRACKERS = {"trackio": "trackio", "wandb": "wandb", "tensorboard": "torch.utils.tensorboard"}
LOOK_SECONDS = 2.0


class Board(Protocol):
    """One training in a tracker."""

    def log(self, values: Metric, step: int) -> Any:
        """Take in the metrics of a step."""

    def finish(self) -> Any:
        """Write down all that it has."""


Open = Callable[[Stage], Board]


class Tensorboard:
    """A training in TensorBoard: a folder of events."""

    def __init__(self, folder: Path) -> None:
        writer = import_module(TRACKERS["tensorboard"]).SummaryWriter
        self.writer = writer(log_dir=str(folder))

    def log(self, values: Metric, step: int) -> None:
        """Take in the metrics of a step."""
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def finish(self) -> None:
        """Write down all that it has."""
        self.writer.close()


def opener(kind: str, project: str, root: Path) -> Open:
    """How a training is opened in a tracker; one that isn't there is a ConfigError.

    Its name is the stage's title, and its identity the stage's folder, which a rerun goes on with.
    """
    if kind not in TRACKERS:
        raise ConfigError(f"--track {kind} is not known. Use {', '.join(TRACKERS)}.")
    try:
        module = import_module(TRACKERS[kind])
    except ImportError as error:
        raise ConfigError(
            f"--track {kind} needs a package that isn't installed. Run: pip install {kind}"
        ) from error
    if kind == "tensorboard":
        return lambda stage: Tensorboard(root / kind / f"{_slug(stage)} {stage.path(root).name}")
    if kind == "trackio":  # a run is known by its name
        return lambda stage: module.init(
            project=project,
            name=f"{stage.title} {stage.fingerprint()}",
            config=stage.recipe,
            resume="allow",
            embed=False,
        )
    module.login()  # asks for a key now, where there is a terminal, and not in the middle
    return lambda stage: module.init(
        project=project,
        name=stage.title,
        id=stage.path(root).name,
        config=stage.recipe,
        resume="allow",
        reinit="create_new",
        dir=str(root),
    )


@dataclass
class Following:
    """A stage that is followed: its rows, how many were sent, its board once there is a row."""

    stage: Stage
    tail: Tail
    sent: int
    board: Board | None = None
    failed: bool = False


class Tracker:
    """An Observer that follows the trainings among the stages that it is told of."""

    def __init__(self, kind: str, project: str, root: Path) -> None:
        self.kind, self.root = kind, root
        self.open = opener(kind, project, root)
        remote = find_remote(root)
        self.view = View(remote.bucket) if remote else None
        self.shown = self.view.root if self.view else root
        self.look_seconds = SHOW_SECONDS if remote else LOOK_SECONDS
        self.following: dict[str, Following] = {}
        self.lock = Lock()  # stages end in one thread while another looks

    def __call__(self, what: str, stage: Stage) -> None:
        """Follow a stage from its start to its end; one without metrics has no board."""
        with self.lock:
            if what == "start":
                done = self._sent(stage)
                tail = Tail(self.shown / ".work" / stage.path(self.root).name / FILE)
                self.following[stage.fingerprint()] = Following(stage, tail, done)
            elif found := self.following.pop(stage.fingerprint(), None):
                if what == "done":
                    found.tail = Tail(stage.path(self.shown) / FILE)
                self._refresh([found], is_done=what == "done")
                self._send(found, is_over=True)

    def look(self) -> None:
        """Send what came since it last looked."""
        with self.lock:
            self._refresh(list(self.following.values()))
            for found in self.following.values():
                self._send(found)

    def close(self) -> None:
        """Send what there is of trainings that didn't end."""
        for found in list(self.following.values()):
            self("stopped", found.stage)

    def _refresh(self, following: Sequence[Following], is_done: bool = False) -> None:
        """Of a store at a URL, fetch what has come; what can't be fetched now is fetched later."""
        if not self.view or not following:
            return
        names = {found.stage.path(self.root).name for found in following}
        with suppress(StoreError):
            self.view.refresh(names)
            for name in names if is_done else ():
                self.view.fetch_metrics(name)

    def _send(self, found: Following, is_over: bool = False) -> None:
        """Send new rows. A tracker that fails is told of once and let go; the run goes on."""
        try:
            for row in [] if found.failed else found.tail.refresh()[found.sent :]:
                found.board = found.board or self.open(found.stage)
                values = {name: float(value) for name, value in row.items() if name != "step"}
                found.board.log(values, step=row["step"])
                found.sent = row["step"] + 1
            if is_over and found.board and not found.failed:
                found.board.finish()
        except Exception as error:  # of a library that may raise anything
            console.print(
                f"    {escape(f'{self.kind} failed; this stage goes on without: {error}')}"
            )
            found.failed = True
        with suppress(OSError, StoreError):
            write_text(self._mark(found.stage), str(found.sent))

    def _sent(self, stage: Stage) -> int:
        """How many rows were sent before; none where that can't be read."""
        try:
            return int(self._mark(stage).read_text())
        except (OSError, ValueError):
            return 0

    def _mark(self, stage: Stage) -> Path:
        return self.root / ".work" / f"{stage.path(self.root).name}.{self.kind}"


@contextmanager
def tracking(kind: str, project: str, root: Path) -> Iterator[Observer]:
    """Send the metrics of all trainings inside the block to a tracker; none where `kind` is ""."""
    if not kind:
        yield lambda what, stage: None
        return
    tracker = Tracker(kind, project, root)
    try:
        with every(tracker.look_seconds, tracker.look):
            yield tracker
    finally:
        tracker.close()


def _slug(stage: Stage) -> str:
    return re.sub(r"[^\w.+-]+", "-", stage.title)[:100].strip("-")
