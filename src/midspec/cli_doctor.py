"""`midspec doctor`: what this machine has for midspec, and what mends what it lacks."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from midspec.cli_engine import home
from midspec.cli_options import Store
from midspec.terminal import say

if TYPE_CHECKING:
    from midspec.doctor.line import Line

STYLES = {"ok": "green", "warning": "yellow", "missing": "red"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    store: Store = Path("store"),
) -> None:
    """Look at this machine: what is there, what is missing, and how to mend it; exits with 1 if
    something is missing that every run needs."""
    from midspec.doctor.examine import able, examine

    lines = examine(store, home(), os.environ)
    if as_json:
        told = [asdict(line) for line in lines]
        say(json.dumps({"able": able(lines), "lines": told}, indent=1))
    else:
        _show(lines)
    if not able(lines):
        raise typer.Exit(1)


def _show(lines: "list[Line]") -> None:
    """A line each, with its mend below."""
    from rich.markup import escape
    from rich.table import Table

    from midspec.doctor.examine import able
    from midspec.screen import Screen

    table = Table.grid(padding=(0, 2))
    for line in lines:
        mend = f"\n[dim]→ {escape(line.mend)}[/]" if line.mend else ""
        style = STYLES[line.state]
        table.add_row(f"[{style}]{line.state}[/]", escape(line.name), escape(line.found) + mend)
    console = Screen()
    console.print(table)
    lacking = [line.name for line in lines if line.needed and line.state == "missing"]
    if not able(lines):
        console.print(f"No run will work before this is mended: {', '.join(lacking)}.")
    else:
        console.print("All that every run needs is here.")
