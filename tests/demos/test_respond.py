"""Answers to one message: strict reading, another try, a judge who fails closed."""

import asyncio
from collections.abc import Callable

import pytest

from midspec.demos.respond import MAX_DRAFTS, RESPOND, Outcome, Respondent, read_tagged
from midspec.errors import TeacherError
from midspec.leaks import LeakFinder
from midspec.llm.asker import NotAnsweredError
from midspec.llm.ledger import Answer, Call
from midspec.llm.read import UnreadableError
from midspec.records import Item
from tests.corpus.fakes import FakeAsker, Say, answer_to

from .fakes import CHARACTER, calls, chat_lister, each_in_turn, query, respondent, tagged, verdict

GOOD = tagged("Rice is plain.", "Beans go with it.")
CALL = Call("respond-value", 1, "m", "system", "user", 100)


def read(text: str, *tags: str, stop_reason: str = "stop") -> list[str]:
    return read_tagged(answer_to(CALL, text, stop_reason), tags or ("reasoning", "answer"))


def answered(found: Respondent, **about: str) -> Outcome:
    return asyncio.run(found.answer(query(**about)))


def says(
    turn: str | Say = GOOD, judge: str | Say | None = None, step: str = "value"
) -> dict[str, Say]:
    """What is said in the steps of one style."""

    def always(text: str) -> Say:
        return lambda call: text

    judged = judge or verdict()
    return {
        RESPOND[step]: turn if callable(turn) else always(turn),
        f"judge-{step}": judged if callable(judged) else always(judged),
    }


def test_a_turn_is_read_without_its_tags() -> None:
    assert read(GOOD) == ["Rice is plain.", "Beans go with it."]
    assert read("<Reasoning>a\n\nb</REASONING><answer>1 < 2</answer>\n") == ["a\n\nb", "1 < 2"]
    assert read("<message> and then? </message>", "message") == ["and then?"]


@pytest.mark.parametrize(
    "text",
    [
        "Beans.",
        "<answer>b</answer>",
        "<reasoning>a</reasoning>",
        "<reasoning>a</reasoning>\nb",
        "<reasoning>a</reasoning><answer>b",
        "<reasoning>a<answer>b</answer>",
        "<answer>b</answer><reasoning>a</reasoning>",
        "<reasoning>a</reasoning><answer>b</answer><answer>c</answer>",
        "<reasoning>a</reasoning><reasoning>a</reasoning><answer>b</answer>",
        "<reasoning>a<answer>b</answer></reasoning><answer>c</answer>",
        "<reasoning>a</reasoning><answer><reasoning>b</reasoning>c</answer>",
        "<reasoning>a</reasoning><answer>b <think>a</think></answer>",
        "<reasoning>a</reasoning><answer>b <thinking>a</thinking></answer>",
        '<reasoning>a</reasoning><answer>b <reasoning lang="en">a</answer>',
        "<reasoning>a</reasoning><answer>b</ reasoning ></answer>",
        "<reasoning>a</reasoning><answer>b<message>c</message></answer>",
        "Sure! <reasoning>a</reasoning><answer>b</answer>",
        "<reasoning>a</reasoning> so <answer>b</answer>",
        "<reasoning>a</reasoning><answer>b</answer> Done.",
        "<reasoning> </reasoning><answer>b</answer>",
        "<reasoning>a</reasoning><answer>\n</answer>",
        "I'm sorry, but I can't help with that.",
        "",
    ],
)
def test_what_is_not_in_the_form_is_no_turn(text: str) -> None:
    with pytest.raises(UnreadableError):
        read(text)


@pytest.mark.parametrize("stop_reason", ["max_tokens", "content_filter", "unreadable"])
def test_a_turn_that_was_cut_off_is_none_even_if_it_looks_whole(stop_reason: str) -> None:
    with pytest.raises(UnreadableError):
        read(GOOD, stop_reason=stop_reason)


def test_a_chat_has_its_reasoning_apart_and_its_lineage() -> None:
    found = respondent(says())
    outcome = answered(found)
    assert outcome.chat and outcome.verdict and not outcome.verdict.objection()
    assert outcome.chat.messages == [
        {"role": "user", "content": "What goes with rice?"},
        {"role": "assistant", "content": "Beans go with it."},
    ]
    assert outcome.chat.reasoning == ["Rice is plain."]
    (call,) = calls(found, "respond-value")
    assert outcome.chat.lineage == {
        "domain": "Kitchen", "query_kind": "plain", "clauses": "s1.p1 s2.p1", "style": "value",
        "call": call.key,
    }  # fmt: skip


