"""What is written down beside an experiment of the base models that its stages rest on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from midspec.bases import KnownBase, bases_file, known_bases, write_bases
from midspec.config import load_experiment
from midspec.errors import ConfigError
from midspec.experiment import plan

DIGEST = "a" * 64


def test_what_is_written_is_known(tmp_path: Path) -> None:
    file = tmp_path / "cheese.yaml"
    assert known_bases(file) == {}
    bases = {"tiny": KnownBase(DIGEST, "owner/tiny@1"), "other": KnownBase(DIGEST)}
    write_bases(file, bases)
    assert bases_file(file).name == "cheese.bases.json"
    assert known_bases(file) == bases


@pytest.mark.parametrize("text", ["[]", "{", '{"tiny": "abc"}', '{"tiny": {"digest": "abc"}}'])
def test_another_form_is_one_sentence(tmp_path: Path, text: str) -> None:
    bases_file(tmp_path / "x.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"x\.bases\.json"):
        known_bases(tmp_path / "x.yaml")


def test_a_known_model_that_is_away_gives_a_plan_its_fingerprints(
    planned: Callable[..., Any], tiny_experiment: Path, tiny_model: Path, tmp_path: Path
) -> None:
    here = planned()
    known = {tiny_model.name: here.base.digest}
    away = plan(load_experiment(tiny_experiment), tmp_path / "none", known=known)
    assert away.report.fingerprint() == here.report.fingerprint()
    assert not away.base.here
    unknown = plan(load_experiment(tiny_experiment), tmp_path / "none")
    assert unknown.report.fingerprint() != here.report.fingerprint()


def test_other_files_of_a_known_model_don_t_count_as_here(
    tiny_experiment: Path, tiny_model: Path
) -> None:
    other = plan(load_experiment(tiny_experiment), tiny_model, known={tiny_model.name: DIGEST})
    assert (other.base.here, other.base.digest) == (False, DIGEST)
