"""What a pass through a model comes to, by whichever way it goes."""

from pathlib import Path

import pytest
import torch

from midspec.resources import Resources
from midspec.train.batches import Example
from midspec.train.forward import SummedLoss
from midspec.train.model import Trainable, attach, load_base
from midspec.train.parallel import FILLER
from midspec.train.settings import AdapterSettings

from .training import FULL, LORA, rows

CPU = Resources(device="cpu")
LESS = Resources(device="cpu", gradient_checkpointing=True)


def passed(
    model: Path, adapter: AdapterSettings, resources: Resources, given: list[Example]
) -> tuple[SummedLoss, Trainable, float]:
    """A pass both ways in float32, which leaves gradients."""
    trainable = attach(load_base(model, "cpu", "fp32"), adapter, None, 0)
    trainable.model.train()
    for number, parameter in enumerate(trainable.parameters):
        draw = torch.Generator().manual_seed(number)
        parameter.data += torch.randn(parameter.shape, generator=draw) * 0.1
    summed = SummedLoss(trainable.model, 12, 2, resources)
    loss = summed(given)
    loss.backward()
    return summed, trainable, loss.item()


@pytest.mark.parametrize("adapter", [LORA, FULL], ids=["lora", "full"])
def test_gradient_checkpointing_gives_the_same_loss_and_gradients(
    tiny_model: Path, adapter: AdapterSettings
) -> None:
    _, plain, loss = passed(tiny_model, adapter, CPU, rows(3))
    summed, less, other = passed(tiny_model, adapter, LESS, rows(3))
    assert summed.decode is None
    assert all(layer.gradient_checkpointing for layer in summed.causal.get_decoder().layers)
    assert other == pytest.approx(loss, rel=1e-5)
    for one, two in zip(plain.parameters, less.parameters, strict=True):
        torch.testing.assert_close(one.grad, two.grad, rtol=1e-3, atol=1e-4)


def test_gradient_checkpointing_leaves_layers_below_the_first_adapter_alone(
    tiny_model: Path,
) -> None:
    upper = AdapterSettings(rank=4, alpha=8, first_layer=1)
    summed, trainable, _ = passed(tiny_model, upper, LESS, rows(3))
    seen: list[bool] = []
    layers = summed.causal.get_decoder().layers
    layers[1].register_forward_pre_hook(lambda module, given: seen.append(given[0].requires_grad))
    summed(rows(1))
    assert seen == [False]  # so nothing is propagated back below it
    assert all(parameter.grad is not None for parameter in trainable.parameters)


@pytest.mark.parametrize("resources", [CPU, LESS], ids=["written out", "plain"])
@pytest.mark.parametrize("adapter", [LORA, FULL], ids=["lora", "full"])
def test_a_row_that_counts_for_nothing_has_a_loss_and_gradients_of_0(
    tiny_model: Path, adapter: AdapterSettings, resources: Resources
) -> None:
    _, trainable, loss = passed(tiny_model, adapter, resources, [FILLER])
    assert loss == 0
    assert all(p.grad is not None and not p.grad.any() for p in trainable.parameters)
