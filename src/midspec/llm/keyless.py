"""Models of Inspect whose errors and answers hold no key, since Inspect logs both as they are."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from midspec.errors import ConfigError
from midspec.keys import without_keys


def keyless(model: Any) -> Any:
    """The model, with the keys of the environment taken out of what its provider gives back.

    An address with a password in it is a ConfigError: Inspect writes the address down.
    """
    if urlsplit(model.api.base_url or "").password:
        raise ConfigError(
            f"The address of {model} holds a password, which would stand in its logs. Give the key "
            "in the provider's own variable, such as OPENAI_API_KEY."
        )
    generate = model.api.generate

    async def guarded(*given: Any, **named: Any) -> Any:
        try:
            found = await generate(*given, **named)
        except Exception as error:
            _forget(error)
            raise
        return tuple(map(_cleaned, found)) if isinstance(found, tuple) else _cleaned(found)

    model.api.generate = guarded
    return model


def _cleaned(found: Any) -> Any:
    """An output or a call as it is, or one like it without keys; an error loses them in place."""
    if isinstance(found, Exception):
        _forget(found)
        return found
    text = found.model_dump_json()
    return (
        found if without_keys(text) == text else type(found).model_validate_json(without_keys(text))
    )


def _forget(error: BaseException | None) -> None:
    """Take keys out of an error and of what caused it: of what it says, and of the body that a
    provider's client keeps in it."""
    while error is not None:
        error.args = tuple(_without(value) for value in error.args)
        for name, value in vars(error).items():
            setattr(error, name, _without(value))
        error = error.__cause__ or error.__context__


def _without(value: Any) -> Any:
    if isinstance(value, str):
        return without_keys(value)
    if isinstance(value, (dict, list)):
        text = json.dumps(value, default=str)
        return value if without_keys(text) == text else json.loads(without_keys(text))
    return value
