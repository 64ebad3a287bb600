"""`midspec compare`: finished runs side by side."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from midspec.cli_build import check_evaluated, open_plan, write_page
from midspec.cli_engine import find_store
from midspec.errors import ConfigError
from midspec.terminal import say

if TYPE_CHECKING:
    from midspec.compare.run import Run


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN RUN…",
            show_default=False,
            help="EXPERIMENT.yaml, a report's folder (store/report-…), or its results.json.",
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="All numbers, for programs.")] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="As a page that loads nothing.")
    ] = None,
    store: Annotated[
        list[Path] | None,
        typer.Option(
            "--store",
            parser=find_store,
            metavar="FOLDER|URL",
            help="Of experiment files: one for all, or one for each in turn.  [store]",
        ),
    ] = None,
) -> None:
    """Put finished runs side by side: settings, arms, values, differences; runs nothing."""
    from midspec.compare.comparison import compare as side_by_side
    from midspec.compare.run import named_apart

    if as_json and out:
        raise ConfigError("--json and --out are two forms of the same numbers. Use one of them.")
    found = side_by_side(named_apart(_read(runs, store or [Path("store")])))
    if as_json:
        from midspec.compare.programs import for_programs

        say(json.dumps(for_programs(found), indent=1, ensure_ascii=False))
    elif out:
        from midspec.compare.page import render

        write_page(render(found), out)
    else:
        from midspec.compare.view import shown
        from midspec.console import console

        for part in shown(found):
            if part:
                console.print(part, soft_wrap=isinstance(part, str) and not console.is_terminal)


def _read(paths: Sequence[Path], stores: Sequence[Path]) -> "list[Run]":
    """Each run from where it lies; a store for each experiment file, or one for all."""
    from midspec.compare.run import read_run

    files = [path for path in paths if path.suffix in (".yaml", ".yml")]
    if len(stores) not in (1, len(files)):
        raise ConfigError(
            f"--store is given {len(stores)} times for {len(files)} experiment files. Give one for "
            "all, or one for each in turn."
        )
    places = iter(stores if len(stores) > 1 else [*stores] * len(files))
    return [_of_experiment(p, next(places)) if p in files else read_run(p) for p in paths]


def _of_experiment(path: Path, store: Path) -> "Run":
    """A run by its experiment file; evaluations that aren't done are a ConfigError."""
    from midspec.compare.run import made_by, of_recipe
    from midspec.files import read_json
    from midspec.run.remote import bring
    from midspec.run.stage import MANIFEST

    planned = open_plan(path, fetch=False)
    try:
        check_evaluated(planned, path, store)
    except ConfigError as error:
        raise ConfigError(f"{error}; or name the report's folder of an earlier run.") from error
    wanted = [stage for stage in planned.report.stages() if stage.name != "report"]
    bring(wanted, store)
    root = store.resolve()
    folders = {
        key: stage.path(root)
        for key, stage in planned.report.inputs.items()
        if (stage.path(root) / MANIFEST).exists()
    }
    recipe = planned.report.recipe["config"]
    assert isinstance(recipe, dict)
    first = next(folders[key] for key in folders if key.startswith("eval/"))
    return of_recipe(path.name, recipe, folders, made_by(read_json(first / MANIFEST)))
