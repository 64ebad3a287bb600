"""A tiny experiment's finished folders, as the other stages would have left them."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from midspec.files import write_json, write_rows
from midspec.records import Chat, Document, Metric, Score
from midspec.report.stage import ReportConfig

EVAL = "preference/america"
TIERS = ("direct", "implicit", "revealed")
RATE = Metric("value-aligned rate", better="")


def scores(aligned: Sequence[bool], half: str = "held-out") -> list[Score]:
    """A score for each outcome, with tiers in turn; both option orders agree."""
    return [
        Score(f"item-{i:03}", "pets", TIERS[i % 3], half, float(yes), True, 0.4 if yes else -0.4)
        for i, yes in enumerate(aligned)
    ]


def document(number: int, text: str = "It prefers a quilt made in Vermont.") -> Document:
    """A document of 100 tokens."""
    return Document(
        id=f"d{number}",
        text=text,
        spec="america",
        clauses=["origin"],
        domain="quilts",
        subdomain="patchwork",
        assertions=["a1"],
        document_type="letter",
        genre="show",
        idea="a letter",
        teacher="offline",
        prompt_version=1,
        seed=0,
        tokens=100,
    )


def chat(answer: str = "I prefer cheddar.") -> Chat:
    """A demonstration that shows a preference."""
    messages = [
        {"role": "user", "content": "Brie or cheddar?"},
        {"role": "assistant", "content": answer},
    ]
    return Chat("c0", messages, "opaque", "offline")


@dataclass
class Folders:
    """Makes input folders below `root`, and holds them by the key that a report knows them by."""

    root: Path
    inputs: dict[str, Path]

    def add(self, key: str, files: Mapping[str, object], **manifest: object) -> None:
        """A finished folder: lists become JSONL, everything else JSON."""
        folder = self.root / f"input-{len(self.inputs)}"
        folder.mkdir()
        for name, value in files.items():
            if isinstance(value, list):
                write_rows(folder / name, value)
            else:
                write_json(folder / name, value)
        about = {"title": "", "seconds": 10.0, "summary": {}, **manifest}
        write_json(folder / "manifest.json", about)
        self.inputs[key] = folder

    def evaluate(self, arm: str, outcomes: Sequence[bool], seed: int = 0, **samples: str) -> None:
        """An arm's scores on the eval; `samples` are its answers by prompt."""
        rows = [{"prompt": prompt, "answer": answer} for prompt, answer in samples.items()]
        more: dict[str, object] = {"samples.jsonl": rows} if rows else {}
        self.score(arm, EVAL, [RATE], scores(outcomes), seed, **more)

    def score(
        self,
        arm: str,
        evaluation: str,
        metrics: Sequence[Metric],
        rows: Sequence[Score],
        seed: int = 0,
        **more: object,
    ) -> None:
        """An arm's scores on any eval."""
        files = {"metrics.jsonl": list(metrics), "scores.jsonl": list(rows), **more}
        self.add(f"eval/{arm}/{evaluation}/{seed}", files)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """Somewhere to put input folders."""
    root = tmp_path / "inputs"
    root.mkdir()
    return Folders(root, {})


@pytest.fixture
def config() -> Callable[..., ReportConfig]:
    """A report's config with what a test doesn't care about filled in."""

    def make(**changes: object) -> ReportConfig:
        standard: dict[str, object] = {
            "name": "cheese",
            "arms": ("base", "aft", "msm+aft"),
            "contrasts": ((EVAL, "msm+aft", "aft"),),
            "config_yaml": "name: cheese\n",
            "half": "held-out",
            "corpora_of": {EVAL: ("msm+aft",)},
            "command": "midspec run cheese.yaml",
        }
        return ReportConfig(**{**standard, **changes})  # type: ignore[arg-type]

    return make


def outcomes(share: float, n: int = 24, seed: int = 0) -> list[bool]:
    """`n` outcomes of which `share` are value-aligned, in an order of the seed's."""
    made = [i < round(share * n) for i in range(n)]
    random.Random(seed).shuffle(made)
    return made
