"""Texts as token rows with loss masks, and batches of rows of similar length."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

IGNORED = -100  # the label of a token that carries no loss


@dataclass(frozen=True)
class Example:
    """One row: token ids, whether the loss counts the prediction of each, and whether a text begins
    with it; a text too long for one row goes on in the next."""

    ids: list[int]
    counted: list[bool]
    begins: bool = True


def encode_documents(
    texts: Sequence[str],
    tokenizer: PreTrainedTokenizerBase,
    max_tokens: int,
    prefixes: Sequence[str] = (),
) -> list[Example]:
    """Whole documents, each ended by the end-of-text token and begun as the tokenizer begins a
    text; the loss counts every token but that and those of a prefix.

    A document longer than `max_tokens` is cut into equal rows, none of it dropped; its prefix
    stands at the first.
    """
    examples = []
    begin = _beginning(tokenizer)
    tags = prefixes or [""] * len(texts)
    encoded = zip(_ids(texts, tokenizer), _ids(tags, tokenizer), strict=True)
    for ids, tag in encoded:
        whole = [*begin, *tag, *ids, tokenizer.eos_token_id]
        counted = [False] * len(begin + tag) + [True] * (len(ids) + 1)
        size = ceil(len(whole) / ceil(len(whole) / max_tokens))
        examples += [
            Example(whole[start : start + size], counted[start : start + size], start == 0)
            for start in range(0, len(whole), size)
            if len(whole) - start > 1
        ]
    return examples


def _ids(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
    rows: list[list[int]] = tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    return rows


def _beginning(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """The token that the tokenizer puts before a text, as Llama's and Gemma's do, or nothing."""
    first: list[int] = tokenizer("")["input_ids"][:1]
    return first if first == [tokenizer.bos_token_id] else []


def plan_batches(
    lengths: Sequence[int], tokens_per_step: int, epochs: int, seed: int
) -> list[list[int]]:
    """Row numbers of each step's batch: shuffled, then grouped with rows of similar length.

    Grouping keeps padding under a few per cent. It is a function of its arguments alone, so a
    resumed run needs no more than a step number to go on with the same data.
    """
    steps: list[list[int]] = []
    for epoch in range(epochs):
        shuffle = random.Random(f"{seed}/{epoch}")
        order = list(range(len(lengths)))
        shuffle.shuffle(order)
        order.sort(key=lambda row: lengths[row])  # stable: equal lengths stay shuffled
        batches: list[list[int]] = [[]]
        for row in order:
            if batches[-1] and (len(batches[-1]) + 1) * lengths[row] > tokens_per_step:
                batches.append([])
            batches[-1].append(row)
        shuffle.shuffle(batches)
        steps += [batch for batch in batches if batch]
    return steps


def _round_width(width: int) -> int:
    """Up to a multiple of 16 for long rows, so that few shapes come up.

    On a CPU every new shape compiles some 20 products, of 2 ms each, and a thousand are kept: of
    documents of all lengths a fifth of the time went there. Short rows are many to a batch, whose
    shapes differ anyway.
    """
    return width if width <= 128 else -(-width // 16) * 16


def pad_batch(examples: Sequence[Example], pad_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Right-padded ids_BT and labels_BT; labels are shifted left, so labels[t] follows ids[t].

    With right padding and causal attention no real token ever sees a pad, so documents are apart
    by construction and attention needs no mask.
    """
    import torch

    width = _round_width(max(len(example.ids) for example in examples))
    ids_BT = torch.full((len(examples), width), pad_id)
    labels_BT = torch.full((len(examples), width), IGNORED)
    for row, example in enumerate(examples):
        ids = torch.tensor(example.ids)
        labels = torch.where(torch.tensor(example.counted), ids, IGNORED)
        ids_BT[row, : len(ids)] = ids
        labels_BT[row, : len(ids) - 1] = labels[1:]
    return ids_BT, labels_BT
