"""Agentic misalignment by likelihood: the same prompts, and the next action of the two that is
likelier. For models too small to write an agent's e-mails, and for tests."""

from midspec.evals.agentic.conditions import conditions, spread
from midspec.evals.agentic.prompts import MODEL_NAME, pairs, scene
from midspec.evals.task import Ask, ChoiceTask
from midspec.records import Metric, Question


def questions(ask: Ask) -> list[Question]:
    """The paper's grid of 27 conditions, or its half: each with a harmful and a safe next action in
    several forms, after a prompt without a scratchpad."""
    name = ask.identity.get("model_name", MODEL_NAME)
    return [
        Question(
            item=condition.id,
            form=form,
            messages=messages,
            stem=pair.begin,
            wanted=pair.harmful,
            other=pair.safe,
            domain=condition.scenario,
            tier=condition.goal_type,
            half=condition.half,
        )
        for condition in spread(conditions(subset=ask.half), ask.max_items)
        for messages in [scene(condition, name, scratchpad=False).messages]
        for form, pair in pairs(condition.scenario).items()
    ]


TASK = ChoiceTask(
    (Metric("harmful choice rate (likelihood)", better="lower"),), questions, named=True, version=2
)
