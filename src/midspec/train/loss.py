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
        ones_V = head_VE.new_ones(len(head_VE))
        total = torch.zeros((), dtype=torch.float32, device=hidden_NE.device)
        for start in range(0, len(labels_N), CHUNK_ROWS):
            rows = slice(start, start + CHUNK_ROWS)
            labels_C = labels_N[rows]
            # In float32 this softmax and its way back to bf16 take 53 ms for 300 rows, so 6; a
            # scatter_ into the table, or a sum of it in float32, would take as long again.
            chances_CV = torch.softmax(hidden_NE[rows] @ head_VE.T, dim=-1)
            at = (torch.arange(len(labels_C), device=labels_C.device), labels_C)
            own_C = chances_CV[at].float()
            chances_CV[at] = 0
            others_C = (chances_CV @ ones_V).float()
            # Near 1, bf16 can't tell a chance from 1; what is left for the others it can.
            total -= torch.where(
                others_C < 0.5, torch.log1p(-others_C), own_C.clamp_min(1e-30).log()
            ).sum()
            chances_CV[at] = -others_C.to(chances_CV.dtype)
            gradient_NE[rows] = chances_CV @ head_VE
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
