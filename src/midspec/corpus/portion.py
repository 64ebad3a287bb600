"""A corpus made of another by leaving documents out: a filter, nothing is written anew."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from midspec.corpus.groups import Labels, carries, labels, unknown
from midspec.corpus.subset import write_subset
from midspec.corpus.variants import ORDINARY
from midspec.errors import DataError
from midspec.files import read_rows
from midspec.records import Clause, Document
from midspec.run.stage import Stage, Summary

LEFT_OUT = "left out"  # how the reason of a document begins that isn't gone by chance


@dataclass(frozen=True)
class PortionConfig:
    """Which labels' documents go, and to which size the rest is cut by `draw`: `tokens` by
    estimate, the share `drop` less than all, or what the largest of the `matched` leave-outs
    leaves."""

    without: Labels
    tokens: int | None
    drop: float
    matched: tuple[Labels, ...]
    draw: int


def portion_stage(name: str, config: PortionConfig, corpus: Stage) -> Stage:
    """The stage that filters a finished corpus."""
    return Stage("portion", filter_corpus, config, {"corpus": corpus}, title=f"corpus {name}")


def filter_corpus(config: PortionConfig, inputs: Mapping[str, Path], out: Path) -> Summary:
    """Write a corpus's files of what stays; ordinary text that is mixed in does. A label that
    neither a document nor the spec has is a DataError."""
    source = inputs["corpus"]
    documents = read_rows(source / "documents.jsonl", Document)
    clauses = read_rows(source / "clauses.jsonl", Clause)
    about = [document for document in documents if document.document_type != ORDINARY]
    for wanted in (config.without, *config.matched):
        if strange := unknown(wanted, about, {clause.id for clause in clauses}):
            by, _, label = strange.partition(" ")
            known = sorted({name for document in about for name in labels(document, by)})
            raise DataError(
                f"No document of {source} has the {by} {label!r}, so it can't be left out. Its "
                f"{by}s: {', '.join(known)}."
            )
    reasons = _reasons(config, about, source)
    kept = [document for document in documents if document.id not in reasons]
    write_subset(source, documents, kept, reasons, out)
    left_out = [d for d in about if reasons.get(d.id, "").startswith(LEFT_OUT)]
    return {
        "documents": len(about) - len(reasons),
        "set_aside": len(reasons),
        "tokens": sum(document.tokens for document in kept),
        "ordinary": len(documents) - len(about),
        "left_out": len(left_out),
        "left_out_tokens": sum(document.tokens for document in left_out),
        "cost": 0.0,
    }


def _reasons(config: PortionConfig, about: Sequence[Document], source: Path) -> dict[str, str]:
    """Why each document goes that goes, by its id; a corpus too small for the size is a
    DataError."""
    total = sum(document.tokens for document in about)
    reasons = {
        document.id: f"{LEFT_OUT}: {label}"
        for document in about
        if (label := carries(document, config.without))
    }
    left = [document for document in about if document.id not in reasons]
    have = sum(document.tokens for document in left)
    size = _size(config, about, total)
    if not left or size > have:
        raise DataError(
            f"{source} has {total:,} tokens, of which {have:,} are left without what is left out; "
            f"{size:,} are wanted. Leave less out, or set a smaller size."
        )
    for document in _cut(left, size, config.draw):
        reasons[document.id] = f"drawn at random, to {size:,} tokens"
    return reasons


def _size(config: PortionConfig, about: Sequence[Document], total: int) -> int:
    """How many tokens of spec documents are to stay; all that is left where nothing says so."""
    if config.tokens is not None:
        return config.tokens
    if config.drop:
        return round(total * (1 - config.drop))
    leaving = config.matched or (config.without,)
    return min(sum(d.tokens for d in about if not carries(d, wanted)) for wanted in leaving)


def _cut(left: Sequence[Document], size: int, draw: int) -> list[Document]:
    """The documents that go so that at most `size` tokens stay: those that come last in an order
    drawn by `draw`, which is one for all leave-outs, so that they share as much as they can.

    A document that no longer fits gives way to a later, shorter one; so what is missing of the size
    is less than the shortest that went.
    """
    order = sorted(left, key=lambda document: document.id)
    random.Random(f"portion/{draw}").shuffle(order)
    gone: list[Document] = []
    for document in order:
        if document.tokens <= size:
            size -= document.tokens
        else:
            gone.append(document)
    return gone
