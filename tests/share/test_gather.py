"""What must not leave this machine is found wherever it stands."""

from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from midspec.errors import StoreError
from midspec.share.archive import BLOCK, Member
from midspec.share.gather import check_guarded, guarded_texts, slug

KEY = "sk-canary-0123456789"
GUARDED = guarded_texts([("CANARY_API_KEY", KEY)], [Path("/home/me")])


@pytest.mark.parametrize("at", [0, 5, BLOCK - 30, BLOCK - 10, BLOCK, 2 * BLOCK - 3])
def test_a_key_is_found_wherever_it_stands(tmp_path: Path, at: int) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"x" * at + KEY.encode() + b"y" * 100)
    with pytest.raises(StoreError, match="x holds the value of CANARY_API_KEY"):
        check_guarded(Member("x", path), GUARDED)


def test_a_key_is_found_in_a_log_that_is_compressed(tmp_path: Path) -> None:
    path = tmp_path / "answers.eval"
    with ZipFile(path, "w", ZIP_DEFLATED) as log:
        log.writestr("samples/1.json", "a" * 5000 + KEY)
    assert KEY.encode() not in path.read_bytes()
    with pytest.raises(StoreError, match="CANARY_API_KEY"):
        check_guarded(Member("logs/answers.eval", path), GUARDED)


def test_a_log_that_can_t_be_searched_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "answers.eval"
    path.write_text("no log")
    with pytest.raises(StoreError, match="can't be searched for keys"):
        check_guarded(Member("logs/answers.eval", path), GUARDED)


def test_other_texts_may_go(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("nothing of the kind " * 100_000)
    check_guarded(Member("x", path), GUARDED)
    check_guarded(Member("x", path), {})


def test_what_is_too_short_to_be_told_from_a_word_is_not_guarded() -> None:
    short = guarded_texts([("A_PASSWORD", "ab1&cd2/")], [])
    assert {b"ab1&cd2/", b"ab1%26cd2%2F"} <= set(short)
    assert guarded_texts([("A_PASSWORD", "password")], []) == {}
    assert guarded_texts([("A_KEY", "none")], [Path("/"), Path("/root")]) == {}
    assert set(guarded_texts([], [Path("/home/me")])) == {b"/home/me"}


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("cheese", "cheese"),
        ("../../etc", "etc"),
        ("a b/c", "a-b-c"),
        ("日本", "experiment"),
        ("x" * 99, "x" * 60),
    ],
)
def test_an_archive_s_folder_is_named_for_the_experiment(name: str, folder: str) -> None:
    assert slug(name) == folder
