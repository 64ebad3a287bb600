"""The offline teacher as the corpus stage sees it: what it knows of a spec, and its documents."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from midspec.corpus.plan import (
    MIN_ASSERTIONS,
    Material,
    assertions,
    briefs,
)
from midspec.corpus.variants import break_contrasts
from midspec.corpus.write import PROMPT_VERSION, write_document
from midspec.errors import DataError
from midspec.llm.settings import OFFLINE
from midspec.records import Assertion, Clause, Document
from midspec.text import estimate_tokens
from midspec.write.material import read_contrasts


def read_material(
    inputs: Mapping[str, Path],
    clauses: Sequence[Clause],
    identity: dict[str, str],
    broken: bool,
    draw: int,
) -> Material:
    """What the offline teacher knows: clauses, and contrasts of the item file and the table.

    `broken` turns half the contrasts round and gives each another's reason (paper C.4).
    """
    contrasts, principles = read_contrasts(inputs, identity)
    if broken:
        if not contrasts:
            raise DataError(
                "attribution: broken takes contrasts, from an item file or from the spec's table "
                "of preferences; this spec has neither."
            )
        contrasts = break_contrasts(contrasts, draw)
    return Material(clauses, contrasts, principles, identity["model_name"])


def check_material(material: Material, spec: str) -> list[Assertion]:
    """What the spec asserts of the assistant; a DataError if that is too little for a corpus."""
    known = assertions(material)
    if len(known) < MIN_ASSERTIONS:
        raise DataError(
            f"The spec {spec!r} gives the offline teacher too little to write about: it says "
            f"{len(known)} things of the assistant; a corpus takes {MIN_ASSERTIONS} or more."
        )
    return known


def offline_documents(
    material: Material, spec: str, provider_name: str, draw: int
) -> Iterator[Document]:
    """Documents without end, each from one brief."""
    for brief in briefs(material, draw):
        written = write_document(brief, material, provider_name, draw)
        yield Document(
            id=brief.id,
            text=written.text,
            spec=spec,
            clauses=sorted({assertion.clause for assertion in written.assertions}),
            domain=brief.domain,
            subdomain=brief.subdomain,
            assertions=[assertion.id for assertion in written.assertions],
            document_type=brief.document_type,
            genre=brief.genre,
            idea=written.idea,
            teacher=OFFLINE,
            prompt_version=PROMPT_VERSION,
            seed=draw,
            tokens=estimate_tokens(written.text),
        )
