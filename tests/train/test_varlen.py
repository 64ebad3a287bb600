"""Rows end to end: the layout, and attention that keeps them apart, here with a stand-in for
PyTorch's kernel, which needs a GPU."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import attention

from midspec.errors import ConfigError
from midspec.resources import Resources
from midspec.train import forward, varlen
from midspec.train.batches import IGNORED, Example
from midspec.train.forward import SummedLoss
from midspec.train.model import load_base
from midspec.train.varlen import NAME, pack_rows, use_varlen, varlen_rows

ROWS = [
    Example([5, 6, 7, 8], [True, True, False, True]),
    Example([9, 10], [True, True]),
    Example([11, 12, 13], [False, False, True]),
]


def kernel(
    query_NHD: torch.Tensor,
    key_NKD: torch.Tensor,
    value_NKD: torch.Tensor,
    starts: torch.Tensor,
    starts_k: torch.Tensor,
    longest: int,
    longest_k: int,
    *,
    scale: float,
    window_size: tuple[int, int],
    enable_gqa: bool,
) -> torch.Tensor:
    """What torch.nn.attention.varlen.varlen_attn is documented to do, row by row."""
    assert starts.dtype == torch.int32 and starts.equal(starts_k)
    assert longest == longest_k == starts.diff().max()
    assert window_size[1] == 0  # nothing ahead
    out = []
    for start, end in pairwise(starts.tolist()):
        q, k, v = (x[start:end].transpose(0, 1)[None] for x in (query_NHD, key_NKD, value_NKD))
        back = torch.arange(end - start)[:, None] - torch.arange(end - start)[None]
        sees = (back >= 0) & ((back <= window_size[0]) if window_size[0] >= 0 else True)
        mixed = torch.nn.functional.scaled_dot_product_attention(
            q, k, v, attn_mask=sees, scale=scale, enable_gqa=enable_gqa
        )
        out.append(mixed[0].transpose(0, 1))
    return torch.cat(out)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that says it has a GPU on which the kernel runs; what computes is the CPU."""
    module: Any = pytest.importorskip("torch.nn.attention.varlen")
    monkeypatch.setattr(module, "varlen_attn", kernel)
    monkeypatch.setattr(attention, "varlen", module, raising=False)
    monkeypatch.setattr(varlen, "choose_device", lambda resources: "cuda")
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda: (8, 0))


def test_rows_lie_end_to_end_with_positions_and_labels_of_their_own() -> None:
    inputs, labels = pack_rows(ROWS)
    assert inputs["input_ids"].tolist() == [[5, 6, 7, 8, 9, 10, 11, 12, 13]]
    assert inputs["position_ids"].tolist() == [[0, 1, 2, 3, 0, 1, 0, 1, 2]]
    assert inputs["cu_seq_lens_q"].tolist() == [0, 4, 6, 9]
    assert inputs["max_length_q"] == inputs["max_length_k"] == 4
    assert labels.tolist() == [[6, IGNORED, 8, IGNORED, 10, IGNORED, IGNORED, 13, IGNORED]]


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("window", [None, 2])
def test_attention_is_causal_within_each_row_and_its_window(window: int | None) -> None:
    draw = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(1, heads, 6, 8, generator=draw) for heads in (4, 2, 2))
    starts = torch.tensor([0, 4, 6], dtype=torch.int32)
    mixed, _ = varlen_rows(None, query, key, value, None, 0.3, starts, 4, window)
    assert mixed.shape == (1, 6, 4, 8)
    number = torch.arange(6)
    row = torch.tensor([0, 0, 0, 0, 1, 1])
    back = number[:, None] - number[None]
    sees = (back >= 0) & (row[:, None] == row[None]) & (back < (window or 6))
    expected = torch.nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=sees, scale=0.3, enable_gqa=True
    )
    torch.testing.assert_close(mixed, expected.transpose(1, 2))


@pytest.mark.usefixtures("gpu")
def test_an_earlier_torch_shares_keys_without_being_told_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In torch 2.11 `varlen_attn` knows no `enable_gqa`; one without `window_size` isn't used."""

    def of_2_11(*given: Any, scale: float, window_size: tuple[int, int]) -> torch.Tensor:
        return kernel(*given, scale=scale, window_size=window_size, enable_gqa=True)

    monkeypatch.setattr(attention.varlen, "varlen_attn", of_2_11)
    query, key, value = (torch.randn(1, heads, 3, 8) for heads in (4, 2, 2))
    starts = torch.tensor([0, 3], dtype=torch.int32)
    assert varlen_rows(None, query, key, value, None, 0.3, starts, 3)[0].shape == (1, 3, 4, 8)
    assert varlen._in_torch()
    monkeypatch.setattr(attention.varlen, "varlen_attn", lambda query, key, is_causal: None)
    assert not varlen._in_torch()


@pytest.mark.usefixtures("gpu")
def test_packed_rows_have_the_loss_that_each_has_alone(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_base(tiny_model)
    assert use_varlen(model, Resources())
    assert model.config._attn_implementation == NAME
    monkeypatch.setattr(forward, "use_varlen", lambda model, resources: True)
    packed = SummedLoss(model.float(), 4, 0, Resources(device="cpu"))
    monkeypatch.setattr(forward, "use_varlen", lambda model, resources: False)
    alone = SummedLoss(load_base(tiny_model).float(), 4, 0, Resources(device="cpu"))
    assert packed.packs and not alone.packs
    packed.decode = None  # the decoder that is written out takes padded rows
    with torch.no_grad():
        torch.testing.assert_close(packed(ROWS), sum(alone([row]) for row in ROWS))


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize(
    "why", ["sdpa is asked for", "float32", "another kind of model", "an old GPU"]
)
def test_what_can_t_be_packed_is_padded(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    """But one who asks for flash is told."""
    model = load_base(tiny_model)
    if why == "float32":
        model = model.float()
    if why == "another kind of model":
        model.config.model_type = "mamba"
    if why == "an old GPU":
        monkeypatch.setattr("torch.cuda.get_device_capability", lambda: (7, 5))
    sdpa = why == "sdpa is asked for"
    assert not use_varlen(model, Resources(attention="sdpa" if sdpa else "auto"))
    assert model.config._attn_implementation != NAME
    if not sdpa:
        with pytest.raises(ConfigError, match=r"attention is flash, which takes a CUDA GPU"):
            use_varlen(model, Resources(attention="flash"))


def test_on_a_cpu_rows_are_padded(tiny_model: Path) -> None:
    assert not use_varlen(load_base(tiny_model), Resources(device="cpu"))


@pytest.mark.usefixtures("gpu")
def test_the_package_comes_first_where_it_is_installed(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.utils.is_flash_attn_2_available", lambda: True)
    model = load_base(tiny_model)
    asked: list[str] = []
    monkeypatch.setattr(model, "set_attn_implementation", asked.append)
    assert use_varlen(model, Resources())
    assert asked == ["flash_attention_2"]
