"""What the weights of an arm are made of: whole weights, and the adapters that stand on them."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from midspec.files import disk_errors

WEIGHTS = "adapter"  # the folder of a training stage's output that holds what was trained
UNDER = "under"  # what an adapter stands on, where that isn't just the base model
WHOLE, EARLIER = "weights", "adapter-"

# What becomes of an earlier adapter: it is trained further, stays as it is beside a new one, or
# becomes part of the weights that a new one stands on.
Start = Literal["continue", "fresh", "merge"]


@dataclass(frozen=True)
class Stack:
    """Whole weights and adapters in the order in which they were trained; an arm is their sum."""

    weights: Path
    adapters: tuple[Path, ...] = ()


def find_stack(base: Path, trained: Path | None) -> Stack:
    """What a training stage's output is made of; all but the base model lies in that folder.

    `adapter` is what was trained last, whole weights or an adapter. An adapter stands on the base
    model, or on `under/weights` where there is such a folder, beside those in `under/adapter-N`.
    """
    if trained is None:
        return Stack(base)
    last, under = trained / WEIGHTS, trained / UNDER
    if not (last / "adapter_config.json").exists():
        return Stack(last)
    whole = under / WHOLE
    count = len(list(under.glob(f"{EARLIER}*")))
    earlier = [under / f"{EARLIER}{number}" for number in range(count)]
    return Stack(whole if whole.is_dir() else base, (*earlier, last))


def keep_under(stack: Stack, base: Path, out: Path) -> None:
    """Put what a new adapter stands on into `out/under`, so that the output needs no other stage's.

    Files are shared by hard links where the disk can; a finished stage's files never change.
    """
    under = out / UNDER
    kept = {f"{EARLIER}{number}": folder for number, folder in enumerate(stack.adapters)}
    if stack.weights not in (base, under / WHOLE):
        kept[WHOLE] = stack.weights
    with disk_errors(under):
        for name, folder in kept.items():
            shutil.rmtree(under / name, ignore_errors=True)
            shutil.copytree(folder, under / name, copy_function=_share)


def _share(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
