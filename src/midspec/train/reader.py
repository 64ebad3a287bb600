"""Reading a row of tokens behind a shared beginning, where a mask says who sees whom."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

    from midspec.train.llama import Decoder, KeysValues

# tokens. At 80 the decoder that is written out takes 0.8 of the time of transformers', at 260 the
# same, and at 700 twice as long: a fused attention doesn't hold what tokens make of each other.
SHORT = 256


class Reader(Protocol):
    """What scores options: hidden states, some of them behind what is computed once.

    tokens_per_row: how many tokens a row should have; more leaves no core idle, but where attention
    is computed over the whole row it is spent on what is masked.
    """

    tokens_per_row: int

    def begin(self, ids: Sequence[int]) -> Any:
        """What a row that goes on from these tokens needs of them."""

    def read(
        self,
        ids: Sequence[int],
        positions: Sequence[int],
        sees_NN: Tensor,
        ends: Sequence[int],
        beginning: Any,
    ) -> Tensor:
        """The hidden states (N, E) of a row of blocks, which end at `ends` and see nothing of each
        other; `sees` is True where a token may look, and all look at the beginning."""


def open_reader(model: PreTrainedModel, longest: int) -> Reader:
    """A reader of questions of up to `longest` tokens with what stands before them: for short ones
    the decoder that is written out, else transformers'."""
    from midspec.train.llama import of_this_form

    return _fast(model) if longest <= SHORT and of_this_form(model) else PlainReader(model)


@lru_cache(maxsize=1)  # an arm's evals run one after another
def _fast(model: PreTrainedModel) -> FastReader:
    from midspec.train.llama import Decoder

    return FastReader(Decoder(model))


class FastReader:
    """Reads with the decoder that is written out."""

    tokens_per_row = 2_048

    def __init__(self, decoder: Decoder) -> None:
        self.decoder = decoder

    def begin(self, ids: Sequence[int]) -> list[KeysValues]:
        """Keys and values by layer."""
        import torch

        from midspec.train.blocks import Blocks

        T = len(ids)
        with torch.inference_mode():
            blocks = Blocks(torch.ones(T, T, dtype=torch.bool).tril(), [T], 0)
            return self.decoder.read(torch.tensor(ids), torch.arange(T), blocks)[1]

    def read(
        self,
        ids: Sequence[int],
        positions: Sequence[int],
        sees_NN: Tensor,
        ends: Sequence[int],
        beginning: list[KeysValues] | None,
    ) -> Tensor:
        """The hidden states (N, E) of a row of blocks."""
        import torch

        from midspec.train.blocks import Blocks

        with torch.inference_mode():
            blocks = Blocks(sees_NN, ends, beginning[0][0].shape[1] if beginning else 0)
            states_NE, _ = self.decoder.read(
                torch.tensor(ids), torch.tensor(positions), blocks, beginning
            )
        return states_NE


class PlainReader:
    """Reads with transformers."""

    tokens_per_row = 512

    def __init__(self, model: PreTrainedModel) -> None:
        self.model = model

    def begin(self, ids: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
        """Keys and values by layer."""
        import torch
        from transformers import DynamicCache

        cache = DynamicCache()
        ids_1T = torch.tensor([ids], device=self.model.device)
        with torch.inference_mode():
            self.model.get_decoder()(input_ids=ids_1T, past_key_values=cache, use_cache=True)
        return [(layer.keys, layer.values) for layer in cache.layers]

    def read(
        self,
        ids: Sequence[int],
        positions: Sequence[int],
        sees_NN: Tensor,
        ends: Sequence[int],
        beginning: list[tuple[Tensor, Tensor]] | None,
    ) -> Tensor:
        """The hidden states (N, E) of a row of blocks; what they see says where they end."""
        import torch
        from transformers import DynamicCache

        cache: Any = None
        shared = beginning[0][0].shape[2] if beginning else 0
        all_NS = torch.cat([torch.ones(len(ids), shared, dtype=torch.bool), sees_NN], dim=1)
        if beginning:
            cache = DynamicCache()
            for layer, (keys, values) in enumerate(beginning):
                cache.update(keys, values, layer)
        device = self.model.device
        with torch.inference_mode(), _sound_attention(self.model):
            states_1NE: Tensor = self.model.get_decoder()(
                input_ids=torch.tensor([ids], device=device),
                position_ids=torch.tensor([positions], device=device),
                attention_mask=all_NS[None, None].to(device),
                past_key_values=cache,
                use_cache=cache is not None,
            ).last_hidden_state
        return states_1NE[0]


def _sound_attention(model: PreTrainedModel) -> AbstractContextManager[None]:
    """Without a kernel of PyTorch's that gets the last of 32n + 1 tokens wrong on a GPU, where all
    heads share one key and there is a mask (pytorch/pytorch#191937)."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    heads = getattr(model.config.get_text_config(), "num_key_value_heads", None)
    if model.device.type == "cpu" or heads != 1:
        return nullcontext()
    kernels: AbstractContextManager[None] = sdpa_kernel(SDPBackend.MATH)
    return kernels
