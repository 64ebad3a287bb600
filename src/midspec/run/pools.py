"""Where stages run: here, one after another, or elsewhere."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any


class Inline(Executor):
    """Runs each stage at once in this process: two trainings on one CPU are ten times slower.

    A KeyboardInterrupt goes straight up, so that Ctrl-C stops the run and not one stage of it.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future
