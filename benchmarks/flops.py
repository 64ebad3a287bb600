"""What a training step has to multiply, and how fast this machine multiplies such shapes.

A product of (M, K) with (K, N) is 2·M·K·N FLOP. A step is counted on its real tokens, of which
padding is none:

- a weight that is trained: 6 FLOP a token (forward, gradient of its input, its own gradient); a
  frozen one: 4, and 2 below the first layer with an adapter, where nothing is propagated back;
- an adapter's A and B: 6 for each of their parameters;
- nobody wants the gradient of the input of q, k and v in the first layer with an adapter: it isn't
  counted;
- attention: scores and mixing are 4·H·D FLOP forward for each pair of a token and one that it may
  see (T·(T+1)/2 pairs in a row of T), and twice that backward;
- the head: on tokens that the loss counts (all but a row's first), 4·V·E frozen, 6·V·E trained.

Norms, softmax, rotary positions, the optimiser and looking up embeddings are no products: they
count as nothing, so the ceiling can't be reached.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import torch
from torch import Tensor

ARRANGEMENTS = ("apart", "joined")
LAYERS_ON_GPU = 2  # whose operands are more than its caches hold, and leave room for a model
HEAD_ROWS = 512  # rows of logits at once, as in train/loss.py

Product = tuple[Tensor, Tensor, Tensor]  # a, b, and where a @ b goes


@dataclass(frozen=True)
class Shape:
    """A decoder of Llama's form: L layers, width E, H heads of D over K keys, MLP F, words V."""

    L: int
    E: int
    H: int
    K: int
    D: int
    F: int
    V: int

    @property
    def linear(self) -> list[list[tuple[int, int]]]:
        """(inputs, outputs) of a layer's linear layers; those that read one input are together."""
        keys = self.K * self.D
        return [
            [(self.E, self.H * self.D), (self.E, keys), (self.E, keys)],
            [(self.H * self.D, self.E)],
            [(self.E, self.F), (self.E, self.F)],
            [(self.F, self.E)],
        ]


def shape_of(config: Any) -> Shape:
    """The shape in a transformers config."""
    heads = config.num_attention_heads
    return Shape(
        L=config.num_hidden_layers,
        E=config.hidden_size,
        H=heads,
        K=config.num_key_value_heads,
        D=getattr(config, "head_dim", None) or config.hidden_size // heads,
        F=config.intermediate_size,
        V=config.vocab_size,
    )


