"""What a chat template writes around the assistant's turns, found out by rendering stand-ins.

A template is a program: it may trim texts, keep reasoning or drop it, rewrite earlier turns once
there are later ones. So nothing about it is assumed. Each turn is rendered as the last one, after
the prompt that a model is given before it answers, and must come out as the stand-ins did.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, groupby, pairwise
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateError

from midspec.errors import DataError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

REASONING = "reasoning_content"  # the message key that thinking models' templates read
QUESTION, THOUGHT, ANSWER = (f"\ue000{word}\ue001" for word in ("question", "thought", "answer"))
MARKS = re.compile(r"\{%[-+]?\s*generation\s*[-+]?%\}")

Message = dict[str, str]


@dataclass(frozen=True)
class Rendered:
    """A chat as text, and where the assistant's turns stand in it, each with its end."""

    text: str
    spans: list[tuple[int, int]]

    def pieces(self) -> list[str]:
        """The text in parts: in turn what isn't the assistant's, and what is."""
        cuts = [0, *chain.from_iterable(self.spans), len(self.text)]
        return [self.text[start:stop] for start, stop in pairwise(cuts)]


@dataclass(frozen=True)
class Frame:
    """What stands around an answer: the prompt's last part, then what the model itself writes.

    `lead` stands before the reasoning, `middle` between it and the answer; without reasoning
    `lead` stands before the answer. `end` goes up to the end-of-turn token.
    """

    prompt: str
    lead: str
    middle: str
    end: str

    def measure(self, text: str, message: Message) -> int | None:
        """The length of the turn with which `text` begins; None if it isn't what was said.

        Templates may trim what they are given, so white space at the edges is free.
        """
        thought, answer = message.get(REASONING, "").strip(), message["content"].strip()
        at = 0
        for part in (self.lead, thought, self.middle, answer, self.end):
            while not text.startswith(part, at):
                if not text[at : at + 1].isspace():
                    return None
                at += 1
            at += len(part)
        return at


@dataclass(frozen=True)
class Template:
    """A tokenizer with its chat template, and what was found out about that."""

    tokenizer: Any
    frames: dict[bool, Frame]  # by whether a turn has reasoning
    marked: bool  # whether it has generation marks
    reserved: re.Pattern[str]  # the tokens that give a chat its structure

    @property
    def reasons(self) -> bool:
        """Whether it has a place for reasoning."""
        return True in self.frames

    def frame(self, message: Message) -> Frame:
        """What stands around this answer."""
        return self.frames[REASONING in message]

    def by_marks(self, messages: Sequence[Message]) -> Rendered | None:
        """The chat as the template writes and marks it; None where the marks aren't right.

        A marked run must begin right after the prompt for its turn and hold the turn with its end.
        """
        if not self.marked:
            return None
        thinks = any(REASONING in message for message in messages)
        text = render(self.tokenizer, messages, thinks)
        encoded = self.tokenizer.apply_chat_template(
            messages,
            return_dict=True,
            return_assistant_tokens_mask=True,
            enable_thinking=thinks,
            tokenizer_kwargs={"return_offsets_mapping": True},
        )
        tokens = zip(encoded["assistant_masks"], encoded["offset_mapping"], strict=True)
        runs = [list(run) for marked, run in groupby(tokens, key=lambda token: token[0]) if marked]
        answers = [message for message in messages if message["role"] == "assistant"]
        spans = []
        for message, run in zip(answers, runs, strict=False):
            start, stop = run[0][1][0], run[-1][1][1]
            frame = self.frame(message)
            size = frame.measure(text[start:stop], message)
            if size is None or not text[:start].endswith(frame.prompt):
                return None
            spans.append((start, start + size))
        return Rendered(text, spans) if len(runs) == len(answers) else None

    def by_turns(self, messages: Sequence[Message]) -> Rendered:
        """The chat turn by turn, each as the template writes it while it is the last one.

        That is the template's own text of the whole, unless it rewrites earlier turns: then they
        stay here as the model would have written them, after the prompts that it would have had.
        """
        text, rest, last = "", "", -1
        spans = []
        for index, message in enumerate(messages):
            if message["role"] != "assistant":
                continue
            prompt, turn = self._turn(messages, index)
            size = self.frame(message).measure(turn, message)
            if size is None:
                raise DataError(
                    f"The chat template writes turn {index + 1} as {_short(turn)}, which isn't its "
                    "text between what the template writes around every answer, so a loss mask "
                    "might be wrong. Take the chat out, or use a template that keeps texts."
                )
            if prompt.startswith(text):
                text = prompt
            else:
                text += self._between(messages, last, index, prompt)
            spans.append((len(text), len(text) + size))
            text, rest, last = text + turn[:size], turn[size:], index
        return Rendered(text + rest, spans)

    def _turn(self, messages: Sequence[Message], index: int) -> tuple[str, str]:
        """The prompt that asks for a turn, and the turn after it, while it is the last one."""
        parts = _prompt_and_turn(self.tokenizer, messages[: index + 1])
        if parts is None:
            raise DataError(
                f"The chat template doesn't render turn {index + 1} after the prompt that it "
                "writes for it, so the assistant's tokens can't be told apart. Take the chat out, "
                "or use a template whose prompt (add_generation_prompt) begins the answer's text."
            )
        return parts

    def _between(self, messages: Sequence[Message], last: int, index: int, prompt: str) -> str:
        """What stands between an answer that the template rewrites and the prompt of the next."""
        stand_in = {"role": "assistant", "content": ANSWER}
        thinks = REASONING in messages[index]
        before = [*messages[:last], stand_in, *messages[last + 1 : index]]
        _, _, after = render(self.tokenizer, before, thinks, prompt=True).rpartition(ANSWER)
        end = self.frame(messages[last]).end
        if not (after.startswith(end) and prompt.endswith(after)):
            raise DataError(
                f"The chat template writes turn {last + 1} in another way once turn {index + 1} "
                "follows, so the assistant's tokens can't be told apart. Use a template that "
                "doesn't rewrite earlier turns, or chats of one turn."
            )
        return after.removeprefix(end)


