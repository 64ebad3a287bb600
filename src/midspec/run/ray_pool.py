"""Stages as tasks of Ray, on this machine or a cluster; one whose worker dies is run again.

Stages that ask a provider's LLM stay in the process that was started, one at a time: it has the
keys, which so never leave it, and it waits for a network more than it computes.
"""

import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, ExitStack, suppress
from contextvars import copy_context
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from midspec import __version__, progress
from midspec.errors import ConfigError, MidspecError, StoreError
from midspec.run.build import build
from midspec.run.lease import every
from midspec.run.stage import Source, Stage

ATTEMPTS = 3  # a stage that kills its worker so often would kill the next one, too
TELL_SECONDS = 0.5
LAST_WORDS_SECONDS = 20.0  # for stages to write down what they have when a run is stopped
OBJECT_STORE = 100 * 1024 * 1024  # bytes; stages pass folders, not objects

Make = Callable[[Stage, Path], Path]


@dataclass(frozen=True)
class Around:
    """What a stage finds in whatever process runs it: limits and environment of the run.

    within: entered around the stage; it is pickled. environment: set in workers; never a secret.
    cores: for a stage that computes with weights on a CPU. version: of the midspec that started it.
    """

    within: Callable[[], AbstractContextManager[None]]
    environment: Mapping[str, str]
    cores: int = 1
    version: str = __version__


@dataclass(frozen=True)
class Listener:
    """Who is told how far a stage is, and what is to stay on the screen."""

    report: Callable[[Stage, float, float, str], None]
    say: Callable[[str], None]


