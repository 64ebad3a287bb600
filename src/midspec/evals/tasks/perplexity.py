"""Perplexity: the loss on ordinary text, in nats a token; a guardrail.

Sixty paragraphs in twenty registers, none about a value. Training that narrows a model to its
corpus, or breaks it, shows here first. `exp` of a mean loss is its perplexity.
"""

from dataclasses import replace

from midspec.evals.items import in_half, shipped
from midspec.evals.task import Ask, LossTask, Passage
from midspec.files import read_rows
from midspec.records import Metric

WORST = 12.0  # nats; a uniform guess loses 10.8 with 49k tokens and 11.9 with 152k


def passages(ask: Ask) -> list[Passage]:
    """The paragraphs of the half."""
    texts = read_rows(shipped("texts.jsonl"), Passage)
    asked, split = in_half(texts, ask.half, ask.max_items, "perplexity")
    return [replace(text, half=split[text.id]) for text in asked]


TASK = LossTask(
    (
        Metric(
            "loss on ordinary text (nats a token)",
            role="guardrail",
            high=WORST,
            chance=None,
            better="lower",
        ),
    ),
    passages,
)
