from types import SimpleNamespace
from typing import Any

import pytest
import torch

from midspec.train.reader import _sound_attention


@pytest.mark.parametrize(
    ("device", "heads", "fused"), [("cuda", 1, False), ("cuda", 2, True), ("cpu", 1, True)]
)
def test_heads_that_share_one_key_go_without_the_kernel_that_errs_on_a_gpu(
    device: str, heads: int, fused: bool
) -> None:
    config: Any = SimpleNamespace(num_key_value_heads=heads)
    config.get_text_config = lambda: config
    model: Any = SimpleNamespace(device=torch.device(device), config=config)
    with _sound_attention(model):
        assert torch.backends.cuda.mem_efficient_sdp_enabled() == fused
        assert torch.backends.cuda.math_sdp_enabled()
    assert torch.backends.cuda.mem_efficient_sdp_enabled()