def step_flops(
    shape: Shape, lengths: Sequence[int], rank: int | None, first_layer: int = 0
) -> dict[str, int]:
    """The FLOP of a step over rows of these lengths, by part; no rank: all weights are trained."""
    tokens, counted = sum(lengths), sum(lengths) - len(lengths)
    seen = sum(length * (length + 1) // 2 for length in lengths)
    trained = shape.L - first_layer
    groups = shape.linear
    weights = sum(i * o for group in groups for i, o in group)
    pairs = 4 * shape.H * shape.D * seen
    if rank is None:
        return {
            "weights": 6 * tokens * weights * shape.L,
            "adapters": 0,
            "attention": 3 * pairs * shape.L,
            "head": 6 * counted * shape.V * shape.E,
        }
    adapters = sum(rank * (i + o) for group in groups for i, o in group)
    unwanted_weights = 2 * sum(i * o for i, o in groups[0])
    unwanted_adapters = 2 * sum(rank * i for i, _ in groups[0])
    return {
        "weights": tokens * (weights * (4 * trained + 2 * first_layer) - unwanted_weights),
        "adapters": tokens * (6 * adapters * trained - unwanted_adapters),
        "attention": pairs * (3 * trained + first_layer),
        "head": 4 * counted * shape.V * shape.E,
    }


class Step:
    """All products of a step's layers and head on `rows` tokens, with operands of their own.

    `apart`: each linear layer by itself; `joined`: those of one input as one product, with the
    adapters' B in further columns, which multiplies some zeros that don't count as FLOP. Attention
    is left out: its small products are slower, and would make the peak an easy one.
    """

    def __init__(
        self, shape: Shape, rows: int, rank: int | None, joined: bool, device: str = "cpu"
    ) -> None:
        self.device = device
        self.made: dict[tuple[int, int], Tensor] = {}
        self.flops = rows * self._flops_per_row(shape, rank)
        forward: list[Product] = []
        backward: list[Product] = []
        for _ in range(shape.L):
            for group in shape.linear:
                parts = [group] if joined else [[part] for part in group]
                for part in parts:
                    ahead, back = self._linear(part, rows, rank, joined)
                    forward += ahead
                    backward = back + backward
        head_VE = self._drawn(shape.V, shape.E)
        for start in range(0, rows, HEAD_ROWS):
            size = min(HEAD_ROWS, rows - start)
            hidden_CE, logits_CV = self._drawn(size, shape.E), self._room(size, shape.V)
            forward += [
                (hidden_CE, head_VE.T, logits_CV),
                (logits_CV, head_VE, self._room(size, shape.E)),
            ]
            if rank is None:
                forward.append((logits_CV.T, hidden_CE, self._room(shape.V, shape.E)))
        self.products = forward + backward

    def seconds(self) -> float:
        """How long all of them take, one after another."""
        with torch.inference_mode():
            self._wait()
            began = time.perf_counter()
            for a, b, out in self.products:
                torch.mm(a, b, out=out)
            self._wait()
            return time.perf_counter() - began

    def _wait(self) -> None:
        if self.device == "cuda":
            torch.cuda.synchronize()

    @staticmethod
    def _flops_per_row(shape: Shape, rank: int | None) -> int:
        linear = [part for group in shape.linear for part in group]
        weights = sum(i * o for i, o in linear) * shape.L
        head = shape.V * shape.E
        if rank is None:
            return 6 * (weights + head)
        return 4 * (weights + head) + 6 * sum(rank * (i + o) for i, o in linear) * shape.L

    def _linear(
        self, part: Sequence[tuple[int, int]], rows: int, rank: int | None, joined: bool
    ) -> tuple[list[Product], list[Product]]:
        """The products of linear layers with one input: forward, and backward."""
        inputs, outputs = part[0][0], sum(o for _, o in part)
        ranks = (rank or 0) * len(part)
        wide = inputs + ranks if joined else inputs
        x_NK, g_NO = self._drawn(rows, wide), self._drawn(rows, outputs)
        weight_OK = self._drawn(outputs, wide)
        forward = [(x_NK, weight_OK.T, self._room(rows, outputs))]
        backward = [(g_NO, weight_OK, self._room(rows, wide))]
        if rank is None:
            backward.append((g_NO.T, x_NK, self._room(outputs, inputs)))
            return forward, backward
        x_NI, a_RI = x_NK[:, :inputs], self._drawn(ranks, inputs)
        extension_NR, g_extension_NR = self._drawn(rows, ranks), self._drawn(rows, ranks)
        forward.insert(0, (x_NI, a_RI.T, self._room(rows, ranks)))
        start = 0
        for number, (_, size) in enumerate(part):
            of_NR = extension_NR[:, number * rank : (number + 1) * rank]
            g_of_NO = g_NO[:, start : start + size]
            backward.append((g_of_NO.T, of_NR, self._room(size, rank)))
            start += size
        if not joined:
            b_OR = self._drawn(outputs, ranks)
            forward.append((extension_NR, b_OR.T, self._room(rows, outputs)))
            backward.append((g_NO, b_OR, self._room(rows, ranks)))
        backward += [
            (g_extension_NR, a_RI, self._room(rows, inputs)),
            (g_extension_NR.T, x_NI, self._room(ranks, inputs)),
        ]
        return forward, backward

    def _room(self, rows: int, columns: int) -> Tensor:
        """Where products of this shape go: fresh memory for each would time the memory."""
        return self.made.setdefault((rows, columns), self._drawn(rows, columns))

    def _drawn(self, rows: int, columns: int) -> Tensor:
        return torch.randn(rows, columns, device=self.device).mul_(0.02).bfloat16()


class Peak:
    """The bf16 peak at a model's shapes: FLOP a second over a step's products, in two arrangements
    of which the faster one counts."""

    def __init__(self, shape: Shape, rows: int, rank: int | None, device: str = "cpu") -> None:
        if device == "cuda":
            shape = replace(shape, L=min(shape.L, LAYERS_ON_GPU))
        self.steps = {
            name: Step(shape, rows, rank, name == "joined", device) for name in ARRANGEMENTS
        }
        self.measure(1)

    def measure(self, passes: int = 3) -> dict[str, float]:
        """FLOP a second by arrangement: the median of some passes, in turns."""
        seconds: dict[str, list[float]] = {name: [] for name in ARRANGEMENTS}
        for _ in range(passes):
            for name, step in self.steps.items():
                seconds[name].append(step.seconds())
        return {name: self.steps[name].flops / median(seconds[name]) for name in ARRANGEMENTS}
