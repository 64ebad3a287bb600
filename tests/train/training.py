"""A training run of forty updates, here or as a program that is killed again and again."""

import json
import os
import random
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from midspec import progress
from midspec.train import checkpoint, forward, loop, metrics, state
from midspec.train.batches import Example
from midspec.train.loop import Trained, train
from midspec.train.model import attach, load_base, save
from midspec.train.settings import AdapterSettings, LoopSettings
from midspec.train.stack import find_stack

LORA = AdapterSettings(rank=4, alpha=8)
FULL = AdapterSettings(method="full")
SETTINGS = LoopSettings(learning_rate=0.02, tokens_per_step=24, max_tokens=12)
UPDATES = 40


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
    examples: Sequence[Example] | None = None,
) -> Trained:
    """Train the tiny model in `work`, going on from what lies there, and save the result."""
    work.mkdir(exist_ok=True)
    before = find_stack(model, previous)
    trainable = attach(load_base(before.weights), adapter, before, seed=0)
    given = rows() if examples is None else examples
    trained = train(trainable, given, settings, 0, 2, work, lambda ids: f"{len(ids)} tokens")
    save(trainable, work, "tiny")
    return trained


def steps_of(work: Path) -> list[dict[str, Any]]:
    """A run's metrics without what depends on the clock."""
    rows = metrics.read_metrics(work / "steps.jsonl")
    times = ("seconds", "tokens_per_second")
    return [{name: row[name] for name in row if name not in times} for row in rows]


def weights(work: Path) -> dict[str, torch.Tensor]:
    """The weights that a run saved."""
    (file,) = (work / "adapter").glob("*.safetensors")
    return load_file(file)


def assert_same_weights(one: Path, other: Path) -> None:
    """Two runs saved the same weights to the bit."""
    a, b = weights(one), weights(other)
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)


WAYS = {"written out": LORA, "plain": LORA, "full": FULL}  # a trained head takes the plain loss


def take(way: str) -> AdapterSettings:
    """Have the loop go one of its ways through a model, and return what is trained so."""
    if way == "plain":
        forward.fast_decoder = lambda model, longest: None  # type: ignore[assignment]
    return WAYS[way]


def die_at(line: int) -> None:
    """Kill this process at the so-manieth line that it runs of what keeps a run's state."""
    files = {module.__file__ for module in (loop, checkpoint, metrics, state)}
    left = line

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal left
        if frame.f_code.co_filename not in files:
            return None
        left -= event == "line"
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)


def die_in_writing(number: int) -> None:
    """Kill this process in the middle of the so-manieth checkpoint's tensors."""
    left = number

    def write(tensors: checkpoint.Tensors, path: Path) -> None:
        nonlocal left
        left -= 1
        save_file(tensors, path)
        if left == 0:
            os.truncate(path, path.stat().st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)

    checkpoint.save_file = write


def train_in_a_child(
    model: Path, work: Path, adapter: AdapterSettings, prepare: Callable[[], None]
) -> int:
    """Train in a forked process, in which `prepare` says when it is killed; its wait status."""
    child = os.fork()
    if child == 0:
        try:
            prepare()
            with progress.listening(lambda done, total, note: None, print):
                tune(model, work, adapter)
            os._exit(0)
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
    return os.waitpid(child, 0)[1]


if __name__ == "__main__":
    import peft  # noqa: F401 - once here, and not in each child
    from transformers import LlamaForCausalLM  # noqa: F401

    model, work, way, most, seed = sys.argv[1:]
    adapter = take(way)
    loop.CHECKPOINT_SECONDS = 0.0
    draw = random.Random(int(seed))
    at: list[int] = []  # how many steps were on the disk at each kill
    ended = signal.SIGKILL
    while ended == signal.SIGKILL and len(at) < int(most):
        if len(at) % 3 == 1:
            die = partial(die_in_writing, draw.randint(1, 5))
        else:  # 900 lines to the first step, then 550 a step
            die = partial(die_at, draw.randint(1, 4000))
        ended = train_in_a_child(Path(model), Path(work), adapter, die)
        at.append(len(steps_of(Path(work))))
    if ended == signal.SIGKILL:
        ended = train_in_a_child(Path(model), Path(work), adapter, lambda: None)
    print(json.dumps({"ended": ended, "at": at}))
