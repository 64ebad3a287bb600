"""Build stages once each: in a work folder that survives failure, published by one rename."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from graphlib import TopologicalSorter
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from midspec import __version__
from midspec.errors import MidspecError, ModelError, StoreError
from midspec.files import digest_folder, disk_errors, read_json, write_json
from midspec.resources import Resources, using
from midspec.run.bucket import Bucket
from midspec.run.lease import leased, locked
from midspec.run.stage import MANIFEST, Source, Stage, left_out, verify
from midspec.run.under_way import telling

STORE_FORMAT = 1
PACKAGES = ("torch", "transformers", "peft", "numpy")

# "start", then "done" or "failed"; "cached" if it was there, "skipped" if what it needs failed.
Observer = Callable[[str, Stage], None]  # told what becomes of a stage


@dataclass(frozen=True)
class Failure:
    """A stage that failed, and why."""

    stage: Stage
    error: BaseException


def check_store(root: Path) -> None:
    """Refuse a store that is no folder, or that a newer midspec has written; one that isn't there
    yet is fine."""
    marker = root / "store.json"
    if any(part.exists() and not part.is_dir() for part in (root, *root.parents)):
        raise StoreError(f"{root} is not a folder. Choose another place with --store.")
    if not marker.exists():
        return
    found: object = None
    with suppress(StoreError):  # its words would have the whole store deleted
        found = read_json(marker)
    if not isinstance(found, dict) or not isinstance(found.get("format"), int):
        raise StoreError(f"{marker} is not a store's marker. Choose another folder with --store.")
    if found["format"] > STORE_FORMAT:
        raise StoreError(
            f"The store {root} was written by midspec {found.get('midspec', '?')} (format "
            f"{found['format']}; this is {__version__}, format {STORE_FORMAT}). "
            "Upgrade midspec, or choose another folder with --store."
        )


def open_store(root: Path) -> Path:
    """Make the store if need be; one that can't be used is a StoreError."""
    check_store(root)
    marker = root / "store.json"
    with disk_errors(root):
        (root / ".work").mkdir(parents=True, exist_ok=True)
    if not marker.exists():
        write_json(marker, {"format": STORE_FORMAT, "midspec": __version__})
    return root


def build(stage: Stage, root: Path, again: bool = False) -> Path:
    """Build one stage and return its folder; a folder that exists is done, unless an archive left
    its weights out. `again` builds it even so, and then puts it in the old one's place.

    The work folder outlives a failure or a kill, so that a stage can go on from what it holds.
    The lock is the kernel's: it is freed if this process dies, and lets runs share a store. The
    lease says the same to other machines.
    """
    final = stage.path(root)
    work = root / ".work" / final.name
    with (
        locked(Path(f"{work}.lock")) as lock,
        leased(Bucket(str(work.parent)), f"{work.name}.lease", lock) as lease,
    ):
        if again or not stage.done(root) or left_out(final):
            _check_inputs(stage, root)
            with disk_errors(work):
                work.mkdir(exist_ok=True)
            manifest = _make(stage, root, work, again)
            lease.check()
            if manifest:
                write_json(work / MANIFEST, manifest)
            with disk_errors(final):
                if final.exists():  # it is built again, or an archive left a part of it
                    shutil.rmtree(final)
                work.rename(final)
    return final


def _complete(work: Path) -> bool:
    """Whether a work folder holds a finished stage."""
    with suppress(StoreError):
        verify(work)
        return True
    return False


def _make(stage: Stage, root: Path, work: Path, again: bool) -> dict[str, object] | None:
    """Run a stage in its work folder; what its manifest is to say, or None where it has one, since
    a run that died here had done all but the rename."""
    began = time.time()
    sources = {key: source.path(root) for key, source in stage.inputs.items()}
    with using(stage.resources or Resources()), telling(stage, work):
        if not again and _complete(work):
            return None
        with disk_errors(work):
            (work / MANIFEST).unlink(missing_ok=True)  # one that doesn't fit what lies there
        summary = stage.fn(stage.config, sources, work)
    # A stage that went on after a kill knows what it took before; the clock here doesn't.
    before = summary.get("seconds")
    seconds = max(time.time() - began, before if isinstance(before, float) else 0.0)
    return {
        **stage.recipe,
        "title": stage.title,
        "summary": summary,
        "sources": {
            key: source.digest for key, source in stage.inputs.items() if isinstance(source, Source)
        },
        "outputs": digest_folder(work),
        "resources": asdict(stage.resources) if stage.resources else None,
        "began": time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(began)),
        "seconds": round(seconds, 1),
        **_provenance(),
    }


def _check_inputs(stage: Stage, root: Path) -> None:
    """What a stage reads must be what its name says, and a model that it needs must be here."""
    for source in stage.inputs.values():
        if isinstance(source, Stage):
            verify(source.path(root), with_weights=stage.computes)
        elif not source.here:
            raise missing_model(source, f"the stage {stage.title or stage.name}")


