"""`midspec analyze`: questions to a whole grid, answered from finished evaluations."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from midspec.cli_build import check_evaluated, open_plan
from midspec.cli_options import ExperimentFile, Store
from midspec.errors import ConfigError
from midspec.terminal import say

if TYPE_CHECKING:
    from midspec.experiment import Plan
    from midspec.report.analyses.section import Section


def analyze(
    experiment: ExperimentFile,
    as_json: Annotated[bool, typer.Option("--json", help="All numbers, for programs.")] = False,
    csv: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="All numbers as a CSV file for each analysis."),
    ] = None,
    store: Store = Path("store"),
) -> None:
    """Compare arms over a grid: order, gains, doses, transfer; reads finished evaluations only."""
    from midspec.report.analyses.all import for_programs

    if as_json and csv:
        raise ConfigError("--json and --csv are two forms of the same numbers. Use one of them.")
    if csv and any(part.exists() and not part.is_dir() for part in (csv, *csv.parents)):
        raise ConfigError(f"--csv {csv} is a file, or lies in one. Name a folder.")
    sections = _sections(open_plan(experiment), experiment, store)
    if not sections and not as_json:
        say(
            "This experiment has no arms that an analysis could compare: they take two arms that "
            "differ in one thing alone. docs/analyses.md says what each takes."
        )
    elif as_json:
        say(json.dumps(for_programs(sections), indent=1))
    elif csv:
        _write(sections, csv)
    else:
        _show(sections)


def _sections(planned: "Plan", experiment: Path, store: Path) -> "list[Section]":
    """The analyses of an experiment whose evaluations are all done; else a ConfigError."""
    from midspec.report.stage import ReportConfig, read_analyses
    from midspec.run.remote import bring
    from midspec.run.stage import verify

    check_evaluated(planned, experiment, store)
    read = {
        key: stage
        for key, stage in planned.report.inputs.items()
        if key.partition("/")[0] in ("eval", "corpus", "demos")
    }
    bring([stage for stage in planned.report.stages() if stage in read.values()], store)
    config = planned.report.config
    assert isinstance(config, ReportConfig)
    root = store.resolve()
    for stage in read.values():
        verify(stage.path(root), with_weights=False)
    return read_analyses(config, {key: stage.path(root) for key, stage in read.items()})


def _write(sections: "list[Section]", folder: Path) -> None:
    """A file for each analysis; for each kind of row, where it has several."""
    from midspec.files import disk_errors, write_text
    from midspec.report.analyses.all import as_csv

    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for name, text in as_csv(sections).items():
        write_text(folder / f"{name}.csv", text)
        say(folder / f"{name}.csv")


def _show(sections: "list[Section]") -> None:
    """Every analysis as in the report: what was found, and its tables."""
    from midspec.console import console
    from midspec.sheets import sheet_tables

    for section in sections:
        console.print(f"\n[bold]{section.title}[/]")
        for line in (*(f"• {line}" for line in section.said), section.left_out):
            if line:
                # A terminal gets whole words on each line, a file or pipe whole sentences.
                console.print(line, markup=False, soft_wrap=not console.is_terminal)
        for sheet in section.sheets:
            for table in sheet_tables(sheet, console.width):
                console.print(table)
