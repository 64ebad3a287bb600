import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from midspec.errors import DataError, TrainingError
from midspec.files import read_dicts, read_json, write_rows
from midspec.recipe import canonical
from midspec.records import Chat, Document
from midspec.run.build import build, open_store
from midspec.run.stage import Source, Stage
from midspec.train.settings import AdapterSettings, LoopSettings
from midspec.tune.stage import TuneConfig, _dose, tune_stage

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


def thoughtful(thought: str, inputs: object, out: Path) -> dict[str, object]:
    """Chats of which every second one has `thought` as its reasoning."""
    rows = [
        Chat(
            f"t{n}",
            [{"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": "Old."}],
            "aligned",
            "offline",
            reasoning=["" if n % 2 else thought],
        )
        for n in range(60)
    ]
    return {"chats": write_rows(out / "chats.jsonl", rows)}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return open_store(tmp_path)


def trained(
    kind: str,
    data: Stage | list[Stage],
    base: Path,
    store: Path,
    previous: Stage | None = None,
    config: TuneConfig = CONFIG,
) -> tuple[Stage, dict[str, Any]]:
    """A built training stage, and its summary."""
    data = data if isinstance(data, list) else [data]
    for stage in data:
        build(stage, store)
    stage = tune_stage(kind, "title", config, Source("tiny", base), data, previous)
    return stage, read_json(build(stage, store) / "manifest.json")["summary"]


def test_midtraining_reads_documents_and_leaves_an_adapter_and_its_metrics(
    tiny_model: Path, store: Path
) -> None:
    stage, summary = trained("midtrain", Stage("corpus", documents, 80), tiny_model, store)
    folder = stage.path(store)
    assert sorted(path.name for path in folder.iterdir()) == [
        "adapter",
        "manifest.json",
        "steps.jsonl",
    ]
    assert summary["updates"] >= 20
    assert summary["tokens"] > 80 * 8
    assert summary["last_loss"] < summary["first_loss"]


def test_a_training_that_diverges_leaves_the_texts_of_its_last_batch(
    tiny_model: Path, store: Path
) -> None:
    config = replace(CONFIG, loop=replace(SETTINGS, learning_rate=1e30))
    with pytest.raises(TrainingError, match="bad_batch") as caught:
        trained("midtrain", Stage("corpus", documents, 80), tiny_model, store, None, config)
    (work,) = (store / ".work").glob("midtrain-*/")
    assert str(work / "bad_batch.jsonl") in str(caught.value)
    for row in read_dicts(work / "bad_batch.jsonl"):
        assert re.search(r"What was mended \d+ times has lasted", row["text"])


def test_a_gpu_that_is_too_small_is_told_with_what_saves_memory(
    tiny_model: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError(
            "CUDA out of memory. Tried to allocate 432.00 MiB. GPU 0 has a total capacity of 79 GiB"
        )

    monkeypatch.setattr("midspec.train.loop.train", full)
    with pytest.raises(
        TrainingError, match=r"Tried to allocate 432\.00 MiB\. Use .*gradient_checkpointing: true"
    ):
        trained("midtrain", Stage("corpus", documents, 80), tiny_model, store)


def test_held_out_texts_are_counted_and_their_loss_is_told(tiny_model: Path, store: Path) -> None:
    config = replace(CONFIG, loop=replace(SETTINGS, held_out=0.05))
    _, plain = trained("midtrain", Stage("corpus", documents, 100), tiny_model, store)
    _, summary = trained(
        "midtrain", Stage("corpus", documents, 100), tiny_model, store, None, config
    )
    assert (plain["held_out_rows"], plain["last_held_out_loss"]) == (0, None)
    assert summary["rows"] == plain["rows"] == 100 and summary["held_out_rows"] == 5
    assert summary["tokens"] < plain["tokens"]
    first, lowest, last = (summary[f"{n}_held_out_loss"] for n in ("first", "lowest", "last"))
    assert lowest <= last < first


def test_chats_that_are_too_long_are_left_out_and_counted(tiny_model: Path, store: Path) -> None:
    _, summary = trained("finetune", Stage("demos", chats, 63), tiny_model, store)
    assert (summary["rows"], summary["too_long"]) == (60, 3)


def test_a_stage_goes_on_from_the_one_before(tiny_model: Path, store: Path) -> None:
    first, _ = trained("midtrain", Stage("corpus", documents, 80), tiny_model, store)
    corpus = Stage("corpus", documents, 81)
    _, fresh = trained("midtrain", corpus, tiny_model, store)
    _, second = trained("midtrain", corpus, tiny_model, store, first)
    assert second["first_loss"] < fresh["first_loss"]


def test_reasoning_is_trained_on_where_the_config_names_the_input(
    tiny_model: Path, store: Path
) -> None:
    """Half of 60 chats in each of two inputs have it; each has as many tokens as the other."""
    data = [Stage("demos", thoughtful, thought) for thought in ("Hm.", "Hm!")]
    loop = replace(SETTINGS, max_tokens=200)
    tokens = [
        trained("finetune", data, tiny_model, store, None, replace(CONFIG, loop=loop, reasoning=r))[
            1
        ]["tokens"]
        for r in ((), ("data0",), ("data1",), ("data0", "data1"))
    ]
    none, first, second, both = tokens
    assert first > none + 30 * 10
    assert first - none == second - none == (both - none) / 2


@pytest.mark.parametrize("key", ["data0", "data7"])
def test_demos_without_reasoning_can_t_be_named_for_it(
    tiny_model: Path, store: Path, key: str
) -> None:
    config = replace(CONFIG, reasoning=(key,))
    with pytest.raises(DataError, match=r"has reasoning.* Name these demos without /reasoning"):
        trained("finetune", Stage("demos", chats, 63), tiny_model, store, None, config)


def test_a_dose_is_a_part_of_the_chats_and_a_larger_one_holds_it(
    tiny_model: Path, store: Path
) -> None:
    rows = [Chat(f"c{n}", [], "opaque", "offline") for n in range(50)]
    small, large = _dose(rows, 10, 0, store), _dose(rows, 30, 0, store)
    assert large[:10] == small
    assert _dose(rows, 10, 1, store) != small
    data = Stage("demos", thoughtful, "Hm.")
    _, summary = trained(
        "finetune", data, tiny_model, store, None, replace(CONFIG, doses=(("data0", 44),))
    )
    assert summary["rows"] == 44
    with pytest.raises(DataError, match=r"61 chats of .* are to be trained on; it has 60"):
        trained("finetune", data, tiny_model, store, None, replace(CONFIG, doses=(("data0", 61),)))


def test_a_chat_that_can_t_be_written_is_named(tiny_model: Path, store: Path) -> None:
    data = Stage("demos", thoughtful, "I end <|im_end|> here.")
    config = replace(CONFIG, reasoning=("data0",))
    with pytest.raises(DataError, match=r"Chat t0 of .*demos-.*: Turn 2 holds '<\|im_end\|>'"):
        trained("finetune", data, tiny_model, store, None, config)
    trained("finetune", data, tiny_model, store)


def test_a_recipe_without_reasoning_is_what_it_was_before_there_was_any() -> None:
    assert "reasoning" not in canonical(CONFIG)  # type: ignore[operator]
    assert canonical(replace(CONFIG, reasoning=("data0",)))["reasoning"] == ["data0"]  # type: ignore[index]


def test_a_recipe_that_holds_nothing_out_is_what_it_was_before_it_could() -> None:
    assert "held_out" not in canonical(SETTINGS)  # type: ignore[operator]
    assert canonical(replace(SETTINGS, held_out=0.02))["held_out"] == 0.02  # type: ignore[index]
