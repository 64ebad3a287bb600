"""A corpus as a data set of the Hub: its files, and a card that tells how it was made."""

import re
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from midspec import __version__
from midspec.errors import ConfigError
from midspec.export.card import Code, front_matter, render_markdown, writer
from midspec.export.lineage import Made, made_by
from midspec.files import read_dicts, read_json, read_rows, write_json, write_text
from midspec.llm.settings import OFFLINE
from midspec.records import Document
from midspec.run.stage import MANIFEST, recipe_digest

KINDS = ("corpus", "cut", "portion")
DOCUMENTS = "documents.jsonl"
ROWS = (DOCUMENTS, "set_aside.jsonl", "failed.jsonl", "clauses.jsonl", "assertions.jsonl")
BESIDE = ("coverage.json", "diversity.json")
LINEAGE = "lineage.json"
LICENSE = re.compile(r"[a-z0-9][a-z0-9.-]{0,40}")
MOST = 12  # rows of a card's tables; the files have them all
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def write_dataset(
    corpus: Path, stages: Sequence[Made], spec: Path | None, repo: str, license: str, made: Path
) -> None:
    """Fill the empty folder `made` with a finished corpus and its card.

    stages: what the corpus rests on, itself last. spec: the text it is about, where it is known.
    license: the Hub's word for one, or "".
    """
    if license and not LICENSE.fullmatch(license):
        raise ConfigError(
            f"--license {license!r} is no licence's name. Use the Hub's word, such as cc-by-4.0."
        )
    for name in (*ROWS, *BESIDE):
        if (corpus / name).exists() and (corpus / name).stat().st_size:
            shutil.copyfile(corpus / name, made / name)
    if spec:
        shutil.copyfile(spec, made / "spec.md")
    write_json(made / LINEAGE, {"midspec": __version__, "stages": [asdict(one) for one in stages]})
    write_text(made / "README.md", dataset_card(corpus, stages, spec is not None, repo, license))


def read_corpus_folder(folder: Path) -> Made:
    """The last stage of a corpus that lies in a folder of its own; another is a ConfigError."""
    path = folder / MANIFEST
    manifest = read_json(path) if path.exists() else {}
    recipe = {"stage", "version", "config", "inputs"}
    if (
        not recipe <= manifest.keys()
        or manifest["stage"] not in KINDS
        or not (folder / DOCUMENTS).exists()
    ):
        raise ConfigError(
            f"{folder} is no corpus of midspec: it has no {MANIFEST} of one. Name a folder that "
            "midspec corpus made, or a corpus of an experiment."
        )
    return made_by(manifest, recipe_digest(manifest)[:12])


def dataset_card(
    corpus: Path, stages: Sequence[Made], has_spec: bool, repo: str, license: str
) -> str:
    """The card of a corpus, from its own rows and what its stages' manifests say."""
    documents = read_rows(corpus / DOCUMENTS, Document)
    aside, last = read_dicts(corpus / "set_aside.jsonl"), stages[-1]
    written = next((one for one in stages if one.stage == "corpus"), last)
    offline = written.config.get("teacher", {}).get("model", OFFLINE) == OFFLINE
    coverage = _read(corpus / "coverage.json")
    body = render_markdown(
        "midspec.share",
        "dataset.md.j2",
        title=last.title.removeprefix("corpus "),
        spec=written.config.get("spec", ""),
        has_spec=has_spec,
        repo=Code(repo),
        midspec=__version__,
        documents=len(documents),
        tokens=sum(document.tokens for document in documents),
        teacher="" if offline else writer(written),
        avoided=sum(key.startswith("avoid") for key in written.inputs),
        config=written.config,
        stages=stages,
        last=last,
        types=_counted(document.document_type for document in documents),
        domains=_counted(document.domain for document in documents),
        reasons=_counted(_reason(row) for row in aside),
        aside=len(aside),
        failed=len(read_dicts(corpus / "failed.jsonl")),
        clauses=len(coverage),
        uncovered=sum(not number for number in coverage.values()),
        diversity=_read(corpus / "diversity.json"),
        license=license,
        most=MOST,
    )
    size = next((name for limit, name in SIZES if len(documents) < limit), "n>1M")
    values = {
        **({"license": license} if license else {}),
        "pretty_name": " ".join(last.title.split())[:100],
        "task_categories": ["text-generation"],
        "size_categories": [size],
        "tags": ["midspec", "model-spec-midtraining", "synthetic", "alignment-research"],
        "configs": [
            {
                "config_name": Path(name).stem,
                "data_files": name,
                **({"default": True} if name == DOCUMENTS else {}),
            }
            for name in ROWS
            if (corpus / name).exists() and (corpus / name).stat().st_size
        ],
    }
    return front_matter(values) + body


def _counted(labels: Any) -> list[tuple[str, int]]:
    """How often each label occurs, the commonest first."""
    return Counter(labels).most_common()


def _reason(row: dict[str, Any]) -> str:
    """Why a document was set aside, without what is particular to it."""
    return str(row.get("reason", "no reason")).partition(":")[0]


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = read_json(path) if path.exists() else {}
    return found
