"""What the report shows of the stages before evaluation: corpora, demonstrations, training, how all
of it was made."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from midspec.files import read_dicts, read_json, read_rows
from midspec.records import Chat, Document
from midspec.report.answers import beside, spread
from midspec.run.stage import MANIFEST, Inputs

SAMPLES = 6  # rows shown of each corpus and set of demonstrations: enough to judge, quick to load


@dataclass(frozen=True)
class Corpus:
    """A corpus in numbers, with a few of its documents and where all of them lie.

    coverage: how many documents there are of each domain, document type and clause; a clause that
    none is about is there with 0.
    """

    name: str
    documents: int
    tokens: int
    set_aside: int
    reasons: Mapping[str, int]  # why documents were set aside, and how many for each reason
    diversity: Mapping[str, float]
    samples: Sequence[Document]
    coverage: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    folder: str = ""


@dataclass(frozen=True)
class Demonstrations:
    """A set of demonstrations: how many there are, a few of them, and where all of them lie."""

    name: str
    chats: int
    samples: Sequence[Chat]
    folder: str = ""


@dataclass(frozen=True)
class Training:
    """One training stage: tokens without padding, mean loss at both ends; how many steps' losses
    stood out; and the first, lowest and last loss on rows that were held out, if any were."""

    title: str
    updates: int
    tokens: int
    first_loss: float
    last_loss: float
    seconds: float
    spikes: int = 0
    held_out: tuple[float, float, float] | None = None

    @property
    def tokens_per_second(self) -> float:
        """The rate over the whole stage; nan when it took no time."""
        return self.tokens / self.seconds if self.seconds else float("nan")


@dataclass(frozen=True)
class Made:
    """Every stage that the report rests on, by its title and folder, and on what they ran: versions
    of packages and commits of this program, as manifests tell them; seconds and dollars in all."""

    stages: Sequence[tuple[str, str]]
    packages: Mapping[str, Collection[str]]
    commits: Collection[str]
    seconds: float
    cost: float


def named(inputs: Inputs, kind: str) -> list[tuple[str, Path]]:
    """The inputs of one kind, each with its own name."""
    prefix = f"{kind}/"
    return [
        (key.removeprefix(prefix), folder)
        for key, folder in inputs.items()
        if key.startswith(prefix)
    ]


def corpus(name: str, folder: Path) -> Corpus:
    """A corpus's folder."""
    documents = read_rows(folder / "documents.jsonl", Document)
    aside = read_dicts(folder / "set_aside.jsonl")
    covered = folder / "coverage.json"
    clauses = Counter(clause for document in documents for clause in document.clauses)
    coverage: dict[str, Mapping[str, int]] = {
        "domain": dict(Counter(one.domain for one in documents).most_common()),
        "document type": dict(Counter(one.document_type for one in documents).most_common()),
        "clause": read_json(covered) if covered.exists() else dict(clauses.most_common()),
    }
    return Corpus(
        name=name,
        documents=len(documents),
        tokens=sum(document.tokens for document in documents),
        set_aside=len(aside),
        reasons=dict(Counter(str(row["reason"]) for row in aside if "reason" in row).most_common()),
        diversity=read_json(folder / "diversity.json"),
        samples=spread(documents, SAMPLES),
        coverage=coverage,
        folder=beside(folder),
    )


def demonstrations(name: str, folder: Path) -> Demonstrations:
    """The folder of a set of demonstrations."""
    chats = read_rows(folder / "chats.jsonl", Chat)
    return Demonstrations(name, len(chats), spread(chats, SAMPLES), beside(folder))


def training(name: str, folder: Path) -> Training:
    """A training stage's folder."""
    manifest = read_json(folder / MANIFEST)
    summary: dict[str, Any] = manifest["summary"]
    first, lowest, last = (
        summary.get(f"{which}_held_out_loss") for which in ("first", "lowest", "last")
    )
    return Training(
        title=manifest["title"] or name,
        updates=summary["updates"],
        tokens=summary["tokens"],
        first_loss=summary["first_loss"],
        last_loss=summary["last_loss"],
        seconds=summary["seconds"],
        spikes=summary.get("spikes", 0),
        held_out=(first, lowest, last) if first and lowest and last else None,
    )


def made(inputs: Inputs) -> Made:
    """How the inputs that are stages came to be; a folder that has two names counts once."""
    folders = dict.fromkeys(f for f in inputs.values() if (f / MANIFEST).exists())
    manifests = [(folder, read_json(folder / MANIFEST)) for folder in folders]
    packages: dict[str, dict[str, None]] = {}
    for _, manifest in manifests:
        for name, version in manifest.get("packages", {}).items():
            packages.setdefault(name, {})[str(version)] = None
    told = [manifest for _, manifest in manifests]
    return Made(
        stages=[(manifest["title"] or folder.name, folder.name) for folder, manifest in manifests],
        packages=dict(sorted(packages.items())),
        commits=list(dict.fromkeys(one["commit"] for one in told if one.get("commit"))),
        seconds=sum(float(manifest["seconds"]) for manifest in told),
        cost=sum(float((manifest["summary"] or {}).get("cost") or 0.0) for manifest in told),
    )
