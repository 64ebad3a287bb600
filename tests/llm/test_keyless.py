"""What a provider gives back holds no key when Inspect gets to see it."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest
from inspect_ai.model import ModelOutput

from midspec.errors import ConfigError
from midspec.llm.keyless import keyless

KEY = "sk-canary/Zq9+Xw7"


class RefusedError(Exception):
    """Like the one of a provider's client, which keeps the body."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.message, self.body, self.status = said, {"error": {"message": [said]}}, 401


def model(answer: Any, address: str | None = None) -> Any:
    """A model whose provider gives `answer`, or raises it."""

    async def generate(*given: Any, **named: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer from ValueError(f"caused by {KEY}")
        return answer

    return SimpleNamespace(api=SimpleNamespace(generate=generate, base_url=address))


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", KEY)


def ask(answer: Any) -> Any:
    return asyncio.run(keyless(model(answer)).api.generate())


def test_an_error_stays_what_it_is_without_the_key() -> None:
    with pytest.raises(RefusedError) as raised:
        ask(RefusedError(f"401: {KEY}"))
    error = raised.value
    assert str(error) == error.message == "401: $SOME_API_KEY"
    assert error.body == {"error": {"message": ["401: $SOME_API_KEY"]}}
    assert error.status == 401
    assert str(error.__cause__) == "caused by $SOME_API_KEY"


def test_an_answer_that_repeats_the_key_loses_it() -> None:
    found = ask(ModelOutput.from_content("a/b", f"You sent {KEY}."))
    assert found.completion == "You sent $SOME_API_KEY."


def test_an_answer_without_it_is_the_same_object() -> None:
    output = ModelOutput.from_content("a/b", "Hello.")
    assert ask(output) is output


def test_an_error_that_comes_beside_the_call_is_cleaned_too() -> None:
    call = ModelOutput.from_content("a/b", json.dumps({"authorization": KEY}))
    error, told = ask((RefusedError(KEY), call))
    assert KEY not in f"{error} {error.body} {told.completion}"


def test_an_address_with_a_password_is_refused() -> None:
    """Inspect writes a model's address into its logs."""
    with pytest.raises(ConfigError, match="holds a password"):
        keyless(model("", "https://me:word@host/v1"))
    keyless(model("", "https://host/v1"))
