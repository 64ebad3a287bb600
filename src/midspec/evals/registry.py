"""The evals by name: the kind before the slash, and after it what that kind needs."""

from midspec.errors import ConfigError
from midspec.evals.task import ChoiceTask
from midspec.evals.tasks import preference

CHOICE_TASKS: dict[str, ChoiceTask] = {
    "preference": preference.TASK,
}


def find_task(name: str) -> tuple[ChoiceTask, str]:
    """The task of an eval's name, and the name's rest; an unknown one is a ConfigError."""
    kind, _, rest = name.partition("/")
    task = CHOICE_TASKS.get(kind)
    if task is None or bool(rest) != bool(task.needs):
        raise ConfigError(f"evals: {name!r} is not known. Use {', '.join(usage())}.")
    return task, rest


def usage() -> list[str]:
    """How every kind is written."""
    return [
        f"{kind}/{task.needs.upper()}" if task.needs else kind
        for kind, task in CHOICE_TASKS.items()
    ]
