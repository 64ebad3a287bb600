"""Trainings in two processes that meet over gloo; as a program, one of the two."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import distributed

from midspec import progress
from midspec.resources import Resources
from midspec.train import loop
from midspec.train.loop import train
from midspec.train.metrics import FILE, read_metrics
from midspec.train.model import attach, load_base
from midspec.train.parallel import Team, whole
from midspec.train.settings import AdapterSettings, LoopSettings

from .training import FULL, LORA, SETTINGS, rows

ROOT = Path(__file__).resolve().parents[2]
STOP_AT = 7
PATIENCE = timedelta(minutes=3)  # for one that does less than the other; by default it's 30


@dataclass(frozen=True)
class Run:
    """A training of some twenty updates; one that `stops` does after the seventh, as if told to."""

    method: str = "lora"
    sharding: str = "ddp"
    precision: str = "fp32"
    tokens_per_step: int = 24
    held_out: float = 0.0
    tokens_per_pass: int = 16_384
    epochs: int = 1
    gradient_checkpointing: bool = False
    stops: bool = False
    device: str = "cpu"
    attention: str = "auto"

    @property
    def adapter(self) -> AdapterSettings:
        """What is trained."""
        return FULL if self.method == "full" else LORA

    @property
    def settings(self) -> LoopSettings:
        """How it is."""
        return replace(
            SETTINGS,
            tokens_per_step=self.tokens_per_step,
            held_out=self.held_out,
            epochs=self.epochs,
        )

    def resources(self, processes: int) -> Resources:
        """Where it is."""
        return Resources(
            device=self.device,  # type: ignore[arg-type]
            processes=processes,
            sharding=self.sharding,  # type: ignore[arg-type]
            precision=self.precision,  # type: ignore[arg-type]
            tokens_per_pass=self.tokens_per_pass,
            gradient_checkpointing=self.gradient_checkpointing,
            attention=self.attention,  # type: ignore[arg-type]
        )


def go(run: Run, model: Path, work: Path, rank: int = 0, size: int = 1) -> dict[str, Any]:
    """Train in `work`, going on from what lies there: the metrics, and the masters in the end."""
    work.mkdir(parents=True, exist_ok=True)
    resources = run.resources(size)
    device = "cpu" if resources.shards else run.device  # FSDP takes them to the device
    trainable = attach(load_base(model, device, resources.precision), run.adapter, None, 0)
    private = work.parent / f"private-{work.name}-{rank}" if rank else None
    if private:
        private.mkdir(exist_ok=True)
    team = Team(resources, rank, size, private)
    placed: list[Any] = []
    place = Team.place
    Team.place = lambda *given: placed.append(place(*given)) or placed[-1]  # type: ignore[method-assign, func-returns-value]

    def stop(done: float, total: float, note: str) -> None:
        if run.stops and done == STOP_AT and rank == size - 1:
            os.kill(os.getpid(), signal.SIGTERM)

    stopped = False
    try:
        with progress.listening(stop):
            train(trainable, rows(44), run.settings, 0, 2, work, team=team)
    except KeyboardInterrupt:
        stopped = True
    finally:
        Team.place = place  # type: ignore[method-assign]
    masters = [whole(master).flatten().cpu() for master in placed[-1].masters]
    return {
        "metrics": read_metrics(work / FILE),
        "masters": torch.cat(masters).tolist(),
        "stopped": stopped,
    }


def go_in_two(runs: Sequence[tuple[Run, str]], model: Path, folder: Path) -> list[dict[str, Any]]:
    """Each run in its folder below `folder`, in two processes that do one run after another."""
    plan = folder / "runs.json"
    plan.write_text(json.dumps([[asdict(run), name] for run, name in runs]))
    command = [sys.executable, "-m", f"{__package__}.team", str(model), str(plan)]
    both = [
        subprocess.Popen([*command, str(rank)], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for rank in (0, 1)
    ]

    def end(process: "subprocess.Popen[str]") -> str:
        said = process.communicate()[1]
        if process.returncode:  # the other one would wait for it
            for other in both:
                other.kill()
        return said

    with ThreadPoolExecutor() as pool:
        errors = list(pool.map(end, both))
    assert [process.returncode for process in both] == [0, 0], "\n".join(errors)
    found: list[dict[str, Any]] = json.loads((folder / "found.json").read_text())
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    loop.CHECKPOINT_SECONDS = 1e9  # only what is asked for
    model, plan, rank = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    meet = f"file://{plan.parent / 'meet'}"
    distributed.init_process_group(
        "gloo", init_method=meet, rank=rank, world_size=2, timeout=PATIENCE
    )
    found = []
    for values, name in json.loads(plan.read_text()):
        found.append(go(Run(**values), model, plan.parent / name, rank, 2))
    if rank == 0:
        (plan.parent / "found.json").write_text(json.dumps(found))
    distributed.destroy_process_group()
