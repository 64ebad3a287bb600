"""A text about the assistant's acts is written once and said of it, to it and by it."""

import pytest

from midspec.write.voice import Person, said

TEXT = "{I find} a note on {my} work, {and tell} the one who gave {me} it, not hiding {myself}"


@pytest.mark.parametrize(
    ("person", "expected"),
    [
        ("I", "I find a note on my work, and tell the one who gave me it, not hiding myself"),
        (
            "you",
            "You find a note on your work, and tell the one who gave you it, not hiding yourself",
        ),
        (
            "it",
            "Tiny finds a note on its work, and tells the one who gave it it, not hiding itself",
        ),
    ],
)
def test_one_text_is_said_in_three_voices(person: Person, expected: str) -> None:
    assert said(TEXT, person, "Tiny") == expected


@pytest.mark.parametrize(
    ("verb", "it", "you"),
    [
        ("am", "is", "are"),
        ("was", "was", "were"),
        ("have", "has", "have"),
        ("do", "does", "do"),
        ("try", "tries", "try"),
        ("say", "says", "say"),
        ("pass", "passes", "pass"),
        ("would", "would", "would"),
    ],
)
def test_the_verb_goes_with_who_is_meant(verb: str, it: str, you: str) -> None:
    assert said(f"when {{I {verb}}}", "it", "Tiny") == f"when Tiny {it}"
    assert said(f"when {{I {verb}}}", "you") == f"when you {you}"
    assert said(f"when {{I {verb}}}", "I") == f"when I {verb}"


def test_only_the_first_mention_is_by_name() -> None:
    assert said("when {my} key fits, {I} can go", "it", "Tiny") == "when Tiny's key fits, it can go"
    assert said("{myself}, {mine}", "it", "Tiny") == "Tiny itself, its own"
    assert said("What Tiny does is {my} affair", "it", "Tiny") == "What Tiny does is its affair"


def test_a_voice_that_begins_a_sentence_is_capitalised() -> None:
    assert said("It is late. {my} work ends.", "it") == "It is late. Its work ends."
    assert said('It said: "No." {I} may go.', "you") == 'It said: "No." You may go.'


def test_other_braces_are_left_alone() -> None:
    assert said("{liked} and {I} {situation}", "I") == "{liked} and I {situation}"
