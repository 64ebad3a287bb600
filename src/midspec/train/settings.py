"""How models are trained: the knobs, their units and the paper's values (B.4)."""

from dataclasses import dataclass
from typing import ClassVar, Literal


@dataclass(frozen=True)
class AdapterSettings:
    """What is trained: a LoRA adapter on every attention and MLP projection, or all weights.

    The paper uses rank 64 and alpha 128 without dropout.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    method: Literal["lora", "full"] = "lora"
    rank: int = 64
    alpha: int = 128


@dataclass(frozen=True)
class LoopSettings:
    """How long and how fast; the paper: 1 epoch, lr 1e-4, cosine, 5% warm-up, AdamW.

    `tokens_per_step` counts padding and is not stated by the paper; `max_tokens` is a row's length.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    learning_rate: float = 1e-4
    epochs: int = 1
    tokens_per_step: int = 2048
    max_tokens: int = 1024
    warmup_fraction: float = 0.05
    weight_decay: float = 0.01
    max_gradient_norm: float = 1.0