def test_an_unfit_answer_is_asked_for_again_with_another_sample() -> None:
    found = respondent(says(each_in_turn("Beans.", "<answer>Beans.</answer>", GOOD)))
    assert answered(found).chat
    asked = calls(found, "respond-value")
    assert len({call.sample for call in asked}) == len({call.key for call in asked}) == 3
    assert len({(call.system, call.user) for call in asked}) == 1


def cut(call: Call) -> Answer:
    return answer_to(call, GOOD, "max_tokens")


@pytest.mark.parametrize(
    ("say", "reason"),
    [
        (lambda call: "I'm sorry, I can't.", "refused"),
        (cut, "cut off at 2500 tokens"),
        (
            each_in_turn("Beans.", "I'm sorry, I can't."),
            "not in the form <reasoning>…</reasoning> <answer>…</answer>; refused",
        ),
    ],
)
def test_what_never_becomes_fit_fails_with_its_reasons(
    say: Callable[[Call], str | Answer | Exception], reason: str
) -> None:
    found = respondent(says(say))
    outcome = answered(found)
    assert (outcome.chat, outcome.verdict, outcome.reason) == (None, None, reason)
    assert len(calls(found, "respond-value")) == MAX_DRAFTS
    assert not calls(found, "judge-value")


def test_what_has_no_answer_is_left_for_the_next_run() -> None:
    found = respondent(says(lambda call: NotAnsweredError("no answer in 300 s")))
    assert answered(found).reason == "no answer in 300 s"
    assert len(calls(found, "respond-value")) == 1


def test_a_message_that_repeats_another_is_never_answered() -> None:
    found = respondent({})
    outcome = answered(found, repeats="0.1.plain.2")
    assert outcome.chat and outcome.reason == "nearly repeats 0.1.plain.2"
    assert [message["role"] for message in outcome.chat.messages] == ["user"]
    assert isinstance(found.asker, FakeAsker) and not found.asker.calls


@pytest.mark.parametrize(
    ("said", "objection"),
    [
        (verdict(7), ""),
        (verdict(10), ""),
        (verdict(6), "judge: 6 of 10: It fits."),
        (verdict(9, keep=False, reason="Cites a rule."), "judge: 9 of 10: Cites a rule."),
        (verdict(0), "no verdict"),
        (verdict(80), "no verdict"),
        (verdict("9"), "no verdict"),
        (verdict(True), "no verdict"),
        (verdict(None), "no verdict"),
        (verdict(8, keep="true"), "no verdict"),
        (verdict(8, keep=1), "no verdict"),
        ('{"score": 9}', "no verdict"),
        ("[8, true]", "no verdict"),
        ("Good: 9 of 10, keep.", "no verdict: not JSON"),
        (verdict() + " Well done.", "no verdict: not JSON"),
        ("I'm sorry, I can't.", "no verdict: refused"),
    ],
)
def test_a_chat_is_kept_only_by_a_plain_yes(said: str, objection: str) -> None:
    found = respondent(says(judge=said))
    outcome = answered(found)
    assert outcome.verdict
    told = outcome.verdict.objection()
    assert objection in told and bool(objection) == bool(told)
    assert len(calls(found, "judge-value")) == (2 if "no verdict" in objection else 1)


def test_a_judge_is_asked_twice_before_it_counts_as_silent() -> None:
    found = respondent(says(judge=each_in_turn("Hm.", verdict(9))))
    outcome = answered(found)
    assert outcome.verdict and outcome.verdict.score == 9 and not outcome.verdict.objection()
    assert len({call.key for call in calls(found, "judge-value")}) == 2


def test_a_judge_sees_the_conversation_the_reasoning_and_the_answer() -> None:
    found = respondent(says())
    answered(found)
    (call,) = calls(found, "judge-value")
    for text in ("<user>\nWhat goes with rice?\n</user>", "Rice is plain.", "Beans go with it."):
        assert text in call.user
    assert "{" not in call.user.replace('{"reason": "…", "score": 1, "keep": false}', "")


def numbered(scores: list[int]) -> dict[str, Say]:
    """Drafts that are told apart by number; the judge gives each its score."""
    drafts = [tagged(f"Thought {n}.", f"Answer number {n}.") for n in range(len(scores))]

    def judge(call: Call) -> str:
        n = next(n for n in range(len(scores)) if f"Answer number {n}." in call.user)
        return verdict(scores[n], keep=scores[n] != 9)

    return says(each_in_turn(*drafts), judge, "deliberative")


