"""The stage that has an LLM mark a spec and write what its variants lack, and its estimate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path

from midspec import progress
from midspec.files import write_rows, write_text
from midspec.llm.asker import Asker, asked_of, ledger_of
from midspec.run.stage import Source, Stage, Summary
from midspec.spec.additions import GENERAL_WORDS, RULE_WORDS, add, lacking
from midspec.spec.marking import AT_ONCE, Label, mark, sentences, shown
from midspec.spec.marks import ADDED, Passage, passages
from midspec.spec.prompts import AskConfig, prompt
from midspec.spec.read import read_spec
from midspec.spec.variants import render
from midspec.text import estimate_tokens
from midspec.write.estimate import Estimate, billed

TOKENS_SAID = 30  # of one sentence in an answer, about
TOKENS_PER_WORD = 1.3  # of what is added
RULES_GUESSED = 8  # of a spec that isn't marked yet
MARKED = "marked.md"


def mark_stage(path: Path, config: AskConfig) -> Stage:
    """The stage that writes marked.md: the spec with marks, and what the LLM added."""
    spec = Source(path.stem, path)
    return Stage("marked", _mark, config, {"spec": spec}, title=f"marks of {path.name}")


def is_marked(found: Sequence[Passage]) -> bool:
    """Whether a spec has marks of kinds already; then none of them is asked about."""
    return any(passage.kind for passage in found)


def estimate_marks(
    found: Sequence[Passage],
    config: AskConfig,
    batch: bool,
    prices: Mapping[str, tuple[float, float]],
) -> Estimate:
    """What the stage will take; of a spec that isn't marked the rules are guessed."""
    texts, whole = sentences(found), estimate_tokens(shown(found))
    marked = is_marked(found)
    calls = 0 if marked else ceil(len(texts) / AT_ONCE)
    sent = calls * (whole + estimate_tokens(prompt("marks-system", "", {})))
    received = 0.0 if marked else len(texts) * TOKENS_SAID
    kinds = lacking(found) if marked else ["subrule", "general"]
    rules = sum(passage.kind == "rule" for passage in found) if marked else RULES_GUESSED
    written = rules * sum(kind != "general" for kind in kinds)
    added = written + ("general" in kinds)
    sent += added * (whole + estimate_tokens(prompt("additions-system", "", {})))
    words_added = written * RULE_WORDS + ("general" in kinds) * GENERAL_WORDS
    received += words_added * TOKENS_PER_WORD
    received += (calls + added) * config.teacher.reasoning_tokens // 2
    bill = (config.teacher.model, calls + added, sent, received)
    found_estimate = billed([bill], 0 if marked else len(texts), "sentences", batch, prices)
    return replace(found_estimate, verb="mark")


def _mark(config: AskConfig, inputs: Mapping[str, Path], out: Path) -> Summary:
    """Write marked.md, and labels.jsonl with what was said of each sentence."""
    raw = read_spec(inputs["spec"], {})
    found, identity = passages(raw, str(inputs["spec"])), dict(config.identity)

    async def work(asker: Asker) -> tuple[list[Passage], list[Label]]:
        marked, labels = list(found), list[Label]()
        if not is_marked(found):
            progress.say(f"Marking {len(sentences(found))} sentences.")
            marked, labels = await mark(asker, found, identity, config.draw)
        return await add(asker, marked, identity, config.draw), labels

    ledger = ledger_of(out, "marked", "spec", raw, config.teacher)
    (made, labels), figures = asked_of(config.teacher, ledger, work)
    write_text(out / MARKED, render(made))
    write_rows(out / "labels.jsonl", labels)
    return {
        "labelled": len(labels),
        "added": sum(ADDED in passage.classes for passage in made),
        **figures,
    }
