"""Errors that a user can mend: printed as one sentence, without a traceback."""


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
