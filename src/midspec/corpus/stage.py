"""The corpus stage: a spec becomes documents, by an LLM or by the offline teacher."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from midspec import progress
from midspec.corpus.author import Author, Outcome, Style, Verdict
from midspec.corpus.offline import check_material, offline_documents, read_material
from midspec.corpus.outline import Outline
from midspec.corpus.prompts import PROMPT_VERSION, prompt
from midspec.corpus.review import Shelf, diversity
from midspec.corpus.variants import break_spec, ordinary_documents
from midspec.errors import DataError
from midspec.files import read_json, read_rows, write_json, write_rows
from midspec.leaks import LeakFinder
from midspec.llm.asker import asking_both, ledger_of
from midspec.llm.settings import Teacher, current_limits
from midspec.records import Assertion, Clause, Document, Item
from midspec.run.stage import Source, Stage, Summary
from midspec.write.fill import fill
from midspec.write.lists import Lister
from midspec.write.sheet import make_sheet

MAX_SET_ASIDE = 0.5  # of the offline teacher's documents; more and the spec holds too little
MAX_ALIKE = 3  # how often an opening or an invented name may occur in a small corpus


@dataclass(frozen=True)
class CorpusConfig:
    """`tokens` to reach by estimate, or a number of `documents`; `draw` for another sample.

    attribution: kept, or broken. mix_share: how much of the corpus is ordinary text, from the
    input `mix`. tag: a prefix of every document that carries no loss.
    """

    spec: str
    tokens: int
    draw: int
    teacher: Teacher
    model_name: str
    provider_name: str
    documents: int | None = None
    style: Style = field(default_factory=Style)
    judge: Teacher | None = None
    attribution: str = "kept"
    mix_share: float = 0.0
    tag: str = ""
    balance: bool = False
    prompt_version: int = 3

    @property
    def identity(self) -> dict[str, str]:
        """What fills the placeholders of specs and prompts."""
        return {"model_name": self.model_name, "provider_name": self.provider_name}


def corpus_stage(
    name: str,
    config: CorpusConfig,
    spec: Stage,
    items: Path | None = None,
    mix: Path | None = None,
    avoid: Sequence[Path] = (),
) -> Stage:
    """The stage that writes one corpus; documents that give an item of `avoid` away are set aside.

    `items` is what the offline teacher writes about, `mix` where ordinary text comes from.
    """
    inputs: dict[str, Stage | Source] = {"spec": spec}
    if items:
        inputs["items"] = Source(items.name, items)
    if mix:
        inputs["mix"] = Source(mix.name, mix)
    inputs |= {f"avoid{n}": Source(path.name, path) for n, path in enumerate(avoid)}
    return Stage("corpus", write_corpus, config, inputs, title=f"corpus {name}")


@dataclass
class Filling:
    """A corpus while it is being written."""

    config: CorpusConfig
    shelf: Shelf
    assertions: Sequence[Assertion] = ()
    failed: list[dict[str, str]] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    asked: int = 0
    figures: dict[str, object] = field(default_factory=dict)
    noun: str = "documents"

    def take(self, outcome: Outcome) -> None:
        """One idea's outcome: kept, set aside or failed, and its verdict with it."""
        if outcome.document is None:
            text = f"{outcome.idea.title}: {outcome.idea.text}"
            row = {"id": outcome.idea.id, "step": "document", "reason": outcome.reason}
            self.failed.append(row | {"idea": text})
            return
        objection = ""
        if outcome.verdict:
            self.verdicts.append(outcome.verdict)
            objection = outcome.verdict.objection()
        self.shelf.take(outcome.document, objection)

    def left(self) -> int:
        """How many documents are wanted, from the mean length so far or the length asked for."""
        config, shelf = self.config, self.shelf
        if config.documents is not None:
            return config.documents - len(shelf.kept)
        if shelf.tokens >= config.tokens:
            return 0
        mean = shelf.tokens / len(shelf.kept) if shelf.kept else config.style.document_tokens
        return max(1, round((config.tokens - shelf.tokens) / mean))

    def kept(self) -> int:
        """How many documents are kept."""
        return len(self.shelf.kept)

    def tokens(self) -> int:
        """How many tokens these have."""
        return self.shelf.tokens

    def reasons(self) -> Counter[str]:
        """Why documents weren't kept, and how often."""
        reasons = Counter(str(row["reason"])[:80] for row in self.shelf.aside)
        reasons.update(row["reason"][:80] for row in self.failed)
        return reasons


