"""Gradients made short: a fixed random projection that keeps inner products."""

from collections.abc import Iterable

import torch
from torch import Tensor

DIMENSIONS = 8_191  # a prime, so that no row or column of a matrix falls into one place
FLOOR = 0.01  # of the mean root of the second moments: below it, parameters count alike
MOMENT_DOCUMENTS = 64  # of which the second moments are taken


class Sketch:
    """A linear map of gradients to `dimensions` numbers: each is weighted and given a sign drawn by
    `draw`, and every `dimensions`-th are added up.

    That is a count sketch (Charikar, Chen, Farach-Colton 2002): inner products are right on
    average, and those of two unit vectors are off by 1/√dimensions (standard deviation; .011 for
    8,191). It needs two numbers a parameter where a dense projection needs `dimensions`. Gradients
    that are no longer than that are kept whole.
    """

    def __init__(self, weights_P: Tensor, dimensions: int, draw: int) -> None:
        # Drawn on the CPU, so that a sketch is the same whatever device computes.
        deal = torch.Generator().manual_seed(draw)
        signs_P = torch.randint(0, 2, weights_P.shape, generator=deal, dtype=torch.int8)
        self.weights_P = weights_P * signs_P.mul_(2).sub_(1)
        self.dimensions = min(dimensions, len(weights_P))

    def __call__(self, gradient_P: Tensor) -> Tensor:
        """The sketch of one gradient."""
        weighted_P = gradient_P * self.weights_P
        missing = -len(weighted_P) % self.dimensions
        padded = torch.nn.functional.pad(weighted_P, (0, missing))
        return padded.view(-1, self.dimensions).sum(0)


def adam_weights(gradients: Iterable[Tensor]) -> Tensor:
    """The weights under which an inner product of two gradients is what an AdamW step on the one
    does to the other: v^(−1/4) on each side, v being the gradients' second moments.

    The optimizer's own v isn't kept after training; documents' gradients at the same weights stand
    in for it.
    """
    total: Tensor | None = None
    count = 0
    for gradient_P in gradients:
        squares_P = gradient_P.double().square()
        total = squares_P if total is None else total.add_(squares_P)
        count += 1
    assert total is not None
    roots_P = (total / count).sqrt()
    floored_P = roots_P + FLOOR * roots_P.mean()
    return floored_P.clamp_min(1e-12).rsqrt().float()
