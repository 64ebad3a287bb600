"""What documents have in common: the labels by which they are left out and compared."""

from collections.abc import Collection, Iterable

from midspec.records import Document

Labels = tuple[tuple[str, tuple[str, ...]], ...]  # by clause, section, type, domain or genre


def labels(document: Document, by: str) -> list[str]:
    """A document's labels of one kind; of clauses and sections it may have several."""
    if by == "clause":
        return document.clauses
    if by == "section":
        return list(dict.fromkeys(clause.partition(".")[0] for clause in document.clauses))
    own = {"type": document.document_type, "domain": document.domain, "genre": document.genre}
    return [own[by]]


def carries(document: Document, wanted: Labels) -> str:
    """The first of the wanted labels that a document has, as `type memo`; "" for none."""
    for by, values in wanted:
        for label in labels(document, by):
            if label in values:
                return f"{by} {label}"
    return ""


def unknown(wanted: Labels, documents: Iterable[Document], clauses: Collection[str]) -> str:
    """The first wanted label that no document has, as `type mmo`, nor the spec if it's a clause or
    a section."""
    documents = list(documents)
    known = {"clause": set(clauses), "section": {clause.partition(".")[0] for clause in clauses}}
    for by, values in wanted:
        found = {label for document in documents for label in labels(document, by)}
        for value in values:
            if value not in found | known.get(by, set()):
                return f"{by} {value}"
    return ""
