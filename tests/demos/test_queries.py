"""Opening messages: rounds that never change what an earlier one gave, and repeats told."""

import asyncio
import re
from collections import Counter
from itertools import islice, pairwise

import pytest

from midspec.demos.queries import ROUNDS, Queries, Query, query_kinds
from midspec.errors import TeacherError
from midspec.llm.ledger import Call
from midspec.write.flow import Needed
from tests.corpus.fakes import FakeAsker, pretend

from .fakes import chat_lister

KINDS = ("plain", "dilemma")
FIRST = ROUNDS[0][0] * ROUNDS[0][1] * len(KINDS)


def ask(
    n: int, asker: FakeAsker | None = None, wanted: int | None = None, draw: int = 0
) -> tuple[list[Query], Queries]:
    """The first `n` messages; the stage tells that it wants `wanted`."""
    queries = Queries(chat_lister(asker or FakeAsker(), draw), KINDS)

    async def work() -> list[Query]:
        found = []
        coming = queries.in_order(Needed(wanted or n))
        async for query in coming:
            found.append(query)
            if len(found) == n:
                break
        await coming.aclose()
        return found

    return asyncio.run(work()), queries


def test_rounds_never_shrink() -> None:
    assert all(a < c and b < d for (a, b), (c, d) in pairwise(ROUNDS))


def test_a_larger_set_begins_with_a_smaller_one() -> None:
    small, large = FakeAsker(), FakeAsker()
    few, _ = ask(FIRST, small)
    many, _ = ask(FIRST + 40, large)
    assert many[:FIRST] == few
    assert {call.key for call in small.calls} <= {call.key for call in large.calls}


@pytest.mark.parametrize("delays", [1, 2])
def test_the_order_in_which_answers_come_makes_no_difference(delays: int) -> None:
    assert ask(40, FakeAsker(delays=delays))[0] == ask(40)[0]


def test_how_much_is_asked_ahead_makes_no_difference() -> None:
    assert ask(30, wanted=1)[0] == ask(30, wanted=90)[0]


def test_no_more_is_asked_than_is_wanted() -> None:
    asker = FakeAsker()
    ask(5, asker)
    assert len(asker.of("queries")) <= 6


def test_another_draw_asks_for_other_messages() -> None:
    mine, other = ask(10)[0], ask(10, draw=1)[0]
    assert not {query.text for query in mine} & {query.text for query in other}


def test_every_message_has_an_id_of_its_own_and_each_kind_its_share() -> None:
    found, _ = ask(FIRST + 40)
    assert len({query.id for query in found}) == len(found)
    assert Counter(query.kind for query in found[:FIRST]) == dict.fromkeys(KINDS, FIRST // 2)
    assert len({query.domain.path for query in found[:FIRST]}) == ROUNDS[0][0]
    assert all(query.domain.clauses for query in found)


def test_a_question_tells_the_kind_the_domain_and_the_passages() -> None:
    asker = FakeAsker()
    ask(5, asker)
    for call in asker.of("queries"):
        kind = re.findall(r"^Kind of message: (.+)$", call.user, re.M)[0]
        assert query_kinds()[kind] in call.user
        assert "Tiny weighs matter" in call.user


def test_a_later_round_tells_what_exists_and_asks_for_the_rest() -> None:
    asker = FakeAsker()
    found, _ = ask(FIRST + 40, asker)
    later = [call for call in asker.of("queries") if "exist already" in call.user]
    assert later
    for call in later:
        assert f"Write {ROUNDS[1][1] - ROUNDS[0][1]} opening messages" in call.user
        told = [query.text for query in found[:FIRST] if query.text in call.user]
        assert len(told) == ROUNDS[0][1]


def test_a_message_that_nearly_repeats_an_earlier_one_names_it() -> None:
    def same(call: Call) -> str:
        return re.sub(r"(?m)^1\. .*", "1. bread: How long must bread dough rest?", pretend(call))

    found, _ = ask(FIRST, FakeAsker({"queries": same}))
    alike = [query for query in found if "bread dough" in query.text]
    assert len(alike) == ROUNDS[0][0] * len(KINDS)
    assert not alike[0].repeats
    assert {query.repeats for query in alike[1:]} == {alike[0].id}
    assert not any(query.repeats for query in found if query not in alike)


def test_a_pair_that_gives_nothing_is_told_and_the_others_go_on() -> None:
    first: list[str] = []

    def one_fails(call: Call) -> str:
        unit = call.user.split("What the spec says")[0]
        first[:] = first or [unit]
        return "I'm sorry, I can't." if unit == first[0] else pretend(call)

    found, queries = ask(FIRST - ROUNDS[0][1], FakeAsker({"queries": one_fails}))
    assert len(found) == FIRST - ROUNDS[0][1]
    (failure,) = queries.failures()
    assert (failure["step"], failure["reason"]) == ("queries", "refused")
    assert failure["id"] not in {query.id.rpartition(".")[0] for query in found}


def test_a_teacher_that_writes_no_messages_is_an_error_with_words() -> None:
    asker = FakeAsker({"queries": lambda call: "I'm sorry, I can't."})
    with pytest.raises(TeacherError, match="The step queries gave nothing usable"):
        ask(5, asker)


def test_there_are_no_messages_after_the_last_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("midspec.demos.queries.ROUNDS", ROUNDS[:1])
    assert len(ask(1000)[0]) == FIRST


def test_kinds_have_names_and_words() -> None:
    names = list(query_kinds())
    assert list(islice(names, 2)) == ["plain", "dilemma"]
    assert "multi-turn" in names
    assert all(len(about.split()) > 10 for about in query_kinds().values())
