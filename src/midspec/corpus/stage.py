"""The corpus stage: a spec becomes documents, by an LLM or by the offline teacher."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from midspec import progress
from midspec.corpus.author import Author, Outcome, Style, Verdict
from midspec.corpus.offline import check_material, offline_documents, read_material
from midspec.corpus.outline import Outline
from midspec.corpus.prompts import PROMPT_VERSION, prompt
from midspec.corpus.review import Shelf, diversity
from midspec.corpus.variants import break_spec, ordinary_documents
from midspec.errors import DataError, TeacherError
from midspec.files import read_json, read_rows, write_json, write_rows
from midspec.leaks import LeakFinder
from midspec.llm.asker import Asker, Spent, asking
from midspec.llm.settings import Limits, Teacher, current_limits
from midspec.records import Assertion, Clause, Document, Item
from midspec.run.stage import Source, Stage, Summary
from midspec.write.flow import Needed
from midspec.write.lists import Lister
from midspec.write.sheet import make_sheet

MAX_SET_ASIDE = 0.5  # of the offline teacher's documents; more and the spec holds too little
PROBE_DOCUMENTS = 20  # after so many an LLM's yield is told, and judged
BARREN_DOCUMENTS = 100  # after so many without one that can be kept, none is likely to come
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
class Written:
    """What came of writing, beside the shelf."""

    assertions: Sequence[Assertion]
    failed: list[dict[str, str]] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    asked: int = 0
    figures: dict[str, object] = field(default_factory=dict)


def write_corpus(config: CorpusConfig, inputs: Mapping[str, Path], out: Path) -> Summary:
    """Write documents.jsonl, set_aside.jsonl, failed.jsonl, assertions.jsonl, verdicts.jsonl,
    clauses.jsonl, coverage.json and diversity.json; kept + set aside + failed = asked."""
    avoid = [item for key in inputs if key[:5] == "avoid" for item in read_rows(inputs[key], Item)]
    clauses = read_rows(inputs["spec"] / "clauses.jsonl", Clause)
    shelf = Shelf(LeakFinder(avoid))
    write = _write_offline if config.teacher.offline else _write_with_llm
    written = write(config, inputs, out, clauses, shelf)
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
    config: CorpusConfig,
    inputs: Mapping[str, Path],
    out: Path,
    clauses: Sequence[Clause],
    shelf: Shelf,
) -> Written:
    material = read_material(
        inputs, clauses, config.identity, config.attribution == "broken", config.draw
    )
    known = check_material(material, config.spec)
    written = Written(known, figures={"contrasts": len(material.contrasts), "cost": 0.0})
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
        if _left(config, shelf) <= 0:
            return written
    raise AssertionError("the offline teacher never ends")


def _left(config: CorpusConfig, shelf: Shelf) -> int:
    """How many documents are still needed, from the mean length so far or the length asked for."""
    if config.documents is not None:
        return config.documents - len(shelf.kept)
    if shelf.tokens >= config.tokens:
        return 0
    mean = shelf.tokens / len(shelf.kept) if shelf.kept else config.style.document_tokens
    return max(1, round((config.tokens - shelf.tokens) / mean))


def _write_with_llm(
    config: CorpusConfig,
    inputs: Mapping[str, Path],
    out: Path,
    clauses: Sequence[Clause],
    shelf: Shelf,
) -> Written:
    spec = (inputs["spec"] / "spec.md").read_text(encoding="utf-8")
    if config.attribution == "broken":
        table = read_json(inputs["spec"] / "preferences.json")
        clauses, spec = break_spec(clauses, table, config.draw)
    shelf.said = spec
    shelf.max_alike = MAX_ALIKE
    limits = current_limits()
    ledger = (limits.ledger or out / "ledger") / f"{_ledger_name(config, spec)}.jsonl"

    async def work() -> Written:
        async with AsyncExitStack() as stack:
            spent = Spent()
            asker = await stack.enter_async_context(asking(config.teacher, limits, ledger, spent))
            judge = asker
            if config.judge and config.judge != config.teacher:
                other = ledger.with_name(f"{ledger.stem}-judge.jsonl")
                judge = await stack.enter_async_context(asking(config.judge, limits, other, spent))
            planner = Outline if config.style.planner == "spec" else Lister
            sheet = make_sheet(spec, clauses, config.style.prompts == "small")
            lister = planner(asker, sheet, config.identity, config.draw, prompt, PROMPT_VERSION)
            author = Author(
                asker,
                judge if config.judge else None,
                lister,
                config.style,
                config.spec,
                config.balance,
            )
            return await _fill(config, author, limits, shelf)

    return asyncio.run(work())


async def _fill(config: CorpusConfig, author: Author, limits: Limits, shelf: Shelf) -> Written:
    """Take outcomes in the order of their ideas until the corpus is as large as it should be."""
    written = Written([])
    # Little is planned and begun before the first documents have shown what the teacher gives.
    whole, spent = _left(config, shelf), author.asker.spent
    needed = Needed(min(PROBE_DOCUMENTS, whole), later=whole)
    async with aclosing(author.outcomes(needed)) as outcomes:
        async for outcome in outcomes:
            written.asked += 1
            _take(outcome, shelf, written)
            left = _left(config, shelf)
            probed = max(0, PROBE_DOCUMENTS - written.asked)
            needed.taken = written.asked
            needed.rows = min(left, probed) if probed else left
            note = f"{len(shelf.kept)} documents, {shelf.tokens:,} tokens, ${spent.cost:,.2f}"
            progress.report(len(shelf.kept), len(shelf.kept) + left, note)
            if written.asked == PROBE_DOCUMENTS:
                _probe(config, shelf, written, spent, limits.min_yield)
            barren = not shelf.kept and written.asked >= BARREN_DOCUMENTS
            if left <= 0 or barren:
                break
        else:
            progress.say(f"The teacher has no more ideas: {shelf.tokens:,} tokens were written.")
    if not shelf.kept:
        raise TeacherError(f"No document could be kept; {_reasons(shelf, written)}.")
    used = {name for document in shelf.kept for name in document.assertions}
    known = author.tree.assertions
    written.assertions = [known[name] for name in sorted(used)]
    written.failed += author.plan_failures()
    written.figures = _figures(author.asker)
    return written


def _take(outcome: Outcome, shelf: Shelf, written: Written) -> None:
    """One idea's outcome: kept, set aside or failed, and its verdict with it."""
    if outcome.document is None:
        written.failed.append(
            {
                "id": outcome.idea.id,
                "step": "document",
                "reason": outcome.reason,
                "idea": f"{outcome.idea.title}: {outcome.idea.text}",
            }
        )
        return
    objection = ""
    if outcome.verdict:
        written.verdicts.append(outcome.verdict)
        objection = _objection(outcome.verdict)
    shelf.take(outcome.document, objection)


