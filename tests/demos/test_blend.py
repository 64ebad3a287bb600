from collections import Counter
from pathlib import Path

import pytest

from midspec.demos.blend import BlendConfig, blend_stage, counts
from midspec.errors import DataError
from midspec.files import read_rows, write_rows
from midspec.records import Chat
from midspec.run.build import build, open_store
from midspec.run.stage import Stage

SHARES = (("good", 75.0), ("bad", 25.0), ("none", 0.0))


def chats(name: str, inputs: object, out: Path) -> dict[str, object]:
    rows = [
        Chat(f"{n}", [{"role": "user", "content": name}], name, "offline", {"style": name}, ["Hm."])
        for n in range(60)
    ]
    return {"chats": write_rows(out / "chats.jsonl", rows)}


def blended(store: Path, n: int, shares: tuple[tuple[str, float], ...] = SHARES) -> list[Chat]:
    parts = {name: Stage("demos", chats, name) for name in ("good", "bad", "none")}
    for part in parts.values():
        build(part, store)
    stage = blend_stage("b", BlendConfig(n, shares, 0), parts)
    return read_rows(build(stage, store) / "chats.jsonl", Chat)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return open_store(tmp_path)


def test_each_part_has_its_share_and_every_chat_its_origin_and_reasoning(store: Path) -> None:
    found = blended(store, 40)
    assert Counter(chat.lineage["part"] for chat in found) == {"good": 30, "bad": 10}
    assert all(chat.kind == chat.lineage["part"] == chat.lineage["style"] for chat in found)
    assert all(chat.reasoning == ["Hm."] for chat in found)
    assert len({chat.id for chat in found}) == 40
    assert [chat.kind for chat in found] != sorted(chat.kind for chat in found)


def test_a_larger_share_of_a_part_holds_the_smaller_one(store: Path) -> None:
    few = {c.id for c in blended(store, 40, (("good", 75.0), ("bad", 25.0))) if c.kind == "bad"}
    more = {c.id for c in blended(store, 40, (("good", 0.0), ("bad", 100.0)))}
    assert few < more


def test_shares_round_to_exactly_n() -> None:
    assert counts(10, {"a": 33.3, "b": 33.3, "c": 33.4}) == {"a": 3, "b": 3, "c": 4}
    assert counts(7, {"a": 50, "b": 50}) == {"a": 4, "b": 3}


def test_a_part_that_is_too_small_is_named(store: Path) -> None:
    with pytest.raises(DataError, match=r"takes 75 chats of good, which has 60\. Make good larger"):
        blended(store, 100)
