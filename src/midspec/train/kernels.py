"""What training does between its matrix products, in C, compiled where there is a compiler.

In PyTorch's operations it takes as long as the products themselves on two cores: each operation
reads and writes all of its operands. kernels.c does each in one pass; compiling it takes a second.
Where there is no C compiler, what elementwise.py has in PyTorch is used.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from ctypes import c_float, c_long, c_void_p
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from midspec.train.compiling import COMPILERS, compile_kernels, which_flags
from midspec.train.elementwise import Shape
from midspec.train.rooms import Room


@cache
def kernels() -> Kernels | None:
    """The compiled functions, or None where they can't be compiled; tried once in a process."""
    if torch.backends.openmp.is_available():  # type: ignore[no-untyped-call]
        for compiler in COMPILERS:
            for flags in which_flags():
                if library := _compile(compiler, flags):
                    return Kernels(library)
    return None


def _compile(compiler: str, flags: list[str]) -> Any:
    """Compile and load, in a folder that nobody else can write to and that is gone at once."""
    with TemporaryDirectory() as folder:
        linked = compile_kernels(compiler, flags, Path(folder))
        try:
            if linked is None:
                return None
            for own in (Path(torch.__file__).parent / "lib").glob("lib*omp*.so*"):
                ctypes.CDLL(str(own), ctypes.RTLD_GLOBAL)
            return ctypes.CDLL(str(linked))
        except OSError:
            return None


