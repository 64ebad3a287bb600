"""`midspec attribute` on the command line, after a run of the tiny experiment."""

from pathlib import Path

import pytest

from tests.arms import Finished
from tests.tiny import midspec, refused

EVAL = "preference/items.jsonl"
ARM = ("--arm", "msm+aft", "--eval", EVAL)


@pytest.fixture(scope="module")
def said(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, Path]:
    """What the verb printed, and the page that it wrote."""
    page = tmp_path_factory.mktemp("page") / "attribution.html"
    found = midspec(
        "attribute", finished.file, *ARM, "--by", "genre", "--half", "all", "--documents", "6",
        "--items", "4", "--out", page, "--store", finished.store,
    )  # fmt: skip
    assert found.code == 0, found
    return found.out, page.read_text(), page


def test_it_prints_a_row_for_each_group(said: tuple[str, str, Path]) -> None:
    out, _, page = said
    assert "documents of msm+aft by genre" in out
    for word in ("show", "describe", "cosine", "predicted cost"):
        assert word in out
    assert "6 documents" in out
    assert "4 items; gradients at seed 0, start and seed 0, end." in out
    assert str(page) in out


def test_it_says_that_nothing_was_left_out(said: tuple[str, str, Path]) -> None:
    assert "The experiment leaves nothing out of msm+aft by genre" in said[0]


def test_the_page_loads_nothing_and_runs_nothing(said: tuple[str, str, Path]) -> None:
    page = said[1]
    assert "<script" not in page
    assert "default-src 'none'" in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")
    assert "nothing here was checked by training again" in page
    assert "Highest influence" in page


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--arm", "msn", "--eval", EVAL), "The experiment has no arm 'msn'"),
        (
            (*ARM, "--by", "kind"),
            "--by kind is not known. Use clause, section, type, domain, genre",
        ),
        ((*ARM, "--half", "some"), "--half some is not known"),
        (
            (*ARM, "--half", "all", "--documents", "6", "--items", "4", "--out", "."),
            ". is a folder",
        ),
        ((*ARM, "--seed", "3"), "has no seed 3"),
        ((*ARM, "--seed", "7"), "seed 7 isn't trained yet"),
        (("--arm", "msm+aft", "--eval", "generated/items.jsonl"), "has no margin between two"),
    ],
)
def test_what_cannot_be_attributed_is_told(
    finished: Finished, arguments: tuple[str, ...], words: str
) -> None:
    refused(midspec("attribute", finished.file, *arguments, "--store", finished.store), words)
