"""Decoders of Llama's form with LoRA adapters on a CPU: each layer's two passes written out.

What transformers and PEFT do module by module takes two to three times as long as its matrix
products on two cores: small products, casts, copies, and sums over the whole batch. Here the
projections that read one input are one product, an adapter's second half is part of it, a residual
is added by the product that it follows, and queries share a product with the others of their key.
What stands between products is in elementwise.py, and once more in C. docs/performance.md has the
measurements. A model that isn't of this form is trained as before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from midspec.train.blocks import Blocks
from midspec.train.elementwise import Shape, best_for, turn
from midspec.train.joined import Joined
from midspec.train.rooms import Room, Rooms

KeysValues = tuple[Tensor, Tensor]
FORMS = {"llama", "mistral"}
LONGEST = 1_536  # tokens; T × T scores are held, and above this a fused kernel is better


class Norm:
    """A frozen RMS normalisation's weights."""

    def __init__(self, module: Any) -> None:
        self.weight_E: Tensor = module.weight.detach()
        self.epsilon: float = module.variance_epsilon


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
        self.work = best_for(self.qkv.table_OK)
        self.rooms = Rooms(self.qkv.table_OK)

    def shape(self, rows: int, tokens: int) -> Shape:
        """Of a batch."""
        return Shape(rows, tokens, self.K, self.H // self.K, self.D)

    def forward(
        self, x_NE: Tensor, shape: Shape, angles: tuple[Tensor, Tensor], room: Room | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """The layer's output, and what its backward pass needs."""
        room = room or x_NE.new_empty
        seen_NK, scale_N1 = self._normed(x_NE, self.before, self.qkv, room)
        rows_NO = self.qkv.forward(seen_NK, x_NE.new_empty)
        q, k, v = self.work.heads_forward(rows_NO, angles, shape, room)
        weights = self.work.attend(q, k, self.scaling, shape, room)
        mixed_NK = self.out.extended(len(x_NE), room)
        self.work.to_rows(weights @ v, mixed_NK[:, : self.out.inputs], shape)
        middle_NE = self.out.forward(mixed_NK, room, x_NE)
        y_NE, kept = self._mlp(middle_NE, room)
        return y_NE, [
            x_NE, scale_N1, seen_NK, q, k, v, weights, mixed_NK, middle_NE, *kept,
        ]  # fmt: skip

    def _mlp(
        self, x_NE: Tensor, room: Room
    ) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor, Tensor]]:
        """What the second half makes of its input, and what its backward pass needs."""
        read_NK, scale_N1 = self._normed(x_NE, self.between, self.gate_up, room)
        gate_up_NF = self.gate_up.forward(read_NK, room)
        lifted_NK = self.down.extended(len(x_NE), room)
        self.work.gate_forward(gate_up_NF, lifted_NK[:, : self.down.inputs])
        y_NE = self.down.forward(lifted_NK, room, x_NE)
        return y_NE, (scale_N1, read_NK, gate_up_NF, lifted_NK)

    def _normed(
        self, x_NE: Tensor, norm: Norm, reader: Joined, room: Room
    ) -> tuple[Tensor, Tensor]:
        """The normalised input of a joined product, with room for its extension."""
        read_NK = reader.extended(len(x_NE), room)
        scale_N1 = self.work.norm_forward(
            x_NE, norm.weight_E, norm.epsilon, read_NK[:, : reader.inputs]
        )
        return read_NK, scale_N1

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
        room = x_NE.new_empty
        seen_NK, _ = self._normed(x_NE, self.before, self.qkv, room)
        heads = self.qkv.forward(seen_NK, room).view(1, len(x_NE), self.H + 2 * self.K, self.D)
        turned = self.H + self.K
        count, longest = blocks.place_FL.shape
        shape = self.shape(count, longest)
        laid, v = (
            some[0][blocks.place_FL.flatten()].view(count, longest, -1, self.D)
            for some in (turn(heads[:, :, :turned], cos_ND, sin_ND), heads[:, :, turned:])
        )
        q = self.work.to_groups(laid[:, :, : self.H].reshape(count * longest, -1), shape)
        k, v = (
            some.transpose(1, 2).reshape(-1, longest, self.D) for some in (laid[:, :, self.H :], v)
        )
        keys, values = k, v
        if earlier:
            keys, values = (
                torch.cat([before.repeat(count, 1, 1), own], dim=1)
                for before, own in zip(earlier, (k, v), strict=True)
            )
        bias = blocks.bias(self.K, self.H // self.K, q.dtype)
        weights = torch.baddbmm(bias, q, keys.transpose(1, 2), alpha=self.scaling)
        # Over so few a softmax in bf16 takes twice as long as one in float32 and the ways there.
        weights = torch.softmax(weights.float(), dim=-1).to(q.dtype)
        mixed_FI = q.new_empty(count * longest, self.out.inputs)
        self.work.to_rows(weights @ values, mixed_FI, shape)
        mixed_NK = self.out.extended(len(x_NE), room)
        mixed_NK[:, : self.out.inputs] = mixed_FI[blocks.back_N]
        return self._mlp(self.out.forward(mixed_NK, room, x_NE), room)[0], (k, v)

    def backward(
        self,
        g_NE: Tensor,
        kept: Sequence[Tensor],
        shape: Shape,
        angles: tuple[Tensor, Tensor],
        to_input: bool,
    ) -> tuple[Tensor | None, list[Tensor]]:
        """The gradients of the layer's input (None where nobody wants it) and parameters."""
        (x_NE, scale_N1, seen_NK, q, k, v, weights, mixed_NK, middle_NE, scale2_N1, read_NK,
         gate_up_NF, lifted_NK) = kept  # fmt: skip
        work = self.work
        g_lifted_NM, of_down = self.down.backward(g_NE, lifted_NK)
        g_gate_up_NF = work.gate_backward(g_lifted_NM, gate_up_NF)
        g_read_NE, of_gate_up = self.gate_up.backward(g_gate_up_NF, read_NK)
        g_middle_NE = work.norm_backward(
            g_read_NE, middle_NE, scale2_N1, self.between.weight_E, g_NE
        )
        g_mixed_NI, of_out = self.out.backward(g_middle_NE, mixed_NK)
        g_mixed = work.to_groups(g_mixed_NI, shape)
        g_scores = work.attend_backward(g_mixed @ v.transpose(1, 2), weights, shape)
        grouped = (
            g_scores @ k, g_scores.transpose(1, 2) @ q, weights.transpose(1, 2) @ g_mixed,
        )  # fmt: skip
        g_qkv_NO = work.heads_backward(grouped, angles, self.scaling, shape)
        g_seen_NE, of_qkv = self.qkv.backward(g_qkv_NO, seen_NK, to_input)
        gradients = [*of_qkv, *of_out, *of_gate_up, *of_down]
        if not to_input:
            return None, gradients
        return (
            work.norm_backward(g_seen_NE, x_NE, scale_N1, self.before.weight_E, g_middle_NE),
            gradients,
        )


class _Pass(torch.autograd.Function):
    """One layer as autograd sees it."""

    @staticmethod
    def forward(
        ctx: Any,
        x_NE: Tensor,
        layer: Layer,
        shape: Shape,
        cos_TD: Tensor,
        sin_TD: Tensor,
        *parameters: Tensor,
    ) -> Tensor:
        y_NE, kept = layer.forward(x_NE, shape, (cos_TD, sin_TD), layer.rooms.begin())
        ctx.layer, ctx.shape, ctx.number = layer, shape, layer.rooms.passes
        ctx.save_for_backward(cos_TD, sin_TD, *kept)
        return y_NE

    @staticmethod
    def backward(ctx: Any, *upstream: Any) -> tuple[Tensor | None, ...]:
        ctx.layer.rooms.check(ctx.number)
        cos_TD, sin_TD, *kept = ctx.saved_tensors
        g_x_NE, gradients = ctx.layer.backward(
            upstream[0].contiguous(), kept, ctx.shape, (cos_TD, sin_TD), ctx.needs_input_grad[0]
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
        angles = self.layers[0].work.angles(cos_1TD[0], sin_1TD[0], x_BTE)
        x_NE = x_BTE.flatten(0, 1)
        for layer in self.layers:
            shape = layer.shape(B, T)
            if layer.parameters or x_NE.requires_grad:
                x_NE = _Pass.apply(  # type: ignore[no-untyped-call]
                    x_NE, layer, shape, *angles, *layer.parameters
                )
            else:
                x_NE, _ = layer.forward(x_NE, shape, angles)
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
