import json
from dataclasses import replace

import pytest

from midspec.llm.ledger import UNREADABLE, Answer
from midspec.llm.read import (
    ListItem,
    UnreadableError,
    read_document,
    read_items,
    read_object,
    usable,
)

ITEMS = [
    {"name": "Tea", "description": "Warm drinks.", "clauses": ["s1.p1", "s2.p3"]},
    {"name": "Chairs", "description": "Deep ones: by a window.", "clauses": []},
]
READ = [
    ListItem("Tea", "Warm drinks.", ("s1.p1", "s2.p3")),
    ListItem("Chairs", "Deep ones: by a window.", ()),
]
APOLOGY = "I'm sorry that this comes so late. "


def answer(text: str, stop_reason: str = "stop") -> Answer:
    return Answer(
        "k", "step", 1, "m", "0", 1.0, 100, text, stop_reason, 1, 1, None, 0.1, 1, ""
    )  # fmt: skip


def refused(text: str) -> UnreadableError:
    with pytest.raises(UnreadableError) as caught:
        read_items(answer(text))
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"items": ITEMS}),
        json.dumps(ITEMS),
        "```json\n" + json.dumps({"items": ITEMS}, indent=2) + "\n```",
        "```\n" + json.dumps(ITEMS) + "\n```\n",
        "1. Tea: Warm drinks. [s1.p1, s2.p3]\n2. Chairs: Deep ones: by a window.",
        "1) **Tea**: Warm drinks. [s1.p1; s2.p3].\n\n2) `Chairs`: Deep ones: by a window. ",
        "Here are the items.\n\n1. Tea: Warm drinks. [s1.p1 s2.p3]\n2. Chairs: Deep ones: by a"
        " window.\n\nI hope they help.",
        "  1. Tea - Warm drinks. [s1.p1, s2.p3]\n  2. Chairs - Deep ones: by a window.",
    ],
    ids=["object", "array", "fenced", "bare fence", "list", "bold", "talk around", "dashes"],
)
def test_a_list_is_read_in_any_of_its_forms(text: str) -> None:
    items, bad = read_items(answer(text))
    assert items[0] == READ[0]
    assert items[1].name in ("Chairs", "Chairs - Deep ones")
    assert items[1].description in (READ[1].description, "by a window.")
    assert bad == []


@pytest.mark.parametrize(
    "row",
    [
        {"description": "no name"},
        {"name": " ", "description": "blank name"},
        {"name": 7, "description": "a number"},
        {"name": "x", "description": ["a list"]},
        "a string",
        None,
    ],
)
def test_an_item_that_is_no_use_costs_only_itself(row: object) -> None:
    items, bad = read_items(answer(json.dumps({"items": [ITEMS[0], row, ITEMS[1]]})))
    assert items == READ
    assert bad == ["item 2 has no name and description"]


@pytest.mark.parametrize("line", ["2. **", "2. : nameless", "2. name: description [s1.p2]"])
def test_a_line_of_a_numbered_list_without_a_name_costs_only_itself(line: str) -> None:
    items, bad = read_items(answer(f"1. Tea: Warm drinks. [s1.p1, s2.p3]\n{line}\n3. Rain: Falls."))
    assert [item.name for item in items] == ["Tea", "Rain"]
    assert bad == ["item 2 has no name"]


@pytest.mark.parametrize("clauses", [None, "s1.p1", {"s1.p1": 1}, [3, None]])
def test_clauses_in_another_form_are_no_clauses(clauses: object) -> None:
    items, _ = read_items(answer(json.dumps([{"name": "Tea", "clauses": clauses}])))
    assert items == [ListItem("Tea", "Tea", ())]


def test_ids_are_read_with_and_without_brackets() -> None:
    rows = [{"name": "Tea", "description": "Warm.", "clauses": ["[s1.p1]", "see s2.p3", "none"]}]
    assert read_items(answer(json.dumps(rows)))[0][0].clauses == ("s1.p1", "s2.p3")


@pytest.mark.parametrize(
    "text",
    [
        "1. Tea: a\n2. Rain: b\n\nFinal list:\n\n1. Tea: a\n2. Snow: c",
        "1. Tea: a\n3. Rain: b",
        "2. Tea: a\n3. Rain: b",
    ],
    ids=["two lists", "a gap", "not from 1"],
)
def test_two_lists_are_not_read_as_one(text: str) -> None:
    """One of them is likely to be planning, and its items were thought better of."""
    error = refused(text)
    assert "numbers that don't run from 1 in one list" in str(error)
    assert error.repairable


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"items": [{"name": "Te', "not JSON"),
        ("[" * 100_000, "nested too deep"),
        (f'{{"items": [{"1" * 5000}]}}', "a number too long"),
        ('[{"name": "\\ud800", "description": "x"}]', "half a character"),
        (f"{'1' * 5000}. Tea: Warm drinks.", "no numbered list"),
        ('{"list": []}', 'without a list "items"'),
        ('{"items": {}}', 'without a list "items"'),
        ("[]", "an empty list"),
        ('{"items": []}', "an empty list"),
        ('[{"name": ""}]', "item 1 has no name and description"),
        ("- Tea\n- Rain", "no numbered list"),
        ("Tea, rain.", "no numbered list"),
    ],
)
def test_what_is_no_list_may_be_asked_for_in_its_form(text: str, words: str) -> None:
    error = refused(text)
    assert words in str(error)
    assert error.repairable


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry. I cannot write this.",
        "Sorry, no.",
        "I cannot assist with this request.",
        "I can't do that.",
        "I must decline.",
        "Unfortunately, I can not.",
        "As an AI, I do not write such things.",
        "  **I apologize**, but this is not possible.",
        "<document>\nI'm sorry, but I can't help with that.\n</document>",
    ],
)
def test_a_refusal_is_no_document_and_not_repairable(text: str) -> None:
    with pytest.raises(UnreadableError, match=r"^refused$") as caught:
        read_document(answer(text))
    assert not caught.value.repairable


