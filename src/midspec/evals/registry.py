"""The evals by name: the kind before the slash, and after it what that kind needs."""

from midspec.errors import ConfigError
from midspec.evals.generated import agentic as generated_agentic
from midspec.evals.generated import manners, open_qa, other
from midspec.evals.generated import opposite as generated_opposite
from midspec.evals.generated import preference as generated_preference
from midspec.evals.task import ChoiceTask, GeneratedTask, LossTask
from midspec.evals.tasks import (
    agentic,
    capability,
    competence,
    dilemmas,
    knowledge,
    multiturn,
    opinions,
    opposite,
    perplexity,
    preference,
    sense,
    sycophancy,
)

CHOICE_TASKS: dict[str, ChoiceTask | LossTask] = {
    "preference": preference.TASK,
    "opinions": opinions.TASK,
    "knowledge": knowledge.TASK,
    "multiturn": multiturn.TASK,
    "competence": competence.TASK,
    "capability": capability.TASK,
    "sense": sense.TASK,
    "perplexity": perplexity.TASK,
    "sycophancy": sycophancy.TASK,
    "agentic": agentic.TASK,
    "dilemmas": dilemmas.TASK,
    "opposite": opposite.TASK,
}
GENERATED_TASKS: dict[str, GeneratedTask] = {
    "generated": generated_preference.TASK,
    "open-qa": open_qa.TASK,
    "manners": manners.TASK,
    "agentic-misalignment": generated_agentic.TASK,
    "agentic-misalignment-small": generated_agentic.SMALL_TASK,
    "opposite-failures": generated_opposite.TASK,
}


def find_task(name: str) -> tuple[ChoiceTask | LossTask | GeneratedTask, str]:
    """The task of an eval's name, and the name's rest; an unknown one is a ConfigError."""
    kind, _, rest = name.partition("/")
    if kind == other.KIND:
        return other.other_task(rest), rest
    task = CHOICE_TASKS.get(kind) or GENERATED_TASKS.get(kind)
    if task is None or bool(rest) != bool(task.needs):
        raise ConfigError(f"evals: {name!r} is not known. Use {', '.join(usage())}.")
    return task, rest


def usage() -> list[str]:
    """How every kind is written."""
    return [
        f"{kind}/{task.needs.upper()}" if task.needs else kind
        for kind, task in {**CHOICE_TASKS, **GENERATED_TASKS}.items()
    ] + [f"{other.KIND}/{other.NEEDS}"]