class RayPool(Executor):
    """Runs stages on the cluster at `address`, or on one of its own on this machine.

    `here` knows the stages that must run in this process.
    """

    def __init__(
        self, address: str | None, around: Around, here: Callable[[Stage], bool], tell: Listener
    ) -> None:
        need_ray()
        import ray

        self.ray, self.address, self.around, self.here, self.tell = (
            ray, address, around, here, tell
        )  # fmt: skip
        own = {"include_dashboard": False, "object_store_memory": OBJECT_STORE}
        try:
            ray.init(
                address or "local",
                logging_level="ERROR",
                log_to_driver=False,
                **({} if address else own),
            )
        except Exception as error:  # of a start that takes too long, Ray raises just that
            where = f"Ray at {address}" if address else "Ray on this machine"
            raise ConfigError(f"{where} can't be reached: {_words(error)}") from error
        self.board = ray.remote(Board).options(num_cpus=0, max_restarts=-1).remote()
        self.task = ray.remote(_build_there)
        self.one_at_a_time = Lock()
        self.running: dict[Any, Stage] = {}
        self.stages: dict[str, Stage] = {}
        self.closing = False
        self.polling = ExitStack()
        self.polling.enter_context(every(TELL_SECONDS, self._read_board))

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """`fn(stage, root)` in a worker, or here; the threads that wait end with the process."""
        future: Future[Any] = Future()
        stage = args[0]
        work = self._build_here if self.here(stage) else self._follow

        def settle() -> None:
            try:
                future.set_result(work(fn, *args))
            except BaseException as error:
                future.set_exception(error)

        Thread(target=copy_context().run, args=(settle,), daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Stop what still runs, leaving it time to write down how far it is."""
        self.closing = True
        try:
            left = list(self.running)
            for task in left:
                self.ray.cancel(task)
            if left:
                self.ray.wait(left, num_returns=len(left), timeout=LAST_WORDS_SECONDS)
            self.polling.close()
            self._read_board()
        finally:
            self.ray.shutdown()

    def _build_here(self, make: Make, stage: Stage, root: Path) -> Path:
        def report(done: float, total: float, note: str) -> None:
            self.tell.report(stage, done, total, note)

        with self.one_at_a_time, progress.listening(report, self.tell.say):
            report(0, 1, "")
            return make(stage, root)

    def _follow(self, make: Make, stage: Stage, root: Path) -> Path:
        """Have a worker build it; another one, if that dies. What the stage raises is raised."""
        from ray.exceptions import RayError, RayTaskError

        cpus, gpus = self._needs(stage)
        self.stages[stage.fingerprint()] = stage
        died = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                title = stage.title or stage.name
                self.tell.say(f"The worker of {title} died; it is run again. Ray says: {died}")
            task = self.task.options(
                num_cpus=cpus, num_gpus=gpus, max_retries=0, name=stage.title or stage.name
            ).remote(make, stage, root, self.around, cpus, self.board)
            self.running[task] = stage
            try:
                self.ray.get(task)
                return stage.path(root)
            except RayTaskError as error:
                raise _cause(error) from None
            except RayError as error:
                if self.closing:
                    raise
                died = _words(error)
            finally:
                del self.running[task]
        raise MidspecError(
            f"{ATTEMPTS} workers died over it. Ray says of the last one: {died} If it was memory, "
            "give the stage a machine with more, or run fewer at once (--cores)."
        )

    def _needs(self, stage: Stage) -> tuple[int, int]:
        """The CPUs and GPUs of a stage; what no machine has is a ConfigError."""
        asked, have = stage.resources, self.ray.cluster_resources()
        cpus, gpus = 1, 0
        if asked:
            if asked.machines > 1:
                raise ConfigError(
                    f"resources.machines is {asked.machines}, but with --engine ray a stage runs "
                    "on one machine; arms and seeds run side by side. Set machines: 1."
                )
            on_gpu = asked.device == "cuda" or (asked.device == "auto" and have.get("GPU", 0) > 0)
            gpus = asked.processes if on_gpu else 0
            cpus = asked.processes if on_gpu else max(asked.processes, self.around.cores)
        for name, needs in (("GPU", gpus), ("CPU", cpus)):
            if needs > (has := have.get(name, 0)):
                said = f"needs {needs} {name}s and Ray has {has:.0f}"
                if not self.address:
                    raise ConfigError(f"The stage {said}. Lower resources or --cores.")
                self.tell.say(f"{stage.title or stage.name} {said}: it waits for more.")
        return cpus, gpus

    def _read_board(self) -> None:
        with suppress(self.ray.exceptions.RayError, RuntimeError):
            reports, said = self.ray.get(self.board.take.remote(), timeout=60)
            for text in said:
                self.tell.say(text)
            for fingerprint, row in reports.items():
                self.tell.report(self.stages[fingerprint], *row)


class Board:
    """An actor: what workers tell, until the process that was started asks for it."""

    def __init__(self) -> None:
        self.reports: dict[str, tuple[float, float, str]] = {}
        self.said: list[str] = []

    def report(self, fingerprint: str, done: float, total: float, note: str) -> None:
        """A stage is so far; only the last such report of a stage counts."""
        self.reports[fingerprint] = (done, total, note)

    def say(self, text: str) -> None:
        """Something that is to stay on the screen."""
        self.said.append(text)

    def take(self) -> tuple[dict[str, tuple[float, float, str]], list[str]]:
        """What came since it was last asked."""
        taken = self.reports, self.said
        self.reports, self.said = {}, []
        return taken


def need_ray() -> None:
    """Ray is an extra: a ConfigError where it isn't installed."""
    if find_spec("ray") is None:
        raise ConfigError(
            "--engine ray needs packages that aren't installed. Run: pip install 'midspec[ray]'"
        )


def _build_there(
    make: Make, stage: Stage, root: Path, around: Around, cpus: int, board: Any
) -> None:
    """Build one stage, in a worker."""
    _prepare(around, cpus)
    if make is build:
        _check_shared(stage, root)
    said = 0.0

    def report(done: float, total: float, note: str) -> None:
        nonlocal said
        if time.monotonic() - said > TELL_SECONDS:
            said = time.monotonic()
            board.report.remote(stage.fingerprint(), done, total, note)

    def say(text: str) -> None:
        board.say.remote(text)

    report(0, 1, "")
    with around.within(), progress.listening(report, say):
        make(stage, root)


def _prepare(around: Around, cpus: int) -> None:
    """Make a worker what the process that was started is; another midspec is a ConfigError."""
    if around.version != __version__:
        raise ConfigError(
            f"{platform.node()} has midspec {__version__}, and the run was started with "
            f"{around.version}. Install one version everywhere."
        )
    os.environ.update({**around.environment, "OMP_NUM_THREADS": str(cpus)})
    if torch := sys.modules.get("torch"):  # of the stage that this process ran before
        torch.set_num_threads(cpus)


def _check_shared(stage: Stage, root: Path) -> None:
    """A store in a folder, and what lies outside it, must be here too."""
    sources = [one.location for one in stage.inputs.values() if isinstance(one, Source)]
    for path in (root / "store.json", *sources):
        if not path.exists():
            raise StoreError(
                f"{path} isn't on the machine {platform.node()}. Put the store, the experiment and "
                "its model where all machines see them, or use a store at a URL: --store s3://…"
            )


def _cause(error: Any) -> BaseException:
    """What a stage raised, with the worker's traceback unless a user can mend it."""
    cause: BaseException = error.cause
    if not isinstance(cause, MidspecError):
        cause.add_note(str(error))
    return cause


def _words(error: BaseException) -> str:
    """The first paragraph of what Ray says, which goes on for a page."""
    said = " ".join(str(error).split("\n\n")[0].split())[:300]
    return said or type(error).__name__
