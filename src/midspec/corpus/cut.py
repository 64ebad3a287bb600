"""A corpus cut to so many tokens of a model's own tokenizer: a dose, or the size of another one."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from midspec.corpus.subset import write_subset
from midspec.errors import DataError
from midspec.files import read_rows
from midspec.records import Document
from midspec.run.stage import Inputs, Source, Stage, Summary

ONE_ROW = 10**9  # tokens; no document is cut into rows here, as training does


@dataclass(frozen=True)
class CutConfig:
    """How many `tokens` to keep, each document with its prefix and its end-of-text token. Documents
    stay whole, so that it is met to half a document."""

    tokens: int


def cut_stage(name: str, config: CutConfig, corpus: Stage, base: Source) -> Stage:
    """The stage that cuts a corpus, counting as the base model does."""
    return Stage("cut", _cut, config, {"corpus": corpus, "base": base}, title=f"corpus {name}")


def in_proportion(documents: Sequence[Document]) -> list[Document]:
    """The documents in an order of which every beginning holds clauses and document types in about
    the proportion of the whole.

    The next one is of the clause (its first, where it has several) that is furthest behind, and of
    those of the type that is. It depends on the documents alone, so that a larger dose holds the
    smaller ones, and all seeds see the same.
    """
    piles: dict[str, dict[str, list[Document]]] = {}
    for document in Random("cut").sample(documents, len(documents)):
        pile = piles.setdefault(_clause(document), {})
        pile.setdefault(document.document_type, []).append(document)
    clauses = Counter(map(_clause, documents))
    types = Counter(document.document_type for document in documents)
    ordered: list[Document] = []
    had_clauses: Counter[str] = Counter()
    had_types: Counter[str] = Counter()
    while piles:
        share = (len(ordered) + 1) / len(documents)
        clause = max(piles, key=lambda c: clauses[c] * share - had_clauses[c])
        pile = piles[clause]
        kind = max(pile, key=lambda t: types[t] * share - had_types[t])
        ordered.append(pile[kind].pop())
        had_clauses[clause] += 1
        had_types[kind] += 1
        if not pile[kind]:
            del pile[kind]
        if not pile:
            del piles[clause]
    return ordered


def _clause(document: Document) -> str:
    return document.clauses[0] if document.clauses else ""


def _cut(config: CutConfig, inputs: Inputs, out: Path) -> Summary:
    """Write a corpus's files of what is kept; documents and set_aside together are the corpus that
    was cut. One with fewer tokens is a DataError."""
    from midspec.train.batches import encode_documents
    from midspec.train.model import load_tokenizer

    whole, tokenizer = inputs["corpus"], load_tokenizer(inputs["base"])
    documents = read_rows(whole / "documents.jsonl", Document)
    ordered = in_proportion(documents)
    kept: list[Document] = []
    tokens = 0
    for document in ordered:
        rows = encode_documents([document.text], tokenizer, ONE_ROW, [document.prefix])
        length = sum(len(row.ids) for row in rows)
        if tokens + length - config.tokens > config.tokens - tokens:
            break
        kept.append(replace(document, tokens=length))
        tokens += length
    if tokens < config.tokens and len(kept) == len(documents):
        raise DataError(
            f"{config.tokens:,} tokens of {whole} are to be trained on; by the model's tokenizer "
            f"it has {tokens:,}. Name a smaller dose, or make the corpus larger."
        )
    beyond = ordered[len(kept) :]
    reason = f"beyond the {config.tokens:,} tokens that the corpus was cut to"
    write_subset(whole, documents, kept, {document.id: reason for document in beyond}, out)
    return {"documents": len(kept), "tokens": tokens, "set_aside": len(beyond), "cost": 0.0}
