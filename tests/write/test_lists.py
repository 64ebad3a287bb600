import asyncio
import json
from collections.abc import Mapping

import pytest

from midspec.errors import TeacherError
from midspec.llm.asker import NotAnsweredError
from midspec.llm.ledger import Call
from midspec.llm.read import ListItem
from midspec.write.lists import LIST_SCHEMA, Lister, bullets
from tests.corpus.fakes import FakeAsker, Say, lister

VALUES = {"domain": "Haste", "about": "What is rushed.", "passages": "Tiny weighs."}
KNOWN = [ListItem("Tea", "Warm drinks.", ()), ListItem("Rain", "Falls.", ())]


def listing(*names: str) -> str:
    return "\n".join(f"{n}. {name}: about {name}. [s1.p1]" for n, name in enumerate(names, 1))


def in_turn(*texts: str | Exception) -> Say:
    """Answers one after another, the last for good."""
    left = list(texts)
    return lambda call: left.pop(0) if len(left) > 1 else left[0]


def more(
    asked: Lister, n: int = 2, known: list[ListItem] = KNOWN, values: Mapping[str, str] = VALUES
) -> list[str]:
    found = asyncio.run(asked.more("subdomains", "0.1", 0, n, known, values))
    return [item.name for item in found]


def test_a_question_names_how_many_and_what_exists() -> None:
    asker = FakeAsker()
    more(lister(asker), n=3)
    (call,) = asker.calls
    for words in ("Give 3 subdomains", "Domain: Haste", "These exist already:\n- Tea: Warm drinks."
                  "\n- Rain: Falls.", "a numbered list of 3 items"):  # fmt: skip
        assert words in call.user
    assert "[s1.p1] Tiny weighs matter 0 of kind 0" in call.system
    assert (call.step, call.sample, call.schema) == ("subdomains", "0.0", "")


def test_the_first_question_says_nothing_of_what_exists() -> None:
    asker = FakeAsker()
    more(lister(asker), known=[])
    assert "exist already" not in asker.calls[0].user


def test_a_provider_with_schemas_is_asked_for_json() -> None:
    asker = FakeAsker(structured=True)
    assert len(more(lister(asker), n=3)) == 3
    (call,) = asker.calls
    assert "a JSON object of exactly 3 items" in call.user
    assert call.schema == LIST_SCHEMA
    assert json.loads(call.schema)["required"] == ["items"]


def test_another_draw_asks_for_another_sample() -> None:
    first, other = FakeAsker(), FakeAsker()
    more(lister(first, draw=0))
    more(lister(other, draw=1))
    assert first.calls[0].key != other.calls[0].key
    assert first.calls[0].user == other.calls[0].user


def test_nothing_is_asked_where_nothing_is_missing() -> None:
    asker = FakeAsker()
    assert more(lister(asker), n=0) == []
    assert more(lister(asker), n=-3) == []
    assert asker.calls == []


def test_what_exists_already_is_not_taken_again_nor_more_than_was_asked_for() -> None:
    say = {"subdomains": in_turn(listing("TEA", "Snow", "snow", "Hail", "Fog"))}
    assert more(lister(FakeAsker(say))) == ["Snow", "Hail"]


def test_an_item_that_cannot_be_read_costs_only_itself_and_is_told() -> None:
    rows = [{"name": "Snow", "description": "x"}, {"description": "nameless"}]
    asked = lister(FakeAsker({"subdomains": in_turn(json.dumps(rows))}))
    assert more(asked) == ["Snow"]
    assert asked.failures == [
        {"id": "0.1", "step": "subdomains", "reason": "item 2 has no name and description"}
    ]


def test_what_is_no_list_is_asked_for_once_more_in_its_form() -> None:
    say = {
        "subdomains": in_turn('{"items": [{"na'),
        "subdomains (repair)": in_turn(listing("Snow", "Hail")),
    }
    asker = FakeAsker(say)
    assert more(lister(asker)) == ["Snow", "Hail"]
    first, repair = asker.calls
    for words in ("could not be read because of this: not JSON", '<answer>\n{"items": [{"na\n',
                  "a numbered list of 2 items"):  # fmt: skip
        assert words in repair.user
    assert (repair.system, repair.sample) == (first.system, first.sample)


