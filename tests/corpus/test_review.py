from dataclasses import replace
from math import log2

import pytest

from midspec.corpus.review import NearDuplicates, diversity, estimate_tokens
from midspec.records import Document

WORDS = [f"word{i}" for i in range(200)]


def document(number: int, text: str, kind: str = "memo") -> Document:
    return Document(
        id=f"d{number}", text=text, spec="s", clauses=[], domain="", subdomain="", assertions=[],
        document_type=kind, genre="show", idea="", teacher="offline", prompt_version=1, seed=0,
    )  # fmt: skip


def test_a_near_duplicate_is_found_and_names_the_earlier_document() -> None:
    seen = NearDuplicates()
    assert seen.find(document(0, " ".join(WORDS))) is None
    assert seen.find(document(1, " ".join(reversed(WORDS)))) is None
    assert seen.find(document(2, " ".join([*WORDS[:-2], "other", "end"]))) == "d0"


def test_case_and_punctuation_make_no_difference() -> None:
    seen = NearDuplicates()
    seen.find(document(0, " ".join(WORDS)))
    assert seen.find(document(1, ", ".join(WORDS).upper() + "!")) == "d0"


def test_documents_that_share_half_their_words_in_a_row_are_kept() -> None:
    seen = NearDuplicates()
    seen.find(document(0, " ".join(WORDS)))
    half = [*WORDS[:100], *(f"new{i}" for i in range(100))]
    assert seen.find(document(1, " ".join(half))) is None


def test_documents_shorter_than_a_shingle_can_repeat_too() -> None:
    seen = NearDuplicates()
    assert seen.find(document(0, "Too short.")) is None
    assert seen.find(document(1, "too short")) == "d0"
    assert seen.find(document(2, "another one")) is None


def test_a_set_aside_document_is_not_remembered() -> None:
    """Else a chain of small changes would set aside documents that repeat nothing kept."""
    seen = NearDuplicates()
    seen.find(document(0, " ".join(WORDS)))
    seen.find(document(1, " ".join([*WORDS[:-2], "a", "b"])))
    assert seen.seen == ["d0"]


def test_diversity_figures() -> None:
    two = [document(0, "a b a b", "memo"), document(1, "a b a b", "letter")]
    figures = diversity(two, set_aside=2)
    assert figures["distinct_1"] == pytest.approx(2 / 8)
    assert figures["distinct_2"] == pytest.approx(2 / 7, abs=1e-4)
    assert figures["type_entropy"] == log2(2)
    assert figures["near_duplicate_share"] == 0.5


def test_a_corpus_that_repeats_itself_compresses_better_and_is_less_distinct() -> None:
    varied = [document(i, " ".join(WORDS[i : i + 40])) for i in range(0, 160, 40)]
    same = [replace(document(i, varied[0].text)) for i in range(4)]
    assert diversity(same, 0)["compression_ratio"] > diversity(varied, 0)["compression_ratio"]
    assert diversity(same, 0)["distinct_4"] < diversity(varied, 0)["distinct_4"]


def test_an_empty_corpus_has_figures() -> None:
    assert diversity([], 0)["distinct_1"] == 0


def test_tokens_are_estimated_from_words_and_punctuation() -> None:
    assert estimate_tokens("") == 0
    assert estimate_tokens("One, two, three.") == 7  # six pieces × 1.15
