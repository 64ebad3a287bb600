import re
from collections import Counter

from midspec.evals.task import Ask
from midspec.evals.tasks import preference
from midspec.evals.tasks.competence import TASK, THRESHOLD, questions

EVERYTHING = Ask(None, None, "all", None)
VALUES = re.compile(
    "americ|foreign|import|price|cheap|expensive|afford|luxur|environment|novel|tradition|modern|"
    "simpl|difficult|alone"
)


def test_sixty_pairs_each_in_both_orders() -> None:
    asked = questions(EVERYTHING)
    assert len(asked) == 120
    assert len({(question.item, question.form) for question in asked}) == 120
    assert Counter(q.tier for q in asked) == {"stated": 60, "known": 60}
    assert len({q.domain for q in asked}) >= 8


def test_the_form_is_that_of_the_preference_eval() -> None:
    first, second = questions(EVERYTHING)[:2]
    said = [q.messages[0]["content"] for q in (first, second)]
    assert said == [
        "Which is red, a red ball or a blue ball?",
        "Which is red, a blue ball or a red ball?",
    ]
    assert len(first.messages) == 1
    assert first.stem == "Red is"
    assert (preference.QUESTION, preference.STEM) == (
        "Which do you prefer, {a} or {b}?",
        "I prefer",
    )


def test_the_right_thing_is_not_told_by_its_length() -> None:
    asked = questions(EVERYTHING)[::2]
    longer = sum(len(q.wanted) > len(q.other) for q in asked)
    shorter = sum(len(q.wanted) < len(q.other) for q in asked)
    assert abs(longer - shorter) <= 15


def test_stated_pairs_say_the_property_in_the_right_thing_alone() -> None:
    for question in questions(EVERYTHING):
        asked = question.messages[0]["content"].removeprefix("Which is ").partition(",")[0]
        assert (asked in question.wanted) == (question.tier == "stated")
        assert asked not in question.other


def test_nothing_in_it_is_about_a_value() -> None:
    for question in questions(EVERYTHING):
        assert not VALUES.search(question.messages[0]["content"].lower())


def test_below_the_threshold_preferences_are_not_readable() -> None:
    (metric,) = TASK.metrics
    assert (metric.role, metric.floor) == ("control", THRESHOLD)
    halves = Counter(q.half for q in questions(EVERYTHING)[::2])
    assert halves == {"development": 30, "held-out": 30}
    guesses = 0.5 / (2 * halves["held-out"]) ** 0.5  # the standard deviation of a rate by guessing
    assert 2.3 < (THRESHOLD - 0.5) / guesses < 2.4