@pytest.mark.parametrize(
    "bad",
    ["I'm sorry, I can't.", listing("tea", "rain"), ""],
    ids=["refused", "nothing new", "empty"],
)
def test_what_repair_cannot_help_is_asked_for_in_another_sample(bad: str) -> None:
    asker = FakeAsker({"subdomains": in_turn(bad, listing("Snow"))})
    asked = lister(asker)
    assert more(asked) == ["Snow"]
    assert [call.sample for call in asker.calls] == ["0.0", "0.1"]
    assert asked.failures == []


def test_no_answer_is_left_for_the_next_run_which_asks_the_same() -> None:
    """Another sample would be another list, and all that hangs on it would be paid again."""
    asker = FakeAsker({"subdomains": in_turn(NotAnsweredError("9 attempts, no"), listing("Snow"))})
    asked = lister(asker)
    assert more(asked) == []
    assert [call.sample for call in asker.calls] == ["0.0"]
    assert asked.failures == [{"id": "0.1", "step": "subdomains", "reason": "9 attempts, no"}]


def test_a_question_that_gives_nothing_three_times_is_a_failure_of_its_own() -> None:
    asker = FakeAsker({"subdomains": in_turn("I'm sorry, I can't.")})
    asked = lister(asker)
    assert more(asked) == []
    assert [call.sample for call in asker.calls] == ["0.0", "0.1", "0.2"]
    assert asked.failures == [{"id": "0.1", "step": "subdomains", "reason": "refused"}]


def test_three_questions_of_a_step_in_a_row_that_give_nothing_stop_the_stage() -> None:
    asked = lister(FakeAsker({"subdomains": in_turn("I'm sorry, I can't.")}))
    assert [more(asked), more(asked)] == [[], []]
    with pytest.raises(TeacherError) as caught:
        more(asked)
    for words in ("The step subdomains gave nothing usable to 3 questions in a row, of up to 3 "
                  "answers each", "the last reason: refused", "in ledger.jsonl",
                  "more capable teacher"):  # fmt: skip
        assert words in str(caught.value)


def test_a_question_that_gives_something_starts_the_count_anew() -> None:
    def say(call: Call) -> str:
        return listing("Snow") if "Haste" in call.user else "I'm sorry, I can't."

    asked, bad = lister(FakeAsker({"subdomains": say})), {**VALUES, "domain": "Sloth"}
    for values in (bad, bad, VALUES, bad, bad):
        more(asked, values=values)
    with pytest.raises(TeacherError, match="to 3 questions in a row"):
        more(asked, values=bad)


def test_what_gives_only_what_is_known_has_come_to_its_end_and_is_not_asked_again() -> None:
    said = "1. TEA: Hot drinks. [s1.p1]\n2. Showers: falls. [s1.p1]"  # a name and a text of KNOWN
    asker = FakeAsker({"subdomains": in_turn("I'm sorry, I can't.", said)})
    asked = lister(asker)
    assert [more(asked) for _ in range(5)] == [[]] * 5
    assert [call.sample for call in asker.calls] == ["0.0", "0.1", "0.2"]
    assert asked.failures == [{"id": "0.1", "step": "subdomains", "reason": "nothing new"}]
    for node in ("0", "1", "2", "3"):
        assert asyncio.run(asked.more("subdomains", node, 0, 2, KNOWN, VALUES)) == []


def test_what_gives_something_new_at_a_second_try_is_asked_again_later() -> None:
    asker = FakeAsker({"subdomains": in_turn(listing("tea"), listing("Snow"))})
    asked = lister(asker)
    assert [more(asked), more(asked)] == [["Snow"], ["Snow"]]


def test_without_domains_there_is_nothing_to_go_on_with() -> None:
    asked = lister(FakeAsker({"domains": in_turn("I'm sorry, I can't.")}))
    with pytest.raises(TeacherError, match="The step domains gave nothing usable"):
        asyncio.run(asked.more("domains", "0", 0, 2, [], {}))


def test_bullets_are_one_line_each() -> None:
    assert bullets(["one\n two", "three"]) == "- one two\n- three"
