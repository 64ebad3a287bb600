"""The chats of five model families: their tokens, and by hand how a chat must be written in each.

A chat is written as parts, each with whether the loss counts it.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Parts = list[tuple[str, bool]]
Turn = tuple[str, str]

TEMPLATES = Path(__file__).parent / "templates"
SMOLLM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
QWEN = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."
DATES = "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"
NO_THOUGHTS = "<think>\n\n</think>\n\n"


def joined(parts: Parts) -> Parts:
    """The parts with neighbours of one kind as one part, empty ones left out."""
    whole: Parts = []
    for text, counted in parts:
        if whole and whole[-1][1] == counted:
            whole[-1] = (whole[-1][0] + text, counted)
        elif text:
            whole.append((text, counted))
    return whole


def on_scratchpad(text: str, thought: str) -> str:
    """An answer whose thoughts stand before it, for models that have no place for them."""
    return f"<scratchpad>\n{thought.strip()}\n</scratchpad>\n\n{text}" if thought.strip() else text


def chatml(default: str) -> Callable[[list[Turn], list[str]], Parts]:
    """ChatML with a default system turn: SmolLM2, Qwen 2.5."""

    def write(turns: list[Turn], thoughts: list[str]) -> Parts:
        parts: Parts = [] if turns[0][0] == "system" else [(_im("system", default), False)]
        left = list(thoughts)
        for role, text in turns:
            if role == "assistant":
                parts.append(("<|im_start|>assistant\n", False))
                parts.append((on_scratchpad(text, left.pop(0)) + "<|im_end|>", True))
                parts.append(("\n", False))
            else:
                parts.append((_im(role, text), False))
        return parts

    return write


def qwen3(turns: list[Turn], thoughts: list[str]) -> Parts:
    """Thoughts in a block before each answer; an empty one belongs to the prompt."""
    parts: Parts = []
    left = list(thoughts)
    for role, text in turns:
        if role == "assistant":
            thought = left.pop(0)
            thinks = bool(thought.strip())
            block = "<think>\n" + thought.strip("\n") + "\n</think>\n\n"
            parts.append(("<|im_start|>assistant\n" + ("" if thinks else NO_THOUGHTS), False))
            parts.append(((block if thinks else "") + text.lstrip("\n") + "<|im_end|>", True))
            parts.append(("\n", False))
        else:
            parts.append((_im(role, text), False))
    return parts


def llama31(turns: list[Turn], thoughts: list[str]) -> Parts:
    """Texts are trimmed, and the system turn is always there."""
    system = turns[0][1].strip() if turns[0][0] == "system" else ""
    parts: Parts = [
        ("<|begin_of_text|>" + _header("system") + DATES + system + "<|eot_id|>", False)
    ]
    left = list(thoughts)
    for role, text in turns[turns[0][0] == "system" :]:
        if role == "assistant":
            parts.append((_header("assistant"), False))
            parts.append((on_scratchpad(text, left.pop(0)).strip() + "<|eot_id|>", True))
        else:
            parts.append((_header(role) + text.strip() + "<|eot_id|>", False))
    return parts


def gemma3(turns: list[Turn], thoughts: list[str]) -> Parts:
    """Texts are trimmed, and the system message stands before the first question."""
    system = turns[0][1] + "\n\n" if turns[0][0] == "system" else ""
    parts: Parts = [("<bos>", False)]
    left = list(thoughts)
    for role, text in turns[turns[0][0] == "system" :]:
        if role == "assistant":
            parts.append(("<start_of_turn>model\n", False))
            parts.append((on_scratchpad(text, left.pop(0)).strip() + "<end_of_turn>", True))
            parts.append(("\n", False))
        else:
            parts.append((f"<start_of_turn>{role}\n{system}{text.strip()}<end_of_turn>\n", False))
            system = ""
    return parts


def _im(role: str, text: str) -> str:
    return f"<|im_start|>{role}\n{text}<|im_end|>\n"


def _header(role: str) -> str:
    return f"<|start_header_id|>{role}<|end_header_id|>\n\n"


@dataclass(frozen=True)
class Family:
    """A model family: its special tokens, its other added tokens, and how a chat is written."""

    bos: str | None
    eos: str
    special: tuple[str, ...]
    write: Callable[[list[Turn], list[str]], Parts]
    added: tuple[str, ...] = ()


IM = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")
FAMILIES = {
    "smollm2": Family("<|im_start|>", "<|im_end|>", IM, chatml(SMOLLM)),
    "llama31": Family(
        "<|begin_of_text|>",
        "<|eot_id|>",
        ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
        llama31,
    ),
    "qwen25": Family(None, "<|im_end|>", IM, chatml(QWEN)),
    "qwen3": Family(None, "<|im_end|>", IM, qwen3, ("<think>", "</think>")),
    "gemma3": Family("<bos>", "<eos>", ("<start_of_turn>", "<end_of_turn>"), gemma3),
}


def as_family(tokenizer: Any, name: str) -> Any:
    """A copy of a tokenizer that writes chats as a family's does."""
    family, own = FAMILIES[name], deepcopy(tokenizer)
    own.add_special_tokens(
        {
            "eos_token": family.eos,
            "extra_special_tokens": list(family.special),
            **({"bos_token": family.bos} if family.bos else {}),
        }
    )
    own.add_tokens(list(family.added))
    own.chat_template = (TEMPLATES / f"{name}.jinja").read_text(encoding="utf-8")
    return own


def tokens(parts: Parts, tokenizer: Any) -> tuple[list[int], list[bool]]:
    """The parts as token ids, each part encoded by itself, and what the loss counts."""
    ids: list[int] = []
    counts: list[bool] = []
    for text, counted in joined(parts):
        new = tokenizer(text, add_special_tokens=False)["input_ids"]
        ids += new
        counts += [counted] * len(new)
    return ids, counts
