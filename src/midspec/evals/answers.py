"""The stage in which an arm answers: an Inspect log of raw answers, scored by a later stage.

Inspect's own retry goes on from the attempts in the work folder, so that a run that was killed
doesn't generate a finished answer again.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from midspec import progress
from midspec.errors import DataError, TeacherError
from midspec.evals.actions import said
from midspec.evals.arm import Engine, Weights, local_model, served_model
from midspec.evals.logs import about, cause, in_order, item
from midspec.evals.registry import find_task
from midspec.evals.task import GeneratedTask, ask_of, reference_prompt
from midspec.files import write_rows
from midspec.llm.settings import current_limits
from midspec.run.stage import Source, Stage, Summary

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.log import EvalLog
    from inspect_ai.model import Model
    from inspect_ai.solver import TaskState

ATTEMPTS = "attempts"
LOGS = "logs"
THOUGHT_TOKENS = 2_048  # room for an arm that thinks, besides its answer
MAX_FAILED = 0.2  # of the answers, from which on the stage fails


@dataclass(frozen=True)
class AnswersConfig:
    """Which eval, which half of its items, at most how many, and how often each.

    thinking: whether the arm thinks before it answers. model: of an LLM that a provider serves, its
    name. version: the eval's. identity: what a scene calls the assistant.
    """

    eval: str
    half: str
    max_items: int | None
    repeats: int
    thinking: bool
    engine: Engine
    model: str
    version: int
    identity: tuple[tuple[str, str], ...] = ()


def answers_stage(title: str, config: AnswersConfig, inputs: Mapping[str, Stage | Source]) -> Stage:
    """The stage of one arm on one eval. Of its inputs `base` and `trained` are an arm's weights,
    `spec` what a reference arm has in its system prompt, `items` and `about` what is asked."""
    return Stage("answers", _answer, config, inputs, title=title)


def generated_task(name: str) -> GeneratedTask:
    """The eval by generation of that name."""
    task, _ = find_task(name)
    assert isinstance(task, GeneratedTask)
    return task


def _answer(config: AnswersConfig, inputs: Mapping[str, Path], out: Path) -> Summary:
    """Write logs/answers.eval, and answers.jsonl, a row for each answer."""
    from inspect_ai.log import read_eval_log, write_eval_log

    final = out / LOGS / "answers.eval"
    if not final.exists():
        task = generated_task(config.eval).task(ask_of(config, inputs, config.thinking))
        if not len(task.dataset):
            raise DataError(f"{config.eval} has nothing to ask of the {config.half} half.")
        prepare(task, reference_prompt(inputs), config.thinking)
        with _model(config, inputs, bool(task.config.temperature), out) as model:
            log = generate(task, model, config.repeats, out / ATTEMPTS)
        _forget_paths(log, config, inputs)
        final.parent.mkdir(exist_ok=True)
        partial = final.with_name("partial.eval")
        write_eval_log(log, str(partial))
        partial.rename(final)
    shutil.rmtree(out / ATTEMPTS, ignore_errors=True)
    log = read_eval_log(str(final))
    rows = [
        {
            "item": item(sample),
            "form": about(sample, "form"),
            "repeat": sample.epoch,
            "answer": said(sample.output.completion),
            "error": cause(sample.error.message) if sample.error else "",
        }
        for sample in in_order(log)
    ]
    write_rows(out / "answers.jsonl", rows)
    used = list((log.stats.model_usage or {}).values())
    return {
        "answers": len(rows),
        "failed": sum(bool(row["error"]) for row in rows),
        "input_tokens": sum(usage.input_tokens for usage in used),
        "output_tokens": sum(usage.output_tokens for usage in used),
    }


def prepare(task: Task, system: str | None, thinking: bool) -> None:
    """Put a reference arm's spec before each sample's own system message; make room to think."""
    from inspect_ai.model import GenerateConfig

    if system is not None:
        for sample in task.dataset:
            sample.input = _after(system, sample.input)
    if thinking and task.config.max_tokens:
        room = GenerateConfig(max_tokens=task.config.max_tokens + THOUGHT_TOKENS)
        task.config = task.config.merge(room)


def _after(system: str, given: Any) -> list[Any]:
    """A sample's messages after a system prompt, which takes in the one that they begin with."""
    from inspect_ai.model import ChatMessageSystem, ChatMessageUser

    messages = [ChatMessageUser(content=given)] if isinstance(given, str) else list(given)
    own = [messages.pop(0).text] if messages[0].role == "system" else []
    return [ChatMessageSystem(content="\n\n".join([system, *own])), *messages]


def generate(task: Task, model: Model, repeats: int, attempts: Path) -> EvalLog:
    """All answers to a task, whole; going on from earlier attempts, which must be of the same task
    and model. Where too many answers fail it is a TeacherError that says why."""
    from inspect_ai import eval_set
    from inspect_ai.log import read_eval_log

    with _told(task, repeats):
        _, logs = eval_set(
            task,
            log_dir=str(attempts),
            model=model,
            epochs=repeats,
            score=False,
            display="none",
            log_level="error",
            retry_attempts=0,
            retry_immediate=False,
            retry_on_error=1,
            fail_on_error=MAX_FAILED,
            continue_on_fail=True,
            log_dir_allow_dirty=True,
            log_model_api=False,
            ctl_server=False,
        )
    if not logs:  # what Inspect gives back after Ctrl-C
        raise KeyboardInterrupt
    log = read_eval_log(logs[0].location)
    if log.status != "success":
        failed = [sample.error.message for sample in log.samples or [] if sample.error]
        why = failed[0] if failed else (log.error.message if log.error else log.status)
        raise TeacherError(
            f"{len(failed)} answers of {model} failed, the first one: {cause(why)}. "
            "Every answer so far is kept; run the same command to go on."
        )
    return log


def _model(
    config: AnswersConfig, inputs: Mapping[str, Path], sampled: bool, work: Path
) -> AbstractContextManager[Model]:
    if config.model:
        return nullcontext(served_model(config.model, current_limits()))
    weights = Weights(inputs["base"], inputs.get("trained"), _name(inputs))
    return local_model(weights, config.engine, sampled, config.thinking, work)


def _name(inputs: Mapping[str, Path]) -> str:
    """How logs call an arm's weights: the base model's folder, or the last training stage's."""
    return inputs.get("trained", inputs["base"]).name


def _forget_paths(log: EvalLog, config: AnswersConfig, inputs: Mapping[str, Path]) -> None:
    """Name local weights without where they lay on this machine."""
    if config.model:
        return
    log.eval.model = f"{config.engine}/{_name(inputs)}"
    for key in ("model_path", "tokenizer_path", "tokenizer"):
        log.eval.model_args.pop(key, None)


@contextmanager
def _told(task: Task, repeats: int) -> Iterator[None]:
    """Tell how many answers there are."""
    total = len(task.dataset) * repeats
    note = f"of {total:,} answers"
    done, own = 0, task.cleanup

    async def count(state: TaskState) -> None:
        nonlocal done
        done += 1
        if own:
            await own(state)
        progress.report(done, total, note)

    task.cleanup = count
    progress.report(done, total, note)  # long answers that are generated together end together
    with silenced():
        yield


@contextmanager
def silenced() -> Iterator[None]:
    """Keep Inspect from printing into our progress."""
    import rich

    console = rich.get_console()
    quiet, console.quiet = console.quiet, True
    try:
        yield
    finally:
        console.quiet = quiet
