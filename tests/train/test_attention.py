from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from midspec.train.attention import NAME, SHORT, short_rows, use_short_rows
from midspec.train.model import load_base

from .training import FULL, tune


def states(B: int, H: int, K: int, T: int, D: int) -> list[torch.Tensor]:
    torch.manual_seed(T)
    shapes = [(B, H, T, D), (B, K, T, D), (B, K, T, D)]
    return [torch.randn(shape, requires_grad=True) for shape in shapes]


@pytest.mark.parametrize(("B", "H", "K", "T"), [(1, 1, 1, 1), (3, 4, 4, 7), (2, 6, 2, 16)])
@pytest.mark.parametrize("windowed", [False, True])
def test_values_and_gradients_equal_torch_s(B: int, H: int, K: int, T: int, windowed: bool) -> None:
    causal_TT = torch.ones(T, T, dtype=torch.bool).tril()
    mask_B1TT = (causal_TT & causal_TT.triu(-3)).expand(B, 1, T, T) if windowed else None
    ours, theirs = states(B, H, K, T, 8), states(B, H, K, T, 8)
    mixed_BTHD, _ = short_rows(None, *ours, mask_B1TT, scaling=0.3)
    expected_BHTD = torch.nn.functional.scaled_dot_product_attention(
        *theirs, attn_mask=mask_B1TT, is_causal=mask_B1TT is None, scale=0.3, enable_gqa=True
    )
    torch.testing.assert_close(mixed_BTHD.transpose(1, 2), expected_BHTD)
    weights = torch.randn_like(expected_BHTD)
    (mixed_BTHD.transpose(1, 2) * weights).sum().backward()
    (expected_BHTD * weights).sum().backward()
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.grad, other.grad)


def test_a_model_computes_the_same_with_either_kernel(tiny_model: Path) -> None:
    model = load_base(tiny_model).float()
    ids_BT = torch.tensor([[5, 8, 11, 14, 17], [5, 8, 2, 2, 2]])
    with torch.inference_mode():
        plain = model(input_ids=ids_BT, use_cache=False).logits
        use_short_rows(model, 5)
        assert model.config._attn_implementation == NAME
        short = model(input_ids=ids_BT, use_cache=False).logits
        alone = model(input_ids=ids_BT[1:, :2], use_cache=False).logits
    torch.testing.assert_close(short, plain, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(short[1:, :2], alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("device", "longest", "kind"),
    [("cuda", 5, "llama"), ("cpu", SHORT + 1, "llama"), ("cpu", 5, "gemma3")],
)
def test_long_rows_other_devices_and_other_attentions_keep_their_kernel(
    device: str, longest: int, kind: str
) -> None:
    config = SimpleNamespace(model_type=kind, _attn_implementation="sdpa")
    use_short_rows(SimpleNamespace(device=torch.device(device), config=config), longest)
    assert config._attn_implementation == "sdpa"


def test_a_saved_model_does_not_ask_for_this_kernel(tiny_model: Path, tmp_path: Path) -> None:
    tune(tiny_model, tmp_path, FULL)
    assert NAME not in (tmp_path / "adapter" / "config.json").read_text()
    assert load_base(tmp_path / "adapter").config._attn_implementation != NAME
