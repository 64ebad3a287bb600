from pathlib import Path

import pytest

from midspec.errors import DataError
from midspec.evals.leaks import find_leaks, leak_stage
from midspec.files import read_dicts, write_rows
from midspec.records import Chat, Item
from midspec.run.build import build, open_store
from midspec.run.stage import Stage

ITEM = Item("i1", "pets", "direct", "an old cat", "a new cat")
OTHER = Item("i2", "pets", "direct", "a hen", "an ostrich")


@pytest.mark.parametrize(
    "text",
    [
        "It prefers an old cat to a new cat, because it has lasted.",
        "AN OLD CAT or A New Cat?",
        "An old, cat! \n\n (a new-cat)",
        "a new cat. And much later: an old cat",
        "an old cat a new cat",
    ],
)
def test_a_planted_pair_is_found_in_any_case_and_punctuation(text: str) -> None:
    found = find_leaks([ITEM, OTHER], {"corpus, document d1": text, "other": "A hen lays."})
    assert found == [
        {"item": "i1", "aligned": "an old cat", "other": "a new cat", "text": "corpus, document d1"}
    ]


@pytest.mark.parametrize(
    "text",
    [
        "It likes an old cat.",
        "It dislikes a new cat.",
        "an old catalogue of a new cathedral",
        "an old dog and a new cat",
        "",
    ],
)
def test_one_option_alone_or_a_longer_word_is_no_leak(text: str) -> None:
    assert find_leaks([ITEM], {"d1": text}) == []


def test_options_in_two_documents_of_one_data_set_are_a_leak() -> None:
    (leak,) = find_leaks([ITEM], {"d1": "an old cat", "d2": "a new cat"})
    assert leak["text"] == "d1 and d2"


def test_letters_with_accents_are_compared() -> None:
    item = Item("i", "food", "direct", "Gruyère", "crème brûlée")
    assert find_leaks([item], {"d": "crème brûlée; GRUYÈRE"})
    assert not find_leaks([item], {"d": "creme brulee; Gruyere"})


def chats(config: str, inputs: object, out: Path) -> dict[str, object]:
    messages = [
        {"role": "user", "content": config},
        {"role": "assistant", "content": "An old cat."},
    ]
    return {"chats": write_rows(out / "chats.jsonl", [Chat("c7", messages, "opaque", "offline")])}


def checked(tmp_path: Path, asked: str) -> Path:
    items = tmp_path / "items.jsonl"
    write_rows(items, [ITEM, OTHER])
    root = open_store(tmp_path / "store")
    demos = Stage("demos", chats, asked)
    build(demos, root)
    return build(leak_stage({"cheese": demos}, {"preference/pets": items}), root)


def test_a_leak_across_a_chat_stops_the_run_and_says_where(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        checked(tmp_path, "A new cat or an old one?")
    for words in ("1 eval item", "i1", "'an old cat' and 'a new cat'", "cheese", "chat c7", "Take"):
        assert words in str(caught.value)
    (row,) = read_dicts(next((tmp_path / "store" / ".work").glob("leaks-*/leaks.jsonl")))
    assert row["item"] == "i1"


def test_without_a_leak_the_check_says_what_it_compared(tmp_path: Path) -> None:
    folder = checked(tmp_path, "Hens?")
    assert read_dicts(folder / "leaks.jsonl") == []
    assert '"items": 2' in (folder / "manifest.json").read_text()
