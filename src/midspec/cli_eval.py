"""`midspec eval`: one arm, or any model, on some evals; and which evals there are."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from midspec.cli_build import build_all, open_plan
from midspec.cli_engine import home, planning
from midspec.cli_options import (
    DEMO,
    HALVES,
    Batch,
    Connections,
    MaxCost,
    MaxTokens,
    ModelName,
    PlanOnly,
    Price,
    ProviderName,
    ReasoningTokens,
    Store,
    Timeout,
    asked_llm,
    check_known,
)
from midspec.errors import ConfigError

if TYPE_CHECKING:
    from midspec.evaluate import Arm, Around, How
    from midspec.experiment import Plan
    from midspec.parts import TeacherModel
    from midspec.run.stage import Stage

# Of PROVIDER/MODEL these are providers; any other OWNER/NAME is looked for on the Hub.
PROVIDERS = (
    "anthropic", "azureai", "bedrock", "cloudflare", "deepseek", "fireworks", "google", "grok",
    "groq", "hf-inference-providers", "litellm-proxy", "llama-cpp-python", "meta", "mistral",
    "mockllm", "moonshot", "ollama", "openai", "openai-api", "openrouter", "perplexity",
    "sagemaker", "sambanova", "sglang", "together", "vllm",
)  # fmt: skip


def evaluate(
    arm: Annotated[
        str | None, typer.Argument(help="An arm of the experiment.", show_default=False)
    ] = None,
    tasks: Annotated[
        str, typer.Option(help="Evals, with commas: preference/america,manners.")
    ] = "",
    experiment: Annotated[
        Path | None, typer.Option("--experiment", "-e", help="Its file; else the demo's.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="In place of an arm: a folder, alias, Hub id, or PROVIDER/MODEL."),
    ] = None,
    judge: Annotated[str | None, typer.Option(help="An LLM that reads answers.")] = None,
    teacher: Annotated[
        str | None, typer.Option(help="An LLM that writes open questions; else the judge.")
    ] = None,
    questions: Annotated[Path | None, typer.Option(help="Open questions from a file.")] = None,
    seed: Annotated[int | None, typer.Option(help="Which seed's model.")] = None,
    half: Annotated[str | None, typer.Option(help="held-out, development or all.")] = None,
    max_items: Annotated[int | None, typer.Option(min=1, help="At most so many.")] = None,
    repeats: Annotated[
        int | None, typer.Option(min=1, help="Of evals that repeat their samples.")
    ] = None,
    engine: Annotated[str | None, typer.Option(help="Of local weights: hf or vllm.")] = None,
    thinking: Annotated[
        bool, typer.Option("--thinking", help="Let the model think before it answers.")
    ] = False,
    model_name: ModelName = "the assistant",
    provider_name: ProviderName = "its developer",
    reasoning_tokens: ReasoningTokens = 0,
    max_cost: MaxCost = None,
    max_tokens: MaxTokens = None,
    connections: Connections = 50,
    timeout: Timeout = 300.0,
    batch: Batch = False,
    price: Price = None,
    plan: PlanOnly = False,
    list_evals: Annotated[bool, typer.Option("--list", help="Only list the evals.")] = False,
    store: Store = Path("store"),
) -> None:
    """Evaluate a trained arm, or any model; what is there already isn't done again."""
    from midspec.console import console
    from midspec.teach import higher, limits_of

    if list_evals:
        console.print(_listed())
        return
    names = [name.strip() for name in tasks.split(",") if name.strip()]
    _check(arm, model, names, half, engine)
    calls = (reasoning_tokens, connections, timeout, batch, price, 0.0)
    by = asked_llm(judge, 0.0, *calls) if judge else None
    writer = asked_llm(teacher, 1.0, *calls) if teacher else None
    planned = open_plan(experiment or DEMO) if arm or experiment else None
    identity = {"model_name": model_name, "provider_name": provider_name}
    around, how = _settings(planned, names, by, writer, questions, identity)
    given: dict[str, Any] = {"half": half, "max_items": max_items, "repeats": repeats}
    given |= {"engine": engine}
    how = replace(how, **{key: value for key, value in given.items() if value is not None})
    around = replace(around, half=how.half)
    who, of = _who(planned, arm, seed, model, thinking, store)
    stages = [_stage(name, f"{name}: {of}", who, around, how, planned, store) for name in names]
    judges = [how.judge] if how.judge else []
    if plan:
        _tell_plan(stages, around.teacher, judges, store)
        return
    limits = higher(
        limits_of(around.teacher, judges, store.resolve(), home()), max_cost, max_tokens
    )
    if who.served and not judges:
        limits = replace(limits, connections=connections, timeout=timeout, batch=batch)
    build_all(stages, store, limits)
    _tell(names, stages, of, store.resolve())


