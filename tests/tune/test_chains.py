"""Stages on top of stages: what came before is part of the arm, whatever the output's form is."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from midspec.files import digest_folder
from midspec.run.build import build, open_store
from midspec.run.stage import Stage
from midspec.train.model import load_arm, load_base, load_tokenizer, merge
from midspec.train.settings import AdapterSettings
from midspec.train.stack import Start, find_stack
from midspec.tune.stage import TuneConfig, _encode_both, _encode_corpora, _encode_demos

from .test_stage import CONFIG, SETTINGS, chats, documents, trained

IDS = torch.tensor([[5, 8, 11, 14, 17, 20]])
STILL = replace(SETTINGS, learning_rate=1e-12)  # trains nothing that could be seen
FULL = AdapterSettings(method="full")
DOCUMENTS = Stage("corpus", documents, 80)

Train = Callable[..., Stage]


def config(
    start: Start = "continue", adapter: AdapterSettings = CONFIG.adapter, begun: int = 0
) -> TuneConfig:
    return TuneConfig("tiny", adapter, SETTINGS, 0, start=start, begun=begun)


def still(one: TuneConfig) -> TuneConfig:
    return replace(one, loop=STILL)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return open_store(tmp_path / "store")


@pytest.fixture
def train(tiny_model: Path, store: Path) -> Train:
    """A midtraining stage with this config, on top of another."""

    def make(one: TuneConfig, previous: Stage | None = None) -> Stage:
        return trained("midtrain", DOCUMENTS, tiny_model, store, previous, one)[0]

    return make


@pytest.fixture
def logits(tiny_model: Path, store: Path) -> Callable[[Stage | None], torch.Tensor]:
    """What an arm says, in float32."""

    def read(stage: Stage | None) -> torch.Tensor:
        model: Any = load_arm(tiny_model, stage.path(store) if stage else None)
        with torch.inference_mode():
            return model(input_ids=IDS).logits.float()  # type: ignore[no-any-return]

    return read


LORA_TWICE = (config(), config("fresh", begun=1))


@pytest.mark.parametrize(
    ("before", "last"),
    [
        ([config()], config()),
        ([config()], config("fresh", begun=1)),
        ([config()], config("merge", begun=1)),
        ([config()], config(adapter=FULL)),
        ([config(adapter=FULL)], config()),
        ([config(adapter=FULL)], config(adapter=FULL)),
        (LORA_TWICE, config(begun=1)),
        (LORA_TWICE, config("fresh", begun=2)),
        (LORA_TWICE, config("merge", begun=2)),
        (LORA_TWICE, config(adapter=FULL)),
        ([config(), config("merge", begun=1)], config(begun=1)),
        ([config(), config("merge", begun=1)], config("fresh", begun=2)),
        ([config(adapter=FULL), config()], config()),
        ([config(adapter=FULL), config()], config("fresh", begun=1)),
        ([config(adapter=FULL), config()], config(adapter=FULL)),
    ],
)
def test_a_stage_that_learns_nothing_is_the_arm_before_it(
    train: Train,
    store: Path,
    logits: Callable[[Stage | None], torch.Tensor],
    before: list[TuneConfig],
    last: TuneConfig,
) -> None:
    """Nothing that was trained is lost, and nothing is added twice; nor is an earlier stage needed
    any more. Weights are rounded to bf16 once more at most."""
    previous: Stage | None = None
    for one in before:
        previous = train(one, previous)
    stage = train(still(last), previous)
    assert previous
    expected, base = logits(previous), logits(None)
    shutil.rmtree(previous.path(store))
    load_arm.cache_clear()
    change = (expected - base).norm()
    assert change > 1
    assert (logits(stage) - expected).norm() < 0.03 * change


def test_a_frozen_adapter_is_kept_as_it_was(train: Train, store: Path) -> None:
    first = train(config())
    fresh = train(config("fresh", begun=1), first)
    kept = fresh.path(store) / "under" / "adapter-0"
    assert digest_folder(kept) == digest_folder(first.path(store) / "adapter")
    again = train(config("fresh", begun=2), fresh)
    under = again.path(store) / "under"
    assert sorted(path.name for path in under.iterdir()) == ["adapter-0", "adapter-1"]
    assert digest_folder(under / "adapter-1") == digest_folder(fresh.path(store) / "adapter")


def test_an_arm_is_the_sum_of_its_adapters(
    train: Train, store: Path, tiny_model: Path, logits: Callable[[Stage | None], torch.Tensor]
) -> None:
    """A fresh adapter may be taken off again: what is below it is the arm before."""
    first = train(config())
    second = train(config("fresh", begun=1), first)
    stack = find_stack(tiny_model, second.path(store))
    assert len(stack.adapters) == 2
    with torch.inference_mode():
        below: Any = merge(load_base(tiny_model), stack.adapters[:1])
        assert torch.equal(below(input_ids=IDS).logits.float(), logits(first))
    assert not torch.allclose(logits(second), logits(first), atol=0.1)


def test_a_merged_adapter_is_part_of_the_weights(train: Train, store: Path) -> None:
    first = train(config())
    merged = train(config("merge", begun=1), first).path(store)
    assert [path.name for path in (merged / "under").iterdir()] == ["weights"]
    assert (merged / "under" / "weights" / "model.safetensors").exists()


def test_full_training_keeps_nothing_beside_the_weights(train: Train, store: Path) -> None:
    full = train(config(adapter=FULL), train(config())).path(store)
    assert not (full / "under").exists()
    assert not (full / "adapter" / "adapter_config.json").exists()


@pytest.mark.parametrize("start", ["fresh", "merge"])
def test_a_new_adapter_begins_unlike_the_one_before(
    train: Train, store: Path, start: Start
) -> None:
    """With the same seed both would read the same directions of what comes in."""
    first = train(still(config()))
    second = train(still(config(start, begun=1)), first)
    one, other = (
        load_file(stage.path(store) / "adapter" / "adapter_model.safetensors")
        for stage in (first, second)
    )
    names = [name for name in one if "lora_A" in name]
    assert names
    assert not any(torch.allclose(one[name], other[name], atol=1e-3) for name in names)


def test_interleaved_rows_are_both_kinds_with_the_masks_of_each(
    tiny_model: Path, store: Path
) -> None:
    demos = Stage("demos", chats, 63)
    stage, summary = trained("interleave", [DOCUMENTS, demos], tiny_model, store)
    assert (summary["rows"], summary["too_long"]) == (80 + 60, 3)
    assert stage.path(store).name.startswith("interleave-")
    tokenizer = load_tokenizer(tiny_model)
    data = {"data0": DOCUMENTS.path(store), "data1": demos.path(store), "base": tiny_model}
    both = _encode_both(CONFIG, data, tokenizer)
    assert both == [
        *_encode_corpora(CONFIG, {"data0": data["data0"]}, tokenizer),
        *_encode_demos(CONFIG, {"data1": data["data1"]}, tokenizer),
    ]
    assert all(all(row.counted) for row in both[:80] if row)
    assert not any(all(row.counted) for row in both[80:] if row)


def test_documents_and_chats_are_not_trained_on_one_after_the_other(
    tiny_model: Path, store: Path
) -> None:
    """Each quarter of the steps has rows of both kinds."""
    from midspec.train.batches import plan_batches

    data = {"data0": build(DOCUMENTS, store), "data1": build(Stage("demos", chats, 103), store)}
    rows = [row for row in _encode_both(CONFIG, data, load_tokenizer(tiny_model)) if row]
    steps = plan_batches([len(row.ids) for row in rows], 60, 1, 0)
    quarter = len(steps) // 4
    for start in range(0, 4 * quarter, quarter):
        kinds = {all(rows[n].counted) for step in steps[start : start + quarter] for n in step}
        assert kinds == {True, False}
