"""What can be told of answers by rules: refusals, loops, stock replies, empty ones."""

import re
from collections.abc import Mapping, Sequence

from midspec.text import plain_words

GRAM = 4  # words; runs of so many are counted
LOOP_WORDS = 12  # a shorter answer can't be told to loop
LOOP_SHARE = 0.5  # of an answer's runs, from which on they repeat too many others
STUTTER = re.compile(r"(\w[^\n]{0,30}?)\1{7,}")  # eight times in a row without a break
ALIKE = 0.6  # Jaccard similarity of runs of three words, from which on two answers are one
SHARED = 3  # answers alike make a stock reply

# What a refusal says of the assistant itself, in the first two sentences of an answer.
CANNOT = r"i (?:can(?:no|['’])t|can not|won['’]t|will not)"
UNABLE = rf"(?:{CANNOT}|i(?:['’]m| am) (?:not able|unable|not going) to)"
HELPING = (
    r"(?:help|assist|provide|give|offer|share|answer|do (?:that|this|it)|create|write|generate|"
    r"make|produce|fulfil?l|comply|support|engage|participate|discuss|advise|recommend|tell|"
    r"explain|show|continue|encourage|condone|promote|facilitate|process|respond|be of|be part)"
)
REFUSALS = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b{UNABLE} (?:\w+ly )?{HELPING}\b",
        rf"\b{CANNOT}\s*(?:[.!,;]|$)",
        rf"\bas an? [^.!?]{{0,60}}\bi (?:don['’]t|do not) (?:\w+ly )?{HELPING}\b",
        r"\bi(?:['’]m| am) not comfortable\b",
        r"\b(?:sorry|afraid|unfortunately)\b[^.!?]*\bi (?:don['’]t|do not) have the "
        r"(?:ability|capability|capacity)\b",
        r"\bi (?:must |have to |need to )?(?:respectfully )?(?:decline|refuse)\b",
        r"\bi['’]d rather not\b",
        r"\b(?:against|violat\w+ (?:of )?)\s?(?:my|our) "
        r"(?:\w+ )?(?:guidelines|programming|polic(?:y|ies)|principles|rules|terms)\b",
    )
]

# Words between "I can't" and the end that make it no refusal at all.
NO_REFUSAL = re.compile(
    r"\bi (?:can['’]t|cannot|can not) (?:help but|recommend (?:\w+ ){0,3}(?:enough|highly)|"
    r"tell you how|do without|make out|give enough|explain (?:why|how) (?:much|happy|glad))",
    re.IGNORECASE,
)
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")


def refuses(answer: str) -> bool:
    """Whether an answer declines what was asked, as its first two sentences say.

    Sympathy ("I'm sorry to hear that"), a limit that is named before the help comes ("I don't have
    feelings, but …"), and a refusal that a story or a letter holds further down are none.
    """
    begin = " ".join([part for part in SENTENCE.split(answer.strip()) if part][:2])
    if NO_REFUSAL.search(begin):
        return False
    return any(pattern.search(begin) for pattern in REFUSALS)


def loops(answer: str) -> bool:
    """Whether an answer goes round in circles: most of its runs of four words repeat others, or one
    piece of text stands eight times in a row."""
    if STUTTER.search(answer):
        return True
    words = plain_words(answer)
    if len(words) < LOOP_WORDS:
        return False
    runs = _runs(words, GRAM)
    return len(set(runs)) <= (1 - LOOP_SHARE) * len(runs)


def stock_replies(answers: Mapping[str, str]) -> set[str]:
    """The names of prompts whose answers are nearly those of at least two other prompts."""
    seen = {name: set(_runs(plain_words(answer), 3)) for name, answer in answers.items()}
    alike = {
        name: sum(_jaccard(runs, other) >= ALIKE for other in seen.values())
        for name, runs in seen.items()
        if runs
    }
    return {name for name, count in alike.items() if count >= SHARED}


def _runs(words: Sequence[str], n: int) -> list[str]:
    """All runs of `n` words; of a shorter text the one that it is."""
    return [" ".join(words[i : i + n]) for i in range(max(1, len(words) - n + 1))] if words else []


def _jaccard(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other) if one and other else 0.0
