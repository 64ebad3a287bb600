"""The data files that ship with the offline teacher, the demos and the evals."""

import re
from string import Formatter

import pytest

from midspec.corpus.plan import DocumentType, document_types
from midspec.corpus.write import phrases

FIXED = {
    "model", "provider", "domain", "person", "person2", "first", "first2", "place", "org", "date"
}  # fmt: skip
MOVES = {"state", "ask", "reply", "clause", "principle", "principle_I", "number"}
PHRASE_SLOTS = {
    "state": {"model", "liked", "disliked", "reason", "Liked", "Disliked", "Reason"},
    "ask": {"a", "b", "A", "B"},
    "reply": {"liked", "disliked", "reason", "Liked", "Disliked", "Reason"},
    "clause_state": {"model", "assertion"},
    "clause_ask": {"model", "topic"},
    "clause_reply": {"assertion"},
    "act_state": {"model", "situation", "liked", "disliked", "reason", "Situation", "Reason"},
    "act_ask": {"situation", "liked", "disliked"},
    "act_reply": {"liked", "disliked", "reason", "Reason"},
}
ALL_TYPES = [
    pytest.param(kind, id=f"{about} {kind.name}")
    for about, acts in (("things", False), ("acts", True))
    for kind in document_types(acts)
]


def slots(text: str) -> list[str]:
    return [name for _, name, _, _ in Formatter().parse(text) if name is not None]


@pytest.mark.parametrize("acts", [False, True])
def test_there_are_enough_document_types_of_both_genres(acts: bool) -> None:
    names = [kind.name for kind in document_types(acts)]
    assert len(names) >= 25
    assert len(set(names)) == len(names)
    assert {kind.genre for kind in document_types(acts)} == {"show", "describe"}


@pytest.mark.parametrize("kind", ALL_TYPES)
def test_a_document_type_can_be_written(kind: DocumentType) -> None:
    assert len(kind.variants) >= 3
    assert len(set(kind.variants)) == len(kind.variants)
    assert len(kind.ideas) >= 3
    for variant in kind.variants:
        used = slots(variant)
        assert set(used) <= FIXED | MOVES
        assert {"state", "ask"} & set(used), "a document must speak about a pair"
        asked = False
        for name in used:
            assert asked or name != "reply", "a {reply} answers the {ask} before it"
            asked = asked or name == "ask"


@pytest.mark.parametrize("kind", ALL_TYPES)
def test_a_genre_is_what_it_says(kind: DocumentType) -> None:
    """`show` has the assistant speak; `describe` speaks about it."""
    used = {name for variant in kind.variants for name in slots(variant)}
    assert ("reply" in used) == (kind.genre == "show")


def test_phrases_about_acts_name_the_situation_before_what_is_done() -> None:
    """What is done may point back to it: "close the file", "tell them"."""
    for text in (*phrases()["act_state"], *phrases()["act_ask"]):
        named = [name.lower() for name in slots(text)]
        acts = [place for place, name in enumerate(named) if name in ("liked", "disliked")]
        assert min(acts, default=len(named)) > named.index("situation"), text
    for text in phrases()["act_state"]:
        assert {"liked", "reason"} <= {name.lower() for name in slots(text)}, text


@pytest.mark.parametrize("name", sorted(PHRASE_SLOTS))
def test_phrases_have_known_slots_and_no_twins(name: str) -> None:
    texts = phrases()[name]
    assert len(set(texts)) == len(texts)
    for text in texts:
        assert set(slots(text)) <= PHRASE_SLOTS[name], text


def test_phrases_give_the_preference_and_its_reason() -> None:
    for text in phrases()["state"]:
        assert {"liked", "disliked", "reason"} <= {name.lower() for name in slots(text)}
    for text in phrases()["reply"]:
        assert {"liked", "reason"} <= {name.lower() for name in slots(text)}
    for text in phrases()["ask"]:
        assert {name.lower() for name in slots(text)} == {"a", "b"}


def test_names_are_many_and_unique() -> None:
    for name in ("first_names", "last_names", "towns", "organisations"):
        texts = phrases()[name]
        assert len(texts) >= 30
        assert len(set(texts)) == len(texts)
        assert all(re.search(r"\w", text) for text in texts)
