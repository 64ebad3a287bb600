"""An analysis in a store of its own, without a network."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from midspec import progress
from midspec.evals.reasons.stage import ReasonsConfig, reasons_stage
from midspec.evals.reasons.taxonomy import Reason, write_taxonomy
from midspec.files import read_dicts, read_json
from midspec.llm.asker import Spent
from midspec.llm.settings import Limits, Teacher, limited
from midspec.run.build import open_store, raise_failures, run
from midspec.run.pools import Inline
from midspec.run.stage import Source
from tests.corpus.fakes import FakeAsker
from tests.tiny import write_jsonl

from .fakes import REASONS

MODEL = "openai-api/fake/writer"


@dataclass(frozen=True)
class Analysed:
    """A finished analysis and what was said on the way."""

    folder: Path
    said: list[str]

    def rows(self, name: str) -> list[dict[str, Any]]:
        """The rows of a file."""
        return read_dicts(self.folder / f"{name}.jsonl")

    @property
    def results(self) -> dict[str, Any]:
        """What reasons.json holds."""
        found: dict[str, Any] = read_json(self.folder / "reasons.json")
        return found

    @property
    def summary(self) -> dict[str, Any]:
        """What the stage tells of itself."""
        found: dict[str, Any] = read_json(self.folder / "manifest.json")["summary"]
        return found


Analyse = Callable[..., Analysed]


@pytest.fixture
def analyse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Analyse:
    """Analyse arms, given as (condition, text) of each transcript, with a fake judge."""

    def work(
        asker: FakeAsker,
        arms: dict[str, Sequence[tuple[str, str]]],
        reasons: Sequence[Reason] | None = REASONS,
        **changes: Any,
    ) -> Analysed:
        @asynccontextmanager
        async def asking(
            model: Teacher, limits: Limits, ledger: Path, spent: Spent
        ) -> AsyncIterator[FakeAsker]:
            asker.spent, asker.limits = spent, limits
            yield asker

        monkeypatch.setattr("midspec.llm.asker.asking", asking)
        places: dict[str, Source] = {}
        for arm, listed in arms.items():
            rows = [{"id": f"t{n}", "group": g, "text": t} for n, (g, t) in enumerate(listed)]
            places[arm] = Source(arm, write_jsonl(tmp_path / f"{arm}.jsonl", rows))
        taxonomy = None
        if reasons:
            write_taxonomy(tmp_path / "reasons.yaml", reasons)
            taxonomy = Source("reasons", tmp_path / "reasons.yaml")
        config = ReasonsConfig(tuple(arms), Teacher(MODEL), **changes)
        stage = reasons_stage("reasons", config, places, taxonomy)
        root = open_store(tmp_path / "store")
        said: list[str] = []
        with limited(Limits(min_yield=0.0)), progress.listening(lambda *_: None, said.append):
            raise_failures(run([stage], root, Inline()), root)
        return Analysed(stage.path(root), said)

    return work
