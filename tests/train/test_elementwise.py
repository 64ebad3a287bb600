"""What is done in C is what PyTorch does, as near as bf16 can tell; PyTorch's is autograd's."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, rms_norm, silu

from midspec.train import kernels as module
from midspec.train.elementwise import Elementwise, Plain, Shape, best_for
from midspec.train.kernels import kernels

SHAPE = Shape(B=2, T=37, K=2, G=3, D=16)
N, E, M = SHAPE.B * SHAPE.T, 96, 50
EPSILON = 1e-5


def draw(*size: int, seed: int = 0) -> Tensor:
    """Normal numbers that bf16 can hold, as float32."""
    return torch.randn(size, generator=torch.Generator().manual_seed(seed)).bfloat16().float()


def wide_rows(columns: int, work: Elementwise, seed: int = 0) -> Tensor:
    """Rows that are part of wider ones, as joined products' inputs are."""
    return cast(draw(N, columns + 8, seed=seed), work)[:, :columns]


def cast(x: Tensor, work: Elementwise) -> Tensor:
    return x if isinstance(work, Plain) else x.bfloat16()


def close(found: Tensor, expected: Tensor) -> None:
    """Within what bf16 can tell apart."""
    wide = found.dtype == torch.float32
    torch.testing.assert_close(
        found.float(), expected, rtol=1e-5 if wide else 0.02, atol=1e-5 if wide else 0.02
    )


@pytest.fixture(params=["PyTorch", "C"])
def work(request: pytest.FixtureRequest) -> Elementwise:
    if request.param == "PyTorch":
        return Plain()
    compiled = kernels()
    if compiled is None:
        pytest.skip("no C compiler here")
    return compiled


def test_a_norm_and_its_gradient(work: Elementwise) -> None:
    x_NE, weight_E = draw(N, E).requires_grad_(), draw(E, seed=1)
    expected_NE = rms_norm(x_NE, (E,), weight_E, EPSILON)
    g_NE, also_NE = draw(N, E + 8, seed=2)[:, :E], draw(N, E, seed=3)
    expected_NE.backward(g_NE)
    assert x_NE.grad is not None
    ours, weight = cast(x_NE.detach(), work), cast(weight_E, work)
    out_NE = wide_rows(E, work)
    scale_N1 = work.norm_forward(ours, weight, EPSILON, out_NE)
    close(out_NE, expected_NE.detach())
    g_x_NE = work.norm_backward(
        cast(draw(N, E + 8, seed=2), work)[:, :E], ours, scale_N1, weight, cast(also_NE, work)
    )
    close(g_x_NE, x_NE.grad + also_NE)


def test_a_gate_and_its_gradient(work: Elementwise) -> None:
    both_NF = (4 * draw(N, 2 * M)).requires_grad_()
    gate_NM, up_NM = both_NF.chunk(2, dim=1)
    expected_NM = silu(gate_NM) * up_NM
    expected_NM.backward(draw(N, M + 8, seed=1)[:, :M])
    assert both_NF.grad is not None
    out_NM = wide_rows(M, work)
    work.gate_forward(cast(both_NF.detach(), work), out_NM)
    close(out_NM, expected_NM.detach())
    g_NM = cast(draw(N, M + 8, seed=1), work)[:, :M]
    close(work.gate_backward(g_NM, cast(both_NF.detach(), work)), both_NF.grad)


