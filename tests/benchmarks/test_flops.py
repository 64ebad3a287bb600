"""What a step has to multiply, counted by hand for a decoder that fits on a napkin."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.flops import Peak, Shape, Step, step_flops

# Width 4, 2 heads of 2 over 1 key, MLP 6, 10 words. Weights of a layer: q 16, k 8, v 8, o 16,
# gate 24, up 24, down 24, which are 120.
SHAPE = Shape(L=3, E=4, H=2, K=1, D=2, F=6, V=10)
LENGTHS = [3, 5]  # 8 tokens; 6 + 15 = 21 pairs; 6 tokens that are predicted


def test_full_training_is_six_flop_for_each_weight_and_token() -> None:
    assert step_flops(SHAPE, LENGTHS, rank=None) == {
        "weights": 6 * 8 * 120 * 3,
        "adapters": 0,
        "attention": 3 * (4 * 4 * 21) * 3,
        "head": 6 * 6 * 40,
    }


def test_frozen_weights_are_four_but_for_the_gradient_that_nobody_wants() -> None:
    # An adapter of rank 1 has inputs + outputs: q 8, k 6, v 6, o 8, gate 10, up 10, down 10 = 58.
    # q, k and v have 32 weights, and their A's 12.
    assert step_flops(SHAPE, LENGTHS, rank=1) == {
        "weights": 8 * (4 * 120 * 3 - 2 * 32),
        "adapters": 8 * (6 * 58 * 3 - 2 * 12),
        "attention": 3 * (4 * 4 * 21) * 3,
        "head": 4 * 6 * 40,
    }


def test_below_the_first_trained_layer_only_the_forward_pass_counts() -> None:
    found = step_flops(SHAPE, LENGTHS, rank=1, first_layer=2)
    assert found["weights"] == 8 * (4 * 120 + 2 * 2 * 120 - 2 * 32)
    assert found["adapters"] == 8 * (6 * 58 - 2 * 12)
    assert found["attention"] == (4 * 4 * 21) * (3 + 2)


@pytest.mark.parametrize("rank", [None, 1, 2])
def test_the_products_that_are_timed_are_those_that_are_counted(rank: int | None) -> None:
    step = Step(SHAPE, 8, rank, joined=False)
    with FlopCounterMode(display=False) as counter:
        step.seconds()
    assert counter.get_total_flops() == step.flops


def test_joined_products_multiply_no_less_than_what_counts() -> None:
    step = Step(SHAPE, 8, 2, joined=True)
    with FlopCounterMode(display=False) as counter:
        step.seconds()
    assert counter.get_total_flops() > step.flops
    assert len(step.products) < len(Step(SHAPE, 8, 2, joined=False).products)


def test_no_product_overwrites_what_another_reads() -> None:
    step = Step(SHAPE, 4, 2, joined=False)
    before = [a.clone() for a, _, out in step.products if out.shape != (4, SHAPE.V)]
    step.seconds()
    after = [a for a, _, out in step.products if out.shape != (4, SHAPE.V)]
    logits = [a.shape == (4, SHAPE.V) for a in after]
    assert all(torch.equal(x, y) or made for x, y, made in zip(before, after, logits, strict=True))


def test_the_peak_tells_both_arrangements() -> None:
    found = Peak(SHAPE, 8, 1).measure(passes=1)
    assert list(found) == ["apart", "joined"]
    assert all(rate > 0 for rate in found.values())
