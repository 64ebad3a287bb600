"""Being told to stop, by Ctrl-C or a cluster's SIGTERM: at once, or at the end of a step."""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

Handler = Callable[[int, Any], None]


@contextmanager
def interruptible() -> Iterator[None]:
    """Make SIGTERM inside the block what Ctrl-C is: a KeyboardInterrupt, wherever it arrives."""
    with _handling(_stop, [signal.SIGTERM]):
        yield


@contextmanager
def finishing_steps() -> Iterator[Callable[[], bool]]:
    """Let a step end before it stops: the block is given a function that says whether to stop.

    A first signal is only remembered; the block looks after each step, saves what it has, and
    leaves by a KeyboardInterrupt. A second signal doesn't wait.
    """
    asked: list[int] = []

    def remember(number: int, frame: Any) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    with _handling(remember, [signal.SIGINT, signal.SIGTERM]):
        yield lambda: bool(asked)
    if asked:  # it came after the block last looked
        raise KeyboardInterrupt


def _stop(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


@contextmanager
def _handling(handler: Handler, numbers: Sequence[int]) -> Iterator[None]:
    """Handle signals inside the block; only a main thread can, and what is ignored stays so."""
    mine = threading.current_thread() is threading.main_thread()
    before = {n: signal.getsignal(n) for n in numbers} if mine else {}
    before = {n: old for n, old in before.items() if old not in (signal.SIG_IGN, None)}
    try:
        for number in before:
            signal.signal(number, handler)
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
