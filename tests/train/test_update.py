"""An update is AdamW on clipped gradients, whichever way it is computed."""

import math
from dataclasses import dataclass

import pytest
import torch

from midspec.train.kernels import kernels
from midspec.train.model import Trainable
from midspec.train.update import Updates

RANK, INPUTS, OUTPUTS = 4, 24, 40
STEPS = 5

compiled = pytest.mark.skipif(kernels() is None, reason="there is no C compiler")


@dataclass
class Trained:
    """An adapter whose B is some columns of a wider table, as train/joined.py lays it out."""

    table: torch.Tensor
    trainable: Trainable
    updates: Updates


def trained(direct: bool, decay: float = 0.1) -> Trained:
    torch.manual_seed(0)
    table = torch.randn(OUTPUTS, INPUTS + RANK).bfloat16()
    parameters = [torch.nn.Parameter(torch.randn(RANK, INPUTS).bfloat16())]
    parameters.append(torch.nn.Parameter(table[:, INPUTS:].clone()))
    parameters[1].data = table[:, INPUTS:]
    masters = [parameter.detach().float() for parameter in parameters]
    trainable = Trainable(None, list(parameters), masters)
    updates = Updates(trainable, decay)
    if not direct:
        updates.kernels = None
    return Trained(table, trainable, updates)


def gradients(step: int) -> list[torch.Tensor]:
    draw = torch.Generator().manual_seed(step)
    wide = torch.randn(OUTPUTS, 3 * RANK, generator=draw).bfloat16()
    return [torch.randn(RANK, INPUTS, generator=draw).bfloat16(), wide[:, RANK : 2 * RANK]]


def update(model: Trained, step: int, most: float = 1.0, rate: float = 1e-2) -> float:
    model.updates.begin(alone=True)
    for parameter, gradient in zip(model.trainable.parameters, gradients(step), strict=True):
        parameter.grad = gradient
    model.updates.take()
    norm = model.updates.clip(most)
    model.updates.step(rate)
    return norm


@compiled
@pytest.mark.parametrize("most", [1.0, 1e6], ids=["clipped", "not clipped"])
def test_in_c_it_is_what_pytorch_makes_of_it(most: float) -> None:
    ours, theirs = trained(direct=True), trained(direct=False)
    assert ours.updates.kernels is not None
    before = ours.table.clone()
    for step in range(STEPS):
        norms = [update(model, step, most) for model in (ours, theirs)]
        assert norms[0] == pytest.approx(norms[1], rel=1e-5)
    for own, other in zip(ours.trainable.masters, theirs.trainable.masters, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-5, atol=1e-6)
        moments = [m.updates.optimizer.state[s] for m, s in ((ours, own), (theirs, other))]
        assert moments[0]["step"] == moments[1]["step"] == STEPS
        for name in ("exp_avg", "exp_avg_sq"):
            torch.testing.assert_close(moments[0][name], moments[1][name], rtol=1e-5, atol=1e-6)
    for own, master in zip(ours.trainable.parameters, ours.trainable.masters, strict=True):
        assert torch.equal(own, master.bfloat16())
    assert torch.equal(ours.table[:, :INPUTS], before[:, :INPUTS])
    assert not torch.equal(ours.table[:, INPUTS:], before[:, INPUTS:])


@compiled
def test_steps_of_several_passes_and_of_one_share_their_moments() -> None:
    ours, theirs = trained(direct=True), trained(direct=False)
    for model in (ours, theirs):
        update(model, 0)
        model.updates.begin(alone=False)
        for step in (1, 2):
            for parameter, gradient in zip(
                model.trainable.parameters, gradients(step), strict=True
            ):
                parameter.grad = gradient
            model.updates.take()
        model.updates.clip(1.0)
        model.updates.step(1e-2)
        update(model, 3)
    for own, other in zip(ours.trainable.masters, theirs.trainable.masters, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-5, atol=1e-6)


@compiled
def test_it_gives_the_same_bits_every_time() -> None:
    models = [trained(direct=True) for _ in range(2)]
    for model in models:
        for step in range(STEPS):
            update(model, step)
    for own, other in zip(models[0].trainable.masters, models[1].trainable.masters, strict=True):
        assert torch.equal(own, other)


@compiled
def test_a_norm_that_is_no_number_is_told() -> None:
    model = trained(direct=True)
    model.updates.begin(alone=True)
    for parameter, gradient in zip(model.trainable.parameters, gradients(0), strict=True):
        parameter.grad = gradient
    model.trainable.parameters[0].grad[1, 2] = float("nan")
    model.updates.take()
    assert math.isnan(model.updates.clip(1.0))


@compiled
def test_a_parameter_without_a_gradient_stays_as_it_is() -> None:
    model = trained(direct=True, decay=0.5)
    before = [master.clone() for master in model.trainable.masters]
    model.updates.begin(alone=True)
    model.trainable.parameters[0].grad = gradients(0)[0]
    model.updates.take()
    model.updates.clip(1.0)
    model.updates.step(0.1)
    moved = [not torch.equal(m, b) for m, b in zip(model.trainable.masters, before, strict=True)]
    assert moved == [True, False]


def test_float32_parameters_go_pytorchs_way() -> None:
    parameter = torch.nn.Parameter(torch.randn(OUTPUTS, INPUTS))
    trainable = Trainable(None, [parameter], [parameter.detach().clone()])
    updates = Updates(trainable, 0.0)
    updates.begin(alone=True)
    parameter.grad = torch.ones_like(parameter)
    updates.take()
    assert updates.clip(1.0) == pytest.approx(math.sqrt(OUTPUTS * INPUTS))
    updates.step(1e-2)
    assert torch.equal(parameter.detach(), trainable.masters[0])