class Kernels:
    """elementwise.py's methods on bf16 tensors of a CPU whose last dimension is dense."""

    def __init__(self, library: Any) -> None:
        self.library = library

    def angles(self, cos_TD: Tensor, sin_TD: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """In float32."""
        return cos_TD.float().contiguous(), sin_TD.float().contiguous()

    def norm_forward(
        self, x_NE: Tensor, weight_E: Tensor, epsilon: float, out_NE: Tensor
    ) -> Tensor:
        """Two passes over a row that is in the cache."""
        scale_N1 = x_NE.new_empty(len(x_NE), 1, dtype=torch.float32)
        self.library.norm_forward(
            *_at(x_NE, weight_E, out_NE, scale_N1),
            *_longs(*x_NE.shape, x_NE.stride(0), out_NE.stride(0)),
            c_float(epsilon),
        )
        return scale_N1

    def norm_backward(
        self, g_NE: Tensor, x_NE: Tensor, scale_N1: Tensor, weight_E: Tensor, also_NE: Tensor
    ) -> Tensor:
        """Two passes over a row that is in the cache."""
        out_NE = x_NE.new_empty(x_NE.shape)
        self.library.norm_backward(
            *_at(g_NE, x_NE, scale_N1, weight_E, also_NE, out_NE),
            *_longs(*x_NE.shape, g_NE.stride(0), x_NE.stride(0), also_NE.stride(0)),
        )
        return out_NE

    def gate_forward(self, both_NF: Tensor, out_NM: Tensor) -> None:
        """One pass."""
        self.library.gate_forward(*_at(both_NF, out_NM), *_longs(*out_NM.shape, out_NM.stride(0)))

    def gate_backward(self, g_NM: Tensor, both_NF: Tensor) -> Tensor:
        """One pass."""
        out_NF = torch.empty_like(both_NF)
        self.library.gate_backward(
            *_at(g_NM, both_NF, out_NF), *_longs(*g_NM.shape, g_NM.stride(0))
        )
        return out_NF

    def heads_forward(
        self, rows_NO: Tensor, angles: tuple[Tensor, Tensor], shape: Shape, room: Room
    ) -> tuple[Tensor, Tensor, Tensor]:
        """One pass."""
        B, T, K, G, D = shape
        q, k, v = room(B * K, G * T, D), room(B * K, T, D), room(B * K, T, D)
        self.library.heads_forward(*_at(rows_NO, q, k, v, *angles), *_longs(*shape))
        return q, k, v

    def heads_backward(
        self,
        grouped: tuple[Tensor, Tensor, Tensor],
        angles: tuple[Tensor, Tensor],
        scaling: float,
        shape: Shape,
    ) -> Tensor:
        """One pass."""
        B, T, K, G, D = shape
        rows_NO = grouped[0].new_empty(B * T, (K * G + 2 * K) * D)
        self.library.heads_backward(
            *_at(*grouped, rows_NO, *angles), *_longs(*shape), c_float(scaling)
        )
        return rows_NO

    def to_rows(self, grouped: Tensor, out_NI: Tensor, shape: Shape) -> None:
        """One pass."""
        self.library.regroup(*_at(grouped, out_NI), *_longs(*shape, out_NI.stride(0), 1))

    def to_groups(self, rows_NI: Tensor, shape: Shape) -> Tensor:
        """One pass."""
        grouped = rows_NI.new_empty(shape.B * shape.K, shape.G * shape.T, shape.D)
        self.library.regroup(*_at(grouped, rows_NI), *_longs(*shape, rows_NI.stride(0), 0))
        return grouped

    def attend(self, q: Tensor, k: Tensor, scaling: float, shape: Shape, room: Room) -> Tensor:
        """A row's softmax is over what its query sees."""
        scores = torch.bmm(q, k.transpose(1, 2), out=room(*q.shape[:2], shape.T))
        self.library.softmax_forward(
            *_at(scores), *_longs(scores.numel() // shape.T, shape.T), c_float(scaling)
        )
        return scores

    def attend_backward(self, g: Tensor, weights: Tensor, shape: Shape) -> Tensor:
        """In place."""
        self.library.softmax_backward(*_at(g, weights), *_longs(g.numel() // shape.T, shape.T))
        return g

    def cross_entropy(self, logits_NV: Tensor, labels_N: Tensor) -> tuple[Tensor, Tensor]:
        """Each row in float32: three passes while it is in the cache."""
        loss_N = logits_NV.new_empty(len(logits_NV), dtype=torch.float32)
        self.library.cross_entropy(*_at(logits_NV, labels_N, loss_N), *_longs(*logits_NV.shape))
        return loss_N.sum(), logits_NV

    def square_sum(self, tables: Tables) -> float:
        """Of all gradients, in double precision."""
        sums = torch.empty(len(tables.rows), dtype=torch.float64)
        self.library.square_sums(tables.rows, *_at(sums), c_long(len(tables.rows)))
        return sums.sum().item()

    def adamw(
        self,
        tables: Tables,
        clip: float,
        rate: float,
        decay: float,
        betas: tuple[float, float],
        epsilon: float,
        step: int,
    ) -> None:
        """The update of this step, counted from 1; gradients are multiplied by `clip`."""
        corrections = [1 - beta**step for beta in betas]
        self.library.adamw(
            tables.rows,
            c_long(len(tables.rows)),
            c_float(clip),
            c_float(1 - rate * decay),
            c_float(rate / corrections[0]),
            *map(c_float, betas),
            c_float(1 / math.sqrt(corrections[1])),
            c_float(epsilon),
        )


class _Trained(ctypes.Structure):
    """kernels.c's `Trained`."""

    _fields_ = [
        *[(name, c_void_p) for name in ("master", "mean", "square", "gradient", "weight")],
        *[(name, c_long) for name in ("rows", "columns", "gradient_stride", "weight_stride")],
    ]


class Tables:
    """Where masters, their moments and the weights that compute lie; all must outlive it."""

    def __init__(
        self,
        masters: Sequence[Tensor],
        means: Sequence[Tensor],
        squares: Sequence[Tensor],
        weights: Sequence[Tensor],
    ) -> None:
        self.rows = (_Trained * len(masters))(
            *(
                _Trained(
                    master.data_ptr(), mean.data_ptr(), square.data_ptr(), 0, weight.data_ptr(),
                    *weight.shape, 0, weight.stride(0),
                )
                for master, mean, square, weight in zip(
                    masters, means, squares, weights, strict=True
                )
            )
        )  # fmt: skip
        self.gradients: list[Tensor] = []  # kept alive

    def point_at(self, gradients: Sequence[Tensor]) -> None:
        """Say where this step's gradients lie."""
        self.gradients = [own if own.stride(1) == 1 else own.contiguous() for own in gradients]
        for row, gradient in zip(self.rows, self.gradients, strict=True):
            row.gradient, row.gradient_stride = gradient.data_ptr(), gradient.stride(0)


def _at(*tensors: Tensor) -> list[c_void_p]:
    """Where they lie."""
    return [c_void_p(tensor.data_ptr()) for tensor in tensors]


def _longs(*values: int) -> list[c_long]:
    return [c_long(value) for value in values]
