"""Effects of leaving out: paired with the controls, seed by seed and item by item."""

from pathlib import Path

import pytest

from midspec.attribute.left_out import MARGIN, RATE, effects
from midspec.errors import DataError
from midspec.files import write_rows
from midspec.records import Score


def _scored(folder: Path, margins: list[float], measure: str = "") -> Path:
    folder.mkdir(parents=True)
    rows = [
        Score(f"item {n}", "d", "t", "held-out", float(m > 0), margin=m, measure=measure)
        for n, m in enumerate(margins)
    ]
    write_rows(folder / "scores.jsonl", rows)
    return folder


def _arm(at: Path, name: str, *by_seed: list[float]) -> dict[int, Path]:
    return {seed: _scored(at / name / str(seed), margins) for seed, margins in enumerate(by_seed)}


def test_what_is_lost_is_the_controls_mean_less_the_arms(tmp_path: Path) -> None:
    controls = [
        _arm(tmp_path, "c0", [0.2, 0.4, -0.2], [0.2, 0.4, 0.1]),
        _arm(tmp_path, "c1", [0.4, 0.6, -0.4], [0.4, 0.6, 0.3]),
    ]
    without = {"a": _arm(tmp_path, "a", [0.1, 0.2, -0.5], [0.1, 0.1, -0.1])}
    whole = _arm(tmp_path, "w", [0.5, 0.7, 0.0], [0.5, 0.7, 0.4])
    found = effects(without, controls, whole)
    # Seed 0: (.3 − .1 + .5 − .2 − .3 + .5) / 3; seed 1: (.3 − .1 + .5 − .1 + .2 + .1) / 3.
    assert found.by_seed["a"][MARGIN] == pytest.approx([0.7 / 3, 0.9 / 3])
    assert found.lost["a"][MARGIN].mean == pytest.approx(0.8 / 3)
    assert found.by_seed["a"][RATE] == pytest.approx([0.0, 1 / 3])
    # Each control stands against the other: (.2 + .2 − .2 + .2 + .2 + .2) / 6 below it, or above.
    assert [one[MARGIN].mean for one in found.controls] == pytest.approx([0.8 / 6, -0.8 / 6])
    assert found.shorter[MARGIN].mean > 0


def test_one_control_has_no_other_to_be_compared_with(tmp_path: Path) -> None:
    control = _arm(tmp_path, "c", [0.1, 0.2])
    found = effects({"a": _arm(tmp_path, "a", [0.0, 0.1])}, [control], {})
    assert found.controls == []
    assert found.shorter == {}


def test_arms_that_answer_alike_are_not_said_to_be_the_same_for_certain(tmp_path: Path) -> None:
    control = _arm(tmp_path, "c", [0.1, 0.2, 0.3])
    found = effects({"a": _arm(tmp_path, "a", [0.1, 0.1, 0.1])}, [control], {}).lost["a"][RATE]
    assert found.mean == 0
    assert -1 <= found.low < 0 < found.high <= 1


def test_arms_that_were_asked_other_items_are_refused(tmp_path: Path) -> None:
    control, other = _arm(tmp_path, "c", [0.1, 0.2]), _arm(tmp_path, "a", [0.1])
    with pytest.raises(DataError, match="was asked other items than the controls"):
        effects({"a": other}, [control], {})


def test_arms_without_a_seed_in_common_are_refused(tmp_path: Path) -> None:
    control = _arm(tmp_path, "c", [0.1, 0.2])
    other = {7: _scored(tmp_path / "seven", [0.1, 0.2])}
    with pytest.raises(DataError, match="no seed in common"):
        effects({"a": other}, [control], {})
