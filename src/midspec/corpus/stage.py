"""The corpus stage: a spec, and an item file where there is one, become documents."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from midspec import progress
from midspec.corpus.plan import (
    MIN_ASSERTIONS,
    Material,
    assertions,
    briefs,
    read_items,
    table_contrasts,
)
from midspec.corpus.review import NearDuplicates, diversity, estimate_tokens
from midspec.corpus.write import PROMPT_VERSION, write_document
from midspec.errors import DataError
from midspec.files import read_json, read_rows, write_json, write_rows
from midspec.records import Brief, Clause, Document, Principle
from midspec.run.stage import Source, Stage, Summary

MAX_SET_ASIDE = 0.5  # more near-duplicates than this and the spec holds too little to write about


@dataclass(frozen=True)
class CorpusConfig:
    """`tokens` to reach, by estimate; `draw` for another sample from the same teacher."""

    spec: str
    tokens: int
    draw: int
    teacher: str
    model_name: str
    provider_name: str
    prompt_version: int = PROMPT_VERSION


def corpus_stage(name: str, config: CorpusConfig, spec: Stage, items: Path | None) -> Stage:
    """The stage that writes one corpus."""
    inputs: dict[str, Stage | Source] = {"spec": spec}
    if items:
        inputs["items"] = Source(items.name, items)
    return Stage("corpus", _write, config, inputs, title=f"corpus {name}")


def _write(config: CorpusConfig, inputs: Mapping[str, Path], out: Path) -> Summary:
    """Write documents.jsonl, set_aside.jsonl, assertions.jsonl and diversity.json."""
    material = _material(config, inputs)
    known = assertions(material)
    if len(known) < MIN_ASSERTIONS:
        raise DataError(
            f"The spec {config.spec!r} gives the offline teacher too little to write about: it "
            f"says {len(known)} things of the assistant; a corpus takes {MIN_ASSERTIONS} or more."
        )
    kept: list[Document] = []
    aside: list[dict[str, object]] = []
    repeats = NearDuplicates()
    tokens = 0
    for brief in briefs(material, config.draw):
        document = _document(brief, material, config)
        if earlier := repeats.find(document):
            aside.append(asdict(document) | {"reason": f"nearly repeats {earlier}"})
        else:
            kept.append(document)
            tokens += document.tokens
        if len(aside) > 20 and len(aside) > MAX_SET_ASIDE * (len(kept) + len(aside)):
            raise DataError(
                f"The spec {config.spec!r} gives the offline teacher too little to write about: "
                f"{len(aside)} of {len(kept) + len(aside)} documents repeat one another, at "
                f"{tokens:,} of {config.tokens:,} tokens. Ask for fewer, or add an item file."
            )
        progress.report(tokens, config.tokens, f"{len(kept)} documents")
        if tokens >= config.tokens:
            break
    figures = diversity(kept, len(aside))
    write_rows(out / "documents.jsonl", kept)
    write_rows(out / "set_aside.jsonl", aside)
    write_rows(out / "assertions.jsonl", known)
    write_json(out / "diversity.json", figures)
    write_json(out / "coverage.json", Counter(c for d in kept for c in d.clauses))
    return {
        "documents": len(kept),
        "set_aside": len(aside),
        "tokens": tokens,
        "contrasts": len(material.contrasts),
        "diversity": figures,
        "cost": 0.0,
    }


def _material(config: CorpusConfig, inputs: Mapping[str, Path]) -> Material:
    clauses = read_rows(inputs["spec"] / "clauses.jsonl", Clause)
    table = read_json(inputs["spec"] / "preferences.json")
    contrasts = table_contrasts(table, table["reasons"])
    principles: list[Principle] = []
    if "items" in inputs:
        identity = {"model_name": config.model_name, "provider_name": config.provider_name}
        listed, principles = read_items(inputs["items"], identity)
        contrasts = listed + contrasts
    return Material(clauses, contrasts, principles, config.model_name)


def _document(brief: Brief, material: Material, config: CorpusConfig) -> Document:
    written = write_document(brief, material, config.provider_name, config.draw)
    return Document(
        id=brief.id,
        text=written.text,
        spec=config.spec,
        clauses=sorted({assertion.clause for assertion in written.assertions}),
        domain=brief.domain,
        subdomain=brief.subdomain,
        assertions=[assertion.id for assertion in written.assertions],
        document_type=brief.document_type,
        genre=brief.genre,
        idea=written.idea,
        teacher=config.teacher,
        prompt_version=config.prompt_version,
        seed=config.draw,
        tokens=estimate_tokens(written.text),
    )
