"""Chats as token rows in a model's own template, with loss masks that are checked before use."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from unicodedata import category, normalize

from midspec.errors import DataError
from midspec.train.batches import Example
from midspec.train.templates import REASONING, Message, Rendered, Template, read_template

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SCRATCHPAD = "<scratchpad>\n{thought}\n</scratchpad>\n\n{answer}"


def encode_chat(
    messages: list[dict[str, str]],
    tokenizer: PreTrainedTokenizerBase,
    max_tokens: int,
    reasoning: Sequence[str] = (),
) -> Example | None:
    """A chat in the model's own template; the loss counts the assistant's turns with their ends.

    `reasoning` has a text for each of the assistant's turns, "" for none. It stands where the
    template puts it, or on a scratchpad before the answer where the template knows of none. A
    thinking model's turn without it follows the prompt that switches thinking off.

    What follows the last answer is left out. A chat over `max_tokens` is None: a cut answer
    teaches to stop. A mask that can't be shown to be right is a DataError.
    """
    turns = [n for n, message in enumerate(messages) if message["role"] == "assistant"]
    if not turns:
        raise DataError("A chat has no assistant tokens to train on; every demo needs an answer.")
    if reasoning and len(reasoning) != len(turns):
        raise DataError(
            f"A chat has {len(reasoning)} texts of reasoning for {len(turns)} answers. "
            'Give one for each answer, "" where there is none.'
        )
    template = read_template(tokenizer)
    thoughts = dict(zip(turns, reasoning or [""] * len(turns), strict=True))
    said = [
        _said(message, thoughts.get(n, ""), template)
        for n, message in enumerate(messages[: turns[-1] + 1])
    ]
    _refuse_reserved(said, template)
    rendered = template.by_marks(said) or template.by_turns(said)
    _check_kept(said, rendered)
    example = _encode(rendered, tokenizer, [template.frame(said[n]).end for n in turns], turns)
    return example if len(example.ids) <= max_tokens else None


def _said(message: Message, thought: str, template: Template) -> Message:
    """A message as the template gets it: with its reasoning, in the form that the template knows.

    Keys other than role and content are dropped, so that no reasoning comes in by itself.
    """
    role, content = message["role"], message["content"]
    if not thought.strip():
        return {"role": role, "content": content}
    if template.reasons:
        return {"role": role, "content": content, REASONING: thought}
    return {"role": role, "content": SCRATCHPAD.format(thought=thought.strip(), answer=content)}


def _refuse_reserved(said: Sequence[Message], template: Template) -> None:
    """Refuse answers that hold a token of the template's: they would end or think halfway."""
    for number, message in enumerate(said, 1):
        if message["role"] != "assistant":
            continue
        for text in (message.get(REASONING, ""), message["content"]):
            if found := template.reserved.search(text):
                raise DataError(
                    f"Turn {number} holds {found[0]!r}, a token with which the model's template "
                    "structures chats, so the model would learn to write it as text. "
                    "Take the chat out, or write the token in another way."
                )


def _check_kept(said: Sequence[Message], rendered: Rendered) -> None:
    """Refuse a rendering that leaves out, or counts, what is said to the assistant."""
    uncounted = rendered.pieces()[::2]
    for number, message in enumerate(said, 1):
        text = message["content"].strip()
        if message["role"] != "assistant" and not any(text in piece for piece in uncounted):
            raise DataError(
                f"The chat template leaves out or changes turn {number} (role {message['role']}), "
                "so a model would be trained on another chat. Use a template that keeps it."
            )


def _encode(
    rendered: Rendered,
    tokenizer: PreTrainedTokenizerBase,
    ends: Sequence[str],
    turns: Sequence[int],
) -> Example:
    """The rendered chat as tokens; each run of counted tokens must decode to its turn.

    Prompts and turns are encoded apart, as they are in use: encoded as one, an answer's first
    letter can change the tokens of the newlines before it, or share one with them. Only a
    tokenizer that puts a space before whatever it encodes gets the text as one.
    """
    whole, apart = _whole(rendered, tokenizer), _apart(rendered, tokenizer)
    same = tokenizer.decode(whole.ids) == tokenizer.decode(apart.ids)
    example = apart if same else whole
    wrong = _first_wrong(example, rendered, tokenizer, ends)
    if wrong is not None:
        raise DataError(
            f"The tokens of turn {turns[wrong] + 1} can't be told from those around it: decoded, "
            "they aren't the turn's text with its end-of-turn token. Take the chat out, or use a "
            "tokenizer that keeps texts as they are."
        )
    return example


def _whole(rendered: Rendered, tokenizer: PreTrainedTokenizerBase) -> Example:
    encoded = tokenizer(rendered.text, add_special_tokens=False, return_offsets_mapping=True)
    counted = [
        any(start <= left and right <= stop and left < right for start, stop in rendered.spans)
        for left, right in encoded["offset_mapping"]
    ]
    return Example(encoded["input_ids"], counted)


def _apart(rendered: Rendered, tokenizer: PreTrainedTokenizerBase) -> Example:
    encoded: list[list[int]] = tokenizer(rendered.pieces(), add_special_tokens=False)["input_ids"]
    return Example(
        [token for ids in encoded for token in ids],
        [number % 2 == 1 for number, ids in enumerate(encoded) for _ in ids],
    )


def _first_wrong(
    example: Example, rendered: Rendered, tokenizer: Any, ends: Sequence[str]
) -> int | None:
    """The number of the first turn whose counted tokens aren't its text with its end, if any."""
    edges = [
        n
        for n, (one, other) in enumerate(pairwise([False, *example.counted, False]))
        if one != other
    ]
    runs = list(zip(edges[::2], edges[1::2], strict=True))
    for number, ((start, stop), end) in enumerate(zip(rendered.spans, ends, strict=True)):
        if number >= len(runs):
            return number
        first, last = runs[number]
        before, upto = (
            tokenizer.decode(example.ids[:n], clean_up_tokenization_spaces=False)
            for n in (first, last)
        )
        decoded, expected = upto[len(before) :], rendered.text[start:stop]
        if decoded != expected and _printable(decoded) != _printable(expected):
            return number
        if example.ids[last - 1] != tokenizer.convert_tokens_to_ids(end.strip()):
            return number
    return None if len(runs) == len(rendered.spans) else len(rendered.spans) - 1


def _printable(text: str) -> str:
    """A text as tokenizers keep it: some write é in one way only, or drop control characters."""
    kept = (c for c in normalize("NFKC", text) if c in "\n\r\t" or not category(c).startswith("C"))
    return "".join(kept)
