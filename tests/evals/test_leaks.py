from pathlib import Path

import pytest

from midspec.errors import DataError
from midspec.evals.leaks import leak_stage
from midspec.files import read_dicts, write_rows
from midspec.records import Chat, Item
from midspec.run.build import build, open_store
from midspec.run.stage import Stage

ITEM = Item("i1", "pets", "direct", "an old cat", "a new cat")
OTHER = Item("i2", "pets", "direct", "a hen", "an ostrich")


def chats(config: str, inputs: object, out: Path) -> dict[str, object]:
    """One chat whose question is the config; its answer is always the same."""
    messages = [
        {"role": "user", "content": config},
        {"role": "assistant", "content": "An old cat."},
    ]
    return {"chats": write_rows(out / "chats.jsonl", [Chat("c7", messages, "opaque", "offline")])}


def checked(tmp_path: Path, *asked: str) -> Path:
    items = tmp_path / "items.jsonl"
    write_rows(items, [ITEM, OTHER])
    root = open_store(tmp_path / "store")
    demos = {f"demos {number}": Stage("demos", chats, text) for number, text in enumerate(asked)}
    for stage in demos.values():
        build(stage, root)
    return build(leak_stage(demos, {"preference/pets": items}), root)


def test_a_leak_across_a_chat_stops_the_run_and_says_where(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        checked(tmp_path, "Hens?", "A new cat or an old one?")
    for words in ("1 training text gives an eval item away", "i1", "'an old cat' and 'a new cat'",
                  "demos 1, chat c7", "Take the items out"):  # fmt: skip
        assert words in str(caught.value)
    (row,) = read_dicts(next((tmp_path / "store" / ".work").glob("leaks-*/leaks.jsonl")))
    assert row == {
        "item": "i1", "aligned": "an old cat", "other": "a new cat", "text": "demos 1, chat c7",
    }  # fmt: skip


def test_every_text_that_leaks_is_counted(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="2 training texts give an eval item away, the first"):
        checked(tmp_path, "A new cat, then?", "Why not a new cat?")


def test_without_a_leak_the_check_says_what_it_compared(tmp_path: Path) -> None:
    folder = checked(tmp_path, "Hens?")
    assert read_dicts(folder / "leaks.jsonl") == []
    assert '"items": 2' in (folder / "manifest.json").read_text()
