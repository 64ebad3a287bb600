"""What is under way in a store, for who looks on from another terminal or machine.

A stage that is built keeps a small file beside its work folder, `<name>.progress`: how far it is.
The file goes when the stage is finished; one that failed leaves its reason there.
"""

import fcntl
import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from threading import Lock

from midspec import progress
from midspec.errors import StoreError
from midspec.keys import without_keys
from midspec.run.lease import every
from midspec.run.stage import Stage

ENDING = ".progress"
TELL_SECONDS = 1.0
BEAT_SECONDS = 15.0  # a stage may have nothing to tell for long
STALE_SECONDS = 120.0


@dataclass(frozen=True)
class UnderWay:
    """How far a stage is: `done` of `total`, and what it said last.

    first: `done` at the first report of this process, since a stage that goes on after a kill
    doesn't begin at 0; began: when that was; at: when the file was written. Times are seconds since
    the epoch. error: why it failed, if it did.
    """

    name: str
    title: str
    machine: str
    began: float
    at: float
    done: float = 0.0
    total: float = 1.0
    note: str = ""
    first: float | None = None
    error: str = ""

    @property
    def seconds_left(self) -> float | None:
        """At the pace since this process began; None while there is none."""
        if self.first is None or self.done <= self.first:
            return None
        return (self.total - self.done) * (self.at - self.began) / (self.done - self.first)


class Teller:
    """Keeps what is known of a stage that is built, and has `put` write it down as a line of text.
    No trouble with that stops the stage."""

    def __init__(self, stage: Stage, work: Path, put: Callable[[str], None]) -> None:
        now = time.time()
        title = stage.title or stage.name
        self.state = UnderWay(work.name, title, platform.node(), began=now, at=now)
        self.put, self.writing = put, Lock()
        self.is_written = False  # whether nothing was heard since

    def hear(self, done: float, total: float, note: str) -> None:
        """Take in a report. The pace is counted from the last one before which nothing was done, so
        that it isn't that of loading a model."""
        if self.state.first is None or self.state.done == 0:
            self.state = replace(self.state, first=done, began=time.time())
        self.state = replace(self.state, done=done, total=total, note=note)
        self.is_written = False

    def write(self, error: str = "") -> None:
        """Write it down as it is now."""
        with self.writing, suppress(OSError, StoreError):
            self.is_written = True
            self.state = replace(self.state, at=time.time(), error=without_keys(error))
            self.put(json.dumps(asdict(self.state)))

    @contextmanager
    def failing(self) -> Iterator[None]:
        """Write down why the block fails, if it does."""
        try:
            yield
        except Exception as error:
            self.write(str(error) or type(error).__name__)
            raise


@contextmanager
def telling(stage: Stage, work: Path) -> Iterator[None]:
    """Keep the file of a stage while the block builds it."""
    path = work.with_name(work.name + ENDING)

    def put(text: str) -> None:
        partial = path.with_suffix(".partial")
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)

    teller = Teller(stage, work, put)

    def hear(done: float, total: float, note: str) -> None:
        is_first = teller.state.first is None
        teller.hear(done, total, note)
        if is_first or time.time() - teller.state.at > TELL_SECONDS:
            teller.write()

    teller.write()
    with teller.failing(), progress.overhearing(hear), every(BEAT_SECONDS, teller.write):
        yield
    with suppress(OSError):
        path.unlink()


def read_under_way(root: Path) -> list[UnderWay]:
    """What is under way in a store, what failed, and what was stopped, by its title."""
    found = []
    names = {field.name for field in fields(UnderWay)}
    for path in (root / ".work").glob(f"*{ENDING}"):
        with suppress(OSError, ValueError, TypeError):  # gone, or of another version
            row = json.loads(path.read_text(encoding="utf-8"))
            found.append(UnderWay(**{name: row[name] for name in row if name in names}))
    return sorted(found, key=lambda state: state.title)


def is_running(state: UnderWay, root: Path) -> bool:
    """Whether some process works on it: one on this machine holds its lock, which lies in `root`,
    one on another has been heard of in the last two minutes."""
    if state.error:
        return False
    lock = root / ".work" / f"{state.name}.lock"
    if state.machine != platform.node() or not lock.exists():  # or under another home folder
        return time.time() - state.at < STALE_SECONDS
    try:
        with open(lock) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
