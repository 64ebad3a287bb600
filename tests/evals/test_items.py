from collections import Counter
from pathlib import Path

import pytest

from midspec.errors import ConfigError, MidspecError
from midspec.evals.items import choose, halves, in_half, item_file, read_item_set
from midspec.records import Item
from tests import tiny


def items(*groups: tuple[str, str, int]) -> list[Item]:
    return [
        Item(f"{domain}-{tier}-{n}", domain, tier, "an old thing", "a new thing")
        for domain, tier, count in groups
        for n in range(count)
    ]


MIXED = items(("pets", "direct", 5), ("pets", "implicit", 4), ("boats", "direct", 3))


def test_halves_are_disjoint_and_whole() -> None:
    split = halves(MIXED)
    assert set(split) == {item.id for item in MIXED}
    assert set(split.values()) == {"development", "held-out"}


def test_halves_are_balanced_by_domain_and_tier() -> None:
    split = halves(MIXED)
    counts = Counter((item.domain, item.tier, split[item.id]) for item in MIXED)
    for domain, tier in (("pets", "direct"), ("pets", "implicit"), ("boats", "direct")):
        assert abs(counts[domain, tier, "development"] - counts[domain, tier, "held-out"]) <= 1


def test_an_item_keeps_its_half_when_another_domain_grows() -> None:
    before = halves(MIXED)
    after = halves([*items(("cars", "direct", 3)), *MIXED])
    assert {name: after[name] for name in before} == before


def test_choosing_spreads_over_the_set() -> None:
    assert choose(MIXED, None) == MIXED
    assert choose(MIXED, 99) == MIXED
    assert [MIXED.index(item) for item in choose(MIXED, 3)] == [0, 4, 8]
    assert len({item.id for item in choose(MIXED, 7)}) == 7


def test_item_sets_are_found_by_name_or_path(tmp_path: Path) -> None:
    assert item_file("america", tmp_path).name == "america.jsonl"
    own = tiny.write_jsonl(tmp_path / "own.jsonl", list(tiny.item_rows()))
    assert item_file("own.jsonl", tmp_path) == item_file(str(own), Path()) == own
    assert len(read_item_set(own)) == 12


@pytest.mark.parametrize("name", ["amerika", "/nowhere/own.jsonl", ""])
def test_an_unknown_item_set_names_those_that_are_there(name: str) -> None:
    with pytest.raises(
        ConfigError, match=r"no item set .*affordability, america.*; or name a \.jsonl"
    ):
        item_file(name, Path())


def test_two_items_of_one_id_are_refused(tmp_path: Path) -> None:
    rows = tiny.item_rows()
    path = tiny.write_jsonl(tmp_path / "own.jsonl", [*rows, rows[0]])
    with pytest.raises(MidspecError, match=r"own\.jsonl has the id 'old-0' twice"):
        read_item_set(path)


def test_an_empty_item_set_is_refused(tmp_path: Path) -> None:
    path = tiny.write_jsonl(tmp_path / "own.jsonl", [])
    with pytest.raises(MidspecError, match=r"own\.jsonl holds no items"):
        read_item_set(path)


@pytest.mark.parametrize("name", ["amerika", ""])
def test_an_unknown_set_of_opinions_names_those_that_are_there(name: str) -> None:
    with pytest.raises(ConfigError, match=r"no set of opinions .*Shipped: .*america"):
        item_file(name, Path(), "opinions")


def test_rows_of_any_kind_are_halved_and_spread() -> None:
    asked, split = in_half(MIXED, "held-out", 3, "the set")
    assert len(asked) == 3 and {split[item.id] for item in asked} == {"held-out"}
    with pytest.raises(MidspecError, match="the set has no item in its held-out half"):
        in_half(MIXED[:1], "held-out", None, "the set")