def angles() -> tuple[Tensor, Tensor]:
    turns_TD = torch.arange(SHAPE.T)[:, None] * 0.9 ** torch.arange(SHAPE.D // 2)
    turns_TD = torch.cat([turns_TD, turns_TD], dim=1)
    return turns_TD.cos(), turns_TD.sin()


def test_heads_are_turned_and_grouped_and_their_gradients_turned_back(work: Elementwise) -> None:
    B, T, K, G, D = SHAPE
    rows_NO = draw(N, (K * G + 2 * K) * D).requires_grad_()
    cos_TD, sin_TD = angles()
    heads = rows_NO.view(B, T, K * G + 2 * K, D)
    half = torch.cat([-heads[..., D // 2 :], heads[..., : D // 2]], dim=-1)
    turned = heads * cos_TD[:, None] + half * sin_TD[:, None]
    by_key = turned[:, :, : K * G].reshape(B, T, K, G, D).permute(0, 2, 3, 1, 4)
    expected = (
        by_key.reshape(B * K, G * T, D),
        turned[:, :, K * G : K * G + K].transpose(1, 2).reshape(B * K, T, D),
        heads[:, :, K * G + K :].transpose(1, 2).reshape(B * K, T, D),
    )
    ours = cast(rows_NO.detach(), work)
    turns = work.angles(cos_TD, sin_TD, ours)
    found = work.heads_forward(ours, turns, SHAPE, ours.new_empty)
    for one, other in zip(found, expected, strict=True):
        close(one, other.detach())
    up = [draw(*one.shape, seed=n) for n, one in enumerate(expected)]
    scaled = [up[0] * 0.5, up[1] * 0.5, up[2]]
    torch.autograd.backward(expected, scaled)
    assert rows_NO.grad is not None
    q, k, v = (cast(one.clone(), work) for one in up)
    close(work.heads_backward((q, k, v), turns, 0.5, SHAPE), rows_NO.grad)


def test_groups_are_rows_and_back(work: Elementwise) -> None:
    B, T, K, G, D = SHAPE
    grouped = cast(draw(B * K, G * T, D), work)
    rows = wide_rows(K * G * D, work)
    work.to_rows(grouped, rows, SHAPE)
    assert torch.equal(work.to_groups(rows, SHAPE), grouped)
    first = rows.reshape(B, T, K * G, D)
    assert torch.equal(first[1, 5, 4], grouped[1 * K + 1, 1 * T + 5])  # head 4: key 1, its query 1


def test_attention_sees_nothing_to_come_and_its_gradient_is_autograd_s(work: Elementwise) -> None:
    B, T, K, G, D = SHAPE
    q, k = draw(B * K, G * T, D), draw(B * K, T, D, seed=1)
    scores = (q @ k.transpose(1, 2) * 0.25).requires_grad_()
    later = torch.ones(T, T, dtype=torch.bool).triu(1).repeat(G, 1)
    expected = torch.softmax(scores.masked_fill(later, float("-inf")), dim=-1)
    up = draw(*expected.shape, seed=2)
    expected.backward(up)
    assert scores.grad is not None
    q, k = cast(q, work), cast(k, work)
    weights = work.attend(q, k, 0.25, SHAPE, q.new_empty)
    close(weights, expected.detach())
    assert (weights[:, later] == 0).all()
    close(work.attend_backward(cast(up, work), weights, SHAPE), scores.grad)


@pytest.mark.parametrize("sharp", [0.1, 1, 6])
def test_the_loss_and_its_gradient(work: Elementwise, sharp: float) -> None:
    logits_NV = (sharp * draw(N, 90)).bfloat16().float().requires_grad_()
    labels_N = torch.randint(0, 90, (N,), generator=torch.Generator().manual_seed(1))
    expected = cross_entropy(logits_NV, labels_N, reduction="sum")
    expected.backward()
    assert logits_NV.grad is not None
    loss, g_logits_NV = work.cross_entropy(cast(logits_NV.detach().clone(), work), labels_N)
    torch.testing.assert_close(loss, expected.detach(), rtol=1e-4, atol=1e-4)
    close(g_logits_NV, logits_NV.grad)


def test_what_is_not_finite_stays_so(work: Elementwise) -> None:
    """A run that diverges must be seen in its loss."""
    logits_NV = cast(draw(3, 90), work)
    logits_NV[1, 7] = float("nan")
    loss, _ = work.cross_entropy(logits_NV, torch.tensor([1, 2, 3]))
    assert loss.isnan()
    both = cast(draw(2, 8), work)
    both[0, 0] = float("nan")
    out = both.new_zeros(2, 4)
    work.gate_forward(both, out)
    assert out[0, 0].isnan() and out[1].isfinite().all()


def test_it_is_the_same_bits_each_time() -> None:
    work = kernels()
    if work is None:
        pytest.skip("no C compiler here")
    both = draw(N, 2 * M).bfloat16()
    outs = []
    for _ in range(3):
        out = both.new_empty(N, M)
        work.gate_forward(both, out)
        outs.append(out)
    assert torch.equal(outs[0], outs[1]) and torch.equal(outs[0], outs[2])


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(module, "COMPILERS", ("no-such-compiler",))
    kernels.cache_clear()
    yield
    kernels.cache_clear()


@pytest.mark.usefixtures("no_compiler")
def test_without_a_compiler_it_is_pytorch_s() -> None:
    assert kernels() is None
    assert isinstance(best_for(draw(2, 2).bfloat16()), Plain)


def test_c_is_for_bf16_alone() -> None:
    assert isinstance(best_for(draw(2, 2)), Plain)
