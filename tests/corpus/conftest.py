from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from midspec.corpus.stage import CorpusConfig, corpus_stage
from midspec.llm.settings import Teacher
from midspec.run.build import open_store, raise_failures, run
from midspec.run.pools import Inline
from midspec.spec.stage import spec_stage
from tests import tiny

Write = Callable[..., Path]


@pytest.fixture
def write_corpus(tmp_path: Path) -> Write:
    """Write a corpus about a spec's text and return its folder."""

    def write(
        text: str,
        tokens: int = 3000,
        draw: int = 0,
        items: Path | None = None,
        avoid: Sequence[Path] = (),
    ) -> Path:
        path = tmp_path / "spec.md"
        path.write_text(text, encoding="utf-8")
        identity = {"model_name": "Tiny", "provider_name": "Testers"}
        spec = spec_stage("old", path, identity)
        config = CorpusConfig("old", tokens, draw, Teacher(), **identity)
        stage = corpus_stage("old", config, spec, items, avoid=avoid)
        root = open_store(tmp_path / "store")
        raise_failures(run([stage], root, Inline()), root)
        return stage.path(root)

    return write


@pytest.fixture
def item_file(tmp_path: Path, tiny_model: Path) -> Path:
    """The tiny experiment's contrasts and principles."""
    return tiny.make_experiment(tmp_path / "experiment", tiny_model).parent / "contrasts.jsonl"
