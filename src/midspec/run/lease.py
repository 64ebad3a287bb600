"""Who builds a stage now, among machines that share a store.

A kernel's lock is exact, and freed at once when its holder dies, but it reaches one machine only:
it is taken first. A lease reaches every machine that sees the store. It is a file that its owner
keeps changing; one that hasn't changed for two minutes is taken over by creating the next one, of
which only one machine can be the creator.
"""

import _thread
import errno
import fcntl
import json
import os
import platform
import signal
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from time import monotonic, sleep

from midspec import progress
from midspec.errors import StoreError
from midspec.files import disk_errors
from midspec.run.bucket import Bucket

BEAT_SECONDS = 15.0
STALE_SECONDS = 120.0
LOOK_SECONDS = 2.0
NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK)


@contextmanager
def locked(path: Path) -> Iterator[str]:
    """Hold a lock among the processes of this machine; yields which lock of which kernel it is.

    Some shared folders know no locks; there the lease has to do alone.
    """
    with disk_errors(path):
        lock = open(path, "w")  # noqa: SIM115 - closed below, which frees the lock
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            yield uuid.uuid4().hex
            return
        # Two containers may call two folders by one path; the file's device and number differ.
        file = os.fstat(lock.fileno())
        yield f"{_kernel()} {file.st_dev} {file.st_ino}"


class Lease:
    """One holder's claim: the file `<name>-<generation>`, of which the highest one counts."""

    def __init__(self, bucket: Bucket, name: str, lock: str) -> None:
        self.bucket, self.name = bucket, name
        self.owner = {
            "lock": lock,
            "machine": platform.node(),
            "process": os.getpid(),
            "id": uuid.uuid4().hex,
        }
        self.beats = self.generation = 0
        self.lost = False
        self.thread = threading.current_thread()
        self.turn = threading.Lock()  # a file that is being written reads as nobody's

    def take(self) -> None:
        """Claim it, waiting while its holder is heard of."""
        seen, since = "", monotonic()
        while True:
            newest = max(self._held(), default=0)
            text = self.bucket.read(self._file(newest)) if newest else ""
            if text is not None:  # else it was given up just now
                if text != seen:
                    seen, since = text, monotonic()
                silent = monotonic() - since > STALE_SECONDS
                if (not newest or silent or self._dead(text)) and self._claim(newest, text):
                    return
            progress.report(0, 1, f"waiting for {_machine(seen)}, which works on it")
            sleep(LOOK_SECONDS)

    def _claim(self, newest: int, text: str) -> bool:
        """Create the generation after `newest`; not valid if that was renewed in the meantime."""
        self.generation = newest + 1
        if not self.bucket.create(self._file(self.generation), self._text()):
            return False
        before = self.bucket.read(self._file(newest)) if newest else text
        if max(self._held()) == self.generation and before == text:
            return True
        self.bucket.remove(self._file(self.generation))
        return False

    def beat(self) -> None:
        """Let others see that the holder lives; a holder that lost it is interrupted."""
        with self.turn:
            if self._is_mine():
                self.beats += 1
                self.bucket.write(self._file(self.generation), self._text())
                return
            self.lost = True
        if self.thread is threading.main_thread():
            _interrupt(self.thread)

    def check(self) -> None:
        """A StoreError if another machine has taken the stage over."""
        with self.turn:
            self.lost = self.lost or not self._is_mine()
        if self.lost:
            raise StoreError(
                f"Nothing was heard of this process for {STALE_SECONDS:.0f} s, so another machine "
                "took the stage over and goes on with it. Run the same command again to wait for "
                "it."
            )

    def release(self) -> None:
        """Give it up, with what earlier holders left; a lost one is another's to give up."""
        if not self.lost and self._is_mine():
            for generation in self._held():
                self.bucket.remove(self._file(generation))

    def _file(self, generation: int) -> str:
        return f"{self.name}-{generation}"

    def _held(self) -> list[int]:
        return sorted(int(rest) for rest in self.bucket.beginning(f"{self.name}-"))

    def _is_mine(self) -> bool:
        text = self.bucket.read(self._file(self.generation)) or ""
        return str(self.owner["id"]) in text and max(self._held()) == self.generation

    def _dead(self, text: str) -> bool:
        """Whether the holder had the lock that this process has now: then it doesn't live."""
        return _read(text).get("lock") == self.owner["lock"]

    def _text(self) -> str:
        return json.dumps({**self.owner, "beat": self.beats})


@contextmanager
def leased(bucket: Bucket, name: str, lock: str) -> Iterator[Lease]:
    """Hold the lease `name` in a bucket, under a lock of this machine that is held already."""
    lease = Lease(bucket, name, lock)
    lease.take()
    try:
        with every(BEAT_SECONDS, lease.beat):
            yield lease
    except KeyboardInterrupt:
        if lease.lost:
            lease.check()
        raise
    finally:
        with suppress(StoreError):  # one that can't be given up grows stale
            lease.release()


@contextmanager
def every(seconds: float, act: Callable[[], None]) -> Iterator[None]:
    """Do something now and then while the block runs; where it fails it is tried again later."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(seconds):
            try:
                act()
            except (OSError, StoreError):
                continue

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _interrupt(main: threading.Thread) -> None:
    """What Ctrl-C does, to wake it even where it waits; Ray's workers block the signal itself."""
    if signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ()):
        _thread.interrupt_main()
    elif main.ident:
        signal.pthread_kill(main.ident, signal.SIGINT)


@cache
def _kernel() -> str:
    """What tells one running kernel from another: containers on one machine have it in common."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return f"{platform.node()} {uuid.getnode()}"


def _machine(text: str) -> str:
    return str(_read(text).get("machine") or "another machine")


def _read(text: str) -> dict[str, object]:
    """What a lease says; nothing while it is being written."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
