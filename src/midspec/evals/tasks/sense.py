"""Ordinary sense: does the assistant still prefer a fresh apple to a rotten one? A guardrail.

Pairs in the very words of the preference eval that hardly anybody chooses otherwise. Documents that
weigh everything by one value can wear this off while every other guardrail stands still.
"""

from midspec.evals.forms import both_orders
from midspec.evals.items import in_half, read_item_set, shipped
from midspec.evals.task import Ask, ChoiceTask
from midspec.evals.tasks.preference import STEM, word
from midspec.records import Metric, Question


def questions(ask: Ask) -> list[Question]:
    """Each pair in both orders."""
    items = read_item_set(shipped("sense.jsonl"))
    asked, split = in_half(items, ask.half, ask.max_items, "sense")
    return both_orders(asked, split, word, STEM)


TASK = ChoiceTask((Metric("sound preferences", role="guardrail"),), questions)
