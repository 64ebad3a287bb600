"""The evaluation stage: one arm on one item set, and a few generated answers to look at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from midspec.errors import DataError
from midspec.evals.items import choose, halves, read_item_set
from midspec.files import write_rows
from midspec.records import Item
from midspec.run.stage import Source, Stage, Summary

MAX_ANSWER_TOKENS = 40


@dataclass(frozen=True)
class PreferenceConfig:
    """Which half of the items is asked, at most how many, and the prompts answered in words."""

    half: str
    max_items: int | None = None
    samples: tuple[str, ...] = ()


def preference_stage(
    title: str,
    config: PreferenceConfig,
    base: Source,
    items: Path,
    trained: Stage | None,
    spec: Stage | None,
    leaks: Stage,
) -> Stage:
    """Value preference by forced choice; `spec` stands in the system prompt of a reference arm."""
    asked_items(config, items)  # a set that can't be asked fails here, before anything is trained
    inputs: dict[str, Stage | Source] = {"base": base, "items": Source(items.stem, items)}
    inputs |= {"leaks": leaks}
    if trained:
        inputs["trained"] = trained
    if spec:
        inputs["spec"] = spec
    return Stage("preference", _score, config, inputs, version=2, title=title)


def asked_items(config: PreferenceConfig, path: Path) -> tuple[list[Item], dict[str, str]]:
    """The items that are asked, and every item's half; a half without items is a DataError."""
    items = read_item_set(path)
    split = halves(items)
    half = [item for item in items if config.half in ("all", split[item.id])]
    if not half:
        raise DataError(f"{path} has no item in its {config.half} half. Use half: all.")
    return choose(half, config.max_items), split


def _score(config: PreferenceConfig, inputs: Mapping[str, Path], out: Path) -> Summary:
    """Write choices.jsonl, a row an item, and samples.jsonl."""
    from midspec.evals.choice import score_items
    from midspec.train.model import load_arm, load_tokenizer

    tokenizer = load_tokenizer(inputs["base"])
    model = load_arm(inputs["base"], inputs.get("trained"))
    asked, split = asked_items(config, inputs["items"])
    system = (inputs["spec"] / "spec.md").read_text(encoding="utf-8") if "spec" in inputs else None
    choices = score_items(model, tokenizer, asked, split, system)
    write_rows(out / "choices.jsonl", choices)
    answers = answer(model, tokenizer, config.samples, system)
    write_rows(
        out / "samples.jsonl",
        [{"prompt": p, "answer": a} for p, a in zip(config.samples, answers, strict=True)],
    )
    return {
        "items": len(choices),
        "rate": sum(choice.aligned for choice in choices) / len(choices),
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
