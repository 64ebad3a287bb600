"""How models are trained: the knobs, their units and the paper's values (B.4)."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, Le, Lt

from midspec.recipe import ADDED

Count = Annotated[int, Gt(0)]
Share = Annotated[float, Ge(0), Le(1)]


@dataclass(frozen=True)
class AdapterSettings:
    """What is trained: a LoRA adapter on every attention and MLP projection, or all weights.

    The paper uses rank 64 and alpha 128 without dropout, on all layers. Layers below `first_layer`
    stay as they are: nothing is propagated back through them, which saves that part of the time.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    method: Literal["lora", "full"] = "lora"
    rank: Count = 64
    alpha: Count = 128
    first_layer: Annotated[int, Ge(0)] = 0


@dataclass(frozen=True)
class LoopSettings:
    """How long and how fast; the paper: 1 epoch, lr 1e-4, cosine, 5% warm-up, AdamW.

    `tokens_per_step` counts padding and is not stated by the paper; `max_tokens` is a row's length.
    `held_out` is the share of texts, at most 32 rows, that are kept aside and read now and then:
    the loss on them rises where the others are learnt by heart.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    learning_rate: Annotated[float, Gt(0)] = 1e-4
    epochs: Count = 1
    tokens_per_step: Count = 2048
    max_tokens: Annotated[int, Gt(1)] = 1024
    warmup_fraction: Share = 0.05
    weight_decay: Annotated[float, Ge(0)] = 0.01
    max_gradient_norm: Annotated[float, Gt(0)] = 1.0
    held_out: Annotated[float, Ge(0), Lt(1)] = field(default=0.0, metadata={ADDED: True})
