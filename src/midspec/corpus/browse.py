"""A corpus folder as one HTML page, since nobody should train on what nobody has read."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path

from midspec.corpus.variants import ORDINARY
from midspec.files import read_object, read_rows
from midspec.pages.browse import (
    UNKEPT,
    Row,
    Shelf,
    browse_page,
    check_folder,
    failed,
    names,
    rows_of,
    set_aside,
    tally,
)
from midspec.records import Assertion, Clause, Document

NEEDED = (
    "documents.jsonl",
    "set_aside.jsonl",
    "failed.jsonl",
    "assertions.jsonl",
    "clauses.jsonl",
    "coverage.json",
    "diversity.json",
)
SHELF = Shelf(
    "midspec.corpus", "corpus", "document", "corpus", "an idea", ("kept", "ordinary", *UNKEPT)
)
DOCUMENT = {f.name for f in fields(Document) if f.default is f.default_factory is MISSING}
KINDS = ("document_type", "genre", "domain")
FIRST_WORDS = 12  # of a clause, beside its heading

MEANINGS = {
    "distinct_1": "Share of words that had not occurred before; falls as a corpus grows.",
    "distinct_2": "The same for pairs of words.",
    "distinct_3": "The same for three words in a row.",
    "distinct_4": "The same for four words in a row; low where phrases are used again.",
    "compression_ratio": "How many times smaller zlib makes the text; ordinary web text is near "
    "2.5, and more repeats more.",
    "type_entropy": "How evenly the document types are used, in bits; one more means twice as many "
    "types.",
    "near_duplicate_share": "Share of the documents written that repeat an earlier one.",
    "self_similarity": "Share of three-word runs that two documents have in common, on average.",
}


def corpus_page(folder: Path, max_documents: int = 2000) -> str:
    """The page as one HTML text that loads nothing; a folder that is no corpus is a ConfigError.

    With more than `max_documents`, a sample of them can be read; every number is of the whole.
    """
    check_folder(folder, NEEDED, "a corpus", "midspec corpus")
    rows, judged = _read(folder)
    kept = [row for row in rows if row["verdict"] == "kept"]
    clauses = read_rows(folder / "clauses.jsonl", Clause)
    coverage: Mapping[str, int] = read_object(folder / "coverage.json")
    said = {row.id: row.text for row in read_rows(folder / "assertions.jsonl", Assertion)}

    def data(shown: Sequence[Row]) -> dict[str, object]:
        used = {name for row in shown for name in row.get("assertions", ())}
        return {
            "clauses": {clause.id: clause.text for clause in clauses},
            "assertions": {name: said[name] for name in sorted(used & said.keys())},
        }

    return browse_page(
        SHELF,
        folder,
        rows,
        max_documents,
        lambda row: row["clauses"],
        [row.get("tokens", 0) for row in kept],
        data,
        specs=names(rows, "spec"),
        tokens=sum(row.get("tokens", 0) for row in rows if row["verdict"] in ("kept", "ordinary")),
        judged=judged,
        clauses=[
            (clause, " ".join(clause.text.split()[:FIRST_WORDS]), coverage.get(clause.id, 0))
            for clause in clauses
        ],
        uncovered=[clause.id for clause in clauses if not coverage.get(clause.id)],
        figures=read_object(folder / "diversity.json"),
        meanings=MEANINGS,
        kinds={key: tally(kept, key) for key in KINDS},
        choices={key: names(rows, key) for key in KINDS},
    )


def _read(folder: Path) -> tuple[list[Row], Counter[bool]]:
    """Every row with its verdict and group, and how often the judge said yes and no."""

    def listed(name: str, needed: set[str]) -> list[Row]:
        return rows_of(folder / f"{name}.jsonl", needed, "corpus")

    judge = {}
    if (folder / "verdicts.jsonl").exists():
        judge = {row.pop("document"): row for row in listed("verdicts", {"document", "faithful"})}
    rows = [
        *(_written(row) for row in listed("documents", DOCUMENT)),
        *(set_aside(row) for row in listed("set_aside", DOCUMENT | {"reason"})),
        *(failed(row, "document") for row in listed("failed", {"id", "step", "reason"})),
    ]
    for row in rows:
        if row["id"] in judge:
            row["judge"] = judge[row["id"]]
    return rows, Counter(bool(row["faithful"]) for row in judge.values())


def _written(row: Row) -> Row:
    ordinary = row["document_type"] == ORDINARY
    return row | {"verdict": "ordinary" if ordinary else "kept", "group": ""}
