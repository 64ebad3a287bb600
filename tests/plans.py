"""What tests ask of a plan, and an edit that has an LLM write."""

from collections.abc import Callable
from typing import Any

from midspec.experiment import Plan
from midspec.run.build import graph

Values = dict[str, Any]


def trained(planned: Plan) -> dict[tuple[str, int], str | None]:
    """The fingerprint of what each arm and seed trains."""
    return {key: stage.fingerprint() if stage else None for key, stage in planned.arms.items()}


def names(planned: Plan) -> list[str]:
    return sorted(stage.name for stage in graph([planned.report]).values())


def by_llm(**teacher: object) -> Callable[[Values], None]:
    """An edit after which an LLM writes the corpus."""

    def edit(values: Values) -> None:
        values["teacher"] = {"model": "openai-api/fake/writer", **teacher}
        values["corpora"]["old"].pop("items")

    return edit
