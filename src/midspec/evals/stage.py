"""The evaluation stage: one arm on one eval, and a few generated answers to look at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from midspec.errors import DataError
from midspec.evals.registry import find_task
from midspec.evals.task import Ask
from midspec.files import write_rows
from midspec.run.stage import Source, Stage, Summary

MAX_ANSWER_TOKENS = 40


@dataclass(frozen=True)
class ChoiceConfig:
    """Which eval, which half of its items, at most how many; and prompts answered in words."""

    eval: str
    half: str
    max_items: int | None = None
    samples: tuple[str, ...] = ()


def choice_stage(
    title: str,
    config: ChoiceConfig,
    base: Source,
    trained: Stage | None,
    prompt: Stage | None,
    leaks: Stage,
    items: Path | None = None,
    spec: Stage | None = None,
) -> Stage:
    """An eval by likelihood: of `items`, or about `spec`; `prompt` is a reference arm's spec, which
    stands in its system prompt."""
    inputs: dict[str, Stage | Source] = {"base": base, "leaks": leaks}
    if items:
        inputs["items"] = Source(items.stem, items)
    if spec:
        inputs["about"] = spec
    if trained:
        inputs["trained"] = trained
    if prompt:
        inputs["spec"] = prompt
    return Stage("choices", _score, config, inputs, title=title)


def _score(config: ChoiceConfig, inputs: Mapping[str, Path], out: Path) -> Summary:
    """Write choices.jsonl (a row an item), scores.jsonl, metrics.jsonl and samples.jsonl."""
    from midspec.evals.choice import score_questions
    from midspec.train.model import load_arm, load_tokenizer

    task, _ = find_task(config.eval)
    ask = Ask(inputs.get("items"), inputs.get("about"), config.half, config.max_items)
    questions = task.questions(ask)
    if not questions:
        raise DataError(f"{config.eval} has nothing to ask of the {config.half} half.")
    tokenizer = load_tokenizer(inputs["base"])
    model = load_arm(inputs["base"], inputs.get("trained"))
    system = (inputs["spec"] / "spec.md").read_text(encoding="utf-8") if "spec" in inputs else None
    choices = score_questions(model, tokenizer, questions, system)
    write_rows(out / "choices.jsonl", choices)
    scores = task.scores(choices)
    write_rows(out / "scores.jsonl", scores)
    write_rows(out / "metrics.jsonl", task.metrics)
    answers = answer(model, tokenizer, config.samples, system)
    write_rows(
        out / "samples.jsonl",
        [{"prompt": p, "answer": a} for p, a in zip(config.samples, answers, strict=True)],
    )
    return {
        "items": len(choices),
        "score": sum(score.value for score in scores) / len(scores),
        "margin": sum(choice.margin for choice in choices) / len(choices),
    }


def answer(
    model: object, tokenizer: object, prompts: Sequence[str], system: str | None
) -> list[str]:
    """The arm's greedy answers in words, for people to read; no score rests on them."""
    from midspec.train.generate import generate

    start = [{"role": "system", "content": system}] if system is not None else []
    chats = [[*start, {"role": "user", "content": prompt}] for prompt in prompts]
    return generate(model, tokenizer, chats, MAX_ANSWER_TOKENS)
