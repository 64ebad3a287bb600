"""All that decides the rest of a training run, as named tensors and plain values, and back."""

import json
import random
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from typing import Any

import torch

from midspec.train.batches import Example
from midspec.train.checkpoint import Tensors
from midspec.train.model import Trainable
from midspec.train.parallel import part, whole
from midspec.train.settings import LoopSettings

MOMENTS = ("step", "exp_avg", "exp_avg_sq")  # what AdamW keeps of each parameter


def digest_run(
    settings: LoopSettings,
    batches: Sequence[Sequence[int]],
    rows: Sequence[Example],
    masters: Sequence[torch.Tensor],
) -> str:
    """A digest of what the steps of a run are made of.

    The work folder's name is the stage's recipe already. But the rows are made anew after a kill,
    and by another version of a tokenizer or of midspec the same recipe can give others.
    """
    digest = sha256(json.dumps([asdict(settings), batches]).encode())
    for row in rows:
        digest.update(array("q", row.ids).tobytes() + b"|" + bytes(row.counted))
    digest.update(repr([list(master.shape) for master in masters]).encode())
    return digest.hexdigest()


def state_of(
    trainable: Trainable, optimizer: torch.optim.Optimizer
) -> tuple[Tensors, dict[str, Any]]:
    """Masters, optimiser and random state. The position in the data and in the learning rate's
    schedule is the number of updates alone, since both are functions of it."""
    tensors = {"random.torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        tensors["random.cuda"] = torch.cuda.get_rng_state()  # of this process's GPU alone
    for index, master in enumerate(trainable.masters):
        tensors[f"master.{index}"] = whole(master)
        for name in MOMENTS:
            tensors[f"optimizer.{index}.{name}"] = whole(optimizer.state[master][name])
    return tensors, {"random": random.getstate()}


def restore(
    trainable: Trainable,
    optimizer: torch.optim.Optimizer,
    tensors: Tensors,
    values: Mapping[str, Any],
) -> None:
    """Bring a run to where `state_of` found it."""
    for index, master in enumerate(trainable.masters):
        master.copy_(part(tensors[f"master.{index}"], master))
        optimizer.state[master] = {
            # A copy, since a view into the file may lie where kernels sum in another order.
            name: part(tensors[f"optimizer.{index}.{name}"], master)
            for name in MOMENTS
        }
    trainable.copy_from_masters()
    torch.set_rng_state(tensors["random.torch"])
    if torch.cuda.is_available() and "random.cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random.cuda"])
    version, words, gauss = values["random"]
    random.setstate((version, tuple(words), gauss))
