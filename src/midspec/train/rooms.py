"""Memory that a layer writes what it keeps for its backward pass into, the same in every step."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor

Room = Callable[..., Tensor]  # an empty tensor of so many rows, columns, …


class Rooms:
    """Hands out tensors in the order in which a forward pass asks for them.

    Rows of many lengths make malloc search for a dozen large pieces a layer, a seventh of a step's
    time (docs/performance.md). What was handed out is good until `begin`, which another forward
    pass calls: a backward pass must be over before.
    """

    def __init__(self, like: Tensor) -> None:
        self.like = like
        self.held: list[Tensor] = []  # each as large as the largest so far
        self.next = self.passes = 0

    def begin(self) -> Rooms:
        """Hand them out from the first one again, to another forward pass."""
        self.next = 0
        self.passes += 1
        return self

    def check(self, number: int) -> None:
        """Refuse the backward pass of a forward pass, by its number, that isn't the last one."""
        if number != self.passes:
            raise RuntimeError("another forward pass has begun, and taken this one's memory")

    def __call__(self, *shape: int) -> Tensor:
        """The next one, empty."""
        size = math.prod(shape)
        if self.next == len(self.held):
            self.held.append(self.like.new_empty(size))
        elif self.held[self.next].numel() < size:
            self.held[self.next] = self.like.new_empty(size)
        whole = self.held[self.next]
        self.next += 1
        # `data`, since autograd would follow a view back to what the next pass writes over.
        return whole[:size].view(shape).data
