from pathlib import Path

import pytest

from midspec.errors import ConfigError
from midspec.records import Clause
from midspec.run.build import build, open_store
from midspec.spec.read import clauses, preference_reasons, preferences, read_spec
from midspec.spec.stage import spec_stage

IDENTITY = {"model_name": "Tiny", "provider_name": "Testers"}

SPEC = """Before any heading.

# Title

First paragraph
over two lines.

## Lists
Directly below its heading.
- dashes
* stars
  going on
1. numbers

### Table

| Preference | Thing | Why |
|---|---|---|
| likes | tea | It likes it because it is warm. |
| Dislikes | gin, neat | It dislikes it because it burns. |
|  likes  |  a walk  |  |

---

Last.
"""


def written(tmp_path: Path, content: bytes | str) -> Path:
    path = tmp_path / "spec.md"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_placeholders_are_filled_and_other_braces_left_alone(tmp_path: Path) -> None:
    text = 'by {provider_name}: {model_name}, {model_name}; {other} {} {"json": {1}} {{x}}'
    assert read_spec(written(tmp_path, text), IDENTITY) == (
        'by Testers: Tiny, Tiny; {other} {} {"json": {1}} {{x}}'
    )


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    assert read_spec(written(tmp_path, "\ufeff# A"), IDENTITY) == "# A"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty. Write at least a paragraph"),
        (b" \n\n# \n---\n", "is empty. Write at least a paragraph"),
        (b"caf\xe9", r"is not UTF-8 \(byte 3 can't be read\). Save it as UTF-8"),
    ],
)
def test_a_spec_that_cannot_be_used_is_one_sentence(
    tmp_path: Path, content: bytes, words: str
) -> None:
    with pytest.raises(ConfigError, match=rf"spec\.md {words}"):
        read_spec(written(tmp_path, content), IDENTITY)


def test_a_missing_spec_and_a_folder_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.md does not exist. Check its path"):
        read_spec(tmp_path / "gone.md", IDENTITY)
    with pytest.raises(ConfigError, match=r"is a folder. Name a Markdown file"):
        read_spec(tmp_path, IDENTITY)


def test_clauses_are_paragraphs_and_list_items_under_their_heading() -> None:
    assert clauses(SPEC) == [
        Clause("s0.p1", "", "Before any heading."),
        Clause("s1.p1", "Title", "First paragraph over two lines."),
        Clause("s2.p1", "Lists", "Directly below its heading."),
        Clause("s2.p2", "Lists", "dashes"),
        Clause("s2.p3", "Lists", "stars going on"),
        Clause("s2.p4", "Lists", "numbers"),
        Clause("s3.p1", "Table", "Last."),
    ]


def test_clause_ids_are_unique_and_survive_windows_line_ends(tmp_path: Path) -> None:
    windows = read_spec(written(tmp_path, SPEC.replace("\n", "\r\n")), IDENTITY)
    found = clauses(windows)
    assert found == clauses(SPEC)
    assert len({clause.id for clause in found}) == len(found)


def test_a_paragraph_that_begins_with_emphasis_or_a_year_is_no_list() -> None:
    found = clauses("*Honesty* comes first.\n\n**Always.** 1990. was a year\n2.5 is a number")
    assert [c.text for c in found] == [
        "*Honesty* comes first.",
        "**Always.** 1990. was a year 2.5 is a number",
    ]


def test_preferences_are_the_table_s_rows() -> None:
    assert preferences(SPEC) == {"likes": ["tea", "a walk"], "dislikes": ["gin, neat"]}
    assert preferences("no table") == {"likes": [], "dislikes": []}


def test_each_preference_keeps_its_reason() -> None:
    assert preference_reasons(SPEC) == {
        "tea": "It likes it because it is warm.",
        "gin, neat": "It dislikes it because it burns.",
        "a walk": "",
    }


def test_the_stage_writes_the_filled_text_and_its_parts(tmp_path: Path) -> None:
    stage = spec_stage("s", written(tmp_path, "{model_name} listens."), IDENTITY)
    folder = build(stage, open_store(tmp_path / "store"))
    assert (folder / "spec.md").read_text() == "Tiny listens."
    assert '"Tiny listens."' in (folder / "clauses.jsonl").read_text()


def test_a_bad_spec_fails_when_the_graph_is_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        spec_stage("s", tmp_path / "gone.md", IDENTITY)


def test_another_identity_is_another_spec(tmp_path: Path) -> None:
    path = written(tmp_path, "{model_name} listens.")
    one = spec_stage("s", path, IDENTITY)
    other = spec_stage("s", path, IDENTITY | {"model_name": "Large"})
    assert one.fingerprint() != other.fingerprint()
