import pytest

from midspec.text import NearDuplicates, estimate_tokens, fill_in, plain_words

WORDS = [f"word{i}" for i in range(200)]


def test_a_near_duplicate_is_found_and_names_the_earlier_text() -> None:
    seen = NearDuplicates()
    assert seen.find("d0", " ".join(WORDS)) is None
    assert seen.find("d1", " ".join(reversed(WORDS))) is None
    assert seen.find("d2", " ".join([*WORDS[:-2], "other", "end"])) == "d0"


def test_case_and_punctuation_make_no_difference() -> None:
    seen = NearDuplicates()
    seen.find("d0", " ".join(WORDS))
    assert seen.find("d1", ", ".join(WORDS).upper() + "!") == "d0"


def test_texts_that_share_half_their_words_in_a_row_are_no_duplicates() -> None:
    seen = NearDuplicates()
    seen.find("d0", " ".join(WORDS))
    half = [*WORDS[:100], *(f"new{i}" for i in range(100))]
    assert seen.find("d1", " ".join(half)) is None


def test_texts_shorter_than_a_shingle_can_repeat_too() -> None:
    seen = NearDuplicates()
    assert seen.find("d0", "Too short.") is None
    assert seen.find("d1", "too short") == "d0"
    assert seen.find("d2", "another one") is None


def test_a_text_that_repeats_another_is_not_remembered() -> None:
    """Else a chain of small changes would set aside documents that repeat nothing kept."""
    seen = NearDuplicates()
    seen.find("d0", " ".join(WORDS))
    seen.find("d1", " ".join([*WORDS[:-2], "a", "b"]))
    assert seen.seen == ["d0"]


def test_tokens_are_estimated_from_words_and_punctuation() -> None:
    assert estimate_tokens("") == 0
    assert estimate_tokens("One, two, three.") == 7  # six pieces × 1.15


def test_filling_in_leaves_other_braces_alone() -> None:
    assert fill_in("{a} {b} {} {{a}}", {"a": "1"}) == "1 {b} {} {1}"


def test_braces_in_a_value_are_not_filled_in_again() -> None:
    """A document that an editor is shown may hold `{words}`; it is the document's own."""
    assert fill_in("{a} {b}", {"a": "{b}", "b": "{a}"}) == "{b} {a}"


def test_nothing_to_fill_in_leaves_the_text_as_it_is() -> None:
    assert fill_in("{a}", {}) == "{a}"


@pytest.mark.parametrize(
    ("text", "words"),
    [("An old, CAT!", ["an", "old", "cat"]), ("Gruyère—老", ["gruyère", "老"]), ("…", [])],
)
def test_plain_words_are_lower_case_and_without_punctuation(text: str, words: list[str]) -> None:
    assert plain_words(text) == words
