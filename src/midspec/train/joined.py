"""Parts of the decoder that is written out: projections of one input as one product."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from midspec.train.rooms import Room


class Joined:
    """Linear layers that read one input, as one product with their adapters.

    `table_OK` holds their weights side by side, and in further columns each adapter's B; so its
    product with an input that is extended by scale · x · Aᵀ is all of W·x + scale · B·A·x. The
    layers' own weights become views of it: nothing is held twice, and an update needs no copy.
    """

    def __init__(self, modules: Sequence[Any]) -> None:
        bases = [getattr(module, "base_layer", module) for module in modules]
        self.adapters = [_adapter(module) for module in modules]
        self.sizes = [base.weight.shape[0] for base in bases]
        self.inputs = bases[0].weight.shape[1]
        ranks = [adapter[0].shape[0] if adapter else 0 for adapter in self.adapters]
        weight: Tensor = bases[0].weight
        self.table_OK = weight.new_empty(sum(self.sizes), self.inputs + sum(ranks))
        self.table_OK[:, self.inputs :] = 0
        self.a_RI = weight.new_empty(sum(ranks), self.inputs)
        self.scale = next((scale for a in self.adapters if a for scale in a[2:]), 0.0)
        row = rank = 0
        self.blocks: list[tuple[slice, slice]] = []  # of each adapter: its outputs, its ranks
        for base, adapter, size, own in zip(bases, self.adapters, self.sizes, ranks, strict=True):
            rows, ranks_of = slice(row, row + size), slice(rank, rank + own)
            base.weight.data = _into(self.table_OK[rows, : self.inputs], base.weight)
            if adapter:
                columns = slice(self.inputs + rank, self.inputs + rank + own)
                adapter[0].data = _into(self.a_RI[ranks_of], adapter[0])
                adapter[1].data = _into(self.table_OK[rows, columns], adapter[1])
                self.blocks.append((rows, ranks_of))
            row, rank = row + size, rank + own
        self.parameters = [p for adapter in self.adapters if adapter for p in adapter[:2]]

    def extended(self, rows: int, room: Room) -> Tensor:
        """An empty input with its extension."""
        return room(rows, self.table_OK.shape[1])

    def forward(self, x_NK: Tensor, room: Room, residual_NO: Tensor | None = None) -> Tensor:
        """The outputs of all layers side by side; fills in the extension of `x_NK`."""
        if self.blocks:
            own_NI, extension_NR = x_NK[:, : self.inputs], x_NK[:, self.inputs :]
            torch.addmm(
                extension_NR, own_NI, self.a_RI.T, beta=0, alpha=self.scale, out=extension_NR
            )
        out_NO = room(len(x_NK), len(self.table_OK))
        if residual_NO is None:
            return torch.mm(x_NK, self.table_OK.T, out=out_NO)
        return torch.addmm(residual_NO, x_NK, self.table_OK.T, out=out_NO)

    def backward(
        self, g_NO: Tensor, x_NK: Tensor, to_input: bool = True
    ) -> tuple[Tensor, list[Tensor]]:
        """The gradients of the input and of the adapters' A and B, in the parameters' order."""
        if not self.blocks:
            return g_NO @ self.table_OK, []
        own_NI, extension_NR = x_NK[:, : self.inputs], x_NK[:, self.inputs :]
        if to_input:
            both_NK = g_NO @ self.table_OK
            g_input_NI, g_extension_NR = both_NK[:, : self.inputs], both_NK[:, self.inputs :]
        else:
            g_input_NI, g_extension_NR = g_NO, g_NO @ self.table_OK[:, self.inputs :]
        g_extension_NR = g_extension_NR * self.scale
        g_a_RI = g_extension_NR.T @ own_NI
        gradients: list[Tensor] = []
        for rows, ranks in self.blocks:
            gradients += [g_a_RI[ranks], g_NO[:, rows].T @ extension_NR[:, ranks]]
        if to_input:
            g_input_NI = g_input_NI.addmm_(g_extension_NR, self.a_RI)
        return g_input_NI, gradients


def _into(place: Tensor, value: Tensor) -> Tensor:
    """A view of a table, filled with what it is to hold."""
    place.copy_(value.detach())
    return place


def _adapter(module: Any) -> tuple[Any, Any, float] | None:
    """A layer's A, B and scale, where it has an adapter."""
    if not hasattr(module, "lora_A"):
        return None
    (name,) = module.lora_A.keys()
    return module.lora_A[name].weight, module.lora_B[name].weight, float(module.scaling[name])
