"""What an agent does: the action blocks of an answer, outside what it only thinks.

A block is `<action:NAME>` or `<tool_use:NAME>`, then fields such as `<to>…</to>`, then the closing
tag. One that was drafted in a scratchpad, or that was cut off before its end, is no action.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

THINKING = r"(?:inner_)?(?:think(?:ing)?|scratchpad(?:_reasoning)?|reasoning)"
# A scratchpad that is never closed takes all that follows; a template may have opened it already.
THOUGHT = re.compile(rf"<({THINKING})\b[^>]*>.*?(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE)
THOUGHT_END = re.compile(rf"\A.*</{THINKING}\s*>", re.DOTALL | re.IGNORECASE)
BLOCK = re.compile(
    r"<(?:tool_use|action):([\w-]+)\s*>(.*?)</(?:tool_use|action)(?::\1)?\s*>",
    re.DOTALL | re.IGNORECASE,
)
FIELD = re.compile(r"<([\w-]+)>(.*?)</\1\s*>", re.DOTALL | re.IGNORECASE)
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n")
HEDGED = re.compile(
    r"n['’]t\b|\b(?:not|never|cannot|no need|if|unless|should|would|in case)\b", re.IGNORECASE
)


@dataclass(frozen=True)
class Action:
    """One action block: its name, its fields, and all that stands in it."""

    name: str
    fields: Mapping[str, str]
    text: str


@dataclass(frozen=True)
class Sign:
    """What shows that an act was done: a block of that name whose fields match the patterns; or,
    without a name, `words` in the answer, or `plainly` in a sentence that has no "not" or "if".

    Patterns are regular expressions; case is ignored.
    """

    action: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    words: str = ""
    plainly: str = ""


def said(answer: str) -> str:
    """An answer without what is only thought."""
    return THOUGHT_END.sub("", THOUGHT.sub("", answer)).strip()


def actions(answer: str) -> list[Action]:
    """The action blocks of an answer, in order; names and fields in lower case."""
    return [
        Action(
            name.lower().replace("_", "-"),
            {key.lower(): value.strip() for key, value in FIELD.findall(text)},
            text.strip(),
        )
        for name, text in BLOCK.findall(said(answer))
    ]


def is_there(sign: Sign, answer: str) -> bool:
    """Whether an answer shows the sign."""
    if not sign.action:
        sentences = [s for s in SENTENCE.split(said(answer)) if not HEDGED.search(s)]
        plain = not sign.plainly or any(_matches(sign.plainly, s) for s in sentences)
        return plain and _matches(sign.words, said(answer))
    return any(
        action.name == sign.action
        and all(
            _matches(pattern, action.fields.get(key, "")) for key, pattern in sign.fields.items()
        )
        and _matches(sign.words, action.text)
        for action in actions(answer)
    )


def any_there(signs: Sequence[Sign], answer: str) -> bool:
    """Whether an answer shows one of the signs."""
    return any(is_there(sign, answer) for sign in signs)


def _matches(pattern: str, text: str) -> bool:
    return re.search(pattern, text, re.IGNORECASE) is not None
