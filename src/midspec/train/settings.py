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

    __pydantic_config__: ClassVar[dict[str, object]] = {
        "extra": "forbid",
        "allow_inf_nan": False,
    }

    method: Literal["lora", "full"] = "lora"
    """`full`: all weights."""
    rank: Count = 64
    """Of LoRA."""
    alpha: Count = 128
    """LoRA's scale; what it adds is times alpha/rank."""
    first_layer: Annotated[int, Ge(0)] = 0
    """The lowest layer that is trained."""


@dataclass(frozen=True)
class LoopSettings:
    """How long and how fast; the paper: 1 epoch, lr 1e-4, cosine, 5% warm-up, AdamW.

    `tokens_per_step` counts padding and is not stated by the paper; `max_tokens` is a row's length.
    `held_out` is the share of texts, at most 32 rows, that are kept aside and read now and then:
    the loss on them rises where the others are learnt by heart.
    """

    __pydantic_config__: ClassVar[dict[str, object]] = {
        "extra": "forbid",
        "allow_inf_nan": False,
    }

    learning_rate: Annotated[float, Gt(0)] = 1e-4
    """At its peak; then a cosine to 0."""
    epochs: Count = 1
    """Times through the data."""
    tokens_per_step: Count = 2048
    """Of one update, padding counted."""
    max_tokens: Annotated[int, Gt(1)] = 1024
    """Of a row; a longer document is cut into equal rows."""
    warmup_fraction: Share = 0.05
    """Share of the steps in which the rate rises."""
    weight_decay: Annotated[float, Ge(0)] = 0.01
    """AdamW's."""
    max_gradient_norm: Annotated[float, Gt(0)] = 1.0
    """A longer gradient is cut to it."""
    held_out: Annotated[float, Ge(0), Lt(1)] = field(default=0.0, metadata={ADDED: True})
    """Share of texts kept aside, to read the loss on them."""
