"""Where a run's stages are built and where its store lies: what --engine and --store say."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from midspec.errors import ConfigError

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from midspec.console import Watch
    from midspec.llm.settings import Limits
    from midspec.run.build import Observer
    from midspec.run.stage import Stage

# What workers on other machines are told of this one's environment: names of settings, no keys.
SETTINGS = (
    "HF_HUB_DISABLE_PROGRESS_BARS",
    "HF_HUB_OFFLINE",
    "TOKENIZERS_PARALLELISM",
    "TRANSFORMERS_VERBOSITY",
)


@dataclass(frozen=True)
class Engine:
    """local, one stage after another in this process, or ray; cores: for a stage without a GPU."""

    name: str = "local"
    address: str | None = None
    cores: int = 1

    def __post_init__(self) -> None:
        if self.name not in ("local", "ray"):
            raise ConfigError(f"--engine {self.name} is not known. Use local or ray.")
        if self.name == "local" and (self.address or self.cores != 1):
            raise ConfigError("--address and --cores are for --engine ray. Add it.")
        if self.cores < 1:
            raise ConfigError(f"--cores {self.cores} is too few. Give a stage at least one.")


def home() -> Path:
    """Where models are kept between runs."""
    return Path(os.environ.get("MIDSPEC_HOME", Path.home() / ".cache" / "midspec"))


def find_store(place: str | Path) -> Path:
    """The folder of a store; of one at a URL, the folder of this machine that mirrors it. One that
    can't be used is a StoreError."""
    if "://" in str(place):
        from midspec.run.remote import mirror_of

        return mirror_of(str(place), home())
    from midspec.run.build import check_store

    check_store(Path(place))
    return Path(place)


def planning(stages: "Iterable[Stage]", store: Path) -> Path:
    """A folder that tells of each of the stages whether it is finished: the store, but for one at a
    URL, of which only manifests are fetched and the specs that evals ask about."""
    from midspec.run.remote import find_remote

    remote = find_remote(store)
    return remote.index(stages, whole=("spec",)) if remote else store


def place_of(stage: "Stage", store: Path) -> str:
    """Where a finished stage lies, for people."""
    from midspec.console import short
    from midspec.run.remote import find_remote

    folder = stage.path(store.resolve())
    remote = find_remote(store)
    return f"{remote.url}/{folder.name}" if remote and not folder.exists() else short(folder)


def command(verb: str, file: Path, store: Path) -> str:
    """What to type for an experiment in that store: `midspec VERB FILE`, as a shell takes it."""
    from midspec.run.remote import find_remote

    remote = find_remote(store)
    place = remote.url if remote else str(store)
    at = "" if place == "store" else f" --store {quote(place)}"
    return f"midspec {verb} {quote(str(file))}{at}"


def build_stages(
    targets: "Sequence[Stage]",
    store: Path,
    limits: "Limits",
    engine: Engine,
    beside: "Observer | None" = None,
) -> None:
    """Build what is missing, target after target, with progress; in the end the targets are here,
    wherever they were built. `beside` is told of stages as the screen is."""
    from midspec.console import watching
    from midspec.llm.settings import limited
    from midspec.run.build import build, check_models, graph, open_store, raise_failures, run
    from midspec.run.remote import find_remote
    from midspec.run.stage import Stage, summary_of

    root, stages = store.resolve(), list(graph(targets).values())
    remote = find_remote(root)
    make, done = (remote.build, remote.done) if remote else (build, Stage.done)
    if remote:
        remote.opened()
    else:
        open_store(root)
        check_models(targets, root)
    if limits.purse:  # what is finished was paid from it
        at = planning(stages, root)
        costs = [summary_of(stage.path(at)).get("cost") for stage in stages if stage.done(at)]
        limits.purse.spent = sum(float(cost or 0.0) for cost in costs)
    with (
        limited(limits),
        watching(len(stages), side_by_side=engine.name != "local") as watch,
        _pool(engine, limits, watch) as pool,
    ):
        if remote and engine.address:
            remote.send_sources(stages)
        with remote.ledger(root) if remote else nullcontext():

            def tell(what: str, stage: Stage) -> None:
                watch(what, stage)
                if beside:
                    beside(what, stage)

            for target in targets:
                failures = run([target], root, pool, tell, make, done)
                raise_failures(failures, remote.url if remote else root)
    if remote:
        remote.fetch(targets)


def build_one(stage: "Stage", store: Path, again: bool = False) -> None:
    """Build one stage in this process; what it reads must be finished. `again` does so though the
    stage is finished itself."""
    from midspec.run.build import build, open_store
    from midspec.run.remote import find_remote

    if remote := find_remote(store):
        remote.build(stage, store, again)
    else:
        build(stage, open_store(store), again)


@contextmanager
def _pool(engine: Engine, limits: "Limits", watch: "Watch") -> "Iterator[Executor]":
    if engine.name == "local":
        from midspec.run.pools import Inline

        yield Inline()
        return
    from midspec.estimate import asks_provider
    from midspec.llm.settings import limited
    from midspec.run.ray_pool import Around, Listener, RayPool

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # or Ray would report home
    # Lines of Ray's own that aren't shown, since the pool tells of dead workers itself. It is when
    # it is imported that Ray reads this.
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
    settings = {name: os.environ[name] for name in SETTINGS if name in os.environ}
    around = Around(partial(limited, limits), settings, engine.cores)
    listener = Listener(watch.report, watch.say)
    with RayPool(engine.address, around, asks_provider, listener) as pool:
        yield pool
