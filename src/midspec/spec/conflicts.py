"""Clauses that contradict each other, as far as their wording alone shows it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from midspec.spec.marks import Passage
from midspec.spec.read import TableRow, table_rows
from midspec.text import plain_words
from midspec.write.material import SENTENCE_END

Told = Iterator[tuple[int, str, str]]  # a line, what is wrong there, and what mends it

NO = re.compile(
    r"^(?:(?:must|should|may|shall|will|can|do|does|is|would)(?: never| not|n['’]t) (?:to )?|"
    r"cannot |never |(?:refuses|declines) to |(?:is|are) (?:forbidden|not allowed) to )"
)
YES = re.compile(
    r"^(?:(?:must|should|shall|will|may|can|always|has to|have to|is to|is allowed to|"
    r"is required to) )*(?=\w)"
)
# A statement with a condition or an exception is no contradiction of one without.
CONDITION = re.compile(
    r"\b(?:unless|except|only|but|if|when|whenever|where|wherever|without|until|till|before|after|"
    r"instead|rather|than|merely|just|also|alone|while|though|although|even|other|another|some|"
    r"most|every|too|so|as|because|since)\b"
)
STOP = frozenset(
    "a an the to of in on at by for with from and or its it their his her own this that these "  # noqa: SIM905
    "those is are be been being was were has have had do does did will would can could may must "
    "should not never always any all no".split()
)
PREFERS = re.compile(r"\bprefers? ([\w' -]{3,40}?) (?:to|over) ([\w' -]{3,40}?)(?=[.,;:]|$)", re.I)
ABOVE = re.compile(
    r"\b(?:the )?([\w'’-]+(?: [\w'’-]+)?) (?:outranks|stands? above|takes? precedence over|"
    r"overrides?|has priority over|comes? before|goes before) "
    r"(?:the )?([\w'’-]+(?: [\w'’-]+)?)(?=[.,;:]|$)",
    re.IGNORECASE,
)
MIN_WORDS = 2  # content words, or two statements are too short to be known as the same


@dataclass(frozen=True)
class _Statement:
    """What a sentence says that the model does or doesn't do, in content words."""

    passage: Passage
    does: bool
    words: frozenset[str]


def stem(word: str) -> str:
    """A word's beginning, so that honest and honesty are one."""
    return re.sub(r"(?:ness|ity|ies|ing|ful|ed|es|y|s|e)$", "", word.lower())[:6]


def contradictions(clauses: Sequence[Passage], text: str, identity: Mapping[str, str]) -> Told:
    """Pairs of clauses of which one says what the other denies in the same words; values of which
    each stands above the other; things that are both liked and disliked."""
    said: dict[tuple[frozenset[str], bool], Passage] = {}
    for told in _statements(clauses, identity):
        said.setdefault((told.words, told.does), told.passage)
        if denied := said.get((told.words, not told.does)):
            yield _told(told.passage, denied, "says the opposite of")
    for pattern, what in ((PREFERS, "reverses a preference of"), (ABOVE, "reverses the order of")):
        seen: dict[tuple[str, ...], Passage] = {}
        for passage in clauses:
            for found in pattern.finditer(passage.text):
                pair = tuple(" ".join(_content(side)) for side in found.groups())
                seen.setdefault(pair, passage)
                if all(pair) and (other := seen.get(pair[::-1])) and pair[0] != pair[1]:
                    yield _told(passage, other, what)
    yield from _liked_and_disliked(text)


def _told(passage: Passage, other: Passage, what: str) -> tuple[int, str, str]:
    return (
        passage.line,
        f"it {what} {other.id} (line {other.line}).",
        "Change one of them, or say when which holds.",
    )


def _liked_and_disliked(text: str) -> Told:
    """Rows of the table of preferences that contradict each other."""
    seen: dict[str, TableRow] = {}
    for row in table_rows(text):
        before = seen.setdefault(row.thing.casefold(), row)
        if before.kind != row.kind:
            yield (
                row.line,
                f"{row.thing} is both liked and disliked (line {before.line}).",
                "Leave one of the rows.",
            )


def _statements(clauses: Sequence[Passage], identity: Mapping[str, str]) -> Iterator[_Statement]:
    who = "|".join(re.escape(name) for name in (identity.get("model_name", "it"), "It"))
    subject = re.compile(rf"^(?:{who}|The (?:assistant|model)) ")
    for passage in clauses:
        for sentence in SENTENCE_END.split(passage.text):
            found = subject.match(sentence.lstrip("*"))
            if not found or CONDITION.search(sentence.lower()):
                continue
            said = sentence.lstrip("*")[found.end() :].lower()
            negated = NO.match(said)
            rest = said[negated.end() :] if negated else YES.sub("", said, count=1)
            words = frozenset(_content(rest))
            if len(words) >= MIN_WORDS:
                yield _Statement(passage, not negated, words)


def _content(text: str) -> list[str]:
    return [stem(word) for word in plain_words(text) if word not in STOP]
