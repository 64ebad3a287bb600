"""Forced choice by log-probability: all options of a question in one pass (paper §3, C.3).

What questions begin with (a system prompt, the spec of a reference arm, a conversation so far) is
computed once for all that follow it. Many questions then stand in one row behind it, each followed
by its options, under a mask: a question sees the shared beginning and itself, an option its
question and itself besides. So no token is computed twice, none is padding, and a long beginning
is never copied.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from midspec import progress
from midspec.records import Choice, Question

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

TOKENS_PER_ROW = 512  # more spends more attention on what is masked, fewer leaves cores idle


@dataclass(frozen=True)
class Fork:
    """One question and its possible continuations, as token ids."""

    question: list[int]
    options: Sequence[list[int]]

    def __len__(self) -> int:
        return len(self.question) + sum(len(option) for option in self.options)


def score_questions(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    questions: Sequence[Question],
    system: str | None = None,
) -> list[Choice]:
    """The choices of every item in the order of its first question; `system` is a reference arm's
    prompt, which stands before an item's own system message.

    An option's score is its mean token log-probability, so a longer option isn't punished.
    """
    margins = score_margins(model, tokenizer, questions, system)
    found: dict[str, Choice] = {}
    for question, margin in zip(questions, margins, strict=True):
        if question.item not in found:
            found[question.item] = Choice(
                question.item, question.domain, question.tier, question.half, [], question.group
            )
        found[question.item].margins.append(margin)
    return list(found.values())


def score_margins(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    questions: Sequence[Question],
    system: str | None = None,
) -> list[float]:
    """Each question's margin in nats a token; above 0 prefers the wanted option.

    Questions that differ in their options alone are computed as one; those that go on from the
    same conversation share it.
    """
    # By the conversation so far, then by the whole prompt: its options, each once.
    grouped: dict[str, dict[str, dict[str, None]]] = {}
    places: list[tuple[str, str]] = []
    for question in questions:
        messages = _with_system(question.messages, system)
        history, prompt = json.dumps(messages[:-1]), _prompt(messages, question.stem, tokenizer)
        options = grouped.setdefault(history, {}).setdefault(prompt, {})
        options |= {question.wanted: None, question.other: None}
        places.append((history, prompt))
    scores: dict[tuple[str, str], dict[str, float]] = {}
    total = sum(map(len, grouped.values()))
    for history, prompts in grouped.items():
        forks = [fork(prompt, list(options), tokenizer) for prompt, options in prompts.items()]
        coming = score_forks(model, forks)
        for (prompt, options), found in zip(prompts.items(), coming, strict=True):
            scores[history, prompt] = dict(zip(options, found, strict=True))
            progress.report(len(scores), total, "questions")
    return [
        scores[place][question.wanted] - scores[place][question.other]
        for place, question in zip(places, questions, strict=True)
    ]


def fork(prompt: str, options: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> Fork:
    """A prompt and its options as tokens; an option goes on after a space."""
    question, *tokens = tokenizer(
        [prompt, *(f" {option}" for option in options)], add_special_tokens=False
    )["input_ids"]
    return Fork(question, tokens)


def _prompt(messages: list[dict[str, str]], stem: str, tokenizer: PreTrainedTokenizerBase) -> str:
    """A chat in the model's template, up to the words that begin its answer."""
    # A thinking model answers after an empty thought, as one trained without reasoning was taught.
    prompt = tokenizer.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True, enable_thinking=False
    )
    return str(prompt) + stem


def _with_system(messages: list[dict[str, str]], system: str | None) -> list[dict[str, str]]:
    if system is None:
        return messages
    own = [m["content"] for m in messages[:1] if m["role"] == "system"]
    rest = messages[len(own) :]
    return [{"role": "system", "content": "\n\n".join([system, *own])}, *rest]


