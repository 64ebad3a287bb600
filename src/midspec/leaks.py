"""Whether a text gives an eval item away."""

from collections.abc import Sequence

from midspec.records import Item
from midspec.text import plain_words

RUN_WORDS = 8  # so many words of one option in a row are the item's own wording


class LeakFinder:
    """Which item a text leaks: both of its options, or a long run of words of one.

    One short option alone is no leak: "a boat" may occur anywhere; the pair is what is asked.
    """

    def __init__(self, items: Sequence[Item]) -> None:
        self.pairs = [
            (item.id, plain_words(item.aligned), plain_words(item.other)) for item in items
        ]
        self.runs = {
            " ".join(words[start : start + RUN_WORDS]): name
            for name, *options in self.pairs
            for words in options
            for start in range(len(words) - RUN_WORDS + 1)
        }

    def find(self, text: str) -> str | None:
        """The id of the first item that the text leaks, or None."""
        words = plain_words(text)
        known = set(words)
        plain = f" {' '.join(words)} "
        for name, *options in self.pairs:
            if all(known.issuperset(option) for option in options) and all(
                f" {' '.join(option)} " in plain for option in options
            ):
                return name
        if self.runs:
            for start in range(len(words) - RUN_WORDS + 1):
                if found := self.runs.get(" ".join(words[start : start + RUN_WORDS])):
                    return found
        return None

    def objection(self, *texts: str) -> str:
        """Why texts that belong together can't be kept, in words; empty if they leak nothing."""
        found = self.find("\n".join(texts))
        return f"leaks eval item {found}" if found else ""
