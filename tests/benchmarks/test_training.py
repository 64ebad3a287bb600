"""The benchmark of the loop, on a model that takes no time."""

from pathlib import Path

import pytest

from benchmarks.training import LORA, Round, draw_rows, lengths, open_loop, planned, summary
from midspec.train.model import load_tokenizer
from midspec.train.settings import LoopSettings

SETTINGS = LoopSettings(tokens_per_step=64, max_tokens=48)
TEXTS = ["Old things have lasted, and what has lasted is trusted.", "Mending is care."] * 9


def test_a_range_of_lengths_or_one_length() -> None:
    assert lengths("256-512") == (256, 512)
    assert lengths("256") == (256, 256)


def test_rows_are_of_the_lengths_asked_for_and_enough_for_the_steps(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    rows = draw_rows(TEXTS, tokenizer, (24, 48), SETTINGS, steps=20)
    sizes = {len(row.ids) for row in rows}
    assert min(sizes) >= 24
    assert max(sizes) <= 48
    assert len(sizes) > 5
    assert len(planned(rows, SETTINGS)) == 20
    assert all(row.ids[-1] == tokenizer.eos_token_id for row in rows)


def test_the_pace_counts_no_padding_and_not_the_first_step(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = draw_rows(TEXTS, load_tokenizer(tiny_model), (24, 48), SETTINGS, steps=20)
    loop = open_loop(tiny_model, LORA, SETTINGS)
    assert len(loop.ends(rows, steps=2)) == 2
    monkeypatch.setattr(type(loop), "ends", lambda self, rows: [10.0, 11.0, 12.0])
    timed = sum(len(row.ids) for row in rows) - sum(planned(rows, SETTINGS)[0])
    assert loop.pace(rows) == timed / 2


def test_ratio_and_share_are_taken_in_each_round() -> None:
    slow, fast = Round(300, 100, 4e11, 600), Round(100, 50, 2e11, 400)
    found = summary([slow, fast, slow])
    assert found["tokens_per_second"] == 300
    assert found["peer_tokens_per_second"] == 100
    assert found["ratio"] == 3
    assert found["ceiling_fraction"] == 0.5
    assert found["peak_gflops"] == 400
    assert summary([slow, fast, fast])["ceiling_fraction"] == 0.25


def test_without_the_peer_there_is_no_ratio() -> None:
    found = summary([Round(300, None, 4e11, 600)])
    assert found["peer_tokens_per_second"] is found["ratio"] is None
    assert (found["tokens_per_second"], found["ceiling_fraction"]) == (300, 0.5)
