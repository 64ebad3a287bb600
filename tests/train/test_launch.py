"""A stage's training in two processes, started by accelerate on this CPU."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from midspec.errors import ConfigError, StoreError, TrainingError
from midspec.files import read_json, write_json
from midspec.resources import Resources
from midspec.train.batches import Example
from midspec.train.checkpoint import steps
from midspec.train.device import check_processes, choose_device
from midspec.train.job import FAILED, JOB, Job, read_job, write_job
from midspec.train.launch import Share, _failure, _settings, find_shares, launch
from midspec.train.metrics import FILE, read_metrics
from midspec.train.model import save
from midspec.train.settings import AdapterSettings
from midspec.train.stack import Stack

from .training import LORA, SETTINGS, rows, weights

ROOT = Path(__file__).resolve().parents[2]
TWO = Resources(device="cpu", processes=2, precision="fp32")
UPDATES = 20


def job(model: Path, resources: Resources = TWO, **loop: Any) -> Job:
    adapter = AdapterSettings(rank=LORA.rank, alpha=LORA.alpha)
    settings = replace(SETTINGS, **loop)
    return Job(model, Stack(model), adapter, 0, "continue", settings, 0, 2, resources)


def losses(work: Path) -> list[float]:
    return [row["loss"] for row in read_metrics(work / FILE)]


def test_what_fails_in_a_process_is_told_as_if_it_had_failed_here(
    tiny_model: Path, tmp_path: Path
) -> None:
    wild = job(tiny_model, replace(TWO, sharding="fsdp"), learning_rate=1e30)
    with pytest.raises(
        TrainingError, match=r"loss is nan at step \d+ of 20.*lower learning_rate \(now 1e\+30\)"
    ) as caught:
        launch(wild, rows(40), tmp_path)
    assert f"Its rows are in {tmp_path / 'bad_batch.jsonl'}" in str(caught.value)
    bad = [json.loads(line) for line in (tmp_path / "bad_batch.jsonl").read_text().splitlines()]
    assert len(bad) == 2  # the whole batch, of both processes
    assert bad[0]["text"]


def test_a_process_ends_with_the_one_that_launched_it(tiny_model: Path, tmp_path: Path) -> None:
    """As after a kill -9, of which the kernel tells by closing the pipe: it saves and goes."""
    folder = tmp_path / ".job"
    write_job(job(tiny_model, replace(TWO, processes=1)), rows(4000), folder)
    process = subprocess.Popen(
        [sys.executable, "-m", "midspec.train.job", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "RANK": "0"},
        cwd=ROOT,
    )
    assert process.stdout and process.stdin
    for line in process.stdout:
        if json.loads(line)["report"][0] == 5:
            break
    process.stdin.close()
    process.stdout.read()
    assert process.wait() == 1
    assert read_json(folder / FAILED.format(rank=0))["kind"] == "KeyboardInterrupt"
    (saved,) = steps(tmp_path / ".checkpoint")
    assert 5 <= saved < 2000
    assert len(losses(tmp_path)) == saved


def test_a_job_is_read_as_it_was_written(tmp_path: Path) -> None:
    before = Stack(tmp_path / "base", (tmp_path / "one", tmp_path / "two"))
    given = replace(job(tmp_path), before=before, start="fresh", resources=replace(TWO, machines=3))
    examples = [Example([1, 2, 70_000], [True, False, True]), Example([4, 5], [True] * 2, False)]
    write_job(given, examples, tmp_path)
    assert read_job(tmp_path) == (given, examples)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_in_fp32_all_computes_in_float32_and_what_is_kept_is_as_ever(
    tiny_model: Path, tmp_path: Path, method: str
) -> None:
    kept = {}
    for precision, dtype in (("bf16", torch.bfloat16), ("fp32", torch.float32)):
        here = Resources(device="cpu", precision=precision)  # type: ignore[arg-type]
        adapter = AdapterSettings(method=method, rank=4, alpha=8)  # type: ignore[arg-type]
        trainable = replace(job(tiny_model, here), adapter=adapter).open()
        assert {parameter.dtype for parameter in trainable.model.parameters()} == {dtype}
        assert {master.dtype for master in trainable.masters} == {torch.float32}
        (tmp_path / precision).mkdir()
        save(trainable, tmp_path / precision, "tiny")
        kept[precision] = weights(tmp_path / precision)
    whole = torch.bfloat16 if method == "full" else torch.float32
    assert {tensor.dtype for tensor in kept["fp32"].values()} == {whole}
    for name, tensor in kept["bf16"].items():
        torch.testing.assert_close(kept["fp32"][name], tensor, rtol=1e-2, atol=1e-6)


def told(folder: Path, rank: int, time: float, kind: str = "RuntimeError", **more: Any) -> None:
    row = {"kind": kind, "message": f"of {rank}", "mendable": False, "follows": False, "time": time}
    write_json(folder / FAILED.format(rank=rank), row | more)


ACCOUNT = """Failures:
[1]:
  rank      : 1 (local_rank: 1)
  exitcode  : -9 (pid: 12)
