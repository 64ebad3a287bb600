"""The options that say what trainings run on, and `midspec join`, for further machines of one."""

import time
from pathlib import Path
from typing import Annotated

import typer

from midspec.errors import MidspecError
from midspec.interrupt import interruptible
from midspec.terminal import say

Processes = Annotated[int | None, typer.Option(help="Of a training, on each machine: one a GPU.")]
Machines = Annotated[int | None, typer.Option(help="Of a training; others run `midspec join`.")]
Host = Annotated[str | None, typer.Option(help="This one, for others: HOST or HOST:PORT.")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.")]
Sharding = Annotated[str | None, typer.Option(help="Of several processes: ddp or fsdp.")]
Precision = Annotated[str | None, typer.Option(help="bf16 or fp32.")]
Checkpointing = Annotated[
    bool | None,
    typer.Option("--gradient-checkpointing", help="Less memory for more time.", show_default=False),
]
Attention = Annotated[str | None, typer.Option(help="auto, sdpa or flash.")]
TokensPerPass = Annotated[int | None, typer.Option(help="That a process takes at once.")]

LOOK_SECONDS = 1.0


def join(
    store: Annotated[Path, typer.Argument(help="The run's store, which all machines see.")],
    machine: Annotated[int, typer.Option(min=1, help="Which one this is: 1, 2, …")],
) -> None:
    """Take this machine's share of trainings on several machines, until it is told to stop."""
    from midspec.run.build import check_store
    from midspec.train.launch import find_shares, run_share

    check_store(store)
    say(f"Machine {machine} waits for trainings of {store}.")
    seen: set[tuple[Path, int | None]] = set()
    try:
        with interruptible():
            while True:
                for share in find_shares(store, machine):
                    if (share.folder, share.stamp) in seen:
                        continue
                    seen.add((share.folder, share.stamp))
                    say(f"Takes part in {share.folder.parent.name}.")
                    try:
                        run_share(share)
                    except MidspecError as error:
                        say(str(error))
                time.sleep(LOOK_SECONDS)
    except KeyboardInterrupt:
        say("Stopped.")
