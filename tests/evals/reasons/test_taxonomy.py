"""The shipped reasons are the paper's, and a file of one's own is checked."""

from collections import Counter
from pathlib import Path

import pytest
import yaml

from midspec.errors import ConfigError
from midspec.evals.reasons.taxonomy import read_taxonomy, shipped_taxonomy, write_taxonomy

from .fakes import REASONS

ROW = {"id": "a", "name": "a", "kind": "other", "definition": "It is a.", "example": "A!"}


def test_the_shipped_taxonomy_has_the_papers_drivers_each_defined() -> None:
    reasons = read_taxonomy(shipped_taxonomy())
    assert Counter(reason.kind for reason in reasons) == {"misaligned": 9, "aligned": 9}
    assert len({reason.name for reason in reasons}) == 18
    for reason in reasons:
        assert len(reason.definition.split()) >= 30, reason.id
        assert len(reason.example.split()) >= 12, reason.id


def test_a_taxonomy_that_is_written_is_read_again(tmp_path: Path) -> None:
    write_taxonomy(tmp_path / "t.yaml", REASONS)
    assert read_taxonomy(tmp_path / "t.yaml") == REASONS


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("reasons: [", "can't be read as YAML"),
        ({"reason": []}, "has no list `reasons:`"),
        ({"reasons": []}, "has no list `reasons:`"),
        (
            {"reasons": [ROW, {"id": "b"}]},
            r"reason 2: is not as it must be: a reason has the texts",
        ),
        ({"reasons": [ROW | {"name": " "}]}, "reason 1: is not as it must be"),
        ({"reasons": [ROW | {"kind": "bad"}]}, "kind is 'bad'. Use misaligned, aligned, other"),
        ({"reasons": [ROW, ROW]}, "has the id 'a' twice"),
    ],
)
def test_a_taxonomy_that_cant_be_used_says_why(tmp_path: Path, value: object, words: str) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(value if isinstance(value, str) else yaml.safe_dump(value))
    with pytest.raises(ConfigError, match=words):
        read_taxonomy(path)
