"""Two machines train one model; here both are this one."""

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from midspec import progress
from midspec.resources import Resources
from midspec.run.build import build, open_store
from midspec.run.stage import Source, Stage
from midspec.train.metrics import FILE, read_metrics
from midspec.tune.stage import tune_stage

from .tiny import midspec
from .tune.test_stage import CONFIG, documents

ROOT = Path(__file__).resolve().parents[1]
ONE = Resources(device="cpu", precision="fp32")


def test_a_machine_that_joins_takes_its_share_and_stops_when_told(
    tiny_model: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "midspec.cli", "join", str(tmp_path / "2"), "--machine", "1"]
    other = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    corpus, losses, said = Stage("corpus", documents, 80), [], []
    try:
        for resources in (ONE, replace(ONE, machines=2, sharding="fsdp", host="localhost")):
            store = open_store(tmp_path / str(resources.machines))
            build(corpus, store)
            base = Source("tiny", tiny_model)
            stage = tune_stage("midtrain", "title", CONFIG, base, [corpus], None, resources)
            with progress.listening(lambda *what: None, said.append):
                folder = build(stage, store)
            losses.append([row["loss"] for row in read_metrics(folder / FILE)])
    finally:
        other.send_signal(signal.SIGTERM)
        heard = other.communicate()[0]
    assert losses[1] == pytest.approx(losses[0], abs=1e-4)
    assert len(said) == 1
    assert said[0].startswith("Waits for 1 more at localhost:")
    assert f"Takes part in {folder.name}." in heard
    assert heard.endswith("Stopped.\n")
    assert other.returncode == 0


def test_the_first_machine_runs_and_doesn_t_join(tmp_path: Path) -> None:
    assert midspec("join", tmp_path, "--machine", 0).code == 2
