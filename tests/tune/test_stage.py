from pathlib import Path
from typing import Any

import pytest

from midspec.files import read_json, write_rows
from midspec.records import Chat, Document
from midspec.run.build import build, open_store
from midspec.run.stage import Source, Stage
from midspec.train.settings import AdapterSettings, LoopSettings
from midspec.tune.stage import TuneConfig, tune_stage

SETTINGS = LoopSettings(learning_rate=0.01, tokens_per_step=60, max_tokens=60)
CONFIG = TuneConfig("tiny", AdapterSettings(rank=2, alpha=4), SETTINGS, seed=0)


def documents(count: int, inputs: object, out: Path) -> dict[str, object]:
    rows = [
        Document(f"d{n}", f"What was mended {n} times has lasted.", "s", [], "", "", [], "memo",
                 "show", "", "offline", 1, 0)
        for n in range(count)
    ]  # fmt: skip
    return {"documents": write_rows(out / "documents.jsonl", rows)}


def chats(count: int, inputs: object, out: Path) -> dict[str, object]:
    rows = [
        Chat(
            f"c{n}",
            [
                {"role": "user", "content": f"{n}?"},
                {"role": "assistant", "content": "Old. " * (200 if n < 3 else 1)},
            ],
            "opaque",
            "offline",
        )
        for n in range(count)
    ]
    return {"chats": write_rows(out / "chats.jsonl", rows)}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return open_store(tmp_path)


def trained(
    kind: str, data: Stage, base: Path, store: Path, previous: Stage | None = None
) -> tuple[Stage, dict[str, Any]]:
    """A built training stage, and its summary."""
    build(data, store)
    stage = tune_stage(kind, "title", CONFIG, Source("tiny", base), [data], previous)
    return stage, read_json(build(stage, store) / "manifest.json")["summary"]


def test_midtraining_reads_documents_and_leaves_an_adapter_and_a_log(
    tiny_model: Path, store: Path
) -> None:
    stage, summary = trained("midtrain", Stage("corpus", documents, 80), tiny_model, store)
    folder = stage.path(store)
    assert sorted(path.name for path in folder.iterdir()) == [
        "adapter",
        "log.jsonl",
        "manifest.json",
    ]
    assert summary["updates"] >= 20
    assert summary["tokens"] > 80 * 8
    assert summary["last_loss"] < summary["first_loss"]


def test_chats_that_are_too_long_are_left_out_and_counted(tiny_model: Path, store: Path) -> None:
    _, summary = trained("finetune", Stage("demos", chats, 63), tiny_model, store)
    assert (summary["rows"], summary["too_long"]) == (60, 3)


def test_a_stage_goes_on_from_the_one_before(tiny_model: Path, store: Path) -> None:
    first, _ = trained("midtrain", Stage("corpus", documents, 80), tiny_model, store)
    corpus = Stage("corpus", documents, 81)
    _, fresh = trained("midtrain", corpus, tiny_model, store)
    _, second = trained("midtrain", corpus, tiny_model, store, first)
    assert second["first_loss"] < fresh["first_loss"]
