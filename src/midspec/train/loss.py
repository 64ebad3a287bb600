"""Next-token loss that never holds a sequence × vocabulary table of logits."""

from typing import Any

import torch

CHUNK_ROWS = 512  # 512 × 49k logits in bf16 and float32 are 150 MB; larger gains no speed


class ChunkedCrossEntropy(torch.autograd.Function):
    """Summed cross-entropy of hidden_NE against labels_N, some rows of logits at a time.

    The gradient is formed in the forward pass, while a chunk's probabilities are at hand, so
    nothing of the vocabulary's size outlives its chunk. The head is not trained through here.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden_NE: torch.Tensor, head_VE: torch.Tensor, labels_N: torch.Tensor
    ) -> torch.Tensor:
        gradient_NE = torch.empty_like(hidden_NE)
        total = torch.zeros((), dtype=torch.float32, device=hidden_NE.device)
        for start in range(0, len(labels_N), CHUNK_ROWS):
            rows = slice(start, start + CHUNK_ROWS)
            labels = labels_N[rows, None]
            logits_CV = hidden_NE[rows] @ head_VE.T
            probabilities_CV = torch.softmax(logits_CV, dim=-1, dtype=torch.float32)
            likelihood = probabilities_CV.gather(1, labels)
            total -= likelihood.clamp_min(1e-30).log().sum()
            probabilities_CV.scatter_(1, labels, likelihood - 1)
            gradient_NE[rows] = probabilities_CV.to(head_VE.dtype) @ head_VE
        ctx.save_for_backward(gradient_NE)
        return total

    @staticmethod
    def backward(ctx: Any, *upstream: Any) -> tuple[torch.Tensor, None, None]:
        (gradient_NE,) = ctx.saved_tensors
        return gradient_NE * upstream[0].to(gradient_NE.dtype), None, None


def next_token_loss(
    hidden_NE: torch.Tensor, head: torch.nn.Linear, labels_N: torch.Tensor
) -> torch.Tensor:
    """The summed loss; a trained head (full fine-tuning) takes the plain path for its gradient."""
    if not head.weight.requires_grad:
        loss: torch.Tensor = ChunkedCrossEntropy.apply(  # type: ignore[no-untyped-call]
            hidden_NE, head.weight, labels_N
        )
        return loss
    logits = head(hidden_NE).float()
    return torch.nn.functional.cross_entropy(logits, labels_N, reduction="sum")
