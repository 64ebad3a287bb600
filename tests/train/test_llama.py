"""The decoder that is written out gives what transformers and PEFT give, and their gradients."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from midspec.train.joined import Joined
from midspec.train.llama import LONGEST, fast_decoder
from midspec.train.model import Trainable, attach, load_base
from midspec.train.settings import AdapterSettings

LORA = AdapterSettings(method="lora", rank=4, alpha=8)


def model_with_groups(folder: Path, **changes: Any) -> Path:
    """A three-layer model in which four query heads share two keys."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=60,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.2,
        **changes,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def trainable(folder: Path, settings: AdapterSettings = LORA) -> Trainable:
    """In float32, with an adapter that does something."""
    found = attach(load_base(folder).float(), settings, None, 0)
    for number, parameter in enumerate(found.parameters):
        draw = torch.Generator().manual_seed(number)
        parameter.data = torch.randn(parameter.shape, generator=draw) * 0.2
    return found


def causal(found: Trainable) -> Any:
    return found.model.get_base_model() if hasattr(found.model, "get_base_model") else found.model


def pass_both_ways(found: Trainable, decode: Any, ids_BT: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Hidden states, and the gradients of a sum that weighs every one of them differently."""
    hidden = decode(ids_BT)
    draw = torch.Generator().manual_seed(7)
    (hidden * torch.randn(hidden.shape, generator=draw)).sum().backward()
    gradients = [
        parameter.grad.clone() for parameter in found.parameters if parameter.grad is not None
    ]
    for parameter in found.parameters:
        parameter.grad = None
    return hidden.detach(), gradients


@pytest.mark.parametrize("first_layer", [0, 1])
@pytest.mark.parametrize(("rows", "length"), [(1, 9), (3, 6), (2, 1)])
def test_states_and_gradients_are_those_of_transformers_and_peft(
    tmp_path: Path, first_layer: int, rows: int, length: int
) -> None:
    settings = AdapterSettings(method="lora", rank=4, alpha=8, first_layer=first_layer)
    found = trainable(model_with_groups(tmp_path), settings)
    ids = torch.randint(0, 60, (rows, length), generator=torch.Generator().manual_seed(1))
    backbone = causal(found).get_decoder()
    expected, wanted = pass_both_ways(
        found, lambda ids: backbone(input_ids=ids, use_cache=False).last_hidden_state, ids
    )
    fast = fast_decoder(causal(found), length)
    assert fast
    hidden, gradients = pass_both_ways(found, fast, ids)
    torch.testing.assert_close(hidden, expected, rtol=1e-4, atol=1e-5)
    assert len(gradients) == len(wanted) == len(found.parameters) == 14 * (3 - first_layer)
    # Both ways are as far from float64: a millionth of the largest gradient.
    rounding = 1e-6 * max(float(other.abs().max()) for other in wanted)
    for gradient, other in zip(gradients, wanted, strict=True):
        torch.testing.assert_close(gradient, other, rtol=1e-3, atol=rounding)


def test_an_update_of_the_masters_is_seen_without_a_copy(tmp_path: Path) -> None:
    found = trainable(model_with_groups(tmp_path))
    fast = fast_decoder(causal(found), 8)
    assert fast
    ids = torch.arange(8)[None]
    before = fast(ids).detach()
    for master in found.masters:
        master.normal_(0, 0.2, generator=torch.Generator().manual_seed(3))
    found.copy_from_masters()
    after = fast(ids).detach()
    assert (after - before).abs().max() > 0.01
    backbone = causal(found).get_decoder()
    torch.testing.assert_close(
        after, backbone(input_ids=ids, use_cache=False).last_hidden_state, rtol=1e-4, atol=1e-5
    )


def test_weights_are_held_once(tmp_path: Path) -> None:
    found = trainable(model_with_groups(tmp_path))
    fast = fast_decoder(causal(found), 8)
    assert fast
    projections = causal(found).get_decoder().layers[0].self_attn
    table = fast.layers[0].qkv.table_OK
    for module in (projections.q_proj, projections.k_proj, projections.v_proj):
        storage = table.untyped_storage().data_ptr()
        assert module.base_layer.weight.untyped_storage().data_ptr() == storage
        assert module.lora_B["default"].weight.untyped_storage().data_ptr() == storage


def test_a_row_sees_nothing_of_another_nor_of_what_comes_later(tmp_path: Path) -> None:
    fast = fast_decoder(causal(trainable(model_with_groups(tmp_path))), 8)
    assert fast
    ids = torch.randint(0, 60, (2, 8), generator=torch.Generator().manual_seed(1))
    changed = ids.clone()
    changed[1] = (changed[1] + 1) % 60
    changed[0, 5:] = (changed[0, 5:] + 1) % 60
    states, others = fast(ids), fast(changed)
    torch.testing.assert_close(others[0, :5], states[0, :5], rtol=0, atol=1e-6)
    assert (others[0, 5:] - states[0, 5:]).abs().max() > 0.01


def test_layers_of_one_input_without_adapters_are_one_product() -> None:
    layers = [torch.nn.Linear(6, size, bias=False).requires_grad_(False) for size in (4, 2)]
    x = torch.randn(5, 6)
    expected = torch.cat([layer(x) for layer in layers], dim=1)
    joined = Joined(layers)
    torch.testing.assert_close(joined.forward(x, x.new_empty), expected)
    torch.testing.assert_close(
        joined.forward(x, x.new_empty, torch.ones(5, 6)), expected + 1, rtol=1e-5, atol=1e-6
    )


def test_steps_of_other_lengths_leave_nothing_behind(tmp_path: Path) -> None:
    """Their memory is that of the steps before; values and gradients are those of fresh memory."""
    folder = model_with_groups(tmp_path)
    used = trainable(folder)
    fast = fast_decoder(causal(used), 8)
    for length in (5, 8, 3, 8, 5):
        ids = torch.randint(0, 60, (2, length), generator=torch.Generator().manual_seed(length))
        fresh = trainable(folder)
        hidden, gradients = pass_both_ways(used, fast, ids)
        expected, wanted = pass_both_ways(fresh, fast_decoder(causal(fresh), 8), ids)
        assert torch.equal(hidden, expected)
        assert all(map(torch.equal, gradients, wanted))
        assert len(gradients) == len(wanted) > 0


def test_a_backward_pass_whose_memory_is_taken_is_refused(tmp_path: Path) -> None:
    fast = fast_decoder(causal(trainable(model_with_groups(tmp_path))), 8)
    assert fast
    first, second = (fast(torch.full((1, 4), token)).sum() for token in (1, 2))
    second.backward()
    with pytest.raises(RuntimeError, match="another forward pass"):
        first.backward()


@pytest.mark.parametrize(
    ("changes", "longest"),
    [
        ({"attention_bias": True}, 8),
        ({"mlp_bias": True}, 8),
        ({"hidden_act": "gelu"}, 8),
        ({}, LONGEST + 1),
    ],
)
def test_another_form_is_left_to_transformers(
    tmp_path: Path, changes: dict[str, Any], longest: int
) -> None:
    found = trainable(model_with_groups(tmp_path, **changes))
    assert fast_decoder(causal(found), longest) is None


def test_full_fine_tuning_is_left_to_transformers(tmp_path: Path) -> None:
    model = load_base(model_with_groups(tmp_path)).requires_grad_(True)
    assert fast_decoder(model, 8) is None
