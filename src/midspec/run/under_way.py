"""What is under way in a store, for who looks on from another terminal or machine.

A stage that is built keeps a small file beside its work folder, `<name>.progress`: how far it is.
The file goes when the stage is finished; one that failed leaves its reason there.
"""

import fcntl
import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from threading import Lock

from midspec import progress
from midspec.run.lease import every
from midspec.run.stage import Stage

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


@contextmanager
def telling(stage: Stage, work: Path) -> Iterator[None]:
    """Keep the file of a stage while the block builds it; no trouble with it stops the stage."""
    path = _file(work)
    now = time.time()
    title = stage.title or stage.name
    state = UnderWay(work.name, title, platform.node(), began=now, at=now)
    writing = Lock()

    def write(**changes: object) -> None:
        nonlocal state
        partial = path.with_suffix(".partial")
        with writing, suppress(OSError):
            state = replace(state, at=time.time(), **changes)  # type: ignore[arg-type]
            partial.write_text(json.dumps(asdict(state)), encoding="utf-8")
            os.replace(partial, path)

    def hear(done: float, total: float, note: str) -> None:
        nonlocal state
        told = {"done": done, "total": total, "note": note}
        if state.first is None:
            write(first=done, began=time.time(), **told)
        elif time.time() - state.at > TELL_SECONDS:
            write(**told)
        else:
            state = replace(state, **told)  # type: ignore[arg-type]

    write()
    try:
        with progress.overhearing(hear), every(BEAT_SECONDS, write):
            yield
    except Exception as error:
        write(error=str(error) or type(error).__name__)
        raise
    with suppress(OSError):
        path.unlink()


def read_under_way(root: Path) -> list[UnderWay]:
    """What is under way in a store, what failed, and what was stopped, by its title."""
    found = []
    names = {field.name for field in fields(UnderWay)}
    for path in (root / ".work").glob("*.progress"):
        with suppress(OSError, ValueError, TypeError):  # gone, or of another version
            row = json.loads(path.read_text(encoding="utf-8"))
            found.append(UnderWay(**{name: row[name] for name in row if name in names}))
    return sorted(found, key=lambda state: state.title)


def is_running(state: UnderWay, root: Path) -> bool:
    """Whether some process works on it: one on this machine holds its lock, one on another has been
    heard of in the last two minutes."""
    if state.error:
        return False
    if state.machine != platform.node():
        return time.time() - state.at < STALE_SECONDS
    try:
        with open(root / ".work" / f"{state.name}.lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _file(work: Path) -> Path:
    return work.with_name(f"{work.name}.progress")