def _check(
    arm: str | None, model: str | None, names: Sequence[str], half: str | None, engine: str | None
) -> None:
    if not names:
        raise ConfigError(
            "--tasks names no eval. Name some with commas between them; midspec eval --list shows "
            "which there are."
        )
    if bool(arm) == bool(model):
        raise ConfigError("Name an arm of an experiment, or a model with --model; one of the two.")
    check_known("--half", half, HALVES)
    check_known("--engine", engine, ("hf", "vllm"))


def _settings(
    planned: "Plan | None",
    names: Sequence[str],
    judge: "TeacherModel | None",
    teacher: "TeacherModel | None",
    questions: Path | None,
    identity: dict[str, str],
) -> "tuple[Around, How]":
    """What evals may ask about and how: as the experiment says, or as this command does."""
    from midspec.evaluate import Around, How
    from midspec.experiment import around, how
    from midspec.part_checks import check_judge
    from midspec.parts import Identity, OpenQuestions, TeacherModel
    from midspec.spec.stage import spec_stage

    if judge:
        check_judge(judge, "--judge")
    if planned:
        if Identity(**identity) != Identity():
            raise ConfigError(
                "--model-name and --provider-name are for a model that no experiment is about. "
                f"{planned.experiment.name} has its own: identity."
            )
        found, asking = around(planned.experiment, planned.specs), how(planned.experiment)
    else:
        asking = How("held-out")
        places = [rest for _, _, rest in (name.partition("/") for name in names)]
        specs = {
            place: spec_stage(Path(place).stem, Path(place), identity)
            for place in places
            if place.endswith(".md")
        }
        found = Around(specs, Path(), "held-out", Identity(**identity), TeacherModel())
    if judge:
        found, asking = replace(found, judge=judge), replace(asking, judge=judge)
    if teacher:
        check_judge(teacher, "--teacher")
        found = replace(found, teacher=teacher)
    if questions:
        file = OpenQuestions(file=questions)
        found = replace(found, questions=dict.fromkeys(found.specs, file))
    return found, asking


def _who(
    planned: "Plan | None",
    arm: str | None,
    seed: int | None,
    model: str | None,
    thinking: bool,
    store: Path,
) -> "tuple[Arm, str]":
    """Who is asked, and how it is called."""
    from midspec.evaluate import Arm
    from midspec.experiment import find_arm
    from midspec.run.stage import Source
    from midspec.train.fetch import find_model

    if arm:
        assert planned
        chosen, who = find_arm(planned, arm, seed, store)
        of = f"{arm}, seed {chosen}" if len(planned.experiment.seeds) > 1 else arm
        return replace(who, thinking=who.thinking or thinking), of
    assert model
    provider, _, rest = model.partition("/")
    if rest and provider in PROVIDERS and not Path(model).is_dir():
        return Arm(served=model, thinking=thinking), model
    folder = find_model(model.removeprefix("hf/"), home())
    name = Path(model.removeprefix("hf/")).name
    return Arm(Source(name, folder), thinking=thinking), name


def _stage(
    name: str,
    title: str,
    who: "Arm",
    around: "Around",
    how: "How",
    planned: "Plan | None",
    store: Path,
) -> "Stage":
    """The stage of one eval: the experiment's own where it has the same, so that it is shared."""
    from midspec.evals.leaks import leak_stage
    from midspec.evaluate import evaluation, find_asked
    from midspec.experiment import samples_of
    from midspec.run.remote import bring

    asked = find_asked(name, around)
    if planned:
        bring([planned.leaks], store)
    leaks = planned.leaks if planned and planned.leaks.done(store) else None
    known = planned.experiment.evals if planned else []
    if planned and who.trained and leaks and asked.items and name not in known:
        leaks = leak_stage(planned.training, {name: asked.items})
    samples = samples_of(planned.experiment, name) if planned else ()
    return evaluation(title, name, who, how, asked, leaks, samples)


