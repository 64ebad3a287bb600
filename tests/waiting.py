"""Waiting in a test for what another thread or process does."""

from collections.abc import Callable
from time import sleep

LOOKS = 3000  # and no clock, which goes on while a machine has no time for this process


def until(happened: Callable[[], object], what: str = "what was waited for") -> None:
    """Wait until it has happened, for half a minute or more; then the test fails."""
    for _ in range(LOOKS):
        if happened():
            return
        sleep(0.01)
    raise AssertionError(f"{what} didn't happen")
