"""A plan that is taken from the spec itself, for teachers that can't plan."""

import asyncio
from contextlib import aclosing

from midspec.corpus.author import Author, Style
from midspec.corpus.outline import Outline
from midspec.corpus.prompts import prompt
from midspec.corpus.tree import ROUNDS, Idea, Tree
from midspec.spec.read import clauses
from midspec.write.flow import Needed
from midspec.write.sheet import make_sheet

from .fakes import IDENTITY, PROSE, FakeAsker


def outline(asker: FakeAsker | None = None, spec: str = PROSE, draw: int = 0) -> Outline:
    sheet = make_sheet(spec, clauses(spec))
    return Outline(asker or FakeAsker(), sheet, IDENTITY, draw, prompt, 1)  # type: ignore[arg-type]


def ideas(rounds: int, spec: str = PROSE, draw: int = 0) -> list[list[Idea]]:
    """The ideas that each round adds."""
    tree = Tree(outline(spec=spec, draw=draw), False)

    async def work() -> list[list[Idea]]:
        return [await tree.new_ideas(await tree.units(n), n) for n in range(rounds)]

    return asyncio.run(work())


def test_the_plan_is_the_spec_s_headings_passages_and_sentences() -> None:
    headings = {clause.heading for clause in clauses(PROSE)}
    texts = {clause.id: clause.text for clause in clauses(PROSE)}
    for idea in [idea for some in ideas(2) for idea in some]:
        assert idea.topic.domain in headings
        assert idea.topic.about in texts.values()
        for assertion in idea.assertions:
            assert assertion.text in texts[assertion.clause]


def test_nothing_is_asked_for_the_plan() -> None:
    asker = FakeAsker()
    made = Author(asker, None, outline(asker), Style(planner="spec"), "old")  # type: ignore[arg-type]

    async def first_twelve() -> list[str]:
        needed, found = Needed(12), []
        async with aclosing(made.outcomes(needed)) as outcomes:
            async for outcome in outcomes:
                found.append(outcome.idea.id)
                needed.taken, needed.rows = len(found), 12 - len(found)
                if len(found) == 12:
                    break
        return found

    assert len(set(asyncio.run(first_twelve()))) == 12
    assert {call.step for call in asker.calls} == {"document"}
    assert len(asker.calls) == 12


def test_ideas_differ_by_title_and_are_the_same_every_time() -> None:
    (first,), (same,) = ideas(1), ideas(1)
    assert first == same
    by_unit: dict[str, list[str]] = {}
    for idea in first:
        by_unit.setdefault(idea.id.rsplit(".", 1)[0], []).append(f"{idea.title}: {idea.text}")
    for told in by_unit.values():
        assert len(told) == ROUNDS[0].ideas
        assert len(set(told)) == len(told)


def test_another_draw_takes_other_types() -> None:
    kinds = [{idea.kind.name for idea in ideas(1, draw=draw)[0]} for draw in (0, 1)]
    assert kinds[0] != kinds[1]


def test_a_later_round_adds_what_is_left_and_changes_nothing() -> None:
    (small,), large = ideas(1), ideas(3)
    assert large[0] == small
    ids = [idea.id for some in large for idea in some]
    assert len(set(ids)) == len(ids)
    assert {c for some in large for idea in some for c in idea.clauses} == {
        clause.id for clause in clauses(PROSE)
    }


def test_a_spec_of_one_sentence_has_a_plan() -> None:
    (found,) = ideas(1, spec="Tiny waits for the kettle.")
    assert found
    assert {idea.assertions[0].text for idea in found} == {"Tiny waits for the kettle."}
