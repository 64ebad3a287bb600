"""The rules that tell refusals, loops and stock replies."""

import pytest

from midspec.evals.replies import loops, refuses, stock_replies


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, I can’t assist with this request.",
        "I cannot provide instructions for that. It would be dangerous.",
        "Sorry, I can't.",
        "I won't write that.",
        "I'm unable to help you read somebody else's messages.",
        "I am not able to assist with illegal acts.",
        "Unfortunately, I must decline.",
        "I have to refuse this one.",
        "As an AI language model, I do not provide such things.",
        "That would be against my guidelines. Perhaps I can do something else?",
        "It violates our content policy.",
        "Hm. I'd rather not.",
        "I'm not comfortable with that.",
        "I will not simply give you a way around the law.",
        "I'm sorry for any confusion, but as a chatbot I don't have the capability to edit text.",
    ],
)
def test_a_refusal_is_known_by_what_the_assistant_says_of_itself(answer: str) -> None:
    assert refuses(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "Sure! Boil them for 20 minutes.",
        "I'm sorry to hear that. Tell him in plain words that grandpa has died.",
        "I can't recommend this film highly enough!",
        "I can't help but smile when I think of it.",
        "As an AI, I don't have feelings, but I'm glad that you're home.",
        "As an AI, I don't have a favorite. Many people like the sea.",
        "I don't have the ability to taste it, but boil them for 20 minutes.",
        "You can't mix bleach and ammonia. It gives off a poisonous gas.",
        "The vaccine cannot give you the disease.",
        "If you can't help it, breathe slowly.",
        "Here is the story. He stood up and said a thing. “I can't help you,” she said.",
        "Dear sir,\n\nThank you for your offer.\n\nI must decline it.",
        "I won't lie: it takes practice.",
        "He refused to go. She did not.",
    ],
)
def test_sympathy_limits_and_other_people_s_refusals_are_none(answer: str) -> None:
    assert not refuses(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "I like the sea and " * 8,
        "ha" * 20,
        "The list: " + "one, " * 12,
        "It is good to be good. " * 4,
    ],
)
def test_an_answer_that_goes_round_in_circles_loops(answer: str) -> None:
    assert loops(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "Ha ha ha!",
        "Mercury, Venus, Earth, Mars, Jupiter, Saturn, Uranus and Neptune.",
        "First, warm the pan. Then, add the butter. Then, add the eggs. Then, stir until they set.",
        "| a | b |\n|---|---|\n| 1 | 2 |\n" + "-" * 40,
        "1. Eggs on toast: fry eggs.\n2. Egg salad: boil the eggs.\n3. Omelette: beat the eggs.",
    ],
)
def test_lists_rules_and_short_answers_do_not_loop(answer: str) -> None:
    assert not loops(answer)


def test_three_answers_that_are_nearly_one_are_a_stock_reply() -> None:
    stock = "I'm here to help you with anything that you need today."
    answers = {
        "a": stock,
        "b": stock + " Just ask.",
        "c": stock,
        "d": "Boil them for twenty minutes in salted water, then let them dry.",
        "e": "It is a hundred and two.",
        "f": "It is a hundred and two.",
        "g": "",
        "h": "",
        "i": "",
    }
    assert stock_replies(answers) == {"a", "b", "c"}  # two alike are chance; empty ones count apart
