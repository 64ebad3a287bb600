import pytest
import torch

from midspec.train import loss as module
from midspec.train.loss import next_token_loss, rows_at_once

VOCABULARY, WIDTH = 50, 16


def setting(n: int) -> tuple[torch.Tensor, torch.nn.Linear, torch.Tensor]:
    torch.manual_seed(n)
    head = torch.nn.Linear(WIDTH, VOCABULARY, bias=False)
    labels_N = torch.randint(0, VOCABULARY, (n,))
    return torch.randn(n, WIDTH, requires_grad=True), head, labels_N


def expected(
    hidden_NE: torch.Tensor, head: torch.nn.Linear, labels_N: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Torch's own loss and gradient."""
    plain_NE = hidden_NE.detach().clone().requires_grad_()
    total = torch.nn.functional.cross_entropy(head(plain_NE), labels_N, reduction="sum")
    (total / len(labels_N)).backward()
    assert plain_NE.grad is not None
    return total.detach(), plain_NE.grad


@pytest.mark.parametrize("n", [1, 7, 8, 9, 16, 21])
def test_value_and_gradient_equal_torch_s_across_chunks(
    n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK_ROWS", 8)
    hidden_NE, head, labels_N = setting(n)
    head.requires_grad_(False)
    total = next_token_loss(hidden_NE, head, labels_N)
    (total / n).backward()
    value, gradient_NE = expected(hidden_NE, head, labels_N)
    torch.testing.assert_close(total.detach(), value)
    torch.testing.assert_close(hidden_NE.grad, gradient_NE)


def test_a_gpu_takes_half_a_gigabyte_of_logits_at_once_and_a_cpu_few_rows() -> None:
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert rows_at_once(cpu, 128_256) == rows_at_once(cpu, 49_152) == module.CHUNK_ROWS
    for words in (49_152, 128_256):
        assert 0.45e9 < 2 * words * rows_at_once(cuda, words) < 0.55e9
    assert rows_at_once(cuda, 10_000_000) == module.CHUNK_ROWS


def test_a_frozen_head_gets_no_gradient_and_a_trained_one_does() -> None:
    for trained in (False, True):
        hidden_NE, head, labels_N = setting(5)
        head.requires_grad_(trained)
        next_token_loss(hidden_NE, head, labels_N).backward()
        assert (head.weight.grad is not None) == trained


def test_a_trained_head_s_gradient_equals_torch_s() -> None:
    hidden_NE, head, labels_N = setting(9)
    (next_token_loss(hidden_NE, head, labels_N) / 9).backward()
    ours = head.weight.grad
    head.weight.grad = None
    _, gradient_NE = expected(hidden_NE, head, labels_N)
    torch.testing.assert_close(hidden_NE.grad, gradient_NE)
    torch.testing.assert_close(ours, head.weight.grad)


def test_bf16_stays_near_float32() -> None:
    hidden_NE, head, labels_N = setting(64)
    value, gradient_NE = expected(hidden_NE, head, labels_N)
    half_NE = hidden_NE.detach().bfloat16().requires_grad_()
    total = next_token_loss(half_NE, head.bfloat16().requires_grad_(False), labels_N)
    (total / 64).backward()
    assert total.dtype == torch.float32
    assert total.item() == pytest.approx(value.item(), rel=0.01)
    assert half_NE.grad is not None
    error = (half_NE.grad.float() - gradient_NE).norm() / gradient_NE.norm()
    assert error < 0.03


def test_a_hopeless_prediction_has_a_finite_loss() -> None:
    hidden_NE = torch.tensor([[1000.0]], requires_grad=True)
    head = torch.nn.Linear(1, 2, bias=False)
    head.weight.data = torch.tensor([[1.0], [-1.0]])
    head.requires_grad_(False)
    total = next_token_loss(hidden_NE, head, torch.tensor([1]))
    total.backward()
    assert torch.isfinite(total)
    assert hidden_NE.grad is not None and torch.isfinite(hidden_NE.grad).all()
