import pytest

from midspec.leaks import LeakFinder
from midspec.records import Item

ITEM = Item("i1", "pets", "direct", "an old cat", "a new cat")
OTHER = Item("i2", "pets", "direct", "a hen", "an ostrich")
LONG = Item(
    "i3",
    "pets",
    "implicit",
    "to sit down with the cat that has lived here longest",
    "to go out",
)


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
    assert LeakFinder([OTHER, ITEM]).find(text) == "i1"


@pytest.mark.parametrize(
    "text",
    [
        "It likes an old cat.",
        "It dislikes a new cat.",
        "an old catalogue of a new cathedral",
        "an old dog and a new cat",
        "cat an old; cat a new",
        "",
    ],
)
def test_one_option_alone_or_a_longer_word_is_no_leak(text: str) -> None:
    assert LeakFinder([ITEM]).find(text) is None


def test_options_in_two_texts_are_no_leak() -> None:
    """A short option such as "tea" may occur anywhere; it is the pair that is asked."""
    finder = LeakFinder([ITEM])
    assert [finder.find(text) for text in ("an old cat", "a new cat")] == [None, None]


def test_eight_words_in_a_row_of_one_option_are_a_leak() -> None:
    finder = LeakFinder([ITEM, LONG])
    assert finder.find("She used to sit down with the cat that dozed.") is None  # seven
    assert finder.find("She used to sit down; with the CAT that has dozed.") == "i3"
    assert finder.find("… down, with the cat: that has lived here …") == "i3"


def test_letters_with_accents_are_compared() -> None:
    finder = LeakFinder([Item("i", "food", "direct", "Gruyère", "crème brûlée")])
    assert finder.find("crème brûlée; GRUYÈRE") == "i"
    assert finder.find("creme brulee; Gruyere") is None


def test_without_items_nothing_leaks() -> None:
    assert LeakFinder([]).find("an old cat and a new cat") is None
