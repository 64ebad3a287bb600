"""The plan's tree: rounds that never change what an earlier round gave, and even coverage."""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import pytest

from midspec.corpus.tree import ROUNDS, Idea, Kind, Topic, Tree, ideas_expected, spread
from midspec.errors import TeacherError
from midspec.llm.ledger import Call
from midspec.llm.read import ListItem
from midspec.records import Assertion

from .fakes import PROSE, FakeAsker, Say, lister, pretend

TOPIC = Topic("0.0.0", "d", "t", "about", ("s1.p1",), 0, 0)


@dataclass(frozen=True)
class Grown:
    """What came of growing a tree for some rounds."""

    units: list[list[str]]
    ideas: list[list[Idea]]
    asker: FakeAsker
    tree: Tree

    @property
    def all_ideas(self) -> list[Idea]:
        return [idea for some in self.ideas for idea in some]


def grow(
    rounds: int, asker: FakeAsker | None = None, balance: bool = False, draw: int = 0
) -> Grown:
    """All the ideas of the first rounds, six units at a time."""
    asker = asker or FakeAsker()
    tree = Tree(lister(asker, draw=draw), balance)

    async def work() -> tuple[list[list[str]], list[list[Idea]]]:
        every = await asyncio.gather(*(tree.units(n) for n in range(rounds)))
        ideas = []
        for n, units in enumerate(every):
            groups = [units[i : i + 6] for i in range(0, len(units), 6)]
            found = await asyncio.gather(*(tree.new_ideas(group, n) for group in groups))
            ideas.append([idea for some in found for idea in some])
        return [[kind.path for _, kind in units] for units in every], ideas

    units, ideas = asyncio.run(work())
    return Grown(units, ideas, asker, tree)


def keys(calls: Sequence[Call]) -> set[str]:
    return {call.key for call in calls}


def test_a_round_is_as_large_as_it_says() -> None:
    grown = grow(2)
    for n, size in enumerate(ROUNDS[:2]):
        domains = {path.split(".")[1] for path in grown.units[n]}
        topics = {path.rsplit(".", 1)[0] for path in grown.units[n]}
        assert len(domains) == size.domains
        assert len(topics) == size.domains * size.subdomains
        assert len(grown.units[n]) == size.domains * size.subdomains * size.types
        assert len([idea for some in grown.ideas[: n + 1] for idea in some]) == size.documents


def test_rounds_never_shrink() -> None:
    for before, after in pairwise(ROUNDS):
        assert all(a <= b for a, b in zip(before, after, strict=True))


def test_a_round_takes_as_many_questions_as_the_estimate_says() -> None:
    assert len(keys(grow(1).asker.calls)) == ROUNDS[0].calls


def test_a_round_does_not_change_when_the_next_is_asked_for() -> None:
    """So a larger corpus goes on from a smaller one: its answered calls are asked unchanged."""
    small, large = grow(1), grow(2)
    assert large.units[0] == small.units[0]
    assert large.ideas[0] == small.ideas[0]
    assert keys(small.asker.calls) <= keys(large.asker.calls)


@pytest.mark.parametrize("delays", [1, 2])
def test_the_order_in_which_answers_come_makes_no_difference(delays: int) -> None:
    calm, hasty = grow(2), grow(2, FakeAsker(delays=delays))
    assert hasty.units == calm.units
    assert hasty.ideas == calm.ideas
    assert keys(hasty.asker.calls) == keys(calm.asker.calls)


def test_no_question_is_asked_twice() -> None:
    calls = grow(2, FakeAsker(delays=3)).asker.calls
    assert len(keys(calls)) == len(calls)


def test_another_draw_is_another_tree() -> None:
    assert keys(grow(1).asker.calls).isdisjoint(keys(grow(1, draw=1).asker.calls))


