"""What isn't finished, carried between a folder of this machine and a store at a URL."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from midspec import progress
from midspec.errors import StoreError
from midspec.files import disk_errors, write_text
from midspec.run.bucket import Bucket
from midspec.run.lease import every

CARRY_SECONDS = 300.0  # what another machine has to do again at most, if this one dies


@contextmanager
def carried(bucket: Bucket, work: Path, mine: str) -> Iterator[None]:
    """Begin with the work folder of whoever worked last, and send this one's now and then and if
    the block fails. `mine` tells this machine's work from another's. What was sent stays until
    `drop_carried`, since the result is only safe once it is sent, too."""
    at = f".work/{work.name}"
    last = bucket.read(f"{at}.carrier")
    if last not in (None, mine):
        progress.report(0, 1, "fetching what another machine has done")
        shutil.rmtree(work, ignore_errors=True)
        with disk_errors(work):
            bucket.download(at, bucket.names(at), work)
    sent: dict[str, tuple[int, int]] = {}

    def send() -> None:
        bucket.write(f"{at}.carrier", mine)
        now = _state(work)
        bucket.upload(work, [name for name in now if now[name] != sent.get(name)], at)
        for name in bucket.names(at).keys() - now.keys():
            bucket.remove(f"{at}/{name}")
        sent.update(now)

    try:
        with every(CARRY_SECONDS, send):
            yield
    except BaseException:
        with suppress(StoreError):  # the failure itself is what there is to tell
            send()
        raise


def drop_carried(bucket: Bucket, name: str) -> None:
    """Remove the work on a stage that is finished."""
    for left in (f".work/{name}.carrier", f".work/{name}"):
        bucket.remove(left)


@contextmanager
def shared_lines(bucket: Bucket, at: str, folder: Path, mine: str) -> Iterator[None]:
    """Add to the files of a folder the lines that any machine has sent, and send those that the
    block appends. The files are ledgers: their lines stay, and their order doesn't matter.

    Each machine writes below a name of its own, so that none can undo what another has sent.
    """
    for name in bucket.names(at):
        _merge(bucket.read(f"{at}/{name}") or "", folder / name.partition("/")[2])
    sent = bucket.names(f"{at}/{mine}")

    def send() -> None:
        now = {name: size for name, (size, _) in _state(folder).items() if name[-6:] == ".jsonl"}
        bucket.upload(folder, [name for name in now if now[name] != sent.get(name)], f"{at}/{mine}")
        sent.update(now)

    try:
        with every(CARRY_SECONDS, send):
            yield
    finally:
        send()


def _state(folder: Path) -> dict[str, tuple[int, int]]:
    """The files below a folder, with what changes when they do; without what is half written."""
    found = {}
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            if path.is_file() and ".partial" not in str(path.relative_to(folder)):
                about = path.stat()
                found[str(path.relative_to(folder))] = (about.st_size, about.st_mtime_ns)
    return found


def _merge(text: str, path: Path) -> None:
    """Append the lines that a file lacks, unless somebody asks an LLM with it just now."""
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(f"{path}.lock", "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            here = path.read_text(encoding="utf-8") if path.exists() else ""
            lines = here.split("\n")[:-1]  # half a line is nobody's answer
            known = set(lines)
            lines += [line for line in text.split("\n")[:-1] if line not in known]
            write_text(path, "".join(f"{line}\n" for line in lines))
