"""What a decoder layer does between its matrix products, in PyTorch's operations.

kernels.py has the same in C, each in one pass over memory, for bf16 where there is a compiler.
Letters are those of llama.py: N rows, B of T tokens, K keys of G queries each, heads of D.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn.functional import silu

from midspec.train.rooms import Room


class Shape(NamedTuple):
    """B rows of T tokens; K keys, G queries a key, heads of D."""

    B: int
    T: int
    K: int
    G: int
    D: int


class Elementwise(Protocol):
    """What llama.py asks for; `also` is what flows into the same place from elsewhere, `room` where
    what is kept for the backward pass may be written."""

    def angles(self, cos_TD: Tensor, sin_TD: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """Rotary positions in the form that `heads_forward` and `heads_backward` take."""

    def norm_forward(
        self, x_NE: Tensor, weight_E: Tensor, epsilon: float, out_NE: Tensor
    ) -> Tensor:
        """Write x / RMS(x) · weight to `out`; returns 1 / RMS of each row in float32 (N, 1)."""

    def norm_backward(
        self, g_NE: Tensor, x_NE: Tensor, scale_N1: Tensor, weight_E: Tensor, also_NE: Tensor
    ) -> Tensor:
        """The gradient of a norm's input, and `also`."""

    def gate_forward(self, both_NF: Tensor, out_NM: Tensor) -> None:
        """Write silu(gate) · up, of the two side by side, to `out`."""

    def gate_backward(self, g_NM: Tensor, both_NF: Tensor) -> Tensor:
        """The gradients of gate and up, side by side."""

    def heads_forward(
        self, rows_NO: Tensor, angles: tuple[Tensor, Tensor], shape: Shape, room: Room
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Rows of queries, keys and values as turned queries (B·K, G·T, D), turned keys, values."""

    def heads_backward(
        self,
        grouped: tuple[Tensor, Tensor, Tensor],
        angles: tuple[Tensor, Tensor],
        scaling: float,
        shape: Shape,
    ) -> Tensor:
        """Their gradients as rows, turned back; those of queries and keys times `scaling`."""

    def to_rows(self, grouped: Tensor, out_NI: Tensor, shape: Shape) -> None:
        """Write (B·K, G·T, D) to rows."""

    def to_groups(self, rows_NI: Tensor, shape: Shape) -> Tensor:
        """Rows as (B·K, G·T, D)."""

    def attend(self, q: Tensor, k: Tensor, scaling: float, shape: Shape, room: Room) -> Tensor:
        """How much each query takes of each key, none of those to come (B·K, G·T, T)."""

    def attend_backward(self, g: Tensor, weights: Tensor, shape: Shape) -> Tensor:
        """The gradient of the scores, from that of the weights, which may be overwritten."""

    def cross_entropy(self, logits_NV: Tensor, labels_N: Tensor) -> tuple[Tensor, Tensor]:
        """The summed loss and its gradient; the logits may be overwritten."""


def best_for(like: Tensor) -> Elementwise:
    """The fastest that there is for tensors like this one."""
    from midspec.train.kernels import kernels

    fit = like.dtype == torch.bfloat16 and like.device.type == "cpu"
    return (fit and kernels()) or Plain()


class Plain:
    """In PyTorch's operations, on any device and in any precision."""

    def angles(self, cos_TD: Tensor, sin_TD: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """In the precision of what is turned."""
        return cos_TD.to(like.dtype), sin_TD.to(like.dtype)

    def norm_forward(
        self, x_NE: Tensor, weight_E: Tensor, epsilon: float, out_NE: Tensor
    ) -> Tensor:
        """The mean of squares is taken in float32."""
        length_N1: Tensor = torch.linalg.vector_norm(
            x_NE, dim=-1, keepdim=True, dtype=torch.float32
        )
        scale_N1 = length_N1.square_().div_(x_NE.shape[-1]).add_(epsilon).rsqrt_()
        torch.mul(torch.mul(x_NE, scale_N1, out=out_NE), weight_E, out=out_NE)
        return scale_N1

    def norm_backward(
        self, g_NE: Tensor, x_NE: Tensor, scale_N1: Tensor, weight_E: Tensor, also_NE: Tensor
    ) -> Tensor:
        """In float32, rounded at the end."""
        g_NE = (g_NE * weight_E).float()
        unit_NE = x_NE * scale_N1
        along_N1 = (g_NE * unit_NE).mean(-1, keepdim=True)
        g_NE = g_NE.addcmul_(unit_NE, along_N1, value=-1).mul_(scale_N1).add_(also_NE)
        return g_NE.to(x_NE.dtype)

    def gate_forward(self, both_NF: Tensor, out_NM: Tensor) -> None:
        """Two passes."""
        gate_NM, up_NM = both_NF.chunk(2, dim=1)
        torch.mul(silu(gate_NM), up_NM, out=out_NM)

    def gate_backward(self, g_NM: Tensor, both_NF: Tensor) -> Tensor:
        """Four passes."""
        gate_NM, up_NM = both_NF.chunk(2, dim=1)
        out_NF = torch.empty_like(both_NF)
        g_gate_NM, g_up_NM = out_NF.chunk(2, dim=1)
        torch.mul(g_NM, silu(gate_NM), out=g_up_NM)
        g_gate_NM.copy_(torch.ops.aten.silu_backward(g_NM * up_NM, gate_NM))
        return out_NF

    def heads_forward(
        self, rows_NO: Tensor, angles: tuple[Tensor, Tensor], shape: Shape, room: Room
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Queries that share a key stand together, so that they share a product."""
        B, T, K, G, D = shape
        heads = rows_NO.view(B, T, K * G + 2 * K, D)
        turned = turn(heads[:, :, : K * G + K], *angles)
        q = self.to_groups(turned[:, :, : K * G], shape)
        k, v = (
            some.transpose(1, 2).reshape(B * K, T, D)
            for some in (turned[:, :, K * G :], heads[:, :, K * G + K :])
        )
        return q, k, v

    def heads_backward(
        self,
        grouped: tuple[Tensor, Tensor, Tensor],
        angles: tuple[Tensor, Tensor],
        scaling: float,
        shape: Shape,
    ) -> Tensor:
        """Turned back by the negative angle."""
        B, T, K, G, D = shape
        g_q, g_k, g_v = grouped
        cos_TD, sin_TD = angles
        heads = g_q.new_empty(B, T, K * G + 2 * K, D)
        turned = g_q.new_empty(B, T, K * G + K, D)
        self.to_rows(g_q.mul_(scaling), turned[:, :, : K * G], shape)
        turned[:, :, K * G :] = g_k.mul_(scaling).view(B, K, T, D).transpose(1, 2)
        heads[:, :, : K * G + K] = turn(turned, cos_TD, -sin_TD)
        heads[:, :, K * G + K :] = g_v.view(B, K, T, D).transpose(1, 2)
        return heads.view(B * T, -1)

    def to_rows(self, grouped: Tensor, out_NI: Tensor, shape: Shape) -> None:
        """`out` may be heads (B, T, K·G, D), too."""
        B, T, K, G, D = shape
        by_token = grouped.view(B, K, G, T, D).permute(0, 3, 1, 2, 4)
        out_NI.view(B, T, K, G, D).copy_(by_token)

    def to_groups(self, rows_NI: Tensor, shape: Shape) -> Tensor:
        """`rows` may be heads (B, T, K·G, D), too."""
        B, T, K, G, D = shape
        return rows_NI.view(B, T, K, G, D).permute(0, 2, 3, 1, 4).reshape(B * K, G * T, D)

    def attend(self, q: Tensor, k: Tensor, scaling: float, shape: Shape, room: Room) -> Tensor:
        """What is to come is hidden by a kept table of −∞."""
        bias = _causal(shape.T, shape.G, q.dtype, str(q.device))
        return torch.softmax(torch.baddbmm(bias, q, k.transpose(1, 2), alpha=scaling), dim=-1)

    def attend_backward(self, g: Tensor, weights: Tensor, shape: Shape) -> Tensor:
        """A softmax's."""
        found: Tensor = torch.ops.aten._softmax_backward_data(g, weights, -1, weights.dtype)
        return found

    def cross_entropy(self, logits_NV: Tensor, labels_N: Tensor) -> tuple[Tensor, Tensor]:
        """In bf16 where the logits are.

        In float32 this softmax and its way back to bf16 take 53 ms for 300 rows, so 6; a scatter_
        into the table, or a sum of it in float32, would take as long again.
        """
        chances_NV = torch.softmax(logits_NV, dim=-1)
        at = (torch.arange(len(labels_N), device=labels_N.device), labels_N)
        own_N = chances_NV[at].float()
        chances_NV[at] = 0
        others_N = (chances_NV @ chances_NV.new_ones(chances_NV.shape[1])).float()
        # Near 1, bf16 can't tell a chance from 1; what is left for the others it can.
        chances_NV[at] = -others_N.to(chances_NV.dtype)
        log_N = torch.where(others_N < 0.5, torch.log1p(-others_N), own_N.clamp_min(1e-30).log())
        return -log_N.sum(), chances_NV


def turn(x_BTHD: Tensor, cos_TD: Tensor, sin_TD: Tensor) -> Tensor:
    """Rotary positions: each half of a head turned against the other."""
    half = x_BTHD.shape[-1] // 2
    cos, sin = cos_TD[:, None, :half], sin_TD[:, None, :half]
    first, second = x_BTHD[..., :half], x_BTHD[..., half:]
    out = torch.empty(x_BTHD.shape, dtype=x_BTHD.dtype)
    out[..., :half] = torch.addcmul(first * cos, second, sin, value=-1)
    out[..., half:] = torch.addcmul(second * cos, first, sin)
    return out


@lru_cache(maxsize=64)
def _causal(T: int, groups: int, dtype: torch.dtype, device: str) -> Tensor:
    """What is added to the scores of one key's queries: −∞ where a query would look ahead."""
    hidden = torch.ones(T, T, dtype=torch.bool, device=device).triu(1)
    bias = torch.zeros(T, T, dtype=dtype, device=device).masked_fill_(hidden, float("-inf"))
    return bias.repeat(groups, 1)[None]