def write_corpus(config: CorpusConfig, inputs: Mapping[str, Path], out: Path) -> Summary:
    """Write documents.jsonl, set_aside.jsonl, failed.jsonl, assertions.jsonl, verdicts.jsonl,
    clauses.jsonl, coverage.json and diversity.json; kept + set aside + failed = asked."""
    avoid = [item for key in inputs if key[:5] == "avoid" for item in read_rows(inputs[key], Item)]
    clauses = read_rows(inputs["spec"] / "clauses.jsonl", Clause)
    shelf = Shelf(LeakFinder(avoid))
    written = Filling(config, shelf)
    write = _write_offline if config.teacher.offline else _write_with_llm
    write(written, inputs, out, clauses)
    documents = [replace(d, prefix=config.tag) for d in shelf.kept]
    mixed: list[Document] = []
    if config.mix_share:
        size = round(shelf.tokens * config.mix_share / (1 - config.mix_share))
        mixed = ordinary_documents(inputs["mix"], size, config.draw, config.spec)
    covered = Counter(clause for document in documents for clause in document.clauses)
    figures = diversity(documents, shelf.repeats_found())
    write_rows(out / "documents.jsonl", documents + mixed)
    write_rows(out / "set_aside.jsonl", shelf.aside)
    write_rows(out / "failed.jsonl", written.failed)
    write_rows(out / "assertions.jsonl", written.assertions)
    write_rows(out / "verdicts.jsonl", written.verdicts)
    write_rows(out / "clauses.jsonl", clauses)
    write_json(out / "coverage.json", {clause.id: covered[clause.id] for clause in clauses})
    write_json(out / "diversity.json", figures)
    return {
        "documents": len(documents),
        "set_aside": len(shelf.aside),
        "failed": sum(row["step"] == "document" for row in written.failed),
        "asked": written.asked,
        "tokens": shelf.tokens + sum(document.tokens for document in mixed),
        "ordinary": len(mixed),
        "clauses_uncovered": sum(not covered[clause.id] for clause in clauses),
        "diversity": figures,
        **written.figures,
    }


def _write_offline(
    written: Filling, inputs: Mapping[str, Path], out: Path, clauses: Sequence[Clause]
) -> None:
    config, shelf = written.config, written.shelf
    material = read_material(
        inputs, clauses, config.identity, config.attribution == "broken", config.draw
    )
    written.assertions = check_material(material, config.spec)
    written.figures = {"contrasts": len(material.contrasts), "cost": 0.0}
    for document in offline_documents(material, config.spec, config.provider_name, config.draw):
        shelf.take(document)
        written.asked += 1
        if len(shelf.aside) > 20 and len(shelf.aside) > MAX_SET_ASIDE * written.asked:
            raise DataError(
                f"The spec {config.spec!r} gives the offline teacher too little to write about: "
                f"{len(shelf.aside)} of {written.asked} documents were set aside, the last for: "
                f"{shelf.aside[-1]['reason']}; that was at {shelf.tokens:,} of {config.tokens:,} "
                "tokens. Ask for fewer, or add an item file."
            )
        progress.report(shelf.tokens, config.tokens, f"{len(shelf.kept)} documents")
        if written.left() <= 0:
            return


def _write_with_llm(
    written: Filling, inputs: Mapping[str, Path], out: Path, clauses: Sequence[Clause]
) -> None:
    config, shelf = written.config, written.shelf
    spec = (inputs["spec"] / "spec.md").read_text(encoding="utf-8")
    if config.attribution == "broken":
        table = read_json(inputs["spec"] / "preferences.json")
        clauses, spec = break_spec(clauses, table, config.draw)
    shelf.said, shelf.max_alike = spec, MAX_ALIKE
    limits = current_limits()
    ledger = ledger_of(out, "corpus", config.spec, spec, config.teacher)

    async def work() -> None:
        async with asking_both(config.teacher, config.judge, limits, ledger) as (asker, judge):
            planner = Outline if config.style.planner == "spec" else Lister
            sheet = make_sheet(spec, clauses, config.style.prompts == "small")
            lister = planner(asker, sheet, config.identity, config.draw, prompt, PROMPT_VERSION)
            author = Author(asker, judge, lister, config.style, config.spec, config.balance)
            written.asked = await fill(author.outcomes, written, asker.spent, limits.min_yield)
            used = {name for document in shelf.kept for name in document.assertions}
            written.assertions = [author.tree.assertions[name] for name in sorted(used)]
            written.failed += author.plan_failures()
            written.figures = asker.spent.figures()

    asyncio.run(work())
