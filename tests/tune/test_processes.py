"""A training stage in two processes, started by accelerate on this CPU."""

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from midspec import progress
from midspec.errors import TrainingError
from midspec.files import read_json
from midspec.resources import Resources
from midspec.run.build import build, open_store
from midspec.run.stage import Source, Stage
from midspec.train.checkpoint import steps
from midspec.train.metrics import FILE, read_metrics
from midspec.tune.stage import tune_stage

from .test_stage import CONFIG, documents

ONE = Resources(device="cpu", precision="fp32")
TWO = replace(ONE, processes=2)

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/environ").exists(), reason="looks for processes in /proc"
)


def processes_of(work: Path) -> dict[int, int]:
    """The processes that train in `work`: which of them each is, by its number."""
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().decode().split("\0")
            settings = (entry / "environ").read_bytes().decode().split("\0")
        except (OSError, UnicodeDecodeError):
            continue
        if str(work / ".job") in words and "accelerate.commands.launch" not in words:
            found[int(entry.name)] = next(int(s[5:]) for s in settings if s.startswith("RANK="))
    return found


def stop() -> None:
    """Ctrl-C."""
    raise KeyboardInterrupt


def at(step: int, act: Callable[[], None], told: list[float]) -> progress.Listener:
    """A listener that notes what is told, and does something after a step."""

    def listener(done: float, total: float, note: str) -> None:
        told.append(done)
        if done == step:
            act()

    return listener


def outcome(folder: Path) -> tuple[list[str], dict[str, Any], list[float]]:
    """A stage's files, its summary without the time that it took, and its losses."""
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    summary = read_json(folder / "manifest.json")["summary"]
    losses = [row["loss"] for row in read_metrics(folder / FILE)]
    return files, summary | {"seconds": 0}, losses


def test_a_stage_that_is_stopped_and_killed_goes_on_and_ends_as_one_process_would(
    tiny_model: Path, tmp_path: Path
) -> None:
    """One after the other, since each start takes seconds: Ctrl-C after the fifth update; of what
    goes on, the second process is killed four updates later; the third run finishes."""
    corpus, base = Stage("corpus", documents, 80), Source("tiny", tiny_model)
    two, one = (
        tune_stage("midtrain", "title", CONFIG, base, [corpus], None, resources)
        for resources in (TWO, ONE)
    )
    store, other = open_store(tmp_path / "store"), open_store(tmp_path / "other")
    for each in (store, other):
        build(corpus, each)
    work = store / ".work" / two.path(store).name
    told: list[float] = []

    with pytest.raises(KeyboardInterrupt), progress.listening(at(5, stop, told)):
        build(two, store)
    assert not processes_of(work)
    (saved,) = steps(work / ".checkpoint")
    assert told == list(range(1, int(told[-1]) + 1))
    assert saved >= 5

    def kill_the_second() -> None:
        (pid,) = [pid for pid, rank in processes_of(work).items() if rank == 1]
        os.kill(pid, signal.SIGKILL)

    told.clear()
    killed = pytest.raises(TrainingError, match=r"Process 1 of 2 was killed \(SIGKILL\).* to go on")
    with killed, progress.listening(at(saved + 4, kill_the_second, told)):
        build(two, store)
    assert told[0] == saved + 1
    assert not processes_of(work)

    folder, alone = build(two, store), build(one, other)
    assert folder.name == alone.name
    files, summary, losses = outcome(folder)
    assert (files, summary) == (outcome(alone)[0], pytest.approx(outcome(alone)[1], abs=1e-4))
    assert losses == pytest.approx(outcome(alone)[2], abs=1e-4)
    assert len(losses) == summary["updates"] >= 20
    assert read_json(folder / "manifest.json")["resources"]["processes"] == 2
