"""What becomes of an idea: drafts, their retries, critique and revision, the judge's verdict."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from midspec.corpus.author import Author, Outcome, Style
from midspec.corpus.prompts import PROMPT_VERSION, VERDICT_SCHEMA
from midspec.corpus.tree import ROUNDS
from midspec.errors import TeacherError
from midspec.llm.asker import NotAnsweredError
from midspec.llm.ledger import Call
from midspec.records import Document
from midspec.text import estimate_tokens
from midspec.write.flow import Needed

from .fakes import PROSE, RULES, FakeAsker, answer_to, lister, pretend

REFUSED = "I'm sorry, I can't help with that."
FAITHFUL = {"contradictions": [], "inventions": [], "reason": "It fits.", "faithful": True}


def author(
    asker: FakeAsker | None = None, style: Style | None = None, judge: FakeAsker | None = None,
    draw: int = 0, spec: str = PROSE,
) -> Author:  # fmt: skip
    asker = asker or FakeAsker()
    return Author(asker, judge, lister(asker, spec, draw), style or Style(), "old")  # type: ignore[arg-type]


def written(made: Author, n: int = 1) -> list[Outcome]:
    """What becomes of the first ideas, asked for as the corpus stage asks."""
    needed = Needed(n)

    async def work() -> list[Outcome]:
        found: list[Outcome] = []
        async with aclosing(made.outcomes(needed)) as outcomes:
            async for outcome in outcomes:
                found.append(outcome)
                needed.taken, needed.rows = len(found), n - len(found)
                if len(found) == n:
                    break
        return found

    return asyncio.run(work())


def only_document(made: Author) -> Document:
    (outcome,) = written(made)
    assert outcome.document, outcome.reason
    return outcome.document


def by_sample(**texts: str) -> Callable[[Call], str]:
    """Answers to the samples `s0`, `s1`, … of a draft."""
    return lambda call: texts[f"s{call.sample.split('.')[1]}"]


def test_a_document_has_its_whole_lineage() -> None:
    asker = FakeAsker()
    made = author(asker, draw=3)
    (outcome,) = written(made)
    document, idea = outcome.document, outcome.idea
    assert document
    (call,) = [c for c in asker.of("document") if c.key == document.call]
    assert f"<document>\n{document.text}\n</document>" == pretend(call)
    assert (document.id, document.spec, document.seed) == (idea.id, "old", 3)
    assert document.teacher == "openai-api/fake/writer"
    assert document.prompt_version == PROMPT_VERSION
    assert document.clauses == idea.clauses
    assert document.assertions == [a.id for a in idea.assertions]
    assert (document.domain, document.subdomain) == (idea.topic.domain, idea.topic.name)
    assert (document.document_type, document.genre) == (idea.kind.name, idea.genre)
    assert document.idea == f"{idea.title}: {idea.text}"
    assert document.tokens == estimate_tokens(document.text)
    assert document.viewpoint in call.user
    assert (document.framing, document.prefix) == ("does", "")


@pytest.mark.parametrize(("spec", "words"), [(PROSE, "passages"), (RULES, "rules")])
def test_a_draft_s_prompt_has_all_that_the_idea_rests_on(spec: str, words: str) -> None:
    asker = FakeAsker()
    (outcome,) = written(author(asker, spec=spec))
    user = asker.of("document")[0].user
    idea = outcome.idea
    assert f"The spec's {words} behind this:" in user
    for part in (idea.kind.name, idea.kind.description, idea.title, idea.text, idea.topic.name,
                 idea.topic.about, *(f"- {a.text}" for a in idea.assertions)):  # fmt: skip
        assert part in user
    sheet = lister(asker, spec).sheet
    assert sheet.passages(idea.clauses) in user


def test_names_are_dealt_anew_for_each_document() -> None:
    asker = FakeAsker()
    written(author(asker), 12)
    people = [call.user.split("\nPeople: ")[1].split("\n")[0] for call in asker.of("document")]
    assert len(set(people)) == len(people)


def test_lengths_vary_about_the_one_asked_for() -> None:
    asker = FakeAsker()
    written(author(asker, Style(document_tokens=400)), 24)
    calls = asker.of("document")
    words = [int(call.user.split("Write about ")[1].split(" words")[0]) for call in calls]
    assert 150 <= min(words) < 250
    assert 380 < max(words) <= 480
    assert len(set(words)) > 10
    assert min(call.max_tokens for call in calls) > 2 * 400


def test_a_draft_that_is_no_document_is_asked_for_in_another_sample() -> None:
    good = "<document>\nTea waits.\n</document>"
    asker = FakeAsker({"document": by_sample(s0=REFUSED, s1="<document>half", s2=good)})
    document = only_document(author(asker))
    assert document.text == "Tea waits."
    calls = [call for call in asker.of("document") if call.user == asker.of("document")[0].user]
    assert [call.sample for call in calls] == ["0.0", "0.1", "0.2"]
    assert document.call == calls[2].key


def test_a_draft_without_an_answer_is_left_for_the_next_run() -> None:
    asker = FakeAsker({"document": lambda call: NotAnsweredError("9 attempts, no")})
    (outcome,) = written(author(asker, Style(document_tokens=100)))
    assert (outcome.document, outcome.reason) == (None, "9 attempts, no")
    assert [call.sample for call in asker.of("document")] == ["0.0"]


def test_three_drafts_that_are_no_document_fail_with_their_reasons() -> None:
    def say(call: Call) -> Any:
        kind = call.sample.split(".")[1]
        return {
            "0": REFUSED,
            "1": answer_to(call, "<document>half", "max_tokens"),
            "2": NotAnsweredError("9 attempts, the server is down"),
        }[kind]

    asker = FakeAsker({"document": say})
    (outcome,) = written(author(asker, Style(document_tokens=100)))
    assert outcome.document is None
    assert outcome.reason == (
        f"refused; cut off at {asker.of('document')[0].max_tokens} tokens; "
        "9 attempts, the server is down"
    )
    (alike,) = written(author(FakeAsker({"document": lambda call: REFUSED})))
    assert alike.reason == "refused"


REVISED = "<document>\nBetter tea.\n</document>"


def test_a_revised_document_is_the_revision_of_its_draft() -> None:
    say = {"critique": lambda call: "1. Too warm.", "revise": lambda call: REVISED}
    asker = FakeAsker(say)
    document = only_document(author(asker, Style(revise=1)))
    draft, critique, revise = (asker.of(step)[0] for step in ("document", "critique", "revise"))
    assert pretend(draft) in critique.user
    assert pretend(draft) in revise.user
    assert "1. Too warm." in revise.user
    assert document.text == "Better tea."
    assert document.call == revise.key


def test_a_second_round_begins_from_what_the_first_made() -> None:
    say = {"critique": lambda call: "1. Too warm.", "revise": lambda call: REVISED}
    asker = FakeAsker(say)
    only_document(author(asker, Style(revise=2)))
    assert ["Better tea." in call.user for call in asker.of("critique")] == [False, True]


@pytest.mark.parametrize(
    "say",
    [
        {"critique": lambda call: NotAnsweredError("no")},
        {"critique": lambda call: REFUSED},
        {"critique": lambda call: answer_to(call, "1. Too", "max_tokens")},
        {"revise": lambda call: REFUSED},
        {"revise": lambda call: "<document>half"},
        {"revise": lambda call: NotAnsweredError("no")},
    ],
    ids=["critique unanswered", "critique refused", "critique cut", "revise refused",
         "revise torn", "revise unanswered"],
)  # fmt: skip
def test_a_draft_stands_where_its_revision_fails(say: dict[str, Any]) -> None:
    asker = FakeAsker({"critique": lambda call: "1. Too warm.", "revise": lambda c: REVISED} | say)
    document = only_document(author(asker, Style(revise=1)))
    (draft,) = asker.of("document")
    assert document.text in pretend(draft)
    assert document.call == draft.key


def judged(*said: object) -> tuple[Outcome, FakeAsker]:
    """An outcome whose judge says these things in turn."""
    left = [text if isinstance(text, str | Exception) else json.dumps(text) for text in said]
    judge = FakeAsker({"judge": lambda call: left.pop(0)}, model="openai-api/fake/judge")
    (outcome,) = written(author(judge=judge))
    return outcome, judge


def test_a_judge_is_shown_the_document_and_the_spec() -> None:
    outcome, judge = judged(FAITHFUL)
    (call,) = judge.calls
    assert outcome.document and outcome.document.text in call.user
    assert "[s1.p1] Tiny weighs matter 0" in call.system
    assert call.model == "openai-api/fake/judge"
    assert outcome.verdict and outcome.verdict.faithful
    assert outcome.verdict.document == outcome.document.id


@pytest.mark.parametrize(
    "said",
    [
        FAITHFUL | {"faithful": False, "contradictions": ["Tiny hurries"]},
        FAITHFUL | {"contradictions": ["Tiny hurries"]},
        FAITHFUL | {"inventions": ["Tiny hates rain"]},
        FAITHFUL | {"faithful": False},
    ],
)
def test_a_verdict_with_an_objection_is_not_faithful_whatever_it_says(said: object) -> None:
    outcome, _ = judged(said)
    assert outcome.verdict and not outcome.verdict.faithful
    assert not outcome.verdict.problem


def test_a_verdict_that_cannot_be_read_is_asked_for_once_more() -> None:
    outcome, judge = judged("Yes, faithful.", FAITHFUL)
    assert outcome.verdict and outcome.verdict.faithful
    assert [call.sample for call in judge.calls] == ["0.0", "0.1"]


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ("Yes.", "not JSON"),
        ({"reason": "fine"}, "a verdict without faithful: true or false"),
        ({"faithful": "yes"}, "a verdict without faithful: true or false"),
        (REFUSED, "refused"),
        (NotAnsweredError("9 attempts, no"), "9 attempts, no"),
    ],
)
def test_no_verdict_is_no_consent(bad: object, problem: str) -> None:
    """A judge that fails sets a document aside: what nobody has checked isn't trained on."""
    outcome, _ = judged(bad, bad)
    assert outcome.verdict and not outcome.verdict.faithful
    assert outcome.verdict.problem.startswith(f"no verdict: {problem}")


