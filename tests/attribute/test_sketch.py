"""Sketches keep inner products on average, within 1/√dimensions, and short gradients exactly."""

import pytest
import torch

from midspec.attribute.sketch import Sketch, adam_weights

P = 20_000


def _pair(draw: int) -> tuple[torch.Tensor, torch.Tensor]:
    deal = torch.Generator().manual_seed(draw)
    one, other = torch.randn(P, generator=deal), torch.randn(P, generator=deal)
    return one / one.norm(), (0.3 * one + other) / (0.3 * one + other).norm()


def test_inner_products_are_right_on_average_and_off_by_what_is_promised() -> None:
    errors = []
    for draw in range(200):
        one, other = _pair(draw)
        sketch = Sketch(torch.ones(P), 251, draw)
        errors.append(float(sketch(one) @ sketch(other) - one @ other))
    errors_N = torch.tensor(errors)
    assert abs(errors_N.mean()) < 0.015
    assert errors_N.std() == pytest.approx(251**-0.5, rel=0.2)


def test_a_short_gradient_is_kept_whole() -> None:
    one, other = _pair(0)
    sketch = Sketch(torch.ones(P), 10 * P, 0)
    assert sketch.dimensions == P
    assert float(sketch(one) @ sketch(other)) == pytest.approx(float(one @ other), abs=1e-6)


def test_one_draw_is_one_map_and_another_is_another() -> None:
    one, _ = _pair(0)
    again, other = (Sketch(torch.ones(P), 251, draw)(one) for draw in (1, 2))
    assert torch.equal(Sketch(torch.ones(P), 251, 1)(one), again)
    assert not torch.allclose(again, other)


def test_adams_weights_make_all_parameters_count_alike() -> None:
    # The second parameter's gradients are a thousand times the first's, in all documents.
    gradients = [torch.tensor([0.001, -1.0]), torch.tensor([-0.001, 1.0])]
    weights = adam_weights(gradients)
    first, second = (float(w * g) ** 2 for w, g in zip(weights, gradients[0], strict=True))
    unweighted = (0.001 / 1.0) ** 2
    assert first / second > 100 * unweighted
    # And what is below a hundredth of the mean counts alike: none is blown up without limit.
    assert weights[0] / weights[1] < (1 / 0.005) ** 0.5 * 1.5


def test_a_parameter_that_no_document_moves_has_a_finite_weight() -> None:
    weights = adam_weights([torch.tensor([0.0, 1.0]), torch.tensor([0.0, 2.0])])
    assert torch.isfinite(weights).all()
