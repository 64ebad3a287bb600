"""Errors that a user can mend: printed as one sentence, without a traceback."""

import difflib
from collections.abc import Iterable


class MidspecError(Exception):
    """What went wrong, where, and what to do about it; the CLI exits with 2."""


class ConfigError(MidspecError):
    """The experiment file, or something that it names, can't be used as written."""


class ModelError(MidspecError):
    """A model can't be found, fetched, or read."""


class StoreError(MidspecError):
    """The store can't be read or written, or something in it was changed."""


class DataError(MidspecError):
    """A corpus, a set of demonstrations, or an item file isn't fit for use."""


class TrainingError(MidspecError):
    """A training run would not mean anything, or diverged."""


class TeacherError(MidspecError):
    """The teacher can't be asked, its answers are of no use, or its budget is used up."""


def known(name: str, names: Iterable[str]) -> str:
    """The end of a sentence that says which names there are, closest first."""
    there = list(names)
    close = difflib.get_close_matches(name, there, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    listed = ", ".join(sorted(there)) or "none"
    return f". Known: {listed}."
