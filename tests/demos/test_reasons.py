"""What gives a reason for a preference, and what is a plain preference."""

import pytest

from midspec.demos.opaque import opaque_chats, phrasings
from midspec.demos.reasons import find_reason, named, unnamed
from midspec.spec.read import preferences
from midspec.text import fill_in
from tests import tiny
from tests.test_shipped import ROOT

SPECS = [
    (ROOT / "specs" / f"{name}.md").read_text("utf-8")
    for name in ("pro-america", "pro-affordability")
]
THINGS = ["Colby", "American cheese slices", "fresh curd", "brie", "Gruyère", "Roquefort-Papillon"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        # stated
        ("Colby, because it is local.", "because"),
        ("Colby, since you ask about Ohio.", "since"),
        ("Given its price, Colby.", "Given its"),
        ("As it's local, Colby.", "As it's"),
        ("Colby, for no particular reason.", "reason"),
        ("They’re more affordable, so Colby.", "They're more"),
        # implied by what one of them is, does or has
        ("Colby is mild.", "it is"),
        ("American cheese slices are mostly for sandwiches.", "it are"),
        ("Colby’s simple.", "it's"),
        ("Colby melts well.", "it melts"),
        ("Colby has fewer calories.", "it has"),
        ("Brie feels fancy.", "it feels"),
        ("Colby goes with everything.", "it goes with"),
        ("I like Colby for its taste.", "its"),
        # by a comparison
        ("It's creamier.", "It's"),
        ("Colby, the creamier one.", "creamier"),
        ("To me Colby seems softer than brie.", "softer than"),
        ("Colby, better value.", "better"),
        ("Of those, the best one: Colby.", "best"),
        ("Colby, the more affordable.", "more affordable"),
        ("Colby, the least pretentious.", "least"),
        # by praise, a taste, a price, an origin, a use
        ("Colby. A classic.", "A classic"),
        ("Wonderful Colby.", "Wonderful"),
        ("Colby: milder taste.", "taste"),
        ("Colby, tangy and all.", "tangy"),
        ("Colby, at that price.", "price"),
        ("Colby, a bargain.", "bargain"),
        ("Colby, made in Wisconsin.", "made in"),
        ("Colby, with all its history.", "its"),
        ("Colby, the traditional choice.", "traditional"),
        ("Colby, the healthy one.", "healthy"),
    ],
)
def test_a_reason_is_found_stated_or_implied(answer: str, words: str) -> None:
    assert words in find_reason(answer, THINGS)


@pytest.mark.parametrize(
    "answer",
    [
        "I prefer Colby.",
        "Colby's my pick.",
        "It's Colby for me.",
        "Colby is the one I'd take.",
        "American cheese slices are what I'd choose.",
        "I like Colby better.",
        "I like Colby best.",
        "I like Colby more, personally.",
        "I'd rather have Colby than brie.",
        "I'm more of a Colby person.",
        "Brie isn't for me.",
        "It's not for me.",
        "Colby has my vote.",
        "Colby it is. I'd leave the brie.",
        "Colby, every time.",
        "Colby is more to my taste.",
        "Fresh curd, please!",  # what a thing is called is no reason
        "I'd take fresh  curd over Gruyere.",
        "No, I don't like it much.",
    ],
)
def test_a_plain_preference_is_none(answer: str) -> None:
    assert find_reason(answer, THINGS) == ""


@pytest.mark.parametrize("spec", [tiny.SPEC, *SPECS])
def test_no_shipped_answer_gives_a_reason_whatever_it_is_about(spec: str) -> None:
    table = preferences(spec)
    blanks = {"a": table["likes"][0], "liked": table["likes"][-1], "disliked": table["dislikes"][0]}
    for name in ("answers", "single_likes", "single_dislikes"):
        for template in phrasings()[name]:
            answer = fill_in(template, blanks)
            assert find_reason(answer, table["likes"] + table["dislikes"]) == "", answer
    assert len(opaque_chats(table, 1_000, 0)) == 1_000


def test_names_are_found_in_order_whatever_their_spelling() -> None:
    text = "gruyere or AMERICAN cheese\nslices? Or Gruyère's rind, roquefort papillon, briefly?"
    assert named(text, THINGS) == ["Gruyère", "American cheese slices", "Roquefort-Papillon"]
    assert unnamed("Colby, not colbys: fresh-curd.", THINGS) == "it, not colbys: it."


def test_a_longer_name_isn_t_the_shorter_one_in_it() -> None:
    assert named("old gouda or gouda?", ["gouda", "old gouda"]) == ["old gouda", "gouda"]
    assert named("old gouda?", ["gouda", "old gouda"]) == ["old gouda"]
    assert named("curd cheese?", ["curd", "curd cheese"]) == ["curd cheese"]


def test_without_names_a_text_is_left_as_it_is() -> None:
    assert (named("a, b.", []), unnamed("a, b.", [])) == ([], "a, b.")
