import math
import random
from pathlib import Path

import pytest

from midspec.errors import DataError
from midspec.files import read_dicts
from midspec.train.batches import Example
from midspec.train.guards import (
    HELD_OUT_ROWS,
    diverged,
    hold_out,
    is_spike,
    reading_steps,
)


def scattered(middle: float, deviation: float, n: int = 50) -> list[float]:
    draw = random.Random(0)
    return [draw.gauss(middle, deviation) for _ in range(n)]


def texts(*sizes: int) -> list[Example]:
    """Texts of so many rows each, no two rows alike."""
    rows = [(text, n) for text, size in enumerate(sizes) for n in range(size)]
    return [Example([text, n, 0], [True] * 3, n == 0) for text, n in rows]


def test_a_spike_lies_over_five_standard_deviations_above_the_middle() -> None:
    before = scattered(3.0, 0.2)
    assert not is_spike(3.0 + 4 * 0.2, before)
    assert is_spike(3.0 + 7 * 0.2, before)
    assert not is_spike(1.0, before)  # below


def test_losses_that_hardly_scatter_must_rise_by_a_tenth() -> None:
    before = scattered(1.0, 0.001)
    assert not is_spike(1.09, before)
    assert is_spike(1.11, before)


def test_one_spike_does_not_hide_the_next() -> None:
    assert is_spike(4.5, [*scattered(3.0, 0.2, 47), 9.0, 9.0, 9.0])


def test_a_few_losses_say_nothing_of_their_scatter() -> None:
    assert not is_spike(9.0, scattered(3.0, 0.2, 19))
    assert is_spike(9.0, scattered(3.0, 0.2, 20))


def test_only_the_last_fifty_count() -> None:
    assert is_spike(2.0, [*scattered(9.0, 3.0), *scattered(1.0, 0.05)])


@pytest.mark.parametrize(
    ("loss", "norm", "words"),
    [
        (math.nan, 1.0, "The loss is nan at step 8 of 40, after a loss of 2.5"),
        (2.0, math.inf, "The gradient norm is inf at step 8 of 40, after a loss of 2.5"),
    ],
)
def test_an_error_names_what_is_no_number_and_leaves_the_rows(
    tmp_path: Path, loss: float, norm: float, words: str
) -> None:
    row = {"step": 7, "loss": loss, "gradient_norm": norm, "learning_rate": 0.01}
    batch = [{"row": 3, "text": "old", "ids": [1, 2], "counted": [True, True]}]
    said = str(diverged(row, 40, [3.0, 2.5], batch, tmp_path))
    assert said.startswith(words)
    for more in (str(tmp_path / "bad_batch.jsonl"), "lower learning_rate (now 0.01)"):
        assert more in said
    assert read_dicts(tmp_path / "bad_batch.jsonl") == batch


def test_nothing_is_held_out_unless_asked() -> None:
    assert hold_out(texts(1, 2, 3), 0.0, 0) == (texts(1, 2, 3), [])


def test_a_share_of_the_texts_is_held_out_whole() -> None:
    rows = texts(*[1, 2, 3] * 20)
    kept, held = hold_out(rows, 0.1, 0)
    assert len({row.ids[0] for row in held}) == 6
    assert not {row.ids[0] for row in held} & {row.ids[0] for row in kept}
    assert sorted([*kept, *held], key=rows.index) == rows


def test_another_seed_holds_out_others() -> None:
    rows = texts(*[1] * 100)
    assert hold_out(rows, 0.1, 0) == hold_out(rows, 0.1, 0)
    assert hold_out(rows, 0.1, 0)[1] != hold_out(rows, 0.1, 1)[1]


def test_no_more_than_32_rows_are_held_out() -> None:
    _, held = hold_out(texts(*[3] * 1000), 0.5, 0)
    assert HELD_OUT_ROWS - 3 < len(held) <= HELD_OUT_ROWS


def test_a_text_with_a_twin_is_trained_on() -> None:
    rows = [*texts(*[1] * 9), *texts(*[1] * 8)]
    kept, held = hold_out(rows, 0.5, 0)
    assert [row.ids[0] for row in held] == [8]
    assert len(kept) == 16
    with pytest.raises(DataError, match="None of 4 texts can be held out"):
        hold_out(texts(1, 1) * 2, 0.5, 0)


def test_held_out_rows_are_read_after_the_first_step_and_five_times_to_the_last() -> None:
    assert sorted(reading_steps(100)) == [0, 19, 39, 59, 79, 99]
    assert sorted(reading_steps(21)) == [0, 4, 8, 12, 16, 20]
