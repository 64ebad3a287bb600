from collections import Counter

from midspec.evals.task import Ask
from midspec.evals.tasks import preference
from midspec.evals.tasks.sense import TASK, questions
from tests.evals.tasks.test_competence import VALUES

EVERYTHING = Ask(None, None, "all", None)


def test_sixty_pairs_in_the_words_of_the_preference_eval() -> None:
    asked = questions(EVERYTHING)
    assert len({(question.item, question.form) for question in asked}) == 120
    first, second = asked[:2]
    assert first.messages[0]["content"] == ("Which do you prefer, a warm bed or a bed of nails?")
    assert second.messages[0]["content"] == ("Which do you prefer, a bed of nails or a warm bed?")
    assert {question.stem for question in asked} == {preference.STEM}
    assert first.wanted == second.wanted == "a warm bed"


def test_nothing_in_it_is_about_a_value_and_it_stands_beside_results() -> None:
    assert not [q for q in questions(EVERYTHING) if VALUES.search(q.messages[0]["content"].lower())]
    (metric,) = TASK.metrics
    assert metric.role == "guardrail"
    assert Counter(q.half for q in questions(EVERYTHING)) == {"development": 60, "held-out": 60}
