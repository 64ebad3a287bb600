"""Two processes train as one does. All pairs of trainings are done once, by `pairs`."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from midspec.resources import Resources
from midspec.train.batches import Example
from midspec.train.parallel import Team, count, split

from .team import STOP_AT, Run, go, go_in_two

UPDATES = 20
SAME = {  # as one process does it, to 1e-4: in float32, whatever is shared out how
    "lora ddp": Run(),
    "full ddp": Run("full"),
    "full fsdp": Run("full", "fsdp"),
    "lora fsdp": Run(sharding="fsdp", gradient_checkpointing=True, held_out=0.1),
    "a row a step, ddp": Run(tokens_per_step=12),
    "a row a step, fsdp": Run("full", "fsdp", tokens_per_step=12),
    "small passes": Run("full", "fsdp", tokens_per_step=48, tokens_per_pass=12, epochs=2),
}
BF16 = {"lora": Run(precision="bf16"), "full": Run("full", precision="bf16")}
STOPPED = {"ddp": Run(stops=True), "fsdp": Run("full", "fsdp", stops=True)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pairs")


@pytest.fixture(scope="module")
def pairs(tiny_model: Path, folder: Path) -> dict[str, dict[str, Any]]:
    """What two processes made of each run; a stopped one is gone on with in a second."""
    runs = [(run, name) for name, run in SAME.items()]
    runs += [(run, f"bf16 {name}") for name, run in BF16.items()]
    for name, run in STOPPED.items():
        runs += [(run, f"stopped {name}"), (replace(run, stops=False), f"stopped {name}")]
    found = go_in_two(runs, tiny_model, folder)
    keys = [name for _, name in runs]
    ends = {f"stopped {name}" for name in STOPPED}
    return {
        f"{key}, gone on with" if key in ends and key in keys[:number] else key: one
        for number, (key, one) in enumerate(zip(keys, found, strict=True))
    }


def losses(found: dict[str, Any], name: str = "loss") -> list[float]:
    return [row[name] for row in found["metrics"] if name in row]


@pytest.mark.parametrize("name", SAME)
def test_two_processes_give_the_loss_curve_of_one(
    pairs: dict[str, dict[str, Any]], tiny_model: Path, tmp_path: Path, name: str
) -> None:
    alone = go(SAME[name], tiny_model, tmp_path / "alone")
    both = pairs[name]
    assert len(losses(both)) == len(losses(alone)) >= UPDATES
    assert losses(both) == pytest.approx(losses(alone), abs=1e-4)
    assert losses(alone)[-1] < 0.95 * losses(alone)[0]
    assert losses(both, "gradient_norm") == pytest.approx(losses(alone, "gradient_norm"), rel=1e-3)
    assert losses(both, "held_out_loss") == pytest.approx(losses(alone, "held_out_loss"), abs=1e-4)
    assert bool(losses(both, "held_out_loss")) == bool(SAME[name].held_out)
    moved = torch.tensor(both["masters"]) - torch.tensor(alone["masters"])
    assert len(both["masters"]) == len(alone["masters"])
    assert moved.abs().max() < 2e-3  # of steps of 0.02


@pytest.mark.parametrize("name", BF16)
def test_in_bf16_two_processes_round_as_one_does_that_takes_the_same_passes(
    pairs: dict[str, dict[str, Any]], tiny_model: Path, tmp_path: Path, name: str
) -> None:
    """Two rows a step: a process each, or a pass each. In one pass the rounding is another."""
    alone = go(replace(BF16[name], tokens_per_pass=12), tiny_model, tmp_path / "alone")
    assert losses(pairs[f"bf16 {name}"]) == losses(alone)
    assert pairs[f"bf16 {name}"]["masters"] == alone["masters"]


@pytest.mark.parametrize("name", STOPPED)
def test_all_stop_at_the_step_at_which_one_is_told_to_and_go_on_to_the_same_weights(
    pairs: dict[str, dict[str, Any]], name: str
) -> None:
    stopped, gone_on = pairs[f"stopped {name}"], pairs[f"stopped {name}, gone on with"]
    whole = pairs["lora ddp" if name == "ddp" else "full fsdp"]
    assert stopped["stopped"] and not gone_on["stopped"]
    assert len(losses(stopped)) == STOP_AT + 1
    assert losses(gone_on) == losses(whole)
    assert gone_on["masters"] == whole["masters"]


@pytest.mark.parametrize("name", STOPPED)
def test_one_process_goes_on_from_what_two_left(
    pairs: dict[str, dict[str, Any]], tiny_model: Path, folder: Path, name: str
) -> None:
    """Their checkpoint of the last step: nothing is left to do but to take the weights."""
    assert pairs
    run = replace(STOPPED[name], stops=False)
    found = go(run, tiny_model, folder / f"stopped {name}")
    assert found["masters"] == pairs[f"stopped {name}, gone on with"]["masters"]


def test_rows_are_shared_out_evenly_and_each_process_has_as_many_passes() -> None:
    assert split([5, 5, 5, 5, 5], 1, 100) == [[[0, 1, 2, 3, 4]]]
    assert split([5, 5, 5, 5, 5], 2, 100) == [[[0, 1]], [[2, 3, 4]]]
    assert split([5, 5, 5, 5, 5], 2, 10) == [[[0, 1], []], [[2, 3], [4]]]
    assert split([5], 3, 10) == [[[]], [[]], [[0]]]
    assert split([4, 9, 9], 1, 10) == [[[0], [1], [2]]]  # padding counts: 4 and 9 would be 18
    assert split([50], 1, 10) == [[[0]]]


def test_who_has_no_row_gets_one_that_counts_for_nothing() -> None:
    row = Example([1, 2, 3], [True, True, False])
    shares = [Team(Resources(processes=3), rank, 3).share([row]) for rank in range(3)]
    assert [[count(rows) for rows in share] for share in shares] == [[0], [0], [1]]
    assert all(rows for share in shares for rows in share)
