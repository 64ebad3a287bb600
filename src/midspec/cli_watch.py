"""`midspec watch`: a run seen from a second terminal."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from midspec.cli_build import open_plan
from midspec.cli_engine import find_store
from midspec.errors import ConfigError

if TYPE_CHECKING:
    from midspec.watch import Watched

LOOK_SECONDS = 1.0


def watch(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="EXPERIMENT.yaml, a store, or a stage's folder in it."),
    ],
    once: Annotated[bool, typer.Option("--once", help="Show what there is now, and end.")] = False,
    store: Annotated[
        Path,
        typer.Option("--store", parser=find_store, metavar="FOLDER", help="Finished stages."),
    ] = Path("store"),
) -> None:
    """Watch a run from a second terminal: losses, speed, time left; it ends with the run."""
    from rich.live import Live

    from midspec.console import console

    watched = _find(run, store)
    shown, ended = watched.frame()
    if once or ended:
        console.print(shown)
        return
    try:
        with Live(shown, console=console, auto_refresh=False) as live:
            while not ended:
                time.sleep(LOOK_SECONDS)
                shown, ended = watched.frame()
                live.update(shown, refresh=True)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _find(run: Path, store: Path) -> "Watched":
    """What RUN names; whoever looks on makes no store, so one that isn't there is an error."""
    from midspec.run.build import ordered
    from midspec.watch import watch_folder, watch_stages

    if run.is_dir() or not run.exists():
        if found := watch_folder(run):
            return found
        raise ConfigError(
            f"{run} is no experiment file, no store and no stage of one. Name EXPERIMENT.yaml, "
            "the folder that --store gave to midspec run, or a folder in it."
        )
    planned = open_plan(run)
    stages = ordered([planned.leaks, planned.report])
    return watch_stages(store.resolve(), planned.experiment.name, stages, planned.report)
