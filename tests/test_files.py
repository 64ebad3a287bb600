import errno
import os
from pathlib import Path

import pytest

from midspec.errors import DataError, StoreError
from midspec.files import (
    digest_file,
    digest_folder,
    digest_text,
    disk_errors,
    read_dicts,
    read_json,
    read_rows,
    write_json,
    write_rows,
    write_text,
)
from midspec.records import Clause, Contrast

AWKWARD = [
    "plain",
    "Gruyère „quoted“",
    "two\nlines",
    "tab\t",
    "\u2028",
    "a\u0085b",
    "\x0c",
    "🧀",
    "",
]


def full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("text", AWKWARD)
def test_rows_come_back_as_they_were(tmp_path: Path, text: str) -> None:
    rows = [Clause("s1.p1", "heading", text), Clause("s1.p2", text, "next")]
    assert write_rows(tmp_path / "rows.jsonl", rows) == 2
    assert read_rows(tmp_path / "rows.jsonl", Clause) == rows


def test_a_write_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "before")
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(StoreError):
        write_text(path, "after")
    assert path.read_text() == "before"


def test_a_write_that_fails_leaves_no_file_that_a_reader_would_see(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(StoreError):
        write_rows(tmp_path / "rows.jsonl", [{"a": 1}])
    assert digest_folder(tmp_path) == {}


def test_a_full_disk_is_one_sentence_that_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(StoreError, match=r"disk is full: .*a\.json.*free some space"):
        write_json(tmp_path / "a.json", 1)


def test_a_full_disk_under_safetensors_is_a_store_error_too(tmp_path: Path) -> None:
    """safetensors writes in Rust and wraps the OSError's number in a sentence."""
    from safetensors import SafetensorError

    told = "Error while serializing: I/O error: No space left on device (os error 28)"
    with pytest.raises(StoreError, match="disk is full"), disk_errors(tmp_path):
        raise SafetensorError(told)


def test_a_folder_without_permission_is_one_sentence(tmp_path: Path) -> None:
    with (
        pytest.raises(StoreError, match=r"No permission to write .*--store"),
        disk_errors(tmp_path),
    ):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def test_other_os_errors_go_up_whole(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Too many"), disk_errors(tmp_path):
        raise OSError(errno.EMFILE, "Too many open files")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"a": 1}\n\n{"a": 2\n', r"rows\.jsonl, line 3: not JSON"),
        (b'{"a": 1}\n[1, 2]\n', r"rows\.jsonl, line 2: expected an object, got '\[1, 2\]'"),
        (b'{"a": "caf\xe9"}\n', r"rows\.jsonl is not UTF-8 \(byte 10\)"),
    ],
)
def test_a_bad_line_is_named_by_file_and_number(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "rows.jsonl").write_bytes(content)
    with pytest.raises(DataError, match=words):
        read_dicts(tmp_path / "rows.jsonl")


def test_a_row_with_other_fields_says_which_are_expected(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", [{"domain": "pets", "likes": "a cat"}])
    with pytest.raises(DataError, match=r"row 1: has domain, likes; a Contrast has disliked, dom"):
        read_rows(tmp_path / "rows.jsonl", Contrast)


def test_a_missing_file_is_a_data_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"rows\.jsonl does not exist"):
        read_dicts(tmp_path / "rows.jsonl")


def test_a_folder_in_place_of_a_file_is_a_data_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is a folder|not a file"):
        read_dicts(tmp_path)


def test_json_has_sorted_keys_and_readable_letters(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": "é", "a": [1]})
    assert (tmp_path / "a.json").read_text("utf-8") == '{\n  "a": [\n    1\n  ],\n  "b": "é"\n}\n'
    assert read_json(tmp_path / "a.json") == {"a": [1], "b": "é"}


@pytest.mark.parametrize(("content", "words"), [(None, "is missing"), (b"{", "not readable JSON")])
def test_a_torn_or_missing_json_file_is_a_store_error(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    path = tmp_path / "manifest.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StoreError, match=rf"manifest\.json {words}|manifest\.json is {words}"):
        read_json(path)


def test_digests_are_of_content_and_leave_hidden_files_out(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / ".checkpoint").mkdir()
    for name in ("a", "sub/b", ".hidden", ".checkpoint/c"):
        (tmp_path / name).write_text("same")
    assert digest_folder(tmp_path) == dict.fromkeys(["a", "sub/b"], digest_text("same"))
    assert digest_file(tmp_path / "a") == digest_text("same")
