"""The two datasets of one run: chats with the reasoning apart, and with it in the messages."""

from collections.abc import Sequence
from pathlib import Path

from midspec.files import write_rows
from midspec.records import Chat

REASONING = "reasoning_content"  # the key that thinking models' templates, TRL and Axolotl read


def write_datasets(chats: Sequence[Chat], out: Path) -> int:
    """Write chats.jsonl and reasoning.jsonl, and return how many chats there are.

    midspec trains on the first, with its reasoning or without; the second is for other trainers.
    """
    write_rows(out / "reasoning.jsonl", [thoughtful(chat) for chat in chats if any(chat.reasoning)])
    return write_rows(out / "chats.jsonl", chats)


def thoughtful(chat: Chat) -> dict[str, object]:
    """A chat whose assistant's messages carry their reasoning under a key of its own."""
    thoughts = iter(chat.reasoning)
    messages = [
        message | ({REASONING: next(thoughts, "")} if message["role"] == "assistant" else {})
        for message in chat.messages
    ]
    return {"id": chat.id, "messages": messages}
