"""One forward pass: rows in, their summed loss out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from midspec.resources import Resources
from midspec.train.attention import use_short_rows
from midspec.train.batches import IGNORED, Example, pad_batch
from midspec.train.device import choose_device
from midspec.train.llama import fast_decoder
from midspec.train.loss import next_token_loss
from midspec.train.varlen import pack_rows, use_varlen


class SummedLoss(torch.nn.Module):
    """The loss of rows, summed over their counted tokens: decoder, head and loss as one module.

    One module, since FSDP gathers the weights of a module for the time that it is called: the head,
    which often is the embedding, is needed after the decoder is done.
    """

    def __init__(self, model: Any, longest: int, pad_id: int, resources: Resources) -> None:
        super().__init__()
        self.causal = model.get_base_model() if hasattr(model, "get_base_model") else model
        self.pad_id, self.device = pad_id, choose_device(resources)
        self.packs = use_varlen(self.causal, resources)
        plain = resources.gradient_checkpointing or resources.shards or self.device != "cpu"
        self.decode = None if plain else fast_decoder(self.causal, longest)
        if self.decode is None and self.device == "cpu":
            use_short_rows(self.causal, longest)
        if resources.gradient_checkpointing:
            _checkpoint_layers(self.causal)

    def forward(self, rows: Sequence[Example]) -> torch.Tensor:
        """The summed loss; 0, with gradients of 0, where no token counts."""
        inputs, labels_BT = self._lay_out(rows)
        hidden_BTE = self._hidden(inputs)
        counted = labels_BT != IGNORED
        head = self.causal.get_output_embeddings()
        return next_token_loss(hidden_BTE[counted], head, labels_BT[counted])

    def _lay_out(self, rows: Sequence[Example]) -> tuple[dict[str, Any], torch.Tensor]:
        """What the decoder is called with, and labels_BT, on the device."""
        if self.packs:
            inputs, labels_BT = pack_rows(rows)
        else:
            ids_BT, labels_BT = pad_batch(rows, self.pad_id)
            inputs = {"input_ids": ids_BT}
        there = {
            name: value.to(self.device) if isinstance(value, torch.Tensor) else value
            for name, value in inputs.items()
        }
        return there, labels_BT.to(self.device)

    def _hidden(self, inputs: dict[str, Any]) -> torch.Tensor:
        """The head's input: by the decoder that is written out where that is faster."""
        if self.decode is not None:
            return self.decode(inputs["input_ids"])
        states: torch.Tensor = self.causal.get_decoder()(
            **inputs, use_cache=False
        ).last_hidden_state
        return states


def _checkpoint_layers(model: Any) -> None:
    """Keep only each layer's input, and compute the rest again on the way back."""
    # The second is its name in earlier versions of transformers.
    enable = getattr(model, "activation_checkpointing_enable", None)
    (enable or model.gradient_checkpointing_enable)({"use_reentrant": False})
    model.disable_input_require_grads()  # not needed so; layers below the first adapter stay idle
