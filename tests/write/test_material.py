from pathlib import Path

import pytest

from midspec.errors import DataError
from midspec.records import Contrast, Principle
from midspec.write.material import read_items, table_contrasts
from tests import tiny


def test_table_contrasts_pair_likes_with_dislikes_and_keep_the_reason_s_side() -> None:
    table = {"likes": ["tea", "milk"], "dislikes": ["gin", "rum"]}
    reasons = {
        "tea": "Tiny likes it because it is warm.",
        "gin": "Tiny dislikes it because its smell is sharp.",
        "milk": "No reason given.",
    }
    found = table_contrasts(table, reasons)
    assert {(c.liked, c.disliked) for c in found} == {("tea", "gin"), ("tea", "rum")}
    assert {c.reason for c in found} == {"tea is warm", "gin's smell is sharp"}


def test_no_table_gives_no_contrasts() -> None:
    assert table_contrasts({"likes": [], "dislikes": ["gin"]}, {}) == []


def test_an_item_file_holds_contrasts_and_principles(tmp_path: Path) -> None:
    rows = [
        {"domain": "pets", "liked": "a cat", "disliked": "a dog", "reason": "{model_name} naps"},
        {"principle": "{model_name} likes cats.", "voice": "it"},
    ]
    path = tiny.write_jsonl(tmp_path / "items.jsonl", rows)
    contrasts, principles = read_items(path, {"model_name": "Tiny"})
    assert contrasts == [Contrast("pets", "a cat", "a dog", "Tiny naps")]
    assert principles == [Principle("Tiny likes cats.", "it")]


@pytest.mark.parametrize(
    "row",
    [
        {"liked": "a cat", "disliked": "a dog"},
        {"domain": "pets", "liked": "a", "disliked": "b", "reason": "c", "why": "d"},
        {"principle": "p", "tone": "it"},
        {"principle": "p", "voice": "we"},
        {"domain": "pets", "liked": "a cat", "disliked": "a dog", "reason": None},
    ],
)
def test_a_row_that_fits_neither_is_named(tmp_path: Path, row: dict[str, object]) -> None:
    path = tiny.write_jsonl(tmp_path / "items.jsonl", [row])
    with pytest.raises(DataError, match=r"items\.jsonl, row 1: .*(principle|reason|voice)"):
        read_items(path, {})
