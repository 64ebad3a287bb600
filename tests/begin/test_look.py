"""What is seen of a spec before anything is written."""

from pathlib import Path

import pytest

from midspec.begin.look import look_at, speaks_of
from midspec.errors import ConfigError, DataError
from tests.begin.specs import PLAIN, TABLE, YOU
from tests.tiny import write_jsonl

ARIA = {"model_name": "Aria", "provider_name": "Example Labs"}


def write(folder: Path, text: str, name: str = "my spec.md") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (PLAIN, "Aria"),
        (PLAIN.replace("Aria", "the assistant").replace("\nthe", "\nThe"), "the assistant"),
        (PLAIN.replace("Aria", "{model_name}"), ""),
        (YOU, None),
        ("Most people say little.\nMost of it is said.\nMost is not. When one asks, it is.", None),
    ],
)
def test_whom_a_spec_speaks_of(tmp_path: Path, text: str, name: str | None) -> None:
    assert speaks_of([write(tmp_path, text)]) == name


def test_a_plain_spec_has_sentences_to_ask_and_nothing_to_demonstrate(tmp_path: Path) -> None:
    (seen,) = look_at([write(tmp_path, PLAIN)], [], ARIA)
    assert (seen.name, seen.items, seen.table) == ("my-spec", None, None)
    assert seen.asks and seen.names
    (other,) = look_at([seen.path], [], {**ARIA, "model_name": "Zoe"})
    assert not other.asks and not other.names


def test_a_table_of_preferences_and_an_item_file_are_found(tmp_path: Path) -> None:
    path = write(tmp_path, PLAIN + TABLE)
    row = {"domain": "d", "liked": "a", "disliked": "b", "reason": "c"}
    beside = write_jsonl(tmp_path / "my spec.items.jsonl", [row])
    (seen,) = look_at([path], [], ARIA)
    assert seen.items == beside
    assert seen.table == (("mended boots", "patched sandals"), ("new boots", "shiny sandals"))
    named = write_jsonl(tmp_path / "named.jsonl", [row])
    assert look_at([path], [named], ARIA)[0].items == named


def test_a_table_with_one_side_alone_shows_no_preference(tmp_path: Path) -> None:
    likes = "\n".join(line for line in TABLE.splitlines() if "dislikes" not in line)
    assert look_at([write(tmp_path, PLAIN + likes)], [], ARIA)[0].table is None


def test_specs_of_one_name_get_names_of_their_own(tmp_path: Path) -> None:
    for folder in ("a", "b", "c"):
        (tmp_path / folder).mkdir()
    paths = [write(tmp_path / folder, PLAIN, "spec.md") for folder in ("a", "b", "c")]
    assert [seen.name for seen in look_at(paths, [], ARIA)] == ["spec", "spec-2", "spec-3"]
    odd = [write(tmp_path, PLAIN, name) for name in ("规范.md", "placebo.md", "x: {y}.md")]
    assert [seen.name for seen in look_at(odd, [], ARIA)] == ["spec", "placebo-spec", "x-y"]


@pytest.mark.parametrize("name", ["2025-06-01", "2025", "no", "on", "null", "0x10"])
def test_a_name_that_yaml_reads_as_something_else_gets_another(tmp_path: Path, name: str) -> None:
    (seen,) = look_at([write(tmp_path, PLAIN, f"{name}.md")], [], ARIA)
    assert seen.name == f"{name}-spec"


def test_items_that_don_t_fit_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, PLAIN)
    empty = write_jsonl(tmp_path / "empty.jsonl", [])
    with pytest.raises(ConfigError, match="--items names 2 files for 1 specs"):
        look_at([path], [empty, empty], ARIA)
    with pytest.raises(DataError, match="holds no contrasts"):
        look_at([path], [empty], ARIA)