def _tell_plan(
    stages: "Sequence[Stage]", teacher: "TeacherModel", judges: Any, store: Path
) -> None:
    """What is left to do: of this machine, and of LLMs."""
    from midspec.console import console
    from midspec.estimate import asks_llm, stage_tokens, teacher_estimate
    from midspec.make import asked_as
    from midspec.pace import machine_seconds
    from midspec.report.wording import duration
    from midspec.run.build import ordered
    from midspec.write.estimate import estimate_words

    known = planning(ordered(stages), store)
    todo = [stage for stage in ordered(stages) if not stage.done(known)]
    costs: list[float | None] = []
    for stage in todo:
        told = ""
        if asks_llm(stage):
            found = teacher_estimate(stage, asked_as(teacher, judges), judges)
            costs.append(found.cost)
            told = f": {estimate_words(found)}"
        elif tokens := stage_tokens(stage, known):
            takes = duration(machine_seconds(stage, tokens))
            told = f": about {tokens:,} tokens, some {takes} of this machine"
        console.print(f"to do  {stage.title or stage.name}{told}", markup=False, soft_wrap=True)
    if len(costs) > 1 and None not in costs:
        console.print(f"All of it together: about ${sum(one or 0 for one in costs):,.2f}.")
    if not todo:
        console.print("All of it is done.")


def _tell(names: Sequence[str], stages: "Sequence[Stage]", of: str, store: Path) -> None:
    """The table of means, what went wrong, and where everything lies."""
    from midspec.console import console, scores_table
    from midspec.report.scores import ALL, read_measured
    from midspec.report.tables import results, unreadable

    folders = {name: stage.path(store) for name, stage in zip(names, stages, strict=True)}
    measured = read_measured({(of, name, 0): folder for name, folder in folders.items()}, ALL)
    blind = unreadable(measured)
    metrics = {one.key: one.metric.name for one in measured}
    found = [row for row in results(measured, {}, blind) if row.tier == ALL]
    console.print(scores_table([(metrics[row.eval, row.measure], row) for row in found], of))
    for (_, name), why in blind.items():
        console.print(f"{name} is not readable: {why}", markup=False, soft_wrap=True)
    for row in found:
        if row.measure == "broken" and row.rate:
            console.print(
                f"{of} is broken: its answers loop, are stock replies or are empty, so what other "
                "evals say is about that.",
                markup=False,
            )
    for name, folder in folders.items():
        for note in _notes(name, folder):
            console.print(note, markup=False, soft_wrap=True)


def _notes(name: str, folder: Path) -> list[str]:
    """Which answers have no score, and where answers can be read."""
    from midspec.console import short
    from midspec.files import read_dicts
    from midspec.run.stage import summary_of

    summary = summary_of(folder)
    notes = []
    if summary.get("failed"):
        reasons = Counter(str(row["reason"]) for row in read_dicts(folder / "failed.jsonl"))
        ((most, count),) = reasons.most_common(1)
        notes.append(
            f"{name}: {summary['failed']} of {summary['answers']} answers have no score ({count}: "
            f"{most}); all reasons stand in {short(folder / 'failed.jsonl')}"
        )
    if (folder / "logs").is_dir():
        notes.append(f"{name}: inspect view --log-dir {quote(short(folder / 'logs'))}")
    return notes


def _listed() -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from midspec.evals.registry import CHOICE_TASKS, GENERATED_TASKS
    from midspec.evals.task import GeneratedTask

    needs = {
        "items": "an item set: a shipped one, or a .jsonl file",
        "opinions": "a set of opinions: a shipped one, or a .jsonl file",
        "spec": "a spec: of the experiment, or a .md file",
    }
    table = Table(box=SIMPLE_HEAD)
    for column in ("eval", "what it measures", "by", "needs"):
        table.add_column(column, overflow="fold", no_wrap=column == "eval")
    for kind, task in {**CHOICE_TASKS, **GENERATED_TASKS}.items():
        generated = isinstance(task, GeneratedTask)
        wants = [needs[task.needs]] if task.needs else []
        wants += ["a judge"] if isinstance(task, GeneratedTask) and task.judged else []
        wants += [] if generated else ["weights"]
        name = f"{kind}/{task.needs.upper()}" if task.needs else kind
        by = "generation" if generated else "likelihood"
        table.add_row(name, task.metrics[0].name, by, "; ".join(wants))
    table.add_row("inspect/MODULE:TASK", "by its own scorer", "generation", "an Inspect task")
    return table
