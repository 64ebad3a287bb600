"""What several stages do with texts: fill placeholders, estimate tokens, find near-duplicates."""

import re
from collections.abc import Mapping
from typing import Any

SHINGLE_WORDS = 5
NEAR_DUPLICATE = 0.8  # Jaccard similarity of 5-word shingles
SHORTEST_QUOTE = 12  # characters; fewer can be found in any text
# What a judge may write in another way than the text: marks, dashes, and Markdown's emphasis.
SAME_SIGN = ("'‘’‛′", '"“”„«»', "-‐‑‒–—−")
EMPHASIS = "*_`"
WORD = re.compile(r"\w+|[^\w\s]")
TOKENS_PER_WORD = 1.15  # model tokens for each word or punctuation mark of English, measured


def fill_in(text: str, values: Mapping[str, str]) -> str:
    """Replace `{name}` by its value, in one pass: other braces, and those in a value, stay."""
    known = "|".join(re.escape(name) for name in values)
    return re.sub(rf"\{{({known})\}}", lambda m: values[m[1]], text) if known else text


def upper_first(text: str) -> str:
    """The text with its first letter capitalised."""
    return text[:1].upper() + text[1:]


def estimate_tokens(text: str) -> int:
    """About how many model tokens a text has, without a tokenizer; within 5% on English."""
    return round(len(WORD.findall(text)) * TOKENS_PER_WORD)


def plain_words(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation."""
    return re.findall(r"\w+", text.lower())


def find_quote(quote: str, text: str) -> tuple[int, int] | None:
    """Where a quote stands in a text, whatever its case, white space and typography; None where it
    doesn't, or where it is too short to say anything."""
    words = [word for word in re.split(rf"[\s{EMPHASIS}]+", quote.strip(" \n\"'“”‘’.…")) if word]
    if len(" ".join(words)) < SHORTEST_QUOTE:
        return None
    pattern = rf"[\s{EMPHASIS}]+".join("".join(map(_loosely, word)) for word in words)
    found = re.search(pattern, text, re.IGNORECASE)
    return found.span() if found else None


def _loosely(character: str) -> str:
    return next(
        (f"[{re.escape(like)}]" for like in SAME_SIGN if character in like), re.escape(character)
    )


class NearDuplicates:
    """Which earlier text a new one nearly repeats, by MinHash and banding: `alike` is the Jaccard
    similarity, of runs of so many words, from which on it does."""

    def __init__(self, words: int = SHINGLE_WORDS, alike: float = NEAR_DUPLICATE) -> None:
        from rensa import RMinHashLSH

        self.words, self.alike = words, alike
        bands = 16 if alike >= NEAR_DUPLICATE else 32
        self.index: Any = RMinHashLSH(threshold=alike, num_perm=128, num_bands=bands)
        self.seen: list[str] = []
        self.hashes: list[Any] = []

    def find(self, name: str, text: str) -> str | None:
        """The name of the text that this one nearly repeats, or None; then it is remembered."""
        from rensa import RMinHash

        words = plain_words(text)
        shingles = {
            " ".join(words[i : i + self.words]) for i in range(max(1, len(words) - self.words + 1))
        }
        own: Any = RMinHash(num_perm=128, seed=1)
        own.update(list(shingles))
        for number in self.index.query(own):
            if own.jaccard(self.hashes[number]) >= self.alike:
                return self.seen[int(number)]
        self.index.insert(len(self.hashes), own)
        self.hashes.append(own)
        self.seen.append(name)
        return None
