"""An Inspect task of somebody else's, for tests."""

from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import match


@task
def sums() -> Task:
    """Sums of which only the task knows what is right."""
    rows = [Sample(id=f"sum-{n}", input=f"{n} + 1?", target=str(n + 1)) for n in range(5)]
    return Task(dataset=rows, scorer=match())


@task
def broken() -> Task:
    """One whose data can't be had."""
    raise OSError("no such dataset")