def missing_model(base: Source, who: str) -> ModelError:
    """The error of a base model that is needed and isn't here, or is here in other bytes."""
    other = f"; the files in {base.location} are others" if base.location.exists() else ""
    return ModelError(
        f"The base model {base.name} (sha256 {base.digest[:12]}…) isn't here{other}, and {who} "
        "needs it. Get it with midspec model get; the .bases.json beside the experiment says which "
        "files it came from. What is done, and its report, need no model."
    )


def check_models(targets: Iterable[Stage], root: Path) -> None:
    """A base model that a stage needs which is to be built must be here, before anything is."""
    again = wanted_again(targets, root)
    for stage in ordered(targets):
        if not stage.done(root) or stage.fingerprint() in again:
            for source in stage.inputs.values():
                if isinstance(source, Source) and not source.here:
                    raise missing_model(source, f"the stage {stage.title or stage.name}")


def graph(targets: Iterable[Stage]) -> dict[str, Stage]:
    """Every stage that the targets need, by fingerprint; equal recipes are one stage."""
    found: dict[str, Stage] = {}
    todo = list(targets)
    while todo:
        stage = todo.pop(0)
        if stage.fingerprint() not in found:
            found[stage.fingerprint()] = stage
            todo += stage.stages()
    return found


def ordered(targets: Iterable[Stage]) -> list[Stage]:
    """The stages of a graph, each after what it needs."""
    nodes = graph(targets)
    return [nodes[key] for key in TopologicalSorter(_needs(nodes)).static_order()]


def run(
    targets: Sequence[Stage],
    root: Path,
    pool: Executor,
    tell: Observer = lambda what, stage: None,
    make: Callable[[Stage, Path], Path] = build,
    done: Callable[[Stage, Path], bool] = Stage.done,
) -> list[Failure]:
    """Build what is missing, in dependency order; independent stages overlap as the pool allows.

    A failure skips what depends on it and nothing else; all failures are returned. `make` and
    `done` build a stage and know a finished one, where the store isn't this folder alone.
    """
    nodes = graph(targets)
    needs = _needs(nodes)
    again = wanted_again(targets, root, done)
    order = TopologicalSorter(needs)
    order.prepare()
    running: dict[Future[Path], str] = {}
    failures: list[Failure] = []
    barred: set[str] = set()

    def settle(finished: Iterable[Future[Path]]) -> None:
        for future in finished:
            key = running.pop(future)
            if error := future.exception():
                barred.add(key)
                failures.append(Failure(nodes[key], error))
            tell("failed" if error else "done", nodes[key])
            order.done(key)

    while order.is_active():
        for key in order.get_ready():
            stage = nodes[key]
            if not barred.isdisjoint(needs[key]):
                barred.add(key)
                tell("skipped", stage)
                order.done(key)
            elif key not in again and done(stage, root):
                tell("cached", stage)
                order.done(key)
            else:
                tell("start", stage)
                running[pool.submit(make, stage, root)] = key
                settle([future for future in running if future.done()])
        if running:
            settle(wait(running, return_when=FIRST_COMPLETED).done)
    return failures


def wanted_again(
    targets: Iterable[Stage], root: Path, done: Callable[[Stage, Path], bool] = Stage.done
) -> set[str]:
    """The finished stages, by fingerprint, whose weights an archive left out and a stage needs that
    is to be built."""
    stages = ordered(targets)
    without = {stage.fingerprint() for stage in stages if left_out(stage.path(root))}
    again: set[str] = set()
    for stage in reversed(stages) if without else ():  # each before what it reads
        if stage.computes and (stage.fingerprint() in again or not done(stage, root)):
            again |= {one.fingerprint() for one in stage.stages()} & without
    return again


def raise_failures(failures: Sequence[Failure], root: Path | str) -> None:
    """Tell every failure: its stage, its folder, its cause. Errors no user can mend go up whole."""
    for failure in failures:
        if not isinstance(failure.error, MidspecError):
            raise failure.error
    if failures:
        lines = [
            f"{failure.stage.title or failure.stage.name} failed: {failure.error}\n"
            f"  Its work so far: {root}/.work/{failure.stage.path(Path()).name}"
            for failure in failures
        ]
        raise MidspecError("\n".join(lines))


def _needs(nodes: Mapping[str, Stage]) -> dict[str, list[str]]:
    """Which others each stage of a graph reads, by fingerprint; in the order of its inputs, so that
    stages come in the same order each time."""
    return {
        key: list(dict.fromkeys(s.fingerprint() for s in stage.stages()))
        for key, stage in nodes.items()
    }


def made_otherwise(folder: Path) -> bool:
    """Whether a finished folder was made by another version of midspec than this, or from another
    commit."""
    told, here = read_json(folder / MANIFEST), _provenance()
    return bool(told["packages"]["midspec"] != __version__ or told["commit"] != here["commit"])


@cache
def _provenance() -> dict[str, object]:
    """Which code and packages made this: for a reader, never part of the identity."""
    packages = {"midspec": __version__}
    for name in PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    here = Path(__file__).resolve().parent
    git = ["git", "-C", str(here), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        found = subprocess.run(git, capture_output=True, text=True, timeout=5, check=False)
        commit = found.stdout.strip() or None
    except (OSError, subprocess.TimeoutExpired):
        commit = None
    return {"packages": packages, "commit": commit}
