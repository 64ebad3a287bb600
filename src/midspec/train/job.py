"""A training as data, and the program that several processes take part in it with.

`launch` starts it on a folder that holds the job. It reads finished inputs, writes into the stage's
work folder, and leaves a checkpoint of the last step: the process that launched goes on from there.
"""

import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import accumulate, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from midspec import progress
from midspec.errors import MidspecError, StoreError
from midspec.files import disk_errors, read_json, write_json
from midspec.interrupt import interruptible
from midspec.resources import Resources
from midspec.train.batches import Example
from midspec.train.settings import AdapterSettings, LoopSettings
from midspec.train.stack import Stack, Start

if TYPE_CHECKING:
    from midspec.train.model import Trainable
    from midspec.train.parallel import Team

JOB, ROWS, FAILED = "job.json", "rows.safetensors", "failed-{rank}.json"
LAST_SECONDS = 20.0  # to finish a step and save it, once the launching process is gone
PATIENCE = timedelta(hours=2)  # for other processes, while they load or one of them saves


@dataclass(frozen=True)
class Job:
    """All that decides a training, but the rows. base: whose tokenizer they were encoded with;
    adapter_seed: of an adapter's start, where `seed` is of the data's order."""

    base: Path
    before: Stack
    adapter: AdapterSettings
    adapter_seed: int
    start: Start
    loop: LoopSettings
    seed: int
    pad_id: int
    resources: Resources

    def open(self) -> "Trainable":
        """The model to train. What is shared out to several processes is so only later."""
        from midspec.train.device import choose_device
        from midspec.train.model import attach, load_base

        device = "cpu" if self.resources.shards else choose_device(self.resources)
        base = load_base(self.before.weights, device, self.resources.precision)
        return attach(base, self.adapter, self.before, self.adapter_seed, self.start)


def write_job(job: Job, rows: Sequence[Example], folder: Path) -> None:
    """Write a job and its rows for `read_job`."""
    import torch
    from pydantic import TypeAdapter
    from safetensors.torch import save_file

    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {
            "ids": torch.tensor([token for row in rows for token in row.ids], dtype=torch.int32),
            "counted": torch.tensor([counted for row in rows for counted in row.counted]),
            "lengths": torch.tensor([len(row.ids) for row in rows]),
            "begins": torch.tensor([row.begins for row in rows]),
        }
        save_file(tensors, folder / ROWS)
    write_json(folder / JOB, TypeAdapter(Job).dump_python(job, mode="json"))


def read_job(folder: Path) -> tuple[Job, list[Example]]:
    """A job and its rows."""
    from pydantic import TypeAdapter
    from safetensors.torch import load_file

    job = TypeAdapter(Job).validate_python(read_json(folder / JOB))
    there = {name: tensor.tolist() for name, tensor in load_file(folder / ROWS).items()}
    ends = pairwise(accumulate(there["lengths"], initial=0))
    rows = [
        Example(there["ids"][start:end], there["counted"][start:end], begins)
        for (start, end), begins in zip(ends, there["begins"], strict=True)
    ]
    return job, rows


def join_team(resources: Resources) -> "Team":
    """Meet the other processes, as `accelerate launch` told each of them to."""
    from accelerate import PartialState

    from midspec.train.device import choose_device
    from midspec.train.parallel import Team

    if resources.together == 1:
        return Team(resources)
    on_cpu = choose_device(resources) == "cpu"
    backend = {"backend": "gloo"} if on_cpu else {}
    state = PartialState(cpu=on_cpu, timeout=PATIENCE, **backend)
    return Team(resources, state.process_index, state.num_processes)


def take_part(folder: Path) -> None:
    """Train what the job in `folder` says, with the others; the first process writes and tells."""
    from torch import distributed

    from midspec.train.checkpoint import steps
    from midspec.train.loop import train
    from midspec.train.model import load_tokenizer

    job, rows = read_job(folder)
    words = load_tokenizer(job.base).decode
    team = join_team(job.resources)
    work = folder.parent
    with TemporaryDirectory() as private:
        if not team.leads:
            team = replace(team, private=Path(private))
        trained = train(job.open(), rows, job.loop, job.seed, job.pad_id, work, words, team)
    if team.leads and trained.updates not in steps(work / ".checkpoint"):
        raise StoreError(
            f"The last checkpoint could not be written in {work}, so what was trained since the "
            "one before is lost. Free some space and run the same command again."
        )
    if distributed.is_initialized():
        distributed.destroy_process_group()


def main(folder: Path, rank: int) -> None:
    """Take part; what went wrong stands in a file for the process that launched."""
    told = _own_output()
    threading.Thread(target=_end_with_launcher, daemon=True).start()
    try:
        with interruptible():
            if rank == 0:
                with progress.listening(
                    lambda *what: told({"report": what}), lambda text: told({"say": text})
                ):
                    take_part(folder)
            else:
                take_part(folder)
    except BaseException as error:
        traceback.print_exc()
        if rank and isinstance(error, MidspecError):
            _let_first_tell(folder)
        write_json(folder / FAILED.format(rank=rank), _failure(error))
        sys.stderr.flush()
        os._exit(1)  # taking leave of the others could take for ever


def _let_first_tell(folder: Path) -> None:
    """What all processes find wrong the first one tells, which writes the files that it names; so
    don't end it by ending, unless it has nothing to tell."""
    until = time.monotonic() + LAST_SECONDS
    while time.monotonic() < until and not (folder / FAILED.format(rank=0)).exists():
        time.sleep(0.1)


def _failure(error: BaseException) -> dict[str, object]:
    """An error for the process that launched. One that `follows` comes of another process's end."""
    from torch.distributed import DistError

    mendable = isinstance(error, MidspecError | KeyboardInterrupt)
    peer = isinstance(error, DistError) or "gloo" in str(error) or "ncclRemote" in str(error)
    return {
        "kind": type(error).__name__,
        "message": str(error),
        "mendable": mendable,
        "follows": peer and not mendable,
        "time": time.time(),
    }


def _own_output() -> Callable[[dict[str, object]], None]:
    """A way to tell the launching process something, a line each; what else is printed goes to the
    log."""
    channel = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def tell(what: dict[str, object]) -> None:
        with suppress(OSError):  # it's gone, and this process will be too
            os.write(channel, (json.dumps(what) + "\n").encode())

    return tell


def _end_with_launcher() -> None:
    """Stop at the end of a step when the launching process goes: then our input is at its end."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(LAST_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(os.environ["RANK"]))
