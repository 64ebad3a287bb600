"""What a training run needs to go on after a kill, written so that half of it never counts.

A checkpoint is a folder `<step>` with the tensors, and beside them what they are: their digest, the
run that they belong to, and plain values. It appears by one rename; the newest two are kept.
"""

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from midspec import progress
from midspec.errors import StoreError
from midspec.files import digest_file, disk_errors, write_text

STATE, ABOUT = "state.safetensors", "about.json"
KEPT = 2
WRITING_SHARE = 0.02  # of the time may go into writing: 1.6 GB of a model in full take seconds

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Checkpoint:
    """The state after `step` updates: tensors by name, and plain values."""

    step: int
    tensors: Tensors
    values: Mapping[str, Any]


class Checkpoints:
    """The checkpoints of one run, and when the next one is due.

    run: a digest of all that the steps depend on; a checkpoint of another run is never loaded.
    every: seconds between two; more where writing takes over 2% of that, and 0 for every step.
    """

    def __init__(self, folder: Path, run: str, every: float) -> None:
        self.folder, self.run, self.every = folder, run, every
        self.pause, self.saved_at = every, time.monotonic()
        self.saved_step = 0
        self.failing = False

    def due(self) -> bool:
        """Whether it is time to save."""
        return time.monotonic() - self.saved_at >= self.pause

    def save(self, step: int, state: Callable[[], tuple[Tensors, dict[str, Any]]]) -> None:
        """Save what `state` returns. A disk that is full doesn't end a run that may yet get by
        without: it is told once, and tried again when the next one is due."""
        began = time.monotonic()
        try:
            tensors, values = state()
            save_checkpoint(self.folder, step, tensors, {**values, "run": self.run})
        except (StoreError, OSError) as error:
            if not self.failing:
                progress.say(
                    f"No checkpoint can be written in {self.folder} ({error.__cause__ or error}). "
                    "Training goes on. Free some space: until then, a kill costs all that was "
                    f"trained since step {self.saved_step}."
                )
            self.failing = True
        else:
            self.failing, self.saved_step = False, step
        self.saved_at = time.monotonic()
        if self.every > 0:
            self.pause = max(self.every, (self.saved_at - began) / WRITING_SHARE)

    def load(self, usable: Callable[[Mapping[str, Any]], bool]) -> Checkpoint | None:
        """The newest whole checkpoint of this run whose values are usable; None if there is none.

        Those that aren't are dropped, so that a torn one costs the steps since the one before; so
        is what a kill left half written.
        """
        for partial in self.folder.glob(".*.partial"):
            shutil.rmtree(partial, ignore_errors=True)
        for step in sorted(steps(self.folder), reverse=True):
            found = load_checkpoint(self.folder, step)
            if found and found.values.get("run") != self.run:
                progress.say(
                    f"The checkpoint of step {step} in {self.folder} is of other data or settings, "
                    "or of another version of midspec. It isn't used."
                )
            elif found and usable(found.values):
                self.saved_step = step
                return found
            shutil.rmtree(self.folder / str(step), ignore_errors=True)
        return None


def save_checkpoint(folder: Path, step: int, tensors: Tensors, values: Mapping[str, Any]) -> None:
    """Write `folder/<step>` by rename, then drop all but the newest two."""
    partial, final = folder / f".{step}.partial", folder / str(step)
    try:
        with disk_errors(folder):
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            save_file(tensors, partial / STATE)
            with open(partial / STATE, "rb") as file:
                os.fsync(file.fileno())  # else a power cut leaves a name without what it names
            about = {**values, "digest": digest_file(partial / STATE)}
            write_text(partial / ABOUT, json.dumps(about))
            shutil.rmtree(final, ignore_errors=True)
            partial.rename(final)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)  # it takes up room that others may need
        raise
    for old in sorted(steps(folder))[:-KEPT]:
        shutil.rmtree(folder / str(old), ignore_errors=True)


def steps(folder: Path) -> list[int]:
    """The steps at which checkpoints exist."""
    return [int(p.name) for p in folder.iterdir() if p.name.isdigit()] if folder.is_dir() else []


def load_checkpoint(folder: Path, step: int) -> Checkpoint | None:
    """The checkpoint of a step; None where it can't be read or isn't what was written."""
    try:
        values = json.loads((folder / str(step) / ABOUT).read_text(encoding="utf-8"))
        if values.pop("digest") != digest_file(folder / str(step) / STATE):
            return None
        return Checkpoint(step, load_file(folder / str(step) / STATE), values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError):
        return None
