"""What evals will take, of this machine or from LLMs, told before a cent is spent."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil
from pathlib import Path
from typing import Any

from midspec.evals.answers import AnswersConfig, generated_task
from midspec.evals.judged import JudgedConfig
from midspec.evals.questions import EACH, QuestionsConfig, read_questions
from midspec.evals.stage import ChoiceConfig, likelihood_task
from midspec.evals.task import Ask, LossTask, ask_of
from midspec.run.stage import Source, Stage
from midspec.text import estimate_tokens
from midspec.write.estimate import Estimate, billed

Prices = Mapping[str, tuple[float, float]]

QUESTION_TOKENS = 60  # with its label and ids, as the teacher writes it
ASKED_TOKENS = 120  # what an arm is sent for an answer, without a spec
PROMPT_TOKENS = 700  # of what is asked of the teacher, without the spec
# The input whose spec stands in what a stage sends, by the stage's name.
SENT_SPEC = {"questions": "spec", "answers": "spec", "judged": "about"}
FRAME_TOKENS = 6  # a turn in a chat template, beside its words
# Of an eval about a spec that isn't read yet: 80 pairs and as many reasons.
SPEC_EVAL_TOKENS = 12_000


def read_tokens(stage: Stage, store: Path) -> int:
    """About how many tokens an eval by likelihood reads; what questions share is read once."""
    assert isinstance(stage.config, ChoiceConfig)
    items, about, spec = (stage.inputs.get(name) for name in ("items", "about", "spec"))
    if isinstance(about, Stage) and not about.done(store):
        return SPEC_EVAL_TOKENS
    paths = (one.path(store) if one else None for one in (items, about))
    tokens, prompts = _read_tokens(stage.config, *paths)
    return tokens + prompts * _spec_tokens(spec)


@lru_cache(maxsize=1024)  # asked for every arm
def _read_tokens(config: ChoiceConfig, items: Path | None, about: Path | None) -> tuple[int, int]:
    """The tokens without a spec, and how often one in the prompt would be read."""
    task = likelihood_task(config.eval)
    ask = ask_of(config, {"items": items, "about": about})
    if isinstance(task, LossTask):
        return sum(estimate_tokens(passage.text) for passage in task.passages(ask)), 0
    asked = [
        (tuple(message["content"] for message in question.messages), question)
        for question in task.questions(ask)
    ]
    turns: dict[tuple[str, ...], set[str]] = {}
    for texts, _ in asked:
        turns.setdefault(texts[:-1], set()).add(texts[-1])
    read: dict[tuple[str, ...], int] = {}
    for texts, question in asked:
        *history, last = texts
        prompt = (*texts, question.stem)
        # The last turn is read with each way to begin the answer, or once if it is the only one.
        turn = texts if len(turns[texts[:-1]]) == 1 else (*prompt, "turn")
        read[*history, "history"] = sum(map(_turn, history))
        read[*turn, "last"] = _turn(last)
        read[prompt] = estimate_tokens(question.stem)
        for option in (question.wanted, question.other):
            read[*prompt, "option", option] = estimate_tokens(option)
    return sum(read.values()), len(turns)


def _turn(text: str) -> int:
    return estimate_tokens(text) + FRAME_TOKENS


@dataclass(frozen=True)
class Extent:
    """How many answers an arm gives in an eval, and in how many groups: what hangs together in
    intervals, a condition's repeats or an item's forms. conditions: whether groups hold several
    items."""

    answers: int
    groups: int
    conditions: bool = False


def extent(stage: Stage, store: Path) -> Extent | None:
    """The extent of an evaluation; None where it asks about a spec that isn't read yet."""
    if not isinstance(stage.config, ChoiceConfig):
        config = stage.config if isinstance(stage.config, AnswersConfig) else None
        asked = config or getattr(stage.inputs["answers"], "config", None)
        assert isinstance(asked, AnswersConfig)
        answers = answer_count(stage)
        together = asked.repeats * generated_task(asked.eval).forms
        return Extent(answers, answers // together, asked.repeats > 1)
    items, about = (stage.inputs.get(name) for name in ("items", "about"))
    if isinstance(about, Stage) and not about.done(store):
        return None
    return _extent(stage.config, *(one.path(store) if one else None for one in (items, about)))


@lru_cache(maxsize=64)  # asked for every arm
def _extent(config: ChoiceConfig, items: Path | None, about: Path | None) -> Extent:
    task = likelihood_task(config.eval)
    ask = ask_of(config, {"items": items, "about": about})
    if isinstance(task, LossTask):
        passages = task.passages(ask)
        return Extent(len(passages), len(passages))
    questions = task.questions(ask)
    groups = {question.group or question.item for question in questions}
    return Extent(len(questions), len(groups), any(question.group for question in questions))


def answer_count(stage: Stage) -> int:
    """How many answers a stage generates, or judges; nothing is asked for it."""
    answers = stage.inputs["answers"] if stage.name == "judged" else stage
    assert isinstance(answers, Stage) and isinstance(answers.config, AnswersConfig)
    config, items = answers.config, answers.inputs.get("items")
    if isinstance(items, Stage):
        asked = getattr(items.config, "n", 0)
        n = min(asked, config.max_items or asked)
    elif "about" in answers.inputs and items:
        asked = len(read_questions(items.path(Path())))
        n = min(asked, config.max_items or asked)
    else:
        n = _samples(
            config.eval,
            config.half,
            config.max_items,
            config.thinking,
            items.path(Path()) if items else None,
        )
    return n * config.repeats


@lru_cache(maxsize=1024)  # asked several times for every arm
def _samples(
    name: str, half: str, max_items: int | None, thinking: bool, items: Path | None
) -> int:
    task = generated_task(name)
    ask = Ask(items, None, half, max_items, thinking=thinking)
    return task.count(ask) if task.count else len(task.task(ask).dataset)


def answer_tokens(stage: Stage) -> int:
    """About how many tokens a stage generates."""
    assert isinstance(stage.config, AnswersConfig)
    return answer_count(stage) * generated_task(stage.config.eval).answer_tokens


def estimate_eval(stage: Stage, batch: bool, prices: Prices) -> Estimate:
    """The estimate for questions, for the answers of a model that a provider serves, or for
    verdicts."""
    config: Any = stage.config
    spec_tokens = _spec_tokens(stage.inputs.get(SENT_SPEC[stage.name]))
    if isinstance(config, QuestionsConfig):
        calls = 1 + ceil(config.n / EACH)
        sent = calls * (spec_tokens + PROMPT_TOKENS)
        received = config.n * QUESTION_TOKENS + calls * config.teacher.reasoning_tokens // 2
        bill = (config.teacher.model, calls, sent, received)
        return billed([bill], config.n, "questions", batch, prices)
    n, task = answer_count(stage), generated_task(config.eval)
    if isinstance(config, AnswersConfig):
        each = ASKED_TOKENS + spec_tokens
        bill = (config.model, n, n * each, n * task.answer_tokens)
        return replace(billed([bill], n, "questions", False, prices), verb="answer")
    assert isinstance(config, JudgedConfig) and config.judge
    calls = n * task.judge_calls
    each = task.judge_sent + task.answer_tokens + spec_tokens
    thought = task.judge_received + config.judge.reasoning_tokens // 2
    bill = (config.judge.model, calls, calls * each, calls * thought)
    return replace(billed([bill], n, "answers", batch, prices), verb="judge")


def _spec_tokens(spec: Stage | Source | None) -> int:
    """The length of a spec, from its text as it lies on disk."""
    if not isinstance(spec, Stage):
        return 0
    return estimate_tokens(spec.inputs["spec"].path(Path()).read_text(encoding="utf-8"))