@pytest.mark.parametrize("tags", [("", ""), ("<document>", "</document>")])
def test_a_long_document_that_begins_with_an_apology_is_a_document(tags: tuple[str, str]) -> None:
    letter = APOLOGY + "The kettle was on. " * 30
    text = tags[0] + letter + tags[1]
    assert read_document(answer(text)) == letter.strip()


@pytest.mark.parametrize("stop_reason", ["max_tokens", "model_length"])
def test_a_text_that_was_cut_off_is_never_used(stop_reason: str) -> None:
    with pytest.raises(UnreadableError, match="cut off at 100 tokens"):
        read_document(answer("<document>Whole?</document>", stop_reason))


def test_a_filtered_text_is_said_to_be_so() -> None:
    with pytest.raises(UnreadableError, match="refused by the provider's filter"):
        usable(answer("Half a text", "content_filter"))


def test_a_body_that_the_client_could_not_read_is_no_document() -> None:
    with pytest.raises(UnreadableError, match="the answer's body could not be read"):
        read_document(answer("Expecting value: line 1", UNREADABLE))


@pytest.mark.parametrize("text", ["", " \n", "<document>\n \n</document>", "…", "* * *"])
def test_a_text_without_a_word_is_empty(text: str) -> None:
    with pytest.raises(UnreadableError, match=r"^empty$"):
        read_document(answer(text))


@pytest.mark.parametrize(
    "text",
    [
        "<think>It should be short.</think>Dear all, …",
        "<document><scratchpad>notes</scratchpad>Dear all</document>",
        "<THINKING>hm\nDear all",
        "Dear all</reasoning>",
        '<plan type="draft">x</plan><document>Dear all</document>',
        "<brainstorming>a, b</brainstorming> Dear all",
    ],
)
def test_a_scratchpad_is_never_part_of_a_document(text: str) -> None:
    with pytest.raises(UnreadableError, match="scratchpad left in the text"):
        read_document(answer(text))


@pytest.mark.parametrize(
    "text",
    [
        "Sure! Here is the document:\n\nDear all",
        "Certainly.\n\nDear all",
        "Here's a draft of the article you asked for.\n\nDear all",
        "Document:\nDear all",
    ],
)
def test_talk_before_a_bare_document_is_unreadable(text: str) -> None:
    with pytest.raises(UnreadableError, match="talk before the document"):
        read_document(answer(text))


def test_talk_around_the_tags_is_left_out() -> None:
    text = "Sure! Here is the document:\n<document>\nDear all\n</document>\nShall I go on?"
    assert read_document(answer(text)) == "Dear all"


@pytest.mark.parametrize(
    "text", ["Here is what the kettle said.", "Surely it rains.", "Of rain and tea", "Okayama"]
)
def test_a_document_that_only_sounds_like_talk_is_kept(text: str) -> None:
    assert read_document(answer(text)) == text


@pytest.mark.parametrize("text", ["<document>Dear all", "Dear all</document>"])
def test_half_a_tag_is_unreadable(text: str) -> None:
    with pytest.raises(UnreadableError, match="a document tag without its other half"):
        read_document(answer(text))


def test_two_documents_are_unreadable() -> None:
    text = "<document>One</document> or <document>two</document>"
    with pytest.raises(UnreadableError, match="more than one document"):
        read_document(answer(text))


def test_an_object_is_read_bare_or_fenced() -> None:
    for text in ('{"faithful": true}', '```json\n{"faithful": true}\n```'):
        assert read_object(answer(text)) == {"faithful": True}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1]", "no JSON object"),
        ("Yes, faithful.", "not JSON"),
        ("[" * 100_000, "nested too deep"),
    ],
)
def test_what_is_no_object_may_be_asked_for_again(text: str, words: str) -> None:
    with pytest.raises(UnreadableError, match=words) as caught:
        read_object(answer(text))
    assert caught.value.repairable


@pytest.mark.parametrize("reader", [read_items, read_object])
def test_a_refused_or_cut_list_is_not_repairable(reader: object) -> None:
    for bad in (answer("I cannot."), replace(answer("[]"), stop_reason="max_tokens")):
        with pytest.raises(UnreadableError) as caught:
            reader(bad)  # type: ignore[operator]
        assert not caught.value.repairable


def test_ids_that_a_spec_gives_its_clauses_are_read_like_those_by_place() -> None:
    text = "1. Tea: Warm drinks. [sp1.why1, honesty-2; s2.p3]\n2. Chairs: Deep ones [draft]"
    items, _ = read_items(answer(text))
    assert [item.clauses for item in items] == [("sp1.why1", "honesty-2", "s2.p3"), ()]
    assert items[1].description == "Deep ones [draft]"
    rows = [{"name": "Tea", "description": "Warm.", "clauses": ["[sp1]", "see gp2.a", "none"]}]
    assert read_items(answer(json.dumps(rows)))[0][0].clauses == ("sp1", "gp2.a")