def score_forks(model: PreTrainedModel, forks: Sequence[Fork]) -> Iterator[list[float]]:
    """The mean token log-probability of each option of each fork, in nats."""
    import torch

    shared = _common_prefix([fork.question for fork in forks])
    with torch.inference_mode():
        prefix = _prefix_cache(model, forks[0].question[:shared]) if shared else []
    for row in _rows(forks, shared):
        with torch.inference_mode():
            scores = _score_row(model, row, shared, prefix)
        yield from scores


def _rows(forks: Sequence[Fork], shared: int) -> list[list[Fork]]:
    """The forks in order, as many to a row as fit."""
    rows: list[list[Fork]] = [[]]
    tokens = 0
    for fork in forks:
        own = len(fork) - shared
        if rows[-1] and tokens + own > TOKENS_PER_ROW:
            rows.append([])
            tokens = 0
        rows[-1].append(fork)
        tokens += own
    return rows


def _common_prefix(questions: Sequence[list[int]]) -> int:
    """How many tokens all questions share at their start, leaving each at least one of its own."""
    low, high = min(questions), max(questions)
    shared = 0
    while shared < min(len(low), len(high)) - 1 and low[shared] == high[shared]:
        shared += 1
    return min(shared, min(len(question) for question in questions) - 1)


def _prefix_cache(
    model: PreTrainedModel, ids: list[int]
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Keys and values of the shared beginning, a pair for each layer."""
    import torch
    from transformers import DynamicCache

    cache = DynamicCache()
    ids_1T = torch.tensor([ids], device=model.device)
    model.get_decoder()(input_ids=ids_1T, past_key_values=cache, use_cache=True)
    return [(layer.keys, layer.values) for layer in cache.layers]


def _score_row(
    model: PreTrainedModel,
    forks: Sequence[Fork],
    shared: int,
    prefix: list[tuple[torch.Tensor, torch.Tensor]],
) -> list[list[float]]:
    """The options' scores of the forks in one row."""
    import torch
    from transformers import DynamicCache

    T = sum(len(fork) - shared for fork in forks)
    ids: list[int] = []
    positions: list[int] = []
    sees_TT = torch.zeros(T, T, dtype=torch.bool)
    wanted: list[tuple[int, int, int]] = []  # where a token is predicted, the token, its option
    count = 0  # of options so far
    for fork in forks:
        own, start = fork.question[shared:], len(ids)
        after = start + len(own)
        ids += own
        positions += range(shared, len(fork.question))
        sees_TT[start:after, start:after] = True
        for option in fork.options:
            begin, end = len(ids), len(ids) + len(option)
            ids += option
            positions += range(len(fork.question), len(fork.question) + len(option))
            sees_TT[begin:end, start:after] = True
            sees_TT[begin:end, begin:end] = True
            predictors = [after - 1, *range(begin, end - 1)]
            wanted += [(p, t, count) for p, t in zip(predictors, option, strict=True)]
            count += 1
    sees_TT.tril_()
    mask_11TK = torch.cat([torch.ones(T, shared, dtype=torch.bool), sees_TT], dim=1)[None, None]
    cache: Any = None
    if prefix:
        cache = DynamicCache()
        for layer, (keys, values) in enumerate(prefix):
            cache.update(keys, values, layer)
    device = model.device
    hidden_1TE = model.get_decoder()(
        input_ids=torch.tensor([ids], device=device),
        position_ids=torch.tensor([positions], device=device),
        attention_mask=mask_11TK.to(device),
        past_key_values=cache,
        use_cache=cache is not None,
    ).last_hidden_state
    at_N, token_N, option_N = (torch.tensor(column) for column in zip(*wanted, strict=True))
    logits_NV = model.get_output_embeddings()(hidden_1TE[0, at_N])
    log_NV = torch.log_softmax(logits_NV, dim=-1, dtype=torch.float32)
    score_N = log_NV.gather(1, token_N[:, None].to(device))[:, 0].cpu()
    total_O = torch.zeros(count).index_add_(0, option_N, score_N)
    means = iter((total_O / option_N.bincount(minlength=count)).tolist())
    return [[next(means) for _ in fork.options] for fork in forks]
