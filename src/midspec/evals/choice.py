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
from midspec.train.templates import render

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


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
        found[question.item].forms.append(question.form)
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
        history, prompt = json.dumps(messages[:-1]), prompt_of(messages, question.stem, tokenizer)
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


def prompt_of(messages: list[dict[str, str]], stem: str, tokenizer: PreTrainedTokenizerBase) -> str:
    """A chat in the model's template, up to the words that begin its answer."""
    # A thinking model answers after an empty thought, as one trained without reasoning was taught.
    return render(tokenizer, messages, thinks=False, prompt=True) + stem


def _with_system(messages: list[dict[str, str]], system: str | None) -> list[dict[str, str]]:
    if system is None:
        return messages
    own = [m["content"] for m in messages[:1] if m["role"] == "system"]
    rest = messages[len(own) :]
    return [{"role": "system", "content": "\n\n".join([system, *own])}, *rest]


def score_forks(model: PreTrainedModel, forks: Sequence[Fork]) -> Iterator[list[float]]:
    """The mean token log-probability of each option of each fork, in nats."""
    from midspec.train.reader import open_reader

    shared = _common_prefix([fork.question for fork in forks])
    reader = open_reader(model, max(map(len, forks)))
    head = model.get_output_embeddings()
    beginning = reader.begin(forks[0].question[:shared]) if shared else None
    for row in _rows(forks, shared, reader.tokens_per_row):
        written = Row(shared)
        for fork in row:
            written.add(fork)
        states_NE = reader.read(
            written.ids, written.positions, written.sight(), written.ends, beginning
        )
        yield from written.scores(states_NE, head)


def _rows(forks: Sequence[Fork], shared: int, most: int) -> list[list[Fork]]:
    """The forks in order, as many to a row as fit in `most` tokens."""
    rows: list[list[Fork]] = [[]]
    tokens = 0
    for fork in forks:
        own = len(fork) - shared
        if rows[-1] and tokens + own > most:
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


class Row:
    """Forks in one row behind `shared` tokens: each token has a parent, and sees what that sees.

    Options that begin alike share their first tokens; the last token of an option is only
    predicted, so it isn't there.
    """

    def __init__(self, shared: int) -> None:
        self.shared = shared
        self.ids: list[int] = []
        self.positions: list[int] = []
        self.parents: list[int] = []  # -1 for a token that follows the shared beginning
        self.wanted: list[list[tuple[int, int]]] = []  # of each option: where, and which token
        self.forks: list[int] = []  # how many options each fork has
        self.ends: list[int] = []  # of each fork's tokens

    def add(self, fork: Fork) -> None:
        """Write a question and its options."""
        last = -1
        for token in fork.question[self.shared :]:
            last = self._token(token, last)
        children: dict[tuple[int, int], int] = {}
        for option in fork.options:
            at, wanted = last, []
            for token, more in zip(option, [*option[1:], None], strict=True):
                wanted.append((at, token))
                if more is not None:
                    if (at, token) not in children:
                        children[at, token] = self._token(token, at)
                    at = children[at, token]
            self.wanted.append(wanted)
        self.forks.append(len(fork.options))
        self.ends.append(len(self.ids))

    def _token(self, token: int, parent: int) -> int:
        self.ids.append(token)
        self.positions.append(self.positions[parent] + 1 if parent >= 0 else self.shared)
        self.parents.append(parent)
        return len(self.ids) - 1

    def sight(self) -> torch.Tensor:
        """True where a token may look in the row (N, N): at its ancestors and itself."""
        import torch

        sees_NN = torch.eye(len(self.ids), dtype=torch.bool)
        for token, parent in enumerate(self.parents):
            if parent >= 0:
                sees_NN[token] |= sees_NN[parent]
        return sees_NN

    def scores(self, states_NE: torch.Tensor, head: Any) -> Iterator[list[float]]:
        """The mean log-probability of each option, fork by fork.

        In bf16 a chance is off by at most 0.002 nats, an eighth of what bf16 logits are off by; a
        log-sum of the whole vocabulary in float32 would take a fifth of all the time.
        """
        import torch

        flat = [pair for option in self.wanted for pair in option]
        asked = list(dict.fromkeys(at for at, _ in flat))
        place = {at: number for number, at in enumerate(asked)}
        device = states_NE.device
        with torch.inference_mode():
            states_PE = states_NE[torch.tensor(asked, device=device)]
            chances_PV = torch.softmax(head(states_PE), dim=-1)
            at_N = torch.tensor([place[at] for at, _ in flat], device=device)
            token_N = torch.tensor([token for _, token in flat], device=device)
            logs = iter(chances_PV[at_N, token_N].float().clamp_min(1e-30).log().tolist())
        means = iter([sum(next(logs) for _ in option) / len(option) for option in self.wanted])
        for count in self.forks:
            yield [next(means) for _ in range(count)]
