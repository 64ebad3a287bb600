"""What a training run needs to go on after a kill, written so that half of it never counts."""

import shutil
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from midspec.files import disk_errors

Tensors = dict[str, torch.Tensor]


def save_checkpoint(folder: Path, step: int, tensors: Tensors) -> None:
    """Write `folder/<step>` by rename, then drop all but the newest two."""
    partial = folder / f".{step}.partial"
    with disk_errors(folder):
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        save_file(tensors, partial / "state.safetensors")
        final = folder / str(step)
        shutil.rmtree(final, ignore_errors=True)
        partial.rename(final)
    for old in sorted(steps(folder))[:-2]:
        shutil.rmtree(folder / str(old), ignore_errors=True)


def steps(folder: Path) -> list[int]:
    """The steps at which whole checkpoints exist."""
    return [int(p.name) for p in folder.iterdir() if p.name.isdigit()] if folder.is_dir() else []


def load_checkpoint(folder: Path) -> tuple[int, Tensors] | None:
    """The newest checkpoint that can be read, or None; a torn one falls back to the one before."""
    for step in sorted(steps(folder), reverse=True):
        try:
            return step, load_file(folder / str(step) / "state.safetensors")
        except (OSError, SafetensorError):
            shutil.rmtree(folder / str(step), ignore_errors=True)
    return None
