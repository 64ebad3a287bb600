from collections import Counter
from pathlib import Path

import pytest

from midspec.corpus.variants import ORDINARY, break_contrasts, break_spec, ordinary_documents
from midspec.errors import DataError
from midspec.records import Clause, Contrast
from midspec.spec.read import clauses, preference_reasons, preferences
from midspec.text import estimate_tokens
from tests import tiny

CONTRASTS = [Contrast("d", f"old {n}", f"new {n}", f"old {n} has lasted") for n in range(9)]
TEXTS = [f"Text {n} speaks of tea and rain at some length." for n in range(40)]


def tokens(texts: list[str]) -> int:
    return sum(map(estimate_tokens, texts))


@pytest.mark.parametrize("draw", [0, 1])
def test_half_of_the_broken_contrasts_are_turned_round(draw: int) -> None:
    broken = break_contrasts(CONTRASTS, draw)
    turned = [b.liked == a.disliked and b.disliked == a.liked for a, b in
              zip(CONTRASTS, broken, strict=True)]  # fmt: skip
    kept = [b.liked == a.liked and b.disliked == a.disliked for a, b in
            zip(CONTRASTS, broken, strict=True)]  # fmt: skip
    assert sum(turned) == 4
    assert sum(kept) == 5


@pytest.mark.parametrize("count", [2, 3, 4, 9])
def test_every_broken_contrast_has_another_s_reason(count: int) -> None:
    """The reasons stay what the spec says; what they are reasons for is lost."""
    broken = break_contrasts(CONTRASTS[:count], 0)
    for before, after in zip(CONTRASTS[:count], broken, strict=True):
        assert after.reason != before.reason
    assert Counter(c.reason for c in broken) == Counter(c.reason for c in CONTRASTS[:count])


def test_which_are_turned_is_a_function_of_the_draw() -> None:
    assert break_contrasts(CONTRASTS, 0) == break_contrasts(CONTRASTS, 0)
    assert break_contrasts(CONTRASTS, 0) != break_contrasts(CONTRASTS, 1)


def test_a_broken_spec_keeps_its_values_and_loses_its_reasons() -> None:
    left, table = break_spec(clauses(tiny.SPEC), preferences(tiny.SPEC), 0)
    assert [clause.id for clause in left] == ["s1.p1", "s2.p1", "s2.p2"]
    assert preference_reasons(table) == {}
    assert "because" not in table
    before, after = preferences(tiny.SPEC), preferences(table)
    assert {*after["likes"], *after["dislikes"]} == {*before["likes"], *before["dislikes"]}
    turned = set(after["likes"]) - set(before["likes"])
    turned |= set(after["dislikes"]) - set(before["dislikes"])
    assert len(turned) == 2, "half of four"


def test_a_clause_that_names_a_preferred_thing_is_left_out_of_a_broken_spec() -> None:
    named = Clause("s9.p1", "Cheese", "It likes Aged Cheddar, since that has waited.")
    left, _ = break_spec([*clauses(tiny.SPEC), named], preferences(tiny.SPEC), 0)
    assert named not in left


@pytest.mark.parametrize(
    ("table", "kept", "words"),
    [
        ({"likes": [], "dislikes": []}, 3, "takes a spec with a table of preferences"),
        ({"likes": ["old things"], "dislikes": []}, 1, "leaves no clause of the spec"),
    ],
)
def test_a_spec_that_cannot_be_broken_is_told_so(
    table: dict[str, list[str]], kept: int, words: str
) -> None:
    with pytest.raises(DataError, match=f"attribution: broken {words}"):
        break_spec(clauses(tiny.SPEC)[:kept], table, 0)


@pytest.fixture(params=["jsonl", "txt"])
def mix(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Forty ordinary texts."""
    if request.param == "jsonl":
        return tiny.write_jsonl(tmp_path / "web.jsonl", [{"text": t, "url": "x"} for t in TEXTS])
    path = tmp_path / "web.txt"
    path.write_text("\n\n".join(TEXTS) + "\n", encoding="utf-8")
    return path


def test_ordinary_documents_are_as_many_as_make_the_size(mix: Path) -> None:
    found = ordinary_documents(mix, 200, 0, "old")
    assert sum(d.tokens for d in found[:-1]) < 200 <= sum(d.tokens for d in found)
    texts = [document.text for document in found]
    assert set(texts) <= set(TEXTS) and len(set(texts)) == len(texts)
    assert [d.tokens for d in found] == [estimate_tokens(text) for text in texts]


def test_ordinary_documents_are_marked_and_speak_of_no_clause(mix: Path) -> None:
    for document in ordinary_documents(mix, 100, 4, "old"):
        assert document.document_type == document.domain == ORDINARY
        assert (document.clauses, document.assertions, document.teacher) == ([], [], "")
        assert (document.spec, document.seed) == ("old", 4)
        assert TEXTS[int(document.id.removeprefix("o"))] == document.text


def test_another_draw_takes_other_ordinary_texts(mix: Path) -> None:
    one, same, other = (ordinary_documents(mix, 100, draw, "old") for draw in (0, 0, 1))
    assert [d.id for d in one] == [d.id for d in same] != [d.id for d in other]


def test_all_of_a_file_can_be_taken_and_no_more(mix: Path) -> None:
    whole = tokens(TEXTS)
    assert len(ordinary_documents(mix, whole, 0, "old")) == len(TEXTS)
    with pytest.raises(DataError) as caught:
        ordinary_documents(mix, whole + 1, 0, "old")
    for words in (mix.name, f"holds {whole:,} tokens", f"takes {whole + 1:,}", "a smaller share"):
        assert words in str(caught.value)


def test_no_ordinary_text_is_asked_for_and_none_given(mix: Path) -> None:
    assert ordinary_documents(mix, 0, 0, "old") == []


@pytest.mark.parametrize("row", [{"body": "x"}, {"text": " "}, {"text": 7}, {"text": None}])
def test_a_row_without_text_is_named(tmp_path: Path, row: dict[str, object]) -> None:
    path = tiny.write_jsonl(tmp_path / "web.jsonl", [{"text": "Tea."}, row])
    with pytest.raises(DataError, match=r"web\.jsonl, row 2: has no text: \{"):
        ordinary_documents(path, 10, 0, "old")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("web.txt", b"caf\xe9", "is not a text file in UTF-8"),
        ("web.jsonl", b"caf\xe9", "is not UTF-8"),
        ("web.jsonl", b"{", "line 1: not JSON"),
        ("web.jsonl", b'"text"', "line 1: expected an object"),
        ("empty.txt", b"\n \n", "holds 0 tokens"),
    ],
)
def test_a_file_without_ordinary_text_is_one_sentence(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=words):
        ordinary_documents(path, 10, 0, "old")


def test_a_folder_or_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a text file"):
        ordinary_documents(tmp_path, 10, 0, "old")
    with pytest.raises(DataError, match=r"gone\.jsonl does not exist"):
        ordinary_documents(tmp_path / "gone.jsonl", 10, 0, "old")
