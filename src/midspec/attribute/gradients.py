"""The gradients of documents' losses and of items' margins on an adapter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from midspec.evals.choice import fork, prompt_of
from midspec.records import Document, Question
from midspec.resources import given_resources
from midspec.train.batches import Example, encode_documents
from midspec.train.forward import SummedLoss
from midspec.train.model import Trainable

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Weighted = list[tuple[float, list[Example]]]  # rows whose summed loss counts so much


def of_document(
    document: Document, tokenizer: PreTrainedTokenizerBase, max_tokens: int
) -> tuple[Weighted, int]:
    """A document's mean loss over its tokens, as training reads it, and how many these are."""
    rows = encode_documents([document.text], tokenizer, max_tokens, [document.prefix])
    tokens = max(1, sum(sum(row.counted) for row in rows))
    return [(1 / tokens, [row]) for row in rows], tokens


def of_item(questions: Sequence[Question], tokenizer: PreTrainedTokenizerBase) -> Weighted:
    """An item's margin averaged over its forms: the wanted option's mean log-probability a token
    less the other's."""
    rows: dict[float, list[Example]] = {}
    for question in questions:
        prompt = prompt_of(question.messages, question.stem, tokenizer)
        both = fork(prompt, [question.wanted, question.other], tokenizer)
        for option, sign in zip(both.options, (-1, 1), strict=True):  # a loss is −log-probability
            counted = [False] * len(both.question) + [True] * len(option)
            weight = sign / len(option) / len(questions)
            rows.setdefault(weight, []).append(Example([*both.question, *option], counted))
    return list(rows.items())


class Gradients:
    """Takes gradients of weighted losses at one state of an adapter."""

    def __init__(self, trainable: Trainable, longest: int, pad_id: int) -> None:
        self.parameters = trainable.parameters
        self.summed_loss = SummedLoss(trainable.model, longest, pad_id, given_resources())
        self.summed_loss.eval()

    def of(self, weighted: Iterable[tuple[float, Sequence[Example]]]) -> tuple[Tensor, float]:
        """The gradient (P) in float32 on the CPU, and the value itself."""
        total: Tensor | None = None
        value = 0.0
        for weight, rows in weighted:
            loss = self.summed_loss(rows) * weight
            loss.backward()
            # Added up in float32: a margin is a difference, in which bf16 would lose most.
            found = torch.cat([_taken(parameter) for parameter in self.parameters])
            total = found if total is None else total.add_(found)
            value += loss.item()
        assert total is not None
        return total, value


def _taken(parameter: Tensor) -> Tensor:
    gradient, parameter.grad = parameter.grad, None
    found = torch.zeros_like(parameter) if gradient is None else gradient
    return found.detach().flatten().float().cpu()
