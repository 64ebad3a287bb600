"""`midspec watch`: a run seen from a second terminal."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from midspec.cli_build import open_plan
from midspec.cli_engine import find_store
from midspec.cli_options import Store
from midspec.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from midspec.watch import Watched


def watch(
    run: Annotated[
        str,
        typer.Argument(metavar="RUN", help="EXPERIMENT.yaml, a store, or a stage's folder in it."),
    ],
    once: Annotated[bool, typer.Option("--once", help="Show what there is now, and end.")] = False,
    store: Store = Path("store"),
) -> None:
    """Watch a run from a second terminal: losses, speed, time left; it ends with the run."""
    from rich.console import Group
    from rich.live import Live
    from rich.markup import escape

    from midspec.console import console

    watched = _find(run, store)
    shown, ended = watched.frame()
    if once or ended:
        console.print(shown)
        return
    try:
        with Live(shown, console=console, auto_refresh=False) as live:
            while not ended:
                time.sleep(watched.look_seconds)
                try:
                    shown, ended = watched.frame()
                    live.update(shown, refresh=True)
                except StoreError as error:  # a network that is gone may come back
                    live.update(Group(shown, f"[yellow]{escape(str(error))}[/]"), refresh=True)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _find(run: str, store: Path) -> "Watched":
    """What RUN names; a store that isn't there is an error, but for an experiment's, which may not
    have begun. Whoever looks on makes none."""
    from midspec.run.build import ordered
    from midspec.watch import watch_folder, watch_stages, watch_url

    path = Path(run)
    if not path.is_file():
        if found := watch_url(run, find_store) if "://" in run else watch_folder(path):
            return found
        raise ConfigError(
            f"{run} is no experiment file, no store and no stage of one. Name EXPERIMENT.yaml, "
            "what --store gave to midspec run, or a folder in it."
        )
    planned = open_plan(path)
    stages = ordered([planned.leaks, planned.report])
    return watch_stages(store.resolve(), planned.experiment.name, stages, planned.report)
