"""Rows laid end to end without padding, for FlashAttention on a GPU, which keeps them apart.

Rows have positions of their own, and attention is told where each begins (`cu_seq_lens`), so no
token sees another row's. Only models whose one way across tokens is plain attention are packed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from inspect import signature
from typing import Any

import torch

from midspec.errors import ConfigError
from midspec.resources import Resources
from midspec.train.attention import PLAIN
from midspec.train.batches import IGNORED, Example
from midspec.train.device import choose_device

NAME = "midspec_varlen"
AMPERE = (8, 0)  # the first GPUs that PyTorch's own FlashAttention runs on


def pack_rows(rows: Sequence[Example]) -> tuple[dict[str, Any], torch.Tensor]:
    """Rows end to end as what a decoder is called with, and labels_1N, which are shifted left."""
    lengths = [len(row.ids) for row in rows]
    ids_N = torch.tensor([token for row in rows for token in row.ids])
    counted_N = torch.tensor([counted for row in rows for counted in row.counted])
    labels_N = torch.where(counted_N, ids_N, IGNORED).roll(-1)
    ends = torch.tensor(lengths).cumsum(0)
    labels_N[ends - 1] = IGNORED  # what follows there is another row's
    starts = torch.nn.functional.pad(ends, (1, 0)).to(torch.int32)
    packed = {
        "input_ids": ids_N[None],
        "position_ids": torch.cat([torch.arange(length) for length in lengths])[None],
        "cu_seq_lens_q": starts,
        "cu_seq_lens_k": starts,
        "max_length_q": max(lengths),
        "max_length_k": max(lengths),
    }
    return packed, labels_N[None]


def varlen_rows(
    module: Any,
    query_1HND: torch.Tensor,
    key_1KND: torch.Tensor,
    value_1KND: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    cu_seq_lens_q: torch.Tensor,
    max_length_q: int,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention within each row, by PyTorch's FlashAttention; for transformers' registry."""
    from torch.nn.attention import varlen

    query, key, value = (x[0].transpose(0, 1) for x in (query_1HND, key_1KND, value_1KND))
    # Before it took `enable_gqa`, it let queries share keys without being asked.
    takes = _options(varlen.varlen_attn)
    shares: dict[str, Any] = {"enable_gqa": True} if "enable_gqa" in takes else {}
    mixed_NHD: Any = varlen.varlen_attn(
        query,
        key,
        value,
        cu_seq_lens_q,
        cu_seq_lens_q,
        max_length_q,
        max_length_q,
        scale=scaling,
        window_size=((sliding_window or 0) - 1, 0),  # −1: as far back as the row goes
        **shares,
    )
    return mixed_NHD[None], None


def use_varlen(model: Any, resources: Resources) -> bool:
    """Switch a model in training to FlashAttention where its rows can be packed, and say whether.

    The package flash-attn comes first, through transformers; then what PyTorch itself has.
    """
    if resources.attention == "sdpa":
        return False
    fits = (
        choose_device(resources) == "cuda"
        and model.dtype == torch.bfloat16
        and model.config.model_type in PLAIN
    )
    if fits and _package():
        model.set_attn_implementation("flash_attention_2")
        return True
    if fits and _in_torch():
        from transformers import AttentionInterface

        AttentionInterface.register(NAME, varlen_rows)
        model.config._attn_implementation = NAME
        return True
    if resources.attention == "flash":
        raise ConfigError(
            "resources.attention is flash, which takes a CUDA GPU of compute capability 8 or more, "
            f"precision bf16, a model of type {', '.join(sorted(PLAIN))}, and torch 2.11 or the "
            "package flash-attn. Use auto, which falls back to sdpa."
        )
    return False


def _package() -> bool:
    from transformers.utils import is_flash_attn_2_available

    return bool(is_flash_attn_2_available())


def _in_torch() -> bool:
    try:
        from torch.nn.attention import varlen
    except ImportError:
        return False
    fits = "window_size" in _options(varlen.varlen_attn)
    return fits and torch.cuda.get_device_capability() >= AMPERE


@lru_cache(maxsize=4)
def _options(kernel: Any) -> frozenset[str]:
    """The names of what a function takes."""
    return frozenset(signature(kernel).parameters)