@pytest.mark.parametrize("balance", [False, True])
def test_an_idea_s_id_is_its_own_over_all_rounds(balance: bool) -> None:
    asker = FakeAsker({step: citing("s1.p1") for step in ("domains", "subdomains")})
    ids = [idea.id for idea in grow(3, asker, balance).all_ideas]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("domains", "Give {} domains"),
        ("subdomains", "Give {} subdomains"),
        ("assertions", "List {} things"),
        ("document_types", "Choose {} kinds"),
    ],
)
def test_a_later_round_asks_for_the_rest_and_tells_what_exists(step: str, said: str) -> None:
    grown = grow(2)
    first = [call for call in grown.asker.of(step) if "exist already" not in call.user]
    later = [call for call in grown.asker.of(step) if "exist already" in call.user]
    field = {"document_types": "types"}.get(step, step)
    sizes = [getattr(size, field) for size in ROUNDS[:2]]
    assert later
    for call in later:
        assert said.format(sizes[1] - sizes[0]) in call.user
        listed = call.user.split("These exist already:\n")[1].split("\n\n")[0].splitlines()
        assert len(listed) == sizes[0]
        told = {line.removeprefix("- ").split(": ")[0] for line in listed}
        given = [set(re.findall(r"^\d+\. (.+?): ", pretend(c), re.M)) for c in first]
        if step != "assertions":  # whose names are listed with their texts, too
            assert told in given


def citing(*ids: str) -> Say:
    """The pretend teacher's lists, each item with the same ids."""
    return lambda call: re.sub(r"\[(?:s\d+\.p\d+[, ]*)*\]", f"[{', '.join(ids)}]", pretend(call))


def test_a_step_that_gives_nothing_stops_with_words() -> None:
    with pytest.raises(TeacherError, match="The step ideas gave nothing usable to 3 questions"):
        grow(1, FakeAsker({"ideas": lambda call: "I'm sorry, I can't."}))


def test_without_assertions_the_spec_s_own_words_stand_in() -> None:
    calls = Counter[str]()

    def one_in_three(call: Call) -> str:  # never three in a row
        calls[call.user] += 1
        return "I'm sorry, I can't." if "0" in call.key[:2] or len(calls) == 1 else pretend(call)

    grown = grow(1, FakeAsker({"assertions": one_in_three}))
    own = [a for a in grown.tree.assertions.values() if not re.search(r"\.a\d+$", a.id)]
    assert own
    sheet = grown.tree.lister.sheet
    for assertion in own:
        assert assertion.text == sheet.passages([assertion.clause])
    assert [failure["step"] for failure in grown.tree.lister.failures] == ["assertions"] * (
        len({a.id.rsplit(".s", 1)[0] for a in own})
    )


CLAUSES = [f"s{part}.p{n}" for part in (1, 2, 3) for n in (1, 2, 3)]  # of PROSE


def covered(ideas: Sequence[Idea]) -> set[str]:
    return {clause for idea in ideas for clause in idea.clauses}


@pytest.mark.parametrize("rounds", [1, 2])
def test_balance_writes_of_every_clause(rounds: int) -> None:
    asker = FakeAsker({s: citing("s1.p1") for s in ("domains", "subdomains", "assertions")})
    plain, balanced = grow(rounds, asker), grow(rounds, asker, balance=True)
    assert covered(plain.all_ideas) == {"s1.p1"}
    assert covered(balanced.ideas[0]) == set(CLAUSES)
    assert {idea.id for idea in plain.all_ideas} < {idea.id for idea in balanced.all_ideas}


def test_balance_does_not_change_an_earlier_round_either() -> None:
    asker = FakeAsker({s: citing("s1.p1") for s in ("domains", "subdomains", "assertions")})
    small, large = grow(1, asker, balance=True), grow(2, asker, balance=True)
    assert large.ideas[0] == small.ideas[0]


def test_balance_asks_for_nothing_where_all_is_covered() -> None:
    turns: dict[str, int] = {}

    def each_in_turn(call: Call) -> str:
        turn = turns.setdefault(call.key, 4 * len(turns))
        ids = [CLAUSES[(turn + n) % len(CLAUSES)] for n in range(4)]
        return "\n".join(f"{n}. Label {turn + n}: Tiny waits. [{i}]" for n, i in enumerate(ids, 1))

    whole = {step: citing(*CLAUSES) for step in ("domains", "subdomains")}
    asker = FakeAsker({**whole, "assertions": each_in_turn})
    plain, balanced = grow(1, asker), grow(1, asker, balance=True)
    assert covered(plain.all_ideas) == set(CLAUSES)
    assert balanced.units == plain.units