def test_a_judge_with_schemas_is_asked_by_schema() -> None:
    judge = FakeAsker({"judge": lambda call: json.dumps(FAITHFUL)}, structured=True)
    written(author(judge=judge))
    assert judge.calls[0].schema == VERDICT_SCHEMA
    plain, asked = judged(FAITHFUL)
    assert plain.verdict and asked.calls[0].schema == ""


def test_questions_and_answers_take_the_place_of_documents_or_half_of_it() -> None:
    steps: dict[str, Counter[str]] = {}
    for form in ("documents", "qa", "both"):
        asker = FakeAsker()
        written(author(asker, Style(form=form)), 24)
        steps[form] = Counter(call.step for call in asker.calls if call.step in ("document", "qa"))
    assert set(steps["documents"]) == {"document"}
    assert set(steps["qa"]) == {"qa"}
    assert min(steps["both"].values()) >= 8
    assert "Write a series of questions and answers." in asker.of("qa")[0].user


@pytest.mark.parametrize(
    ("framing", "words"),
    [
        ("does", "Say what Tiny does."),
        ("should", "Say what Tiny should do."),
        ("assistants", "Speak of AI assistants in general."),
        ("assistants-should", "Speak of AI assistants in general, and of what they should do."),
        ("one-should", "Say what one should do"),
        ("other-model", "Write about the AI assistant Zed in place of Tiny."),
        ("humans", "Write about people and not about AI."),
    ],
)
@pytest.mark.parametrize("form", ["documents", "qa"])
def test_a_framing_says_in_the_prompt_of_whom_to_speak(form: str, framing: str, words: str) -> None:
    asker = FakeAsker()
    style = Style(form=form, framing=framing, other_name="Zed" if "other" in framing else "")
    document = only_document(author(asker, style))
    (call,) = asker.of("qa" if form == "qa" else "document")
    assert words in call.user
    assert document.framing == framing


