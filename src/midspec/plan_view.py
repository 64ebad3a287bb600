"""What `midspec plan` prints: the stages, what is done, how long the rest takes, and its price."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from midspec.console import console
from midspec.estimate import (
    asks_llm,
    measured_pace,
    measured_paces,
    stage_seconds,
    stage_tokens,
    teacher_estimate,
)
from midspec.evals.answers import AnswersConfig
from midspec.evals.estimate import extent
from midspec.evals.judged import JudgedConfig
from midspec.evals.stage import ChoiceConfig
from midspec.experiment import Plan
from midspec.machine import usable_cores
from midspec.make import asked_as, judges_of
from midspec.pace import FLOP, SCORE_FLOP, gpus_of, parameters
from midspec.pages.html import count
from midspec.report.wording import duration
from midspec.run.build import ordered, wanted_again
from midspec.run.stage import Source, Stage
from midspec.train.fetch import ALIASES
from midspec.tune.stage import TuneConfig
from midspec.write.estimate import Estimate, estimate_words, together

ROOMY = 110  # columns; a narrower terminal would cut the numbers for the folder
MANY = 100  # stages; of more, those of a kind stand in one row


@dataclass(frozen=True)
class Reckoned:
    """A stage with what it takes: tokens, seconds, and what it asks of an LLM, if it asks one.

    `kind` is what it has in common with those of other seeds, and of an eval with those of other
    arms; `measured`, whether its time rests on trainings that this store has seen.
    """

    stage: Stage
    kind: str
    done: bool
    tokens: int
    seconds: float
    asks: Estimate | None
    measured: bool


def reckon(planned: Plan, store: Path) -> list[Reckoned]:
    """Every stage in the order in which it would run, each reckoned once."""
    experiment, paces = planned.experiment, measured_paces(store)
    judges = judges_of(experiment)
    asked = asked_as(experiment.teacher, judges)
    again = wanted_again([planned.report], store)
    found = []
    for stage in ordered([planned.report]):
        done = stage.done(store) and stage.fingerprint() not in again
        asks = teacher_estimate(stage, asked, judges) if not done and asks_llm(stage) else None
        tokens = stage_tokens(stage, store)
        seconds = stage_seconds(stage, tokens, store, paces, asks, asked.connections)
        measured = measured_pace(stage, paces) is not None
        found.append(Reckoned(stage, _kind(stage), done, tokens, seconds, asks, measured))
    return found


def plan_table(planned: Plan, found: Sequence[Reckoned], all_rows: bool = False) -> Table:
    """Stages, their state, tokens, time, and folder where the terminal has room for it; of more
    than a hundred a row for each kind, unless all are wanted."""
    title = f"Experiment {escape(planned.experiment.name)}"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("stage", min_width=24)  # wraps: a cut number would be a wrong one
    table.add_column("state", no_wrap=True, min_width=5)
    table.add_column("tokens", justify="right", no_wrap=True, min_width=7)
    table.add_column("time", justify="right", no_wrap=True, min_width=10)
    roomy = console.width >= ROOMY
    if roomy:
        table.add_column("folder", style="dim", no_wrap=True)
    for row in _rows(found, all_rows):
        tokens = sum(one.tokens for one in row)
        table.add_row(
            escape(row[0].stage.title if len(row) == 1 else f"{row[0].kind} ({len(row)} ×)"),
            _state(row),
            f"{tokens:,}" if tokens else "",
            duration(sum(one.seconds for one in row)),
            *([_folder(row)] if roomy else []),
        )
    return table


def plan_totals(planned: Plan, found: Sequence[Reckoned], store: Path) -> str:
    """How much there is of what, what is left to do, and what it costs."""
    todo = [one for one in found if not one.done]
    lines = [_counts(planned, store)]
    bases = list(dict.fromkeys(arm.base for arm in planned.asked.values() if arm.base))
    trained = [one for one in todo if FLOP.get(one.stage.name) != SCORE_FLOP]
    left = f"{len(todo):,} of {len(found):,} stages to do"
    took = f"{duration(sum(one.seconds for one in todo or found))} one after the other"
    lines.append(
        f"{left}: {sum(one.tokens for one in trained):,} tokens to train on or write, about {took} "
        f"({_how(todo)})."
        if todo
        else f"{left}: they took {took} (measured in this store)."
    )
    lines += [
        f"The model {base.name} isn't here yet: {_fetched_by(base.name)} fetches it. "
        f"{_size_of(base)}, and folders get their names when it is here."
        for base in bases
        if not base.here and not base.known
    ]
    lines += [
        f"The model {base.name} isn't here as the finished stages had it. What is left to do needs "
        "it; a report doesn't."
        for base in bases
        if not base.here and base.known
    ]
    asking: dict[str, list[Estimate]] = {}
    for one in todo:
        if one.asks:
            asking.setdefault(one.kind, []).append(one.asks)
    if not asking:
        return "\n".join([*lines, f"Teacher {planned.experiment.teacher.model}: nothing to pay."])
    lines += [f"{kind}: {estimate_words(together(each))}" for kind, each in asking.items()]
    cost = [one.cost for each in asking.values() for one in each]
    if len(cost) > 1 and None not in cost:
        lines.append(f"All of it together: about ${sum(one or 0 for one in cost):,.2f}.")
    return "\n".join(lines)


def _fetched_by(model: str) -> str:
    return f"midspec model get {model}" if model in ALIASES else "the run"


def _counts(planned: Plan, store: Path) -> str:
    """How many arms, evaluations and answers the whole has; equal evaluations are one."""
    experiment = planned.experiment
    evaluations = {stage.fingerprint(): stage for stage in planned.evals.values()}.values()
    answers = [found.answers if (found := extent(one, store)) else None for one in evaluations]
    told = sum(n or 0 for n in answers)
    more = " and more, of specs that aren't read yet" if None in answers else ""
    return (
        f"{count(len(experiment.arms), 'arm')}, {count(len(experiment.seeds), 'seed')}: "
        f"{count(len(evaluations), 'evaluation')} with {count(told, 'answer')}{more}."
    )


def _kind(stage: Stage) -> str:
    if isinstance(stage.config, AnswersConfig):
        return f"answers to {stage.config.eval}"
    if isinstance(stage.config, JudgedConfig):
        return f"verdicts on {stage.config.eval}"
    if isinstance(stage.config, ChoiceConfig):
        return stage.config.eval
    return stage.title.partition(", seed ")[0]


def _rows(found: Sequence[Reckoned], all_rows: bool) -> list[list[Reckoned]]:
    if all_rows or len(found) <= MANY:
        return [[one] for one in found]
    rows: dict[str, list[Reckoned]] = {}
    for one in found:
        rows.setdefault(one.kind, []).append(one)
    if len(rows) <= MANY:
        return list(rows.values())
    fewer: dict[str, list[Reckoned]] = {}
    for one in found:  # what arms train, all together
        trains = isinstance(one.stage.config, TuneConfig)
        key = one.stage.name if trains else one.kind
        fewer.setdefault(key, []).append(replace(one, kind=key))
    return list(fewer.values())


def _state(row: Sequence[Reckoned]) -> str:
    done = sum(one.done for one in row)
    if 0 < done < len(row):
        return f"{done} of {len(row)} done"
    return "done" if done else "to do"


def _folder(row: Sequence[Reckoned]) -> str:
    """A stage's folder, whose name isn't known before that of the model on which it rests is."""
    if len(row) > 1:
        return ""
    sources = [base for stage in ordered([row[0].stage]) for base in stage.inputs.values()]
    known = all(one.here or one.known for one in sources if isinstance(one, Source))
    return row[0].stage.path(Path()).name if known else ""


def _size_of(base: Source) -> str:
    """Where the size of a model comes from that isn't here."""
    if parameters(base):
        return "Its size is taken from its name"
    return "Its size isn't known, so times leave out what is done with it"


def _how(todo: Sequence[Reckoned]) -> str:
    """On what the time of a plan rests; with GPUs, how long they are busy in all."""
    gpu_seconds = sum(one.seconds * gpus_of(one.stage) for one in todo)
    if gpu_seconds:
        most = max(gpus_of(one.stage) for one in todo)
        gpus = "an H100" if most == 1 else f"{most} H100s"
        return f"estimated for {gpus}, {gpu_seconds / 3600:,.0f} GPU-hours"
    if any(one.measured for one in todo):
        return "measured in this store"
    return f"estimated for {usable_cores():g} core{'' if usable_cores() == 1 else 's'}"
