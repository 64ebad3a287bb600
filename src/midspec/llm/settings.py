"""Which LLM is asked and how: what decides its answers, and what is only a matter of this run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from midspec.errors import ConfigError

OFFLINE = "offline"
BATCH_PROVIDERS = ("anthropic/", "google/", "grok/", "openai/", "together/")  # by Inspect
BATCH_CALLS = 5_000
Effort = Literal["none", "minimal", "low", "medium", "high"]


@dataclass(frozen=True)
class Teacher:
    """An LLM and the parameters that decide its answers; `offline` is no LLM at all.

    `model` is Inspect's name for it: anthropic/…, openai/…, openai-api/SERVICE/…, hf/FOLDER, ….
    `reasoning_tokens` is room for thinking, added to what an answer may take. `structured`: ask for
    lists by JSON schema; None, where the provider is known to take one.
    """

    model: str = OFFLINE
    temperature: float | None = 1.0
    reasoning_effort: Effort | None = None
    reasoning_tokens: int = 0
    structured: bool | None = None

    @property
    def offline(self) -> bool:
        """Whether documents are written without an LLM."""
        return self.model == OFFLINE


@dataclass
class Purse:
    """Dollars that all stages of a run may cost together, and what they have cost so far."""

    limit: float
    spent: float = 0.0


@dataclass(frozen=True)
class Limits:
    """How calls are made in this run; none of it changes what an answer would be.

    max_cost: dollars, max_tokens: input and output together, each for one stage over all its
    runs; purse: dollars for all stages of this run. timeout: seconds for one call. min_yield: share
    of the first documents that must be kept. model_folders: where the weights of local models lie;
    prices: dollars a million tokens of input and of output, for models that the price table doesn't
    know; both by model.
    """

    ledger: Path | None = None
    max_cost: float | None = None
    max_tokens: int | None = None
    purse: Purse | None = None
    connections: int = 50
    timeout: float = 300.0
    retries: int = 8
    batch: bool = False
    min_yield: float = 0.5
    model_folders: Mapping[str, Path] = field(default_factory=dict)
    prices: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def fitted(self, model: str) -> Limits:
        """The limits for one model: no batch where its provider has none, and where it has one, as
        many calls as may be wait for it together, since a batch holds no connection."""
        if self.batch and batched(model):
            return replace(self, connections=max(self.connections, BATCH_CALLS))
        return replace(self, batch=False)


_limits: ContextVar[Limits | None] = ContextVar("llm_limits", default=None)


def batched(model: str) -> bool:
    """Whether Inspect knows the provider's batch API, where an answer costs half."""
    return model.startswith(BATCH_PROVIDERS)


def current_limits() -> Limits:
    """The limits of this run."""
    return _limits.get() or Limits()


@contextmanager
def limited(limits: Limits) -> Iterator[None]:
    """Apply `limits` to every stage that is built inside the block."""
    token = _limits.set(limits)
    try:
        yield
    finally:
        _limits.reset(token)


def need_inspect(what: str) -> None:
    """Inspect is an extra: `what` takes it, and says so before anything runs."""
    if find_spec("inspect_ai") is None:
        raise ConfigError(
            f"{what} needs packages that aren't installed. Run: pip install 'midspec[llm]'"
        )
