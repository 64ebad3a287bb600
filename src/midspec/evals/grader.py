"""The judge as Inspect's grader. What it says comes from the ledger, so that no verdict is paid for
twice, and the limits of teachers hold for it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from midspec.llm.asker import Asker
from midspec.llm.ledger import Call

if TYPE_CHECKING:
    from inspect_ai.model import Model

JUDGE_SYSTEM = "You judge what AI assistants say. You answer exactly in the form that is asked for."
LONGEST_SECONDS = 2 * 24 * 3600  # what a provider may take for a batch, and then some
VERDICT_TOKENS = 1_000  # where a scorer doesn't say how much room a verdict has


def open_grader(asker: Asker) -> Model:
    """A model for the role of grader that asks through `asker`, with the judge's own settings of
    temperature and effort, whatever a scorer sets.

    Its own patience has no end: the asker's timeout and retries decide when a call has failed, and
    how long a provider may hold it off.
    """
    from inspect_ai.model import GenerateConfig, Model

    api = _api()(asker)
    model = Model(api, GenerateConfig(attempt_timeout=LONGEST_SECONDS, max_retries=0))
    api.qualified_model_name = str(model)
    return model


@cache
def _api() -> Any:
    """The class, made when Inspect is there to be imported."""
    from inspect_ai.model import (
        ChatCompletionChoice,
        ChatMessageAssistant,
        ModelAPI,
        ModelOutput,
        ModelUsage,
        modelapi,
    )

    @modelapi(name="judge")
    class Judge(ModelAPI):  # type: ignore[misc]
        """Turns what a scorer asks into calls of an asker."""

        def __init__(self, asker: Asker) -> None:
            super().__init__(asker.teacher.model)
            self.asker = asker

        def max_connections(self) -> int:
            return self.asker.limits.connections

        def connection_key(self) -> str:
            return self.asker.teacher.model

        async def generate(
            self, input: list[Any], tools: Any, tool_choice: Any, config: Any
        ) -> Any:
            answer = await self.asker.ask(call_of(input, config.max_tokens, self.asker))
            message = ChatMessageAssistant(content=answer.text, model=answer.model)
            return ModelOutput(
                model=answer.model,
                choices=[ChatCompletionChoice(message=message, stop_reason="stop")],
                usage=ModelUsage(
                    input_tokens=answer.input_tokens,
                    output_tokens=answer.output_tokens,
                    total_tokens=answer.tokens,
                ),
            )

    return Judge


def call_of(messages: list[Any], max_tokens: int | None, asker: Asker) -> Call:
    """A conversation with the judge as one call; of several turns all stand in what is asked."""
    system = [message.text for message in messages if message.role == "system"]
    turns = [message for message in messages if message.role != "system"]
    if len(turns) == 1:
        asked = turns[0].text
    else:
        asked = "\n\n".join(f"<{turn.role}>\n{turn.text}\n</{turn.role}>" for turn in turns)
    teacher = asker.teacher
    return Call(
        step="verdict",
        prompt_version=0,
        model=teacher.model,
        system="\n\n".join(system) or JUDGE_SYSTEM,
        user=asked,
        max_tokens=(max_tokens or VERDICT_TOKENS) + teacher.reasoning_tokens,
        temperature=teacher.temperature,
        reasoning_effort=teacher.reasoning_effort,
    )
