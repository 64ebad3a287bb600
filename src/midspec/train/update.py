"""One update: a step's gradients are clipped, AdamW moves the masters, the weights follow them.

On a CPU with a compiler, adapters take kernels.c's way: two passes over memory where PyTorch's
cast, norm, clipping, AdamW and rounding take nine, a tenth of a small step.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from midspec.train.kernels import Tables, kernels
from midspec.train.model import Trainable

ROOM = 1e-6  # added to the norm before it divides, as PyTorch's clipping does


class Updates:
    """AdamW on the masters of a model in training; `optimizer` holds its moments either way."""

    def __init__(self, trainable: Trainable, weight_decay: float) -> None:
        self.trainable = trainable
        self.optimizer = torch.optim.AdamW(
            trainable.masters, lr=0.0, weight_decay=weight_decay, fused=True
        )
        self.kernels = kernels() if all(map(_is_table, trainable.parameters)) else None
        self.alone, self.scale = False, 1.0
        self.tables: Tables | None = None
        self.ready: Tables | None = None  # if they hold this step's gradients

    def begin(self, alone: bool) -> None:
        """Forget the gradients of the step before. `alone`: this one is made of a single pass of a
        single process, so that nothing is added to its gradients."""
        self.alone, self.ready = alone, None
        for parameter, master in self._pairs():
            parameter.grad = master.grad = None

    def take(self) -> None:
        """Add a pass's gradients to those of the masters, in float32."""
        found = [p.grad for p in self.trainable.parameters if p.grad is not None]
        if self.alone and self.kernels and len(found) == len(self.trainable.parameters):
            self.ready = self.tables = self.tables or self._tables()
            self.ready.point_at(found)
            return
        for parameter, master in self._pairs():
            if parameter.grad is not None:
                gradient = parameter.grad.float()
                master.grad = gradient if master.grad is None else master.grad + gradient
                parameter.grad = None

    def clip(self, most: float) -> float:
        """Scale the gradients down to a norm of at most so much; returns what it was."""
        if not (self.kernels and self.ready):
            return torch.nn.utils.clip_grad_norm_(self.trainable.masters, most).item()
        norm = math.sqrt(self.kernels.square_sum(self.ready))
        self.scale = min(1.0, most / (norm + ROOM))
        return norm

    def step(self, rate: float) -> None:
        """Update the masters at this learning rate, and round them into the weights."""
        (group,) = self.optimizer.param_groups
        group["lr"] = rate
        if not (self.kernels and self.ready):
            self.optimizer.step()
            self.trainable.copy_from_masters()
            return
        steps = [self.optimizer.state[master]["step"] for master in self.trainable.masters]
        torch._foreach_add_(steps, 1)
        decay, betas, epsilon = group["weight_decay"], group["betas"], group["eps"]
        done = int(steps[0].item())
        self.kernels.adamw(self.ready, self.scale, rate, decay, betas, epsilon, done)

    def _pairs(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        return zip(self.trainable.parameters, self.trainable.masters, strict=True)

    def _tables(self) -> Tables:
        """Where everything lies; moments that PyTorch would make at its first step are made."""
        for master in self.trainable.masters:
            if not self.optimizer.state[master]:
                self.optimizer.state[master] = {
                    "step": torch.zeros(()),
                    "exp_avg": torch.zeros_like(master),
                    "exp_avg_sq": torch.zeros_like(master),
                }
        moments = [self.optimizer.state[master] for master in self.trainable.masters]
        return Tables(
            self.trainable.masters,
            [own["exp_avg"] for own in moments],
            [own["exp_avg_sq"] for own in moments],
            self.trainable.parameters,
        )


def _is_table(parameter: torch.Tensor) -> bool:
    """Whether it is what kernels.c updates: two-dimensional bf16 in a CPU's memory."""
    return (
        parameter.dtype == torch.bfloat16
        and parameter.device.type == "cpu"
        and parameter.dim() == 2
        and type(parameter.data) is torch.Tensor
        and parameter.stride(1) == 1
    )
