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

from midspec.train.blocks import Blocks
from midspec.train.joined import Joined, Norm

KeysValues = tuple[Tensor, Tensor]
FORMS = {"llama", "mistral"}
LONGEST = 1_536  # tokens; T × T scores are held, and above this a fused kernel is better


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
        self,
        x_NE: Tensor,
        shape: tuple[int, int],
        cos_TD: Tensor,
        sin_TD: Tensor,
    ) -> tuple[Tensor, list[Tensor]]:
        """The layer's output, and what its backward pass needs."""
        rows, E = x_NE.shape
        seen_NK = self.qkv.room(rows)
        scale_N1 = self.before.forward(x_NE, seen_NK[:, :E])
        q, k, v = self._heads(self.qkv.forward(seen_NK), shape, cos_TD, sin_TD)
        bias = _causal(shape[1], self.H // self.K, q.dtype)
        weights = torch.baddbmm(bias, q, k.transpose(1, 2), alpha=self.scaling)
        weights = torch.softmax(weights, dim=-1)
        mixed_NK = self.out.room(rows)
        self._by_key(mixed_NK[:, : self.out.inputs], shape).copy_(
            self._by_token(weights @ v, shape)
        )
        middle_NE = self.out.forward(mixed_NK, x_NE)
        y_NE, kept = self._mlp(middle_NE)
        scale2_N1, read_NK, gate_up_NF, lifted_NK = kept
        return y_NE, [
            x_NE, scale_N1, seen_NK, q, k, v, weights, mixed_NK, middle_NE, scale2_N1, read_NK,
            gate_up_NF, lifted_NK,
        ]  # fmt: skip

    def _mlp(self, x_NE: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor, Tensor]]:
        """What the second half adds to its input, and what its backward pass needs."""
        rows, E = x_NE.shape
        read_NK = self.gate_up.room(rows)
        scale_N1 = self.between.forward(x_NE, read_NK[:, :E])
        gate_up_NF = self.gate_up.forward(read_NK)
        gate_NM, up_NM = gate_up_NF.chunk(2, dim=1)
        lifted_NK = self.down.room(rows)
        torch.mul(torch.nn.functional.silu(gate_NM), up_NM, out=lifted_NK[:, : self.down.inputs])
        return self.down.forward(lifted_NK, x_NE), (scale_N1, read_NK, gate_up_NF, lifted_NK)

    def read(
        self,
        x_NE: Tensor,
        cos_ND: Tensor,
        sin_ND: Tensor,
        blocks: Blocks,
        earlier: KeysValues | None,
    ) -> tuple[Tensor, KeysValues]:
        """The layer's output for one row of blocks, and its turned keys and its values by block.

        `earlier` are the keys and values of what stands before every block.
        """
        seen_NK = self.qkv.room(len(x_NE))
        self.before.forward(x_NE, seen_NK[:, : x_NE.shape[1]])
        heads = self.qkv.forward(seen_NK).view(1, len(x_NE), self.H + 2 * self.K, self.D)
        turned = self.H + self.K
        count, longest = blocks.place_FL.shape
        shape = (count, longest)
        laid, v = (
            some[0][blocks.place_FL.flatten()].view(*shape, -1, self.D)
            for some in (_turned(heads[:, :, :turned], cos_ND, sin_ND), heads[:, :, turned:])
        )
        q = self._grouped(laid[:, :, : self.H], shape)
        k, v = (
            some.transpose(1, 2).reshape(-1, shape[1], self.D) for some in (laid[:, :, self.H :], v)
        )
        keys, values = k, v
        if earlier:
            keys, values = (
                torch.cat([before.repeat(shape[0], 1, 1), own], dim=1)
                for before, own in zip(earlier, (k, v), strict=True)
            )
        bias = blocks.bias(self.K, self.H // self.K, q.dtype)
        weights = torch.baddbmm(bias, q, keys.transpose(1, 2), alpha=self.scaling)
        # Over so few a softmax in bf16 takes twice as long as one in float32 and the ways there.
        weights = torch.softmax(weights.float(), dim=-1).to(q.dtype)
        mixed = self._by_token(weights @ values, shape)
        mixed_NK = self.out.room(len(x_NE))
        mixed_NK[:, : self.out.inputs] = mixed.reshape(count * longest, -1)[blocks.back_N]
        return self._mlp(self.out.forward(mixed_NK, x_NE))[0], (k, v)

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

    def read(
        self,
        ids_N: Tensor,
        positions_N: Tensor,
        blocks: Blocks,
        earlier: Sequence[KeysValues] | None = None,
    ) -> tuple[Tensor, list[KeysValues]]:
        """The hidden states of one row of blocks, and the keys and values of each layer."""
        x_NE = self.embed(ids_N)
        cos_1ND, sin_1ND = self.rotary(x_NE[None], positions_N[None])
        cos_ND, sin_ND = cos_1ND[0].to(x_NE.dtype), sin_1ND[0].to(x_NE.dtype)
        kept: list[KeysValues] = []
        for number, layer in enumerate(self.layers):
            before = earlier[number] if earlier else None
            x_NE, own = layer.read(x_NE, cos_ND, sin_ND, blocks, before)
            kept.append(own)
        return self.norm(x_NE), kept


def fast_decoder(model: Any, longest: int) -> Decoder | None:
    """A model's decoder written out, or None where it isn't of Llama's form, on a CPU, with short
    rows and nothing but adapters to train."""
    trained = [name for name, p in model.named_parameters() if p.requires_grad]
    if longest > LONGEST or not trained or not all("lora_" in name for name in trained):
        return None
    return Decoder(model) if of_this_form(model) else None


def of_this_form(model: Any) -> bool:
    """Whether a model is on a CPU and has what is written out here, and no more."""
    config = model.config
    return (
        model.device.type == "cpu"
        and config.model_type in FORMS
        and config.hidden_act == "silu"
        and not getattr(config, "sliding_window", None)
        and not getattr(config, "attention_bias", False)
        and not getattr(config, "mlp_bias", False)
    )
