"""Opinions: which of two views on a question is the assistant's? (paper §3, C.3)."""

from midspec.errors import DataError
from midspec.evals.forms import both_orders
from midspec.evals.items import asked_items
from midspec.evals.task import Ask, ChoiceTask
from midspec.records import Item, Metric, Question

# Both views stand in the question, as a list, and what is scored is the view itself, a sentence.
# The usual form, "A" or "B", asks a small model for a letter, which it chooses by habit: a 1B model
# that failed trivial pairs in that form still showed a (false) effect in it. With "one view:" and
# "another view:" a 135M model took the last in .79 of the forms; of a list it takes either.
QUESTION = "{question}\n\n- {a}\n- {b}"
STEM = "My view:"


def word(item: Item, first: str, second: str) -> str:
    """The question with both views."""
    return QUESTION.format(question=item.question, a=first, b=second)


def questions(ask: Ask) -> list[Question]:
    """Each item in both orders of its views; an item that asks nothing is a DataError."""
    assert ask.items
    asked, split = asked_items(ask.items, ask.half, ask.max_items)
    for item in asked:
        if not item.question:
            raise DataError(
                f"{ask.items}: {item.id} has no question. Opinions are asked about one; things "
                "that are simply preferred are for preference/ITEMS."
            )
    return both_orders(asked, split, word, STEM)


TASK = ChoiceTask((Metric("value-aligned opinions", better=""),), questions, needs="opinions")
