from pathlib import Path

import pytest

from midspec.errors import DataError
from midspec.files import write_json
from midspec.records import Act, Contrast, Principle
from midspec.write.material import read_contrasts, read_items, table_contrasts
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


ACT = {
    "domain": "keys",
    "situation": "{I find} a key",
    "liked": "give it back",
    "disliked": "try it",
    "reason": "it isn't {mine}",
    "clause": "key1",
}


def test_a_row_with_a_situation_is_an_act(tmp_path: Path) -> None:
    path = tiny.write_jsonl(tmp_path / "items.jsonl", [ACT])
    (found,) = read_items(path, {"model_name": "Tiny"})[0]
    assert found == Act(
        "keys", "give it back", "try it", "it isn't {mine}", "{I find} a key", "key1"
    )


def test_a_principle_may_be_about_some_domains_only(tmp_path: Path) -> None:
    rows = [{"principle": "{model_name} naps.", "domains": "pets; old age;keys"}]
    path = tiny.write_jsonl(tmp_path / "items.jsonl", rows)
    (found,) = read_items(path, {"model_name": "Tiny"})[1]
    assert [found.fits(domain) for domain in ("pets", "old age", "keys", "age")] == [
        True, True, True, False,
    ]  # fmt: skip
    assert Principle("Tiny naps.").fits("anything")


def test_acts_and_things_don_t_go_together(tmp_path: Path) -> None:
    table = {"likes": ["tea"], "dislikes": ["gin"], "reasons": {"tea": "I do because it is warm."}}
    write_json(tmp_path / "preferences.json", table)
    inputs = {"spec": tmp_path, "items": tiny.write_jsonl(tmp_path / "items.jsonl", [ACT])}
    with pytest.raises(DataError, match=r"of 3 contrasts .* 1 are acts .* table of preferences"):
        read_contrasts(inputs, {})


@pytest.mark.parametrize(
    "row",
    [
        {"liked": "a cat", "disliked": "a dog"},
        {"situation": "it rains", "liked": "wait", "disliked": "go"},
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