def _objection(verdict: Verdict) -> str:
    """A judge's objection in words; a verdict that can't be read is one, too."""
    if verdict.faithful:
        return ""
    if verdict.problem:
        return f"judge: {verdict.problem}"
    for what, found in (
        ("contradicts the spec", verdict.contradictions),
        ("invents", verdict.inventions),
    ):
        if found:
            return f"judge: {what}: {found[0]}"
    return f"judge: unfaithful: {verdict.reason}"


def _probe(
    config: CorpusConfig, shelf: Shelf, written: Written, spent: Spent, min_yield: float
) -> None:
    """Tell yield, length and cost after the first documents; stop if it isn't worth going on."""
    kept, asked = len(shelf.kept), written.asked
    mean = shelf.tokens / max(1, kept)
    dollars = spent.cost * (kept + _left(config, shelf)) / max(1, kept)
    progress.say(
        f"After {asked} documents: {kept} kept, {mean:,.0f} tokens each on the average; "
        + ("no price known." if spent.unpriced else f"${dollars:,.2f} projected for the whole.")
    )
    if kept < min_yield * asked:
        raise TeacherError(
            f"Only {kept} of the first {asked} documents could be kept, under the floor of "
            f"{min_yield:.0%}; {_reasons(shelf, written)}. Every answer is kept. Go on with "
            "--min-yield 0, or choose another teacher."
        )


def _reasons(shelf: Shelf, written: Written) -> str:
    """The commonest reasons why documents weren't kept."""
    reasons = Counter(str(row["reason"])[:80] for row in shelf.aside)
    reasons.update(row["reason"][:80] for row in written.failed)
    return "reasons: " + "; ".join(f"{reason} ({n})" for reason, n in reasons.most_common(3))


def _figures(asker: Asker) -> dict[str, object]:
    """What the calls took, for the manifest; no cost where a price isn't known."""
    spent = asker.spent
    return {
        "calls": spent.calls,
        "calls_in_this_run": spent.asked,
        "input_tokens": spent.input_tokens,
        "output_tokens": spent.output_tokens,
        "cost": None if spent.unpriced else round(spent.cost, 4),
    }


def _ledger_name(config: CorpusConfig, spec: str) -> str:
    """One ledger for a spec and a teacher: sizes and variants of a corpus share answers."""
    digest = sha256(f"{spec}\n{asdict(config.teacher)}".encode()).hexdigest()
    return f"corpus-{config.spec}-{digest[:12]}"
