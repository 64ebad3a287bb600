"""The folder of a corpus that is a part of another: the same files, of what is kept."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from shutil import copyfile

from midspec.corpus.review import diversity
from midspec.corpus.variants import ORDINARY
from midspec.errors import DataError
from midspec.files import read_dicts, read_rows, write_json, write_rows
from midspec.records import Clause, Document


def write_subset(
    whole: Path,
    documents: Sequence[Document],
    kept: Sequence[Document],
    reasons: Mapping[str, str],
    out: Path,
) -> None:
    """Write a corpus's files; set_aside.jsonl has those of the `documents` of `whole` that aren't
    kept, each with its reason by id, so that the two together are the corpus that it was. If no
    document about the spec is kept, that is a DataError."""
    about = [document for document in kept if document.document_type != ORDINARY]
    if not about:
        raise DataError(
            f"No document of {whole} is left: the size is smaller than a document, or everything "
            "is left out. Set a larger size or dose, or leave less out."
        )
    ids = {document.id for document in kept}
    aside = [asdict(d) | {"reason": reasons[d.id]} for d in documents if d.id not in ids]
    for name in ("assertions.jsonl", "clauses.jsonl"):
        copyfile(whole / name, out / name)
    verdicts = whole / "verdicts.jsonl"
    judged = read_dicts(verdicts) if verdicts.exists() else []
    covered = Counter(clause for document in kept for clause in document.clauses)
    clauses = [clause.id for clause in read_rows(out / "clauses.jsonl", Clause)]
    write_rows(out / "documents.jsonl", kept)
    write_rows(out / "set_aside.jsonl", aside)
    write_rows(out / "failed.jsonl", [])
    write_rows(out / "verdicts.jsonl", [row for row in judged if row["document"] in ids])
    write_json(out / "coverage.json", {clause: covered[clause] for clause in clauses})
    write_json(out / "diversity.json", diversity(about, 0))
