"""Writing a set of chats in a store of its own, without a network."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from midspec import progress
from midspec.demos.chats import chats_stage
from midspec.llm.asker import Spent
from midspec.llm.settings import Limits, Teacher, limited
from midspec.run.build import open_store, raise_failures, run
from midspec.run.pools import Inline
from midspec.spec.stage import spec_stage
from tests.corpus.fakes import IDENTITY, PROSE, FakeAsker

from .fakes import CONFIG, Made, WriteChats


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WriteChats:
    """Write chats of the config's changes with an asker in place of every teacher."""

    def work(
        asker: FakeAsker | None = None,
        avoid: tuple[Path, ...] = (),
        text: str = PROSE,
        **changes: Any,
    ) -> Made:
        teacher = asker or FakeAsker()

        @asynccontextmanager
        async def asking(
            model: Teacher, limits: Limits, ledger: Path, spent: Spent
        ) -> AsyncIterator[FakeAsker]:
            teacher.spent, teacher.limits = spent, limits
            yield teacher

        monkeypatch.setattr("midspec.llm.asker.asking", asking)
        path = tmp_path / "spec.md"
        said: list[str] = []
        path.write_text(text, encoding="utf-8")
        stage = chats_stage(
            "good", replace(CONFIG, **changes), spec_stage("old", path, IDENTITY), avoid
        )
        root = open_store(tmp_path / "store")
        with limited(Limits()), progress.listening(lambda *_: None, said.append):
            raise_failures(run([stage], root, Inline()), root)
        return Made(stage.path(root), said)

    return work
