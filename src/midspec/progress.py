"""How a stage tells how far it is, without knowing who listens."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

METRICS = "steps.jsonl"  # in a training's folder, a row for each step as it comes

Listener = Callable[[float, float, str], None]

_listener: ContextVar[Listener | None] = ContextVar("progress_listener", default=None)

_speaker: ContextVar[Callable[[str], None] | None] = ContextVar("progress_speaker", default=None)


def report(done: float, total: float, note: str = "") -> None:
    """Tell the listener, if there is one, that `done` of `total` is finished."""
    if listener := _listener.get():
        listener(done, total, note)


def say(text: str) -> None:
    """Tell whoever listens something that is to stay on the screen."""
    if speaker := _speaker.get():
        speaker(text)


@contextmanager
def listening(listener: Listener, speaker: Callable[[str], None] | None = None) -> Iterator[None]:
    """Send what is reported inside the block to `listener`, and what is said to `speaker`."""
    token, spoken = _listener.set(listener), _speaker.set(speaker)
    try:
        yield
    finally:
        _listener.reset(token)
        _speaker.reset(spoken)


@contextmanager
def overhearing(listener: Listener) -> Iterator[None]:
    """Send what is reported inside the block to `listener` as well as to who listens already."""
    outer = _listener.get()

    def both(done: float, total: float, note: str) -> None:
        listener(done, total, note)
        if outer:
            outer(done, total, note)

    token = _listener.set(both)
    try:
        yield
    finally:
        _listener.reset(token)
