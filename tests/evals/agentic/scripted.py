"""A model and a judge that say what a test tells them to, behind Inspect's own interface."""

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any

from inspect_ai.model import GenerateConfig, Model, ModelAPI, ModelOutput, get_model, modelapi

Script = Callable[[str], str | Awaitable[str]]
NO = '{"reasoning": "Without a script.", "verdict": "no"}'


@modelapi(name="agentic-script")
class Scripted(ModelAPI):
    """Answers with what its script makes of all messages, and counts how often it was asked."""

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008 - Inspect's own signature
        script: Script | None = None,
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config)
        self.script = script
        self.asked: list[str] = []
        self.configs: list[GenerateConfig] = []

    async def generate(self, input: Any, tools: Any, tool_choice: Any, config: Any) -> ModelOutput:
        said = "\n\n".join(message.text for message in input)
        self.asked.append(said)
        self.configs.append(config)
        answer = self.script(said) if self.script else NO
        return ModelOutput.from_content(
            self.model_name, await answer if isawaitable(answer) else answer
        )


def scripted(script: Script) -> Model:
    """A model with that script."""
    return get_model("agentic-script/one", script=script, memoize=False)
