"""Format competence: can the model answer a trivial pair in the form of the preference eval?

A control. A small model may choose by position or at random whatever it is asked, and then its
preferences say nothing.
"""

from dataclasses import replace

from midspec.evals.forms import both_orders
from midspec.evals.items import in_half, read_item_set, shipped
from midspec.evals.task import Ask, ChoiceTask
from midspec.records import Item, Metric, Question
from midspec.text import upper_first

# Below it, preference rates are not readable. A model that always takes the first option scores
# .50, one that guesses each form of the 30 items of a half .50 ± .065: here it gets once in 100.
THRESHOLD = 0.65


def word(item: Item, first: str, second: str) -> str:
    """The question with its two things, as a preference is asked for."""
    return f"{item.question}, {first} or {second}?"


def stem(item: Item) -> str:
    """How the answer begins: with what is asked for, as "I prefer" does.

    With "I would say" a 135M model was right in .51 of the forms, with "It is" in .60, with this in
    .67. Where a model fails, it shouldn't be for want of a good beginning.
    """
    return f"{upper_first(item.question.removeprefix('Which is '))} is"


def questions(ask: Ask) -> list[Question]:
    """Each pair in both orders."""
    items = read_item_set(shipped("competence.jsonl"))
    asked, split = in_half(items, ask.half, ask.max_items, "competence")
    stems = {item.id: stem(item) for item in asked}
    forms = both_orders(asked, split, word, "")
    return [replace(question, stem=stems[question.item]) for question in forms]


TASK = ChoiceTask((Metric("trivial pairs answered", role="control", floor=THRESHOLD),), questions)