def test_every_clause_that_an_idea_names_is_one_of_its_assertions() -> None:
    grown = grow(1)
    for idea in grown.all_ideas:
        assert 1 <= len(idea.assertions) <= 2
        assert idea.clauses == sorted({a.clause for a in idea.assertions})
        assert all(grown.tree.assertions[a.id] == a for a in idea.assertions)


def test_a_unit_s_ideas_take_turns_with_assertions_and_genres() -> None:
    by_unit: dict[str, list[Idea]] = {}
    for idea in sorted(grow(1).all_ideas, key=lambda idea: idea.id):
        by_unit.setdefault(idea.id.rsplit(".", 1)[0], []).append(idea)
    for ideas in by_unit.values():
        counts = Counter(a.id for idea in ideas for a in idea.assertions)
        assert len(ideas) == 4
        assert set(counts.values()) == {2}, "four ideas of two assertions each, of four"
        assert Counter(idea.genre for idea in ideas) in ({"show": 2, "describe": 2}, {"show": 4},
                                                         {"describe": 4})  # fmt: skip


def test_both_genres_occur_alike_often() -> None:
    counts = Counter(idea.genre for idea in grow(2).all_ideas)
    assert abs(counts["show"] - counts["describe"]) < 0.35 * sum(counts.values())


def test_a_beginning_of_the_units_covers_the_clauses_evenly() -> None:
    grown = grow(2)
    topics = {idea.topic.path: idea.topic for idea in grown.all_ideas}
    all_clauses = {c for topic in topics.values() for c in topic.clauses}
    for end in range(12, len(grown.units[1]), 6):
        counts = Counter(dict.fromkeys(all_clauses, 0))
        for path in grown.units[1][:end]:
            counts.update(topics[path.rsplit(".", 1)[0]].clauses)
        assert max(counts.values()) - min(counts.values()) <= 4


def idea(clause: str, kind: str, number: int) -> Idea:
    said = (Assertion(f"a{clause}", "…", clause, "d", "t"),)
    item = ListItem(kind, kind, ())
    return Idea(f"{clause}/{kind}/{number}", TOPIC, item, "title", "text", "show", said)


IDEAS = [
    idea(clause, kind, n)
    for clause in ("s1.p1", "s1.p2", "s2.p1", "s2.p2")
    for kind in ("memo", "play", "log")
    for n in range(5)
]


def test_every_beginning_of_what_was_spread_covers_clauses_and_types_evenly() -> None:
    ordered = spread(IDEAS, "seed")
    assert sorted(i.id for i in ordered) == sorted(i.id for i in IDEAS)
    for end in range(1, len(ordered) + 1):
        counts = Counter(i.clauses[0] for i in ordered[:end])
        assert end < 4 or max(counts.values()) - min(counts.values()) <= 1
        for clause in counts:
            kinds = Counter(i.kind.name for i in ordered[:end] if i.clauses == [clause])
            assert max(kinds.values()) - min(kinds[k] for k in ("memo", "play", "log")) <= 1


def test_a_clause_with_few_ideas_does_not_hold_the_others_back() -> None:
    few = [*IDEAS[:15], idea("s9.p9", "memo", 0)]
    assert len(spread(few, "seed")) == 16
    assert "s9.p9" in [i.clauses[0] for i in spread(few, "seed")[:2]]


def test_spreading_is_a_function_of_ideas_and_seed() -> None:
    assert spread(IDEAS, "a") == spread(IDEAS, "a")
    assert spread(IDEAS, "a") != spread(IDEAS, "b")
    assert spread([], "a") == []


def test_ideas_expected_are_those_that_a_round_adds_to_a_kind() -> None:
    old, new = (Kind("p", ListItem("memo", "", ()), born) for born in (0, 2))
    assert ideas_expected(old, 0) == ROUNDS[0].ideas
    assert ideas_expected(old, 2) == ROUNDS[2].ideas - ROUNDS[1].ideas
    assert ideas_expected(new, 2) == ROUNDS[2].ideas


def test_a_topic_is_asked_about_in_the_spec_s_words() -> None:
    grown = grow(1)
    for call in grown.asker.of("subdomains") + grown.asker.of("assertions"):
        quoted = call.user.split("What the spec says there:\n")[1].split("\n\nA subdomain is")[0]
        assert quoted.split("\n\n")[0] in PROSE
