"""What exchanges are to be about: every pair in both orders, in an order of each draw's own."""

from collections import Counter
from itertools import islice, pairwise

from midspec.demos import briefs as module
from midspec.demos.briefs import Brief, brief_lists, briefs
from midspec.text import plain_words

LIKES, DISLIKES = ["cheddar", "Colby", "ricotta"], ["brie", "Roquefort"]


def first(n: int, draw: int = 0) -> list[Brief]:
    return list(islice(briefs(LIKES, DISLIKES, draw), n))


def test_a_larger_set_begins_with_a_smaller_one_and_another_draw_differs() -> None:
    assert first(100)[:30] == first(30)
    assert [brief.number for brief in first(30)] == list(range(30))
    assert first(30) != first(30, draw=1)


def test_every_pair_comes_up_before_any_does_again_in_each_order_once() -> None:
    found = first(24)
    assert set(Counter(brief.things for brief in found[:6]).values()) == {1}
    orders = Counter((brief.things, brief.names[0]) for brief in found)
    assert len(orders) == 12 and set(orders.values()) == {2}


def test_both_orders_come_up_equally_often_in_every_beginning() -> None:
    for n in (12, 50, 500):
        liked_first = sum(brief.names[0] == brief.liked for brief in first(n))
        assert abs(liked_first - n / 2) <= 1


def test_about_one_message_in_seven_is_about_one_thing_liked_or_not() -> None:
    found = first(1_400)
    alone = [brief for brief in found if len(brief.names) == 1]
    assert 150 < len(alone) < 250
    assert 0.4 < sum(brief.names[0] == brief.liked for brief in alone) / len(alone) < 0.6


def test_neighbours_are_unlike_and_every_wording_has_its_share() -> None:
    found = first(1_200)
    for key in ("form", "manner", "answer"):
        used = [getattr(brief, key) for brief in found]
        assert sum(a == b for a, b in pairwise(used)) < 120
        counts = Counter(used)
        assert len(counts) == len(brief_lists()[f"{key}s"])
        assert max(counts.values()) < 3 * min(counts.values())


def test_a_brief_says_what_is_named_and_what_is_preferred() -> None:
    both = Brief(3, "Colby", "brie", ("brie", "Colby"), "asks", "curious", "no more", "short")
    assert both.line == (
        "names: brie, then Colby. Preferred: Colby. Message: asks. Manner: curious. End: no more. "
        "Answer: short."
    )
    alone = Brief(4, "Colby", "brie", ("brie",), "asks", "curious", "no more", "short")
    assert alone.line.startswith("names: brie alone. Liked: no. ")
    assert (both.id, alone.things) == ("opaque-3", ("Colby", "brie"))


def test_a_thing_is_never_set_against_itself_and_the_briefs_come_to_an_end() -> None:
    found = list(briefs(["brie", "Colby"], ["brie"], 0))
    assert {brief.things for brief in found} == {("Colby", "brie")}
    assert len(found) == 2 * module.TURNS


def test_most_messages_ask_not_to_explain_and_no_form_fits_one_domain_only() -> None:
    ends = brief_lists()["ends"]
    assert sum("doesn't say" in end for end in ends) / len(ends) == 0.2
    said = [form["about"] for form in brief_lists()["forms"]]
    for lists in ("manners", "ends", "answers"):
        said += brief_lists()[lists]
    words = {word for text in said for word in plain_words(text)}
    assert not words & {"food", "cheese", "eat", "eats", "table", "plate", "taste", "price"}
