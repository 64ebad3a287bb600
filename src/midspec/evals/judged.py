"""The stage that scores an arm's stored answers; what a judge said isn't asked again."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from midspec import progress
from midspec.errors import TeacherError
from midspec.evals.answers import LOGS, generated_task, silenced
from midspec.evals.grade import GRADER
from midspec.evals.grader import open_grader
from midspec.evals.logs import failures
from midspec.evals.task import ask_of
from midspec.files import write_rows
from midspec.llm.asker import Spent, asking, ledger_of
from midspec.llm.settings import Teacher, current_limits
from midspec.records import Score
from midspec.run.stage import Source, Stage, Summary

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.log import EvalLog, EvalSample
    from inspect_ai.model import Model


@dataclass(frozen=True)
class JudgedConfig:
    """Which eval, by which judge (None for an eval that rules score); scoring: the eval's version
    of what answers are worth."""

    eval: str
    half: str
    max_items: int | None
    judge: Teacher | None
    scoring: int
    identity: tuple[tuple[str, str], ...] = ()


def judged_stage(
    title: str, config: JudgedConfig, answers: Stage, about: Mapping[str, Stage | Source]
) -> Stage:
    """The stage that scores `answers`; in `about` are its inputs `items` and `about`, if any."""
    return Stage("judged", _judge, config, {"answers": answers, **about}, title=title)


def _judge(config: JudgedConfig, inputs: Mapping[str, Path], out: Path) -> Summary:
    """Write logs/judged.eval, scores.jsonl, metrics.jsonl, and failed.jsonl, a row for each answer
    that has no score."""
    from inspect_ai.log import read_eval_log, write_eval_log
    from inspect_ai.model import ModelConfig

    task = generated_task(config.eval)
    log = read_eval_log(str(inputs["answers"] / LOGS / "answers.eval"))
    made = task.task(ask_of(config, inputs))
    spent = Spent()
    log = asyncio.run(_score(log, made, config, out, spent))
    if config.judge:  # for whoever reads the log
        log.eval.model_roles = {GRADER: ModelConfig(model=config.judge.model)}
    (out / LOGS).mkdir(exist_ok=True)
    write_eval_log(log, str(out / LOGS / "judged.eval"))
    scores, failed = task.scores(log), failures(log)
    if not scores:
        why = failed[0]["reason"] if failed else "there were no answers"
        raise TeacherError(f"None of {len(failed)} answers to {config.eval} has a score: {why}.")
    write_rows(out / "scores.jsonl", scores)
    write_rows(out / "metrics.jsonl", task.metrics)
    write_rows(out / "failed.jsonl", failed)
    main = [score for score in scores if not score.measure]
    return {
        "answers": len(log.samples or []),
        "failed": len({(row["item"], row["form"], row["repeat"]) for row in failed}),
        "means": _means(scores, lambda score: score.measure),
        "means_by_domain": _means(main, lambda score: score.domain),
        **(spent.figures() if config.judge else {}),
    }


async def _score(
    log: EvalLog, made: Task, config: JudgedConfig, out: Path, spent: Spent
) -> EvalLog:
    """The log with scores: of an eval that is judged through the judge's ledger."""
    if config.judge is None:
        return await score_answers(log, made, None)
    name = config.eval.replace("/", "-")
    ledger = ledger_of(out, "judge", name, "", config.judge)
    async with asking(config.judge, current_limits(), ledger, spent) as asker:
        return await score_answers(log, made, open_grader(asker))


async def score_answers(log: EvalLog, made: Task, grader: Model | None) -> EvalLog:
    """The log with the scores of the task's scorers in place of any that it had; answers that
    failed stay in it without one."""
    from inspect_ai import score_async
    from inspect_ai.model import get_model
    from inspect_ai.util._display import init_display_type

    init_display_type("none")
    samples = log.samples or []
    answered = [sample for sample in samples if not sample.error]
    done = 0

    @asynccontextmanager
    async def one(place: int) -> AsyncIterator[EvalSample]:
        nonlocal done
        yield answered[place]
        done += 1
        progress.report(done, len(answered), f"of {len(answered):,} answers scored")

    log.samples = answered
    if log.results:
        log.results.total_samples = len(answered)
    with silenced():
        log = await score_async(
            log,
            made.scorer,
            model=get_model("none"),
            model_roles={GRADER: grader} if grader else None,
            action="overwrite",
            copy=False,
            samples=one,
        )
    log.samples = samples
    return log


def _means(scores: Sequence[Score], by: Any) -> dict[str, float]:
    """The mean score of each group, for whoever reads the manifest."""
    groups: dict[str, list[float]] = defaultdict(list)
    for score in scores:
        groups[by(score) or "main"].append(score.value)
    return {name: sum(found) / len(found) for name, found in groups.items()}