"""


def test_the_first_cause_is_told_and_not_what_followed_from_it(tmp_path: Path) -> None:
    (tmp_path / "log-0.txt").write_text("a line\nanother\n")
    assert "last line of the logs" in str(_failure(tmp_path, 4))
    told(tmp_path, 0, 1.0, follows=True)
    (tmp_path / "log-0.txt").write_text(ACCOUNT)
    assert "Process 1 of 4 was killed (SIGKILL)" in str(_failure(tmp_path, 4))
    told(tmp_path, 3, 3.0)
    told(tmp_path, 2, 2.0, kind="OutOfMemoryError")
    error = _failure(tmp_path, 4)
    assert isinstance(error, TrainingError)
    for words in ("Process 2 of 4 failed: OutOfMemoryError: of 2", "tokens_per_pass", "fsdp"):
        assert words in str(error)
    told(tmp_path, 3, 3.0, kind="StoreError", mendable=True)
    mended = _failure(tmp_path, 4)
    assert (type(mended), str(mended)) == (StoreError, "of 3")
    told(tmp_path, 1, 9.0, kind="KeyboardInterrupt", mendable=True)
    assert isinstance(_failure(tmp_path, 4), KeyboardInterrupt)


def test_another_machine_finds_its_share_while_the_job_is_on(tmp_path: Path) -> None:
    folder = tmp_path / ".work" / "midtrain-0" / ".job"
    shared = replace(TWO, machines=2, host="first:4242")
    write_job(job(tmp_path, shared), rows(2), folder)
    (share,) = find_shares(tmp_path, 1)
    assert share == Share(folder, shared, 1)
    assert find_shares(tmp_path, 2) == []  # the third machine of two
    settings = _settings(shared, 1)
    assert (settings["num_processes"], settings["num_machines"]) == (4, 2)
    assert (settings["main_process_ip"], settings["main_process_port"]) == ("first", 4242)
    (folder / JOB).unlink()
    assert find_shares(tmp_path, 1) == []


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    check_processes(Resources(processes=2))
    with pytest.raises(ConfigError, match="processes is 3, a GPU each; torch finds 2 here"):
        check_processes(Resources(processes=3))
    check_processes(Resources(processes=3, device="cpu"))


def test_a_gpu_is_taken_where_there_is_one_and_apple_s_only_when_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)
    for cuda in (True, False):
        monkeypatch.setattr("torch.cuda.is_available", lambda cuda=cuda: cuda)
        assert choose_device(Resources()) == ("cuda" if cuda else "cpu")
        assert choose_device(Resources(device="cpu")) == "cpu"
        assert choose_device(Resources(device="mps")) == "mps"
    with pytest.raises(ConfigError, match="device is cuda, and torch finds no such device"):
        choose_device(Resources(device="cuda"))
    with pytest.raises(ConfigError, match="processes must be 1 where the device is mps"):
        check_processes(Resources(device="mps", processes=2))
