"""The evaluation stage: one arm on one eval, and a few generated answers to look at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from midspec.errors import DataError
from midspec.evals.registry import find_task
from midspec.evals.task import ChoiceTask, LossTask, ask_of, reference_prompt
from midspec.files import write_rows
from midspec.recipe import ADDED
from midspec.records import Score
from midspec.run.stage import Source, Stage, Summary

MAX_ANSWER_TOKENS = 40
LOADED = 1  # times that all likelihoods changed; 1: rotary frequencies stay in float32


@dataclass(frozen=True)
class ChoiceConfig:
    """Which eval, which half of its items, at most how many; prompts answered in words; and of whom
    a spec speaks, where the eval is about one."""

    eval: str
    half: str
    max_items: int | None = None
    samples: tuple[str, ...] = ()
    identity: tuple[tuple[str, str], ...] = field(default=(), metadata={ADDED: True})


def choice_stage(
    title: str,
    config: ChoiceConfig,
    base: Source,
    trained: Stage | None,
    prompt: Stage | None,
    leaks: Stage | None,
    items: Path | None = None,
    spec: Stage | None = None,
) -> Stage:
    """An eval by likelihood: of `items`, or about `spec`; `prompt` is a reference arm's spec, which
    stands in its system prompt."""
    inputs: dict[str, Stage | Source] = {"base": base}
    if leaks:
        inputs["leaks"] = leaks
    if items:
        inputs["items"] = Source(items.stem, items)
    if spec:
        inputs["about"] = spec
    if trained:
        inputs["trained"] = trained
    if prompt:
        inputs["spec"] = prompt
    task = likelihood_task(config.eval)
    name, fn = ("losses", _lose) if isinstance(task, LossTask) else ("choices", _score)
    return Stage(name, fn, config, inputs, version=task.version + LOADED, title=title)


def likelihood_task(name: str) -> ChoiceTask | LossTask:
    """The task of an eval by likelihood."""
    task, _ = find_task(name)
    assert isinstance(task, ChoiceTask | LossTask)
    return task


def _score(config: ChoiceConfig, inputs: Mapping[str, Path], out: Path) -> Summary:
    """Write choices.jsonl (a row an item), and what `_tell` writes."""
    from midspec.evals.choice import score_questions
    from midspec.train.device import choose_device
    from midspec.train.model import load_arm, load_tokenizer

    task = likelihood_task(config.eval)
    assert isinstance(task, ChoiceTask)
    questions = task.questions(ask_of(config, inputs))
    if not questions:
        raise DataError(f"{config.eval} has nothing to ask of the {config.half} half.")
    tokenizer = load_tokenizer(inputs["base"])
    model = load_arm(inputs["base"], inputs.get("trained"), choose_device())
    system = reference_prompt(inputs)
    choices = score_questions(model, tokenizer, questions, system)
    write_rows(out / "choices.jsonl", choices)
    answers = answer(model, tokenizer, config.samples, system)
    summary = _tell(task, task.scores(choices), config.samples, answers, out)
    return summary | {"margin": sum(choice.margin for choice in choices) / len(choices)}


def _lose(config: ChoiceConfig, inputs: Mapping[str, Path], out: Path) -> Summary:
    """Write losses.jsonl (a row a text), and what `_tell` writes. A reference arm's spec isn't read
    before the texts: it is the same model."""
    from midspec.evals.losses import text_losses
    from midspec.train.device import choose_device
    from midspec.train.model import load_arm, load_tokenizer

    task = likelihood_task(config.eval)
    assert isinstance(task, LossTask)
    passages = task.passages(ask_of(config, inputs))
    tokenizer = load_tokenizer(inputs["base"])
    model = load_arm(inputs["base"], inputs.get("trained"), choose_device())
    losses = text_losses(model, tokenizer, [passage.text for passage in passages])
    read = list(zip(passages, losses, strict=True))
    write_rows(
        out / "losses.jsonl",
        [{"id": one.id, "nats": nats, "tokens": tokens} for one, (nats, tokens) in read],
    )
    scores = [Score(one.id, one.domain, one.tier, one.half, nats) for one, (nats, _) in read]
    answers = answer(model, tokenizer, config.samples, reference_prompt(inputs))
    return _tell(task, scores, config.samples, answers, out)


def _tell(
    task: ChoiceTask | LossTask,
    scores: Sequence[Score],
    prompts: Sequence[str],
    answers: Sequence[str],
    out: Path,
) -> Summary:
    """Write scores.jsonl, metrics.jsonl and samples.jsonl; return the main measure's mean."""
    write_rows(out / "scores.jsonl", scores)
    write_rows(out / "metrics.jsonl", task.metrics)
    asked = zip(prompts, answers, strict=True)
    write_rows(out / "samples.jsonl", [{"prompt": p, "answer": a} for p, a in asked])
    values = [score.value for score in scores if not score.measure]
    return {"items": len(values), "score": sum(values) / len(values)}


def answer(
    model: object, tokenizer: object, prompts: Sequence[str], system: str | None
) -> list[str]:
    """The arm's greedy answers in words, for people to read; no score rests on them."""
    from midspec.train.generate import generate

    start = [{"role": "system", "content": system}] if system is not None else []
    chats = [[*start, {"role": "user", "content": prompt}] for prompt in prompts]
    return generate(model, tokenizer, chats, MAX_ANSWER_TOKENS)
