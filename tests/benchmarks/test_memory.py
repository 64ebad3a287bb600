"""The benchmark of memory, on a model that takes no time."""

from pathlib import Path

from benchmarks.memory import MB, expected, probe, summary
from midspec.train.loss import CHUNK_ROWS


def test_what_stops_growing_above_the_model_is_bounded() -> None:
    peaks = {512: 9 * MB, 1_024: 10 * MB, 2_048: 12 * MB}
    growing = summary(peaks, {512: 1_000, 1_024: 2_000, 2_048: 4_048})
    assert growing["peak_mb"] == {"512": 9, "1024": 10, "2048": 12}
    assert growing["growth_bytes_per_token"] == 2
    assert not growing["bounded"]
    assert summary(peaks, {512: 1_000, 1_024: 2_000, 2_048: 2_100})["bounded"]


def test_the_next_point_is_expected_from_the_growth_so_far() -> None:
    assert expected({512: 1_000}, 1_024) == 0
    assert expected({512: 1_000, 1_024: 1_512}, 4_096) == 1_512 + 3_072


def test_the_probe_sees_the_largest_table_of_logits(tiny_model: Path) -> None:
    found = probe(tiny_model, "lora", row=64)
    assert found["table_rows"] == CHUNK_ROWS < 2_048
    assert found["kept"] > 0
