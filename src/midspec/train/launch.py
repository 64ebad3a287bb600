"""Training in several processes, started by `accelerate launch` from what resources say."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import rmtree
from typing import Any

from midspec import errors, progress
from midspec.errors import StoreError, TrainingError
from midspec.files import disk_errors, read_json, write_json
from midspec.resources import Resources
from midspec.train.batches import Example
from midspec.train.job import FAILED, JOB, LAST_SECONDS, Job, write_job

FOLDER, LOG = ".job", "log-{machine}.txt"
LOOK_SECONDS = 1.0
KILLED = re.compile(r"rank\s*: (\d+) .*\n\s*exitcode\s*: -(\d+)")  # in torchrun's account
SAVES = (
    "resources that take less memory: gradient_checkpointing: true, a smaller tokens_per_pass, "
    "sharding: fsdp."
)


@dataclass(frozen=True)
class Share:
    """What one machine does of a job in `folder`; the first machine is 0."""

    folder: Path
    resources: Resources
    machine: int = 0

    @property
    def stamp(self) -> int | None:
        """What is another number for another job in the same folder; None once there is none."""
        with suppress(FileNotFoundError):
            return (self.folder / JOB).stat().st_mtime_ns
        return None


def launch(job: Job, rows: Sequence[Example], work: Path) -> Job:
    """Train in as many processes as the job's resources say, and return the job that goes on from
    the checkpoint of the last step, which they leave in `work`, in this process on its CPU.

    What fails there is raised here as if it had failed here. However this process ends, so do they.
    """
    from midspec.train.device import check_processes, free_memory

    check_processes(job.resources)
    free_memory()
    folder = work / FOLDER
    rmtree(folder, ignore_errors=True)
    resources = replace(job.resources, host=_address(job.resources.host))
    write_job(replace(job, resources=resources), rows, folder)
    if resources.machines > 1:
        progress.say(
            f"Waits for {resources.machines - 1} more at {resources.host}. On each, with a number "
            "from 1: midspec join STORE --machine 1"
        )
    try:
        run_share(Share(folder, resources))
    finally:
        (folder / JOB).unlink(missing_ok=True)  # other machines see that it is over
    rmtree(folder, ignore_errors=True)
    return replace(job, resources=replace(job.resources, processes=1, machines=1, device="cpu"))


def find_shares(store: Path, machine: int) -> list[Share]:
    """What there is for a further machine to do: jobs under way in a store that count on it."""
    shares = []
    for path in sorted((store / ".work").glob(f"*/{FOLDER}/{JOB}")):
        with suppress(StoreError):  # it has just ended
            resources = Resources(**read_json(path)["resources"])
            if machine < resources.machines:
                shares.append(Share(path.parent, resources, machine))
    return shares


def run_share(share: Share) -> None:
    """Run a machine's processes until they are done; on a further machine, while the job is on."""
    settings = share.folder / f"accelerate-{share.machine}.json"
    write_json(settings, _settings(share.resources, share.machine))
    command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(settings)]
    command += ["--module", "midspec.train.job", str(share.folder)]
    path = share.folder / LOG.format(machine=share.machine)
    with disk_errors(path):
        log = open(path, "wb")  # noqa: SIM115 - closed by the block below
    with (
        log,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # which nothing is written to: they end when it closes
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, "OMP_NUM_THREADS": str(_threads(share.resources))},
            start_new_session=True,  # Ctrl-C is for this process, which lets them finish a step
        ) as process,
    ):
        try:
            for line in process.stdout or () if share.machine == 0 else _while_on(share, process):
                _pass_on(line)
            process.wait()
        finally:
            _end(process)
    if process.returncode:
        raise _failure(share.folder, share.resources.together)


def _while_on(share: Share, process: "subprocess.Popen[bytes]") -> Iterator[bytes]:
    """Wait while a job is on, for processes that have nothing to tell; then let them end."""
    stamp = share.stamp
    while process.poll() is None and share.stamp == stamp:
        time.sleep(LOOK_SECONDS)
    _end(process)
    yield from ()


def _address(host: str) -> str:
    """HOST:PORT of this machine, with a port that nobody listens at if none is given."""
    name, _, port = host.partition(":")
    if not port:
        with socket.socket() as somewhere:
            somewhere.bind(("", 0))
            port = str(somewhere.getsockname()[1])
    return f"{name or socket.gethostname()}:{port}"


def _settings(resources: Resources, machine: int) -> dict[str, object]:
    """What `accelerate launch` is to do; given whole, so that no default of the user's comes in.

    It has one way to start several processes and calls it MULTI_GPU; they choose their device.
    """
    host, _, port = resources.host.rpartition(":")
    return {
        "compute_environment": "LOCAL_MACHINE",
        "distributed_type": "MULTI_GPU",
        "num_processes": resources.together,
        "num_machines": resources.machines,
        "machine_rank": machine,
        "main_process_ip": host,
        "main_process_port": int(port),
        "rdzv_backend": "static",
        "same_network": True,
        "mixed_precision": "no",  # parameters are bf16 themselves, and their masters float32
        "use_cpu": False,
        "debug": False,
    }


def _threads(resources: Resources) -> int:
    """Threads for each process: what this one would use, shared out."""
    import torch

    return max(1, torch.get_num_threads() // resources.processes)


def _pass_on(line: bytes) -> None:
    """Tell what the first process tells; other lines are none of ours."""
    with suppress(ValueError, TypeError, KeyError):
        told: dict[str, Any] = json.loads(line)
        if "report" in told:
            progress.report(*told["report"])
        else:
            progress.say(told["say"])


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Let the processes finish their step and save it, if they still run; then end them."""
    assert process.stdin
    process.stdin.close()
    try:
        with suppress(subprocess.TimeoutExpired):
            process.wait(LAST_SECONDS + 10)
    finally:
        process.kill()  # does nothing to one that is gone; those that it started end themselves


def _failure(folder: Path, count: int) -> BaseException:
    """Why a training in several processes failed: the first cause, not what followed from it."""
    paths = {rank: folder / FAILED.format(rank=rank) for rank in range(count)}
    told = {rank: read_json(path) for rank, path in paths.items() if path.exists()}
    for rank in told:
        if told[rank]["mendable"]:
            kind = getattr(errors, told[rank]["kind"], KeyboardInterrupt)
            error: BaseException = kind(told[rank]["message"])
            return error
    first = sorted(told, key=lambda rank: float(told[rank]["time"]))
    again = "Run the same command to go on from the last checkpoint."
    for rank in first:
        if not told[rank]["follows"]:
            use = f" Use {SAVES}" if told[rank]["kind"] == "OutOfMemoryError" else ""
            return TrainingError(
                f"Process {rank} of {count} failed: {told[rank]['kind']}: {told[rank]['message']} "
                f"(its last words are in {folder}). {again}{use}"
            )
    logs = [path.read_text("utf-8", "replace") for path in sorted(folder.glob("log-*.txt"))]
    for rank, number in KILLED.findall("\n".join(logs)):
        if int(number) != signal.SIGTERM and int(rank) not in told:
            return TrainingError(
                f"Process {rank} of {count} was killed ({signal.Signals(int(number)).name}), as a "
                f"system does that is short of memory. {again} If that is it, use {SAVES}"
            )
    last = "\n".join(logs).strip().splitlines()[-1:] or ["nothing"]
    return TrainingError(
        f"The {count} processes failed. The last line of the logs in {folder}: {last[0]}"
    )
