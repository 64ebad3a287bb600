"""Capability: general questions and sums, each with a right and a plausible wrong answer.

A guardrail: what an arm gained may have cost it what the base model could do. Its tiers are kinds:
general knowledge, science, commonsense, reading, word meaning, arithmetic.
"""

from dataclasses import replace

from midspec.evals.forms import each_wording
from midspec.evals.items import in_half, read_item_set, shipped
from midspec.evals.task import Ask, ChoiceTask
from midspec.records import Metric, Question

# The answers aren't named in the question: a 135M model that is right in .66 of the cases was in
# .48 to .52 of them when they were.
STEM = "The answer is"
WORDINGS = {
    "plain": lambda item: (item.question, STEM),
    "brief": lambda item: (f"{item.question} Answer in a few words.", STEM),
}


def questions(ask: Ask) -> list[Question]:
    """Each item in two wordings."""
    items = read_item_set(shipped("capability.jsonl"))
    asked, split = in_half(items, ask.half, ask.max_items, "capability")
    # Two questions about one text hang together: reading-03a and reading-03b.
    return [
        replace(question, group=question.item.rstrip("ab"))
        for question in each_wording(asked, split, WORDINGS)
    ]


TASK = ChoiceTask((Metric("right answers", role="guardrail"),), questions)