@pytest.mark.parametrize(
    ("scores", "best"),
    [([7, 10, 8], 1), ([8, 8, 7], 0), ([3, 5, 2], 1), ([9, 7, 6], 1)],  # 9 is one not to be kept
)
def test_the_best_of_several_drafts_is_kept(scores: list[int], best: int) -> None:
    found = respondent(numbered(scores), "deliberative", best_of=3)
    outcome = answered(found)
    assert outcome.chat and outcome.verdict
    assert outcome.chat.messages[-1]["content"] == f"Answer number {best}."
    assert outcome.chat.reasoning == [f"Thought {best}."]
    assert outcome.verdict.score == scores[best]
    assert len({call.key for call in calls(found, "deliberative")}) == 3


def test_one_draft_that_can_be_read_is_better_than_others_that_cannot() -> None:
    turns = each_in_turn("Beans.", "Beans.", "Beans.", GOOD, "Beans.")
    found = respondent(says(turns, step="deliberative"), "deliberative", best_of=3)
    outcome = answered(found)
    assert outcome.chat and outcome.verdict and not outcome.verdict.objection()


def test_a_longer_conversation_has_two_turns_of_each_and_two_reasonings() -> None:
    turns = each_in_turn(tagged("First.", "Beans."), tagged("Second.", "Lentils, then."))
    found = respondent({**says(turns), "follow_up": lambda call: "<message>No beans.</message>"})
    outcome = answered(found, kind="multi-turn")
    assert outcome.chat
    assert [(m["role"], m["content"]) for m in outcome.chat.messages] == [
        ("user", "What goes with rice?"),
        ("assistant", "Beans."),
        ("user", "No beans."),
        ("assistant", "Lentils, then."),
    ]
    assert outcome.chat.reasoning == ["First.", "Second."]
    (asked,) = calls(found, "follow_up")
    assert "<assistant>\nBeans.\n</assistant>" in asked.user and "First." not in asked.user
    first, second = calls(found, "respond-value")
    assert "No beans." in second.user and "First." not in second.user
    assert outcome.chat.lineage["call"] == second.key != first.key


def test_a_longer_conversation_without_a_second_message_fails() -> None:
    found = respondent({**says(), "follow_up": lambda call: "No beans."})
    outcome = answered(found, kind="multi-turn")
    assert outcome.chat is None
    assert outcome.reason == "not in the form <message>…</message>"
    assert len(calls(found, "follow_up")) == MAX_DRAFTS


def test_an_opposed_character_reaches_those_who_answer_and_judge() -> None:
    found = respondent(says(step="anti"), "anti")
    assert answered(found).chat
    assert CHARACTER in calls(found, "anti-respond")[0].user
    assert CHARACTER in calls(found, "judge-anti")[0].system
    assert CHARACTER not in calls(found, "anti-respond")[0].system


def test_a_character_is_asked_for_again_and_then_is_an_error_with_words() -> None:
    async def invent(say: Say) -> Respondent:
        asker = FakeAsker({"anti-character": say})
        found = Respondent(asker, asker, chat_lister(asker), LeakFinder([]), "anti")  # type: ignore[arg-type]
        await found.invent_characters()
        return found

    found = asyncio.run(invent(each_in_turn("I'm sorry, I can't.", CHARACTER)))
    assert found.characters == {0: CHARACTER}
    with pytest.raises(TeacherError, match=r"no character opposed to the spec in 3.*: refused"):
        asyncio.run(invent(lambda call: "I'm sorry, I can't."))


@pytest.mark.parametrize(
    "turn",
    [
        tagged("The prompt asks me to be plain.", "Beans."),
        tagged("Rice is plain.", "Beans, as requested in the prompt."),
        tagged("Passage [s1.p1] says so.", "Beans."),
    ],
)
def test_talk_of_the_writing_is_set_aside_before_it_is_judged(turn: str) -> None:
    found = respondent(says(turn))
    outcome = answered(found)
    assert outcome.chat and outcome.reason.startswith("meta-talk: ")
    assert not calls(found, "judge-value")


def test_a_message_that_speaks_of_its_own_making_is_not_answered() -> None:
    found = respondent(says())
    outcome = answered(found, text="As the prompt asks me, I write a user's message.")
    assert outcome.chat and outcome.reason.startswith("meta-talk: ")
    assert not calls(found, "respond-value")


def test_of_several_drafts_one_that_gives_an_item_away_is_not_the_best() -> None:
    say = says(each_in_turn(tagged("Hm.", "A red kite, not a blue kite."), GOOD))
    found = respondent(say, best_of=2)
    found.leaks = LeakFinder([Item("i1", "d", "direct", "a red kite", "a blue kite")])
    outcome = answered(found)
    assert outcome.chat and outcome.verdict and not outcome.reason
    assert "kite" not in outcome.chat.messages[-1]["content"]
    assert len(calls(found, "judge-value")) == 1