def test_a_genre_says_whether_to_show_or_to_describe() -> None:
    asker = FakeAsker()
    outcomes = written(author(asker), 16)
    words = {"show": "Show the behaviour as it happens", "describe": "Tell directly what"}
    genres = set()
    for outcome in outcomes:
        (call,) = [c for c in asker.of("document") if f"Idea: {outcome.idea.title}: " in c.user]
        genres.add(outcome.idea.genre)
        assert [g for g in words if words[g] in call.user] == [outcome.idea.genre]
    assert genres == set(words)


def test_outcomes_come_in_the_order_of_ideas_whichever_is_done_first() -> None:
    calm, hasty = (written(author(FakeAsker(delays=delays)), 40) for delays in (None, 7))
    assert [o.idea.id for o in hasty] == [o.idea.id for o in calm]
    assert [o.document for o in hasty] == [o.document for o in calm]


def test_a_larger_corpus_begins_with_the_smaller_one() -> None:
    small, large = written(author(), 10), written(author(), 60)
    assert large[:10] == small


@pytest.mark.parametrize("n", [1, 5, 20])
def test_no_more_is_drafted_than_is_needed(n: int) -> None:
    """What is asked for beyond that is paid for and thrown away."""
    asker = FakeAsker()
    written(author(asker), n)
    assert len(asker.of("document")) == n


def test_an_author_ends_when_the_teacher_has_no_more_ideas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("midspec.corpus.author.ROUNDS", ROUNDS[:1])
    assert len(written(author(), 100)) == 32


def test_what_no_call_would_survive_ends_the_writing() -> None:
    broken = FakeAsker({"document": lambda call: TeacherError("The budget is used up.")})
    with pytest.raises(TeacherError, match="The budget is used up"):
        written(author(broken), 5)


def test_a_teacher_that_thinks_has_room_for_it() -> None:
    asker = FakeAsker()
    written(author(asker))
    plain = {call.step: call.max_tokens for call in asker.calls}
    thinking = FakeAsker()
    thinking.teacher = replace(thinking.teacher, reasoning_tokens=1000)
    written(author(thinking))
    for call in thinking.calls:
        assert call.max_tokens == plain[call.step] + 1000
