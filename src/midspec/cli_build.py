"""What the verbs that build share: opening plans, running stages, putting results in place."""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from midspec.cli_engine import Engine, build_stages, command, home, planning
from midspec.errors import ConfigError
from midspec.interrupt import interruptible
from midspec.terminal import say

if TYPE_CHECKING:
    from midspec.experiment import Plan
    from midspec.llm.settings import Limits
    from midspec.parts import TeacherModel
    from midspec.run.build import Observer
    from midspec.run.stage import Stage
    from midspec.write.estimate import Estimate


HERE = Engine()


class WriteByDefault(TyperGroup):
    """`midspec VERB SPEC.md …` is short for `midspec VERB write SPEC.md …`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] != "--help":
            args = ["write", *args]
        return super().parse_args(ctx, args)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        formatter.write(f"\nIts options: {ctx.command_path} write --help\n")


def open_plan(
    path: Path,
    resources: "Mapping[str, object | None] | None" = None,
    fetch: bool = True,
) -> "Plan":
    """The graph of an experiment file, with other resources where they aren't None; fails if the
    file or its model can't be used. Without `fetch` a model of the Hub needn't be here, nor need
    one that a file beside the experiment knows by its digest."""
    from midspec.arms import model_name
    from midspec.bases import known_bases
    from midspec.config import load_experiment
    from midspec.experiment import models_of, plan
    from midspec.train.fetch import find_known_model, find_model

    experiment = load_experiment(path)
    if given := {key: value for key, value in (resources or {}).items() if value is not None}:
        changed = experiment.resources.changed(given)
        experiment = experiment.model_copy(update={"resources": changed})
    known = {name: base.digest for name, base in known_bases(path).items()}
    folders = {
        model: find_known_model(model, home())
        if model_name(model) in known
        else find_model(model, home(), fetch)
        for model in models_of(experiment)
    }
    try:
        return plan(experiment, folders.pop(experiment.model), folders, known)
    except ConfigError as error:  # who reads on from here knows of no file
        raise ConfigError(f"{path}: {error}") from error


def shipped(name: str) -> Path:
    """A file that comes with midspec: in the wheel, or in a clone beside the sources."""
    package = Path(__file__).resolve().parent
    for folder in (package / "shipped", package.parents[1]):
        if (found := folder / name).exists():
            return found
    raise ConfigError(f"{name} is not in this installation. Install midspec again.")


def check_evaluated(planned: "Plan", experiment: Path, store: Path) -> None:
    """Evaluations that aren't done are a ConfigError."""
    known = planning(planned.evals.values(), store)
    missing = [stage for stage in planned.evals.values() if not stage.done(known)]
    if missing:
        raise ConfigError(
            f"{len(missing)} of {len(planned.evals)} evaluations aren't done, the first being "
            f"{missing[0].title}. Run: {command('run', experiment, store)}"
        )


def show_plan(planned: "Plan", store: Path, every: bool = False) -> None:
    """Print the stages, what the rest takes, and which differences the whole could show."""
    from midspec.console import console
    from midspec.foresight import power_words
    from midspec.plan_view import plan_table, plan_totals, reckon
    from midspec.run.build import ordered

    known = planning(ordered([planned.leaks, planned.report]), store)
    found = reckon(planned, known)
    console.print(plan_table(planned, found, every))
    console.print(plan_totals(planned, found, known), markup=False)
    console.print(power_words(planned, known), markup=False)


def build_all(
    targets: "Sequence[Stage]",
    store: Path,
    limits: "Limits",
    engine: Engine = HERE,
    beside: "Observer | None" = None,
) -> None:
    """Build what is missing, target after target, with progress; Ctrl-C, or a cluster's SIGTERM,
    leaves all that is done."""
    try:
        with interruptible():
            build_stages(targets, store, limits, engine, beside)
    except KeyboardInterrupt:
        say("Stopped. Run the same command to go on from here.", err=True)
        raise typer.Exit(130) from None


def write_with_llm(
    stage: "Stage",
    teacher: "TeacherModel",
    judges: "list[TeacherModel]",
    out: Path,
    store: Path,
    plan: bool,
    max_cost: float | None,
    max_tokens: str | None,
) -> bool:
    """Tell what one stage takes of an LLM, and unless that is all, build it and put it in place;
    returns whether it did."""
    from midspec.estimate import teacher_estimate

    stage.fingerprint()  # which reads the files that it names: one that isn't there is told first
    takes = teacher_estimate(stage, teacher, judges)
    built = build_with_llm([stage], takes, teacher, judges, store, plan, max_cost, max_tokens)
    if built:
        put(stage.path(store.resolve()), out)
    return built


def build_with_llm(
    stages: "Sequence[Stage]",
    takes: "Estimate",
    teacher: "TeacherModel",
    judges: "list[TeacherModel]",
    store: Path,
    plan: bool,
    max_cost: float | None,
    max_tokens: str | None,
) -> bool:
    """Tell what stages take of an LLM, and unless that is all, build them; returns whether so."""
    from midspec.console import console
    from midspec.teach import higher, limits_of
    from midspec.write.estimate import estimate_words

    console.print(estimate_words(takes), markup=False)
    if plan:
        return False
    limits = limits_of(teacher, judges, store.resolve(), home())
    build_all(stages, store, higher(limits, max_cost, max_tokens))
    return True


def check_out(out: Path, mark: str, what: str, *kept: Path) -> None:
    """A folder that holds something else is left alone; one of these is known by a file, `mark`.
    It is replaced whole, so what is to be `kept` mustn't lie in it: the store, what is read."""
    if any(part.exists() and not part.is_dir() for part in (out, *out.parents)):
        raise ConfigError(f"--out {out} is a file, or lies in one. Name a folder.")
    if out.is_dir() and any(out.iterdir()) and not (out / mark).exists():
        raise ConfigError(f"--out {out} holds something that is no {what}. Name an empty folder.")
    for one in (*kept, Path.cwd()):
        if one.resolve().is_relative_to(out.resolve()):
            raise ConfigError(
                f"--out {out} is replaced whole, and {one} lies in it. Name another folder."
            )


def put(folder: Path, out: Path) -> None:
    """Put a finished folder where the user wants it; what lay there before is replaced whole."""
    from midspec.files import disk_errors

    with disk_errors(out), made_whole(out) as made:
        shutil.copytree(folder, made, dirs_exist_ok=True)


@contextmanager
def made_whole(out: Path) -> Iterator[Path]:
    """An empty folder to fill, which then becomes `out`; what lay there gives way whole, and only
    once this is in place. Where the block fails nothing changes."""
    from midspec.files import disk_errors

    with disk_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as scratch:
        made = Path(scratch) / out.name
        made.mkdir()
        yield made
        before = out.with_name(f".{out.name}.{os.getpid()}.before")
        if out.exists():
            out.rename(before)
        made.rename(out)
    shutil.rmtree(before, ignore_errors=True)


def write_page(page: str, out: Path) -> None:
    """Write an HTML page, in a new folder if need be, and say where it is."""
    from midspec.files import disk_errors, write_text

    if out.is_dir() or any(above.is_file() for above in out.parents):
        raise ConfigError(
            f"{out} is a folder, or lies in a file. Name the page to write with --out."
        )
    with disk_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    write_text(out, page)
    say(out)
