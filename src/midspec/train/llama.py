"""Decoders of Llama's form with LoRA adapters on a CPU: each layer's two passes written out.

What transformers and PEFT do module by module takes two to three times as long as its matrix
products on two cores: small products, casts, copies, and sums over the whole batch. Here the
projections that read one input are one product, an adapter's second half is part of it, a residual
is added by the product that it follows, and queries share a product with the others of their key.
docs/performance.md has the measurements. A model that isn't of this form is trained as before.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

FORMS = {"llama", "mistral"}
LONGEST = 1_024  # tokens; T × T scores are held, and above this a fused kernel is better


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
        self.table_OK = weight.new_zeros(sum(self.sizes), self.inputs + sum(ranks))
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

    def room(self, rows: int) -> Tensor:
        """An empty input with its extension."""
        return self.table_OK.new_empty(rows, self.table_OK.shape[1])

    def forward(self, x_NK: Tensor, residual_NO: Tensor | None = None) -> Tensor:
        """The outputs of all layers side by side; fills in the extension of `x_NK`."""
        if self.blocks:
            own_NI = x_NK[:, : self.inputs]
            x_NK[:, self.inputs :] = (own_NI @ self.a_RI.T).mul_(self.scale)
        if residual_NO is None:
            return torch.mm(x_NK, self.table_OK.T)
        return torch.addmm(residual_NO, x_NK, self.table_OK.T)

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


class Norm:
    """RMS normalisation with frozen weights."""

    def __init__(self, module: Any) -> None:
        self.weight_E: Tensor = module.weight.detach()
        self.epsilon: float = module.variance_epsilon

    def forward(self, x_NE: Tensor, out_NE: Tensor) -> Tensor:
        """Write the normalised input to `out_NE`, and return 1 / RMS of each row in float32."""
        length_N1: Tensor = torch.linalg.vector_norm(
            x_NE, dim=-1, keepdim=True, dtype=torch.float32
        )
        scale_N1 = length_N1.square_().div_(x_NE.shape[-1]).add_(self.epsilon).rsqrt_()
        torch.mul((x_NE * scale_N1).to(x_NE.dtype), self.weight_E, out=out_NE)
        return scale_N1

    def backward(self, g_NE: Tensor, x_NE: Tensor, scale_N1: Tensor) -> Tensor:
        """The gradient of the input, in float32."""
        g_NE = (g_NE * self.weight_E).float()
        unit_NE = x_NE * scale_N1
        along_N1 = (g_NE * unit_NE).mean(-1, keepdim=True)
        return g_NE.addcmul_(unit_NE, along_N1, value=-1).mul_(scale_N1)


class Layer:
    """One decoder layer: its joined projections, its norms, its heads."""

    def __init__(self, module: Any) -> None:
        attention, mlp = module.self_attn, module.mlp
        self.qkv = Joined([attention.q_proj, attention.k_proj, attention.v_proj])
        self.out = Joined([attention.o_proj])
        self.gate_up = Joined([mlp.gate_proj, mlp.up_proj])
        self.down = Joined([mlp.down_proj])
        self.before, self.between = (
            Norm(module.input_layernorm),
            Norm(module.post_attention_layernorm),
        )
        self.D, self.scaling = attention.head_dim, attention.scaling
        self.H, self.K = (size // self.D for size in self.qkv.sizes[:2])
        joined = (self.qkv, self.out, self.gate_up, self.down)
        self.parameters = [p for part in joined for p in part.parameters]

    def forward(
        self, x_NE: Tensor, shape: tuple[int, int], cos_TD: Tensor, sin_TD: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        """The layer's output, and what its backward pass needs."""
        rows, E = x_NE.shape
        seen_NK = self.qkv.room(rows)
        scale_N1 = self.before.forward(x_NE, seen_NK[:, :E])
        q, k, v = self._heads(self.qkv.forward(seen_NK), shape, cos_TD, sin_TD)
        weights = torch.baddbmm(
            _causal(shape[1], self.H // self.K, q.dtype), q, k.transpose(1, 2), alpha=self.scaling
        )
        weights = torch.softmax(weights, dim=-1)
        mixed_NK = self.out.room(rows)
        self._by_key(mixed_NK[:, : self.out.inputs], shape).copy_(
            self._by_token(weights @ v, shape)
        )
        middle_NE = self.out.forward(mixed_NK, x_NE)
        read_NK = self.gate_up.room(rows)
        scale2_N1 = self.between.forward(middle_NE, read_NK[:, :E])
        gate_up_NF = self.gate_up.forward(read_NK)
        gate_NM, up_NM = gate_up_NF.chunk(2, dim=1)
        lifted_NK = self.down.room(rows)
        torch.mul(torch.nn.functional.silu(gate_NM), up_NM, out=lifted_NK[:, : self.down.inputs])
        y_NE = self.down.forward(lifted_NK, middle_NE)
        return y_NE, [
            x_NE, scale_N1, seen_NK, q, k, v, weights, mixed_NK, middle_NE, scale2_N1, read_NK,
            gate_up_NF, lifted_NK,
        ]  # fmt: skip

    def backward(
        self,
        g_NE: Tensor,
        kept: Sequence[Tensor],
        shape: tuple[int, int],
        cos_TD: Tensor,
        sin_TD: Tensor,
        to_input: bool,
    ) -> tuple[Tensor | None, list[Tensor]]:
        """The gradients of the layer's input (None where nobody wants it) and parameters."""
        (x_NE, scale_N1, seen_NK, q, k, v, weights, mixed_NK, middle_NE, scale2_N1, read_NK,
         gate_up_NF, lifted_NK) = kept  # fmt: skip
        g_lifted_NM, of_down = self.down.backward(g_NE, lifted_NK)
        gate_NM, up_NM = gate_up_NF.chunk(2, dim=1)
        g_gate_up_NF = torch.empty_like(gate_up_NF)
        g_gate_NM, g_up_NM = g_gate_up_NF.chunk(2, dim=1)
        torch.mul(g_lifted_NM, torch.nn.functional.silu(gate_NM), out=g_up_NM)
        g_gate_NM.copy_(torch.ops.aten.silu_backward(g_lifted_NM * up_NM, gate_NM))
        g_read_NE, of_gate_up = self.gate_up.backward(g_gate_up_NF, read_NK)
        g_middle_NE = self.between.backward(g_read_NE, middle_NE, scale2_N1).add_(g_NE)
        g_middle_NE = g_middle_NE.to(x_NE.dtype)
        g_mixed_NE, of_out = self.out.backward(g_middle_NE, mixed_NK)
        g_mixed = self._grouped(g_mixed_NE, shape)
        g_scores = torch.ops.aten._softmax_backward_data(
            g_mixed @ v.transpose(1, 2), weights, -1, weights.dtype
        )
        g_q = (g_scores @ k).mul_(self.scaling)
        g_k = (g_scores.transpose(1, 2) @ q).mul_(self.scaling)
        g_v = weights.transpose(1, 2) @ g_mixed
        g_qkv_NO = self._flat(g_q, g_k, g_v, shape, cos_TD, sin_TD)
        g_seen_NE, of_qkv = self.qkv.backward(g_qkv_NO, seen_NK, to_input)
        gradients = [*of_qkv, *of_out, *of_gate_up, *of_down]
        if not to_input:
            return None, gradients
        g_x_NE = self.before.backward(g_seen_NE, x_NE, scale_N1).add_(g_middle_NE)
        return g_x_NE.to(x_NE.dtype), gradients

    def _heads(
        self, qkv_NO: Tensor, shape: tuple[int, int], cos_TD: Tensor, sin_TD: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Turned queries, grouped by the key that they share (B·K, G·T, D), turned keys, values."""
        B, T = shape
        heads = qkv_NO.view(B, T, self.H + 2 * self.K, self.D)
        turned = _turned(heads[:, :, : self.H + self.K], cos_TD, sin_TD)
        q = self._grouped(turned[:, :, : self.H], shape)
        k = turned[:, :, self.H :].transpose(1, 2).reshape(B * self.K, T, self.D)
        v = heads[:, :, self.H + self.K :].transpose(1, 2).reshape(B * self.K, T, self.D)
        return q, k, v

    def _flat(
        self,
        g_q: Tensor,
        g_k: Tensor,
        g_v: Tensor,
        shape: tuple[int, int],
        cos_TD: Tensor,
        sin_TD: Tensor,
    ) -> Tensor:
        """The gradients of queries, keys and values side by side, turned back."""
        B, T = shape
        heads = g_q.new_empty(B, T, self.H + 2 * self.K, self.D)
        turned = g_q.new_empty(B, T, self.H + self.K, self.D)
        self._by_key(turned[:, :, : self.H], shape).copy_(self._by_token(g_q, shape))
        turned[:, :, self.H :] = g_k.view(B, self.K, T, self.D).transpose(1, 2)
        heads[:, :, : self.H + self.K] = _turned(turned, cos_TD, -sin_TD)
        heads[:, :, self.H + self.K :] = g_v.view(B, self.K, T, self.D).transpose(1, 2)
        return heads.view(B * T, -1)

    def _by_key(self, queries: Tensor, shape: tuple[int, int]) -> Tensor:
        """A view of rows (N, E) or heads (B, T, H, D) as (B, T, K, G, D)."""
        return queries.view(*shape, self.K, self.H // self.K, self.D)

    def _by_token(self, grouped: Tensor, shape: tuple[int, int]) -> Tensor:
        """A view of (B·K, G·T, D) as (B, T, K, G, D)."""
        B, T = shape
        return grouped.view(B, self.K, self.H // self.K, T, self.D).permute(0, 3, 1, 2, 4)

    def _grouped(self, queries: Tensor, shape: tuple[int, int]) -> Tensor:
        """Rows or heads as (B·K, G·T, D)."""
        by_group = self._by_key(queries, shape).permute(0, 2, 3, 1, 4)
        return by_group.reshape(shape[0] * self.K, -1, self.D)


def _turned(x_BTHD: Tensor, cos_TD: Tensor, sin_TD: Tensor) -> Tensor:
    """Rotary positions: each half of a head turned against the other."""
    half = x_BTHD.shape[-1] // 2
    cos, sin = cos_TD[:, None, :half], sin_TD[:, None, :half]
    first, second = x_BTHD[..., :half], x_BTHD[..., half:]
    out = torch.empty(x_BTHD.shape, dtype=x_BTHD.dtype)
    out[..., :half] = torch.addcmul(first * cos, second, sin, value=-1)
    out[..., half:] = torch.addcmul(second * cos, first, sin)
    return out


@lru_cache(maxsize=64)
def _causal(T: int, groups: int, dtype: torch.dtype) -> Tensor:
    """What is added to the scores of one key's queries: −∞ where a query would look ahead."""
    hidden = torch.ones(T, T, dtype=torch.bool).triu(1)
    bias = torch.zeros(T, T, dtype=dtype).masked_fill_(hidden, float("-inf"))
    return bias.repeat(groups, 1)[None]


class _Pass(torch.autograd.Function):
    """One layer as autograd sees it."""

    @staticmethod
    def forward(
        ctx: Any,
        x_NE: Tensor,
        layer: Layer,
        shape: tuple[int, int],
        cos_TD: Tensor,
        sin_TD: Tensor,
        *parameters: Tensor,
    ) -> Tensor:
        y_NE, kept = layer.forward(x_NE, shape, cos_TD, sin_TD)
        ctx.layer, ctx.shape = layer, shape
        ctx.save_for_backward(cos_TD, sin_TD, *kept)
        return y_NE

    @staticmethod
    def backward(ctx: Any, *upstream: Any) -> tuple[Tensor | None, ...]:
        cos_TD, sin_TD, *kept = ctx.saved_tensors
        g_x_NE, gradients = ctx.layer.backward(
            upstream[0], kept, ctx.shape, cos_TD, sin_TD, ctx.needs_input_grad[0]
        )
        return (g_x_NE, None, None, None, None, *gradients)


class Decoder:
    """A whole decoder: token ids in, the head's input out."""

    def __init__(self, model: Any) -> None:
        decoder = model.get_decoder()
        self.embed, self.rotary, self.norm = decoder.embed_tokens, decoder.rotary_emb, decoder.norm
        self.layers = [Layer(layer) for layer in decoder.layers]

    def __call__(self, ids_BT: Tensor) -> Tensor:
        """The hidden states (B, T, E) behind the last norm."""
        B, T = ids_BT.shape
        x_BTE = self.embed(ids_BT)
        cos_1TD, sin_1TD = self.rotary(x_BTE, torch.arange(T)[None])
        cos_TD, sin_TD = cos_1TD[0].to(x_BTE.dtype), sin_1TD[0].to(x_BTE.dtype)
        x_NE = x_BTE.flatten(0, 1)
        for layer in self.layers:
            if layer.parameters or x_NE.requires_grad:
                x_NE = _Pass.apply(  # type: ignore[no-untyped-call]
                    x_NE, layer, (B, T), cos_TD, sin_TD, *layer.parameters
                )
            else:
                x_NE, _ = layer.forward(x_NE, (B, T), cos_TD, sin_TD)
        hidden_NE: Tensor = self.norm(x_NE)
        return hidden_NE.view(B, T, -1)


def fast_decoder(model: Any, longest: int) -> Decoder | None:
    """A model's decoder written out, or None where it isn't of Llama's form, on a CPU, with short
    rows and nothing but adapters to train."""
    config = model.config
    if model.device.type != "cpu" or longest > LONGEST or config.model_type not in FORMS:
        return None
    trained = [name for name, p in model.named_parameters() if p.requires_grad]
    if not trained or not all("lora_" in name for name in trained):
        return None
    if getattr(config, "sliding_window", None) or config.hidden_act != "silu":
        return None
    if getattr(config, "attention_bias", False) or getattr(config, "mlp_bias", False):
        return None
    return Decoder(model)
