"""Archives of finished experiments: `midspec export EXPERIMENT.yaml` and `midspec import`."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from midspec.cli_build import open_plan
from midspec.cli_engine import build_one, command
from midspec.cli_options import Store
from midspec.errors import ConfigError, StoreError
from midspec.keys import keys_of
from midspec.terminal import say

if TYPE_CHECKING:
    from midspec.experiment import Plan
    from midspec.run.stage import Stage
    from midspec.share.take import Unpacked

ENDING = ".tar.gz"


def write_run(experiment: Path, out: Path | None, adapters: Sequence[str], store: Path) -> None:
    """Write an experiment's archive, and tell its size before and after."""
    from midspec.files import disk_errors
    from midspec.pages.html import count
    from midspec.share.archive import write_archive
    from midspec.share.gather import gather, slug

    planned = open_plan(experiment)
    out = (out or Path(f"{slug(planned.experiment.name)}{ENDING}")).resolve()
    if not out.name.endswith(ENDING):
        raise ConfigError(f"--out {out.name} is no archive's name. Let it end in {ENDING}.")
    if out.exists():
        raise ConfigError(f"{out} is there already. Name another file with --out, or remove it.")
    found = gather(planned, experiment, store.resolve(), adapters, secrets(experiment, store))
    index = found.index
    weights = count(len(index.adapters), "stage") if index.adapters else "no stage"
    say(
        f"{count(len(index.stages), 'stage')}, {count(len(index.files), 'file')}, "
        f"{size_words(found.size)}; weights of {weights}"
    )
    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    try:
        with disk_errors(out):
            out.parent.mkdir(parents=True, exist_ok=True)
            with open(partial, "xb") as file:
                digest = write_archive(found.members, file)
                file.flush()
                os.fsync(file.fileno())
            partial.rename(out)
    finally:
        partial.unlink(missing_ok=True)
    say(f"{out}  ({size_words(out.stat().st_size)}, sha256 {digest})")


def secrets(experiment: Path, store: Path) -> Mapping[bytes, str]:
    """What must not leave this machine: keys, and the folders in which it all lies."""
    from huggingface_hub import get_token

    from midspec.share.gather import guarded_texts

    keys = keys_of(os.environ) | ({"HF_TOKEN": token} if (token := get_token()) else {})
    places = {Path.home(), store.resolve(), experiment.resolve().parent}
    return guarded_texts(keys.items(), places)


def import_archive(
    archive: Annotated[Path, typer.Argument(metavar="ARCHIVE.tar.gz", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option(help="Where its experiment file goes; else a folder named for it."),
    ] = None,
    max_gb: Annotated[float, typer.Option(help="What it may take, unpacked.")] = 20.0,
    store: Store = Path("store"),
) -> None:
    """Check an archive of midspec export, put its stages into a store, and build its report."""
    from midspec.share.gather import slug
    from midspec.share.take import check_free, put_experiment, put_stages, unpacked

    root = store.resolve()
    with unpacked(archive, root, max_gb * 1e9) as found:
        index = found.index
        folder = (out or Path(slug(index.name))).resolve()
        check_free(found, folder)
        new, there = put_stages(found, root)
        file = put_experiment(found, folder)
        say(
            f"{index.name}, finished {index.finished} by midspec {index.midspec}: "
            f"{len(index.files)} files as their digests say"
        )
        say(f"{len(new)} stages put into {root}, {len(there)} were there")
        say(f"Experiment  {file}")
        _report(found, file, root)
    say(f"Look at it with: {command('show', file, store)}")
    if not index.adapters:
        say("It came without weights: arms can't be chatted with, and new evals train them again.")


def _report(found: "Unpacked", file: Path, store: Path) -> None:
    """Build the report from the scores, and hold its numbers against those of the archive."""
    from midspec.files import read_json
    from midspec.share.take import named_code, same_numbers

    if code := named_code(file):
        say(
            f"The experiment asks {code[0]}, which is Python that this machine has. If you trust "
            f"that, build the report: {command('report', file, store)}"
        )
        return
    planned, index = open_plan(file, fetch=False), found.index
    if missing := _missing(planned, store):
        say(
            f"This midspec plans {len(missing)} stages that the archive has otherwise, the first "
            f"being {missing[0].title or missing[0].name}. Report from it with midspec "
            f"{index.midspec}{f', commit {index.commit}' if index.commit else ''}."
        )
        return
    try:
        build_one(planned.report, store)
        results = read_json(planned.report.path(store) / "results.json")
        same = same_numbers(results, found.results)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(
            "The stages of the archive hold something that no report can be built from "
            f"({type(error).__name__}: {str(error)[:100]}). Delete {store} if it was made for it."
        ) from error
    say(f"Report      {planned.report.path(store) / 'report.html'}")
    if same:
        say("Its numbers are those of the archive's own report.")
    elif planned.report.path(store).name == index.report:
        raise StoreError(
            "The report in the archive tells other numbers than its scores give. Trust the one "
            "that was built here, if any."
        )
    else:
        say(f"This midspec reports otherwise than midspec {index.midspec}, which made the archive.")


def _missing(planned: "Plan", store: Path) -> "list[Stage]":
    from midspec.run.build import ordered

    stages = ordered([planned.leaks, planned.report])
    return [stage for stage in stages if stage is not planned.report and not stage.done(store)]


def size_words(size: int) -> str:
    """A size for people, in kB or MB."""
    if size < 1e5:
        return f"{size / 1e3:,.1f} kB"
    return f"{size / 1e6:,.1f} MB" if size < 1e8 else f"{size / 1e6:,.0f} MB"
