"""The stage that has an LLM mark a spec and write what its variants lack, and its estimate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

from midspec import progress
from midspec.files import write_rows, write_text
from midspec.llm.asker import Asker
from midspec.llm.settings import Teacher
from midspec.run.stage import Source, Stage, Summary
from midspec.spec.additions import GENERAL_WORDS, RULE_WORDS, add, lacking
from midspec.spec.marking import AT_ONCE, Label, mark, sentences, shown
from midspec.spec.marks import Passage, passages
from midspec.spec.prompts import PROMPT_VERSION, prompt, with_teacher
from midspec.spec.read import read_spec
from midspec.spec.variants import ADDED, render
from midspec.text import estimate_tokens
from midspec.write.estimate import Estimate, billed

LABEL_TOKENS = 30  # an answer says about so many of one sentence
RULES_GUESSED = 8  # of a spec that isn't marked yet
MARKED = "marked.md"


@dataclass(frozen=True)
class MarkConfig:
    """Which LLM marks a spec, and which draw of its answers."""

    teacher: Teacher
    identity: tuple[tuple[str, str], ...]
    draw: int = 0
    prompt_version: int = PROMPT_VERSION


def mark_stage(path: Path, config: MarkConfig) -> Stage:
    """The stage that writes marked.md: the spec with marks, and what the LLM added."""
    spec = Source(path.stem, path)
    return Stage("marked", _mark, config, {"spec": spec}, title=f"marks of {path.name}")


def is_marked(found: Sequence[Passage]) -> bool:
    """Whether a spec has marks of kinds already; then none of them is asked about."""
    return any(passage.kind for passage in found)


def estimate_marks(
    found: Sequence[Passage],
    config: MarkConfig,
    batch: bool,
    prices: Mapping[str, tuple[float, float]],
) -> Estimate:
    """What the stage will take; of a spec that isn't marked the rules are guessed."""
    texts, whole = sentences(found), estimate_tokens(shown(found))
    marked = is_marked(found)
    calls = 0 if marked else ceil(len(texts) / AT_ONCE)
    sent = calls * (whole + estimate_tokens(prompt("marks-system", "", {})))
    received = 0.0 if marked else len(texts) * LABEL_TOKENS
    kinds = lacking(found) if marked else ["subrule", "general"]
    rules = sum(passage.kind == "rule" for passage in found) if marked else RULES_GUESSED
    written = rules * sum(kind != "general" for kind in kinds)
    added = written + ("general" in kinds)
    sent += added * (whole + estimate_tokens(prompt("additions-system", "", {})))
    received += (written * RULE_WORDS + ("general" in kinds) * GENERAL_WORDS) * 1.3
    received += (calls + added) * config.teacher.reasoning_tokens // 2
    bill = (config.teacher.model, calls + added, sent, received)
    found_estimate = billed([bill], 0 if marked else len(texts), "sentences", batch, prices)
    return replace(found_estimate, verb="mark")


def _mark(config: MarkConfig, inputs: Mapping[str, Path], out: Path) -> Summary:
    """Write marked.md, and labels.jsonl with what was said of each sentence."""
    raw = read_spec(inputs["spec"], {})
    found, identity = passages(raw, str(inputs["spec"])), dict(config.identity)

    async def work(asker: Asker) -> tuple[list[Passage], list[Label]]:
        marked, labels = list(found), list[Label]()
        if not is_marked(found):
            progress.say(f"Marking {len(sentences(found))} sentences.")
            marked, labels = await mark(asker, found, identity, config.draw)
        return await add(asker, marked, identity, config.draw), labels

    (made, labels), figures = with_teacher(config.teacher, "marked", raw, out, work)
    write_text(out / MARKED, render(made))
    write_rows(out / "labels.jsonl", labels)
    return {
        "labelled": len(labels),
        "added": sum(ADDED in passage.classes for passage in made),
        **figures,
    }