def read_template(tokenizer: PreTrainedTokenizerBase) -> Template:
    """What a tokenizer's chat template does; found out once for each."""
    return _read(tokenizer, tokenizer.get_chat_template())


@lru_cache(maxsize=4)
def _read(tokenizer: Any, source: str) -> Template:
    question = {"role": "user", "content": QUESTION}
    answer = {"role": "assistant", "content": ANSWER}
    thoughtful = answer | {REASONING: THOUGHT}
    frames = {False: _frame(tokenizer, [question, answer])}
    if THOUGHT in render(tokenizer, [question, thoughtful], thinks=True):
        frames[True] = _frame(tokenizer, [question, thoughtful])
    written = "".join(f.prompt + f.lead + f.middle + f.end for f in frames.values())
    reserved = set(tokenizer.all_special_tokens)
    for token in tokenizer.added_tokens_decoder.values():
        word = str(token)  # some tokenizers add plain words, or runs of spaces
        if token.special or (word in written and re.search(r"[^\w\s]", word)):
            reserved.add(word)
    pattern = "|".join(re.escape(token) for token in sorted(reserved, key=len, reverse=True))
    return Template(tokenizer, frames, bool(MARKS.search(source)), re.compile(pattern or "(?!)"))


def _frame(tokenizer: Any, stand_ins: Sequence[Message]) -> Frame:
    """What a template writes around the stand-in for an answer."""
    found = _prompt_and_turn(tokenizer, stand_ins)
    if found is None:
        raise DataError(
            "The prompt that the chat template writes (add_generation_prompt) isn't how its own "
            "text of an answer begins, so training and use would differ. Use another template."
        )
    prompt, turn = found
    lead, middle = "", ""
    if REASONING in stand_ins[-1]:
        lead, _, turn = turn.partition(THOUGHT)
        middle, answered, rest = turn.partition(ANSWER)
    else:
        lead, answered, rest = turn.partition(ANSWER)
    if not answered:
        raise DataError(
            "The chat template doesn't write an answer as it is given, so the assistant's tokens "
            "can't be told apart. Use another template."
        )
    added = [str(token) for token in tokenizer.added_tokens_decoder.values()]
    ends = [token for token in added if rest.lstrip().startswith(token)]
    if not ends:
        raise DataError(
            f"The chat template writes {_short(rest)} after an answer: no end-of-turn token of "
            "the tokenizer, so a model would never learn to stop. Use another template."
        )
    end = rest[: len(rest) - len(rest.lstrip())] + max(ends, key=len)
    return Frame(prompt.rpartition(QUESTION)[2], lead, middle, end)


def _prompt_and_turn(tokenizer: Any, messages: Sequence[Message]) -> tuple[str, str] | None:
    """The prompt for the last message and the text after it; None if one doesn't begin the other.

    Without reasoning the prompt is the one that switches thinking off, which may hold an empty
    block of thoughts that the template doesn't write in a finished turn.
    """
    thinks = REASONING in messages[-1]
    prompt = render(tokenizer, messages[:-1], thinks, prompt=True)
    whole = render(tokenizer, messages, thinks)
    if whole.startswith(prompt):
        return prompt, whole[len(prompt) :]
    if not thinks:
        plain = render(tokenizer, messages[:-1], True, prompt=True)
        if prompt.startswith(plain) and whole.startswith(plain):
            return prompt, whole[len(plain) :]
    return None


def render(tokenizer: Any, messages: Sequence[Message], thinks: bool, prompt: bool = False) -> str:
    """The template's text of a chat; one that it can't write is a DataError with its reason."""
    try:
        text: str = tokenizer.apply_chat_template(
            list(messages), tokenize=False, add_generation_prompt=prompt, enable_thinking=thinks
        )
    except (TemplateError, ValueError, TypeError) as error:
        roles = ", ".join(message["role"] for message in messages)
        raise DataError(
            f"The chat template can't write a chat up to turn {len(messages) + prompt} "
            f"(before it: {roles or 'nothing'}): {error}. "
            "Take the chat out, or use a template that has these roles in this order."
        ) from error
    return text


def _short(text: str) -> str:
    return repr(text if len(text) < 80 else f"{text[:40]} … {text[-40:]}")
