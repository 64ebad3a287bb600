"""An arm as a model that Inspect can ask: weights of this machine, or what a provider serves."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, Literal

from midspec.files import disk_errors
from midspec.llm.keyless import keyless
from midspec.llm.settings import Limits

if TYPE_CHECKING:
    from inspect_ai.model import Model

Engine = Literal["hf", "vllm"]
ROWS_ON_CPU, ROWS_ON_GPU = 32, 64  # answers generated at once
MERGED = "merged"
LONGEST_STEP = 30.0  # seconds to wait for one token


@dataclass(frozen=True)
class Weights:
    """A base model's folder and what a training stage made of it; `name` is how logs call it."""

    base: Path
    trained: Path | None
    name: str


@contextmanager
def local_model(
    weights: Weights, engine: Engine, sampled: bool, thinking: bool, work: Path
) -> Iterator[Model]:
    """Weights as `hf/NAME` or, served by vLLM, `vllm/FOLDER`. What has an adapter is merged into a
    folder in `work`, which is gone afterwards.

    Sampling is from the whole distribution, whatever the model's generation_config.json says.
    """
    from inspect_ai.model import GenerateConfig, ModelInfo, get_model, set_model_info

    from midspec.train.device import choose_device

    folder, tokenizer = _whole(weights, work), str(weights.base)
    device = choose_device()
    rows = ROWS_ON_CPU if device == "cpu" else ROWS_ON_GPU
    config = GenerateConfig(max_connections=rows, top_p=1.0 if sampled else None)
    if engine == "vllm":
        asked = GenerateConfig(
            top_k=-1 if sampled else None,
            extra_body={"chat_template_kwargs": {"enable_thinking": thinking}},
        )
        name, arguments = f"vllm/{folder}", {"tokenizer": tokenizer}
    else:
        asked = GenerateConfig(top_k=0 if sampled else None)
        name, arguments = f"hf/{weights.name}", _hf_arguments(folder, tokenizer, sampled, thinking)
        arguments["device"] = device
    set_model_info(name, ModelInfo())  # or Inspect would look for a model of that name on the Hub
    model = get_model(name, config=config.merge(asked), memoize=False, **arguments)
    try:
        with _stopped_at_end(model.api.model) if engine == "hf" else nullcontext():
            yield model
    finally:
        asyncio.run(model.api.aclose())
        shutil.rmtree(work / MERGED, ignore_errors=True)


@contextmanager
def _stopped_at_end(weights: Any) -> Iterator[None]:
    """End what Inspect's thread still generates when the block is left by Ctrl-C or an error; a
    process that exits over it would be aborted."""
    over, idle = Event(), Event()
    idle.set()

    def before(*_: object) -> None:
        if over.is_set():
            raise RuntimeError("nobody waits for this answer any more")
        idle.clear()

    weights.register_forward_pre_hook(before)
    weights.register_forward_hook(lambda *_: idle.set(), always_call=True)
    try:
        yield
    finally:
        over.set()
        idle.wait(LONGEST_STEP)


def served_model(name: str, limits: Limits) -> Model:
    """A model that a provider serves, by Inspect's name for it."""
    from inspect_ai.model import GenerateConfig, get_model

    limits = limits.fitted(name)
    config = GenerateConfig(
        max_connections=limits.connections,
        max_retries=limits.retries,
        attempt_timeout=None if limits.batch else round(limits.timeout),
        batch=limits.batch or None,
    )
    return keyless(get_model(name, config=config, memoize=False))


def _hf_arguments(folder: Path, tokenizer: str, sampled: bool, thinking: bool) -> dict[str, Any]:
    return {
        "model_path": str(folder),
        "tokenizer_path": tokenizer,
        # The template writes all special tokens; a tokenizer that adds its own would double them.
        "tokenizer_call_args": {"add_special_tokens": False},
        "dtype": "auto",
        "do_sample": sampled,
        "enable_thinking": thinking,
    }


def _whole(weights: Weights, work: Path) -> Path:
    """A folder that holds all of an arm's weights."""
    from midspec.train.model import load_arm
    from midspec.train.stack import find_stack

    stack = find_stack(weights.base, weights.trained)
    if not stack.adapters:
        return stack.weights
    with disk_errors(work):
        load_arm(weights.base, weights.trained).save_pretrained(work / MERGED)
    load_arm.cache_clear()  # or it would be in memory twice
    return work / MERGED
