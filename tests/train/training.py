"""A training run of forty updates, here or as a program that is killed in the middle."""

import os
import signal
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from midspec import progress
from midspec.train import loop
from midspec.train.batches import Example
from midspec.train.loop import Trained, train
from midspec.train.model import attach, load_base, save
from midspec.train.settings import AdapterSettings, LoopSettings

LORA = AdapterSettings(rank=4, alpha=8)
FULL = AdapterSettings(method="full")
SETTINGS = LoopSettings(learning_rate=0.02, tokens_per_step=24, max_tokens=12)


def rows(n: int = 80) -> list[Example]:
    """Rows of 12 tokens, two to a step, in which each token follows from the one before."""
    draw = torch.Generator().manual_seed(0)
    starts = torch.randint(3, 100, (n,), generator=draw).tolist()
    return [Example([start + 3 * i for i in range(12)], [True] * 12) for start in starts]


def tune(
    model: Path,
    work: Path,
    adapter: AdapterSettings = LORA,
    settings: LoopSettings = SETTINGS,
    previous: Path | None = None,
) -> Trained:
    """Train the tiny model in `work`, going on from what lies there, and save the result."""
    work.mkdir(exist_ok=True)
    trainable = attach(load_base(model), adapter, previous, seed=0)
    trained = train(trainable, rows(), settings, seed=0, pad_id=2, work=work)
    save(trainable, work, "tiny")
    return trained


def weights(work: Path) -> dict[str, torch.Tensor]:
    """The weights that a run saved."""
    (file,) = (work / "adapter").glob("*.safetensors")
    return load_file(file)


if __name__ == "__main__":
    model, work, last = sys.argv[1:]

    def kill(done: float, total: float, note: str) -> None:
        if done == float(last):
            os.kill(os.getpid(), signal.SIGKILL)

    loop.CHECKPOINT_SECONDS = -1.0
    with progress.listening(kill):
        tune(Path(model), Path(work))
