"""Next-token loss that never holds a sequence × vocabulary table of logits."""

from typing import Any

import torch

from midspec.train.elementwise import best_for

CHUNK_ROWS = 256  # 25 MB of logits in bf16; the way back from 512 rows takes 3.4 times as long
GPU_LOGITS = 2**28  # half a GB; with 256 rows a GPU takes 1.4 to 4 times as long


class ChunkedCrossEntropy(torch.autograd.Function):
    """Summed cross-entropy of hidden_NE against labels_N, some rows of logits at a time.

    The gradients are formed in the forward pass, while a chunk's probabilities are at hand, so
    nothing of the vocabulary's size times the batch's outlives its chunk. A head that is trained
    adds up its own in float32.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden_NE: torch.Tensor, head_VE: torch.Tensor, labels_N: torch.Tensor
    ) -> torch.Tensor:
        work = best_for(hidden_NE)
        g_hidden_NE = torch.empty_like(hidden_NE)
        g_head_VE = (
            torch.zeros_like(head_VE, dtype=torch.float32) if head_VE.requires_grad else None
        )
        total = torch.zeros((), dtype=torch.float32, device=hidden_NE.device)
        most = rows_at_once(hidden_NE.device, len(head_VE))
        room_CV = hidden_NE.new_empty(min(most, len(labels_N)), len(head_VE))
        for start in range(0, len(labels_N), most):
            rows = slice(start, start + most)
            labels_C = labels_N[rows]
            logits_CV = torch.mm(hidden_NE[rows], head_VE.T, out=room_CV[: len(labels_C)])
            loss, g_logits_CV = work.cross_entropy(logits_CV, labels_C)
            total += loss
            g_hidden_NE[rows] = g_logits_CV @ head_VE
            if g_head_VE is not None:
                g_head_VE += g_logits_CV.T @ hidden_NE[rows]
        ctx.save_for_backward(g_hidden_NE, g_head_VE)
        return total

    @staticmethod
    def backward(ctx: Any, *upstream: Any) -> tuple[torch.Tensor, torch.Tensor | None, None]:
        g_hidden_NE, g_head_VE = ctx.saved_tensors
        g_hidden_NE = g_hidden_NE * upstream[0].to(g_hidden_NE.dtype)
        if g_head_VE is not None:
            g_head_VE = (g_head_VE * upstream[0]).to(g_hidden_NE.dtype)
        return g_hidden_NE, g_head_VE, None


def rows_at_once(device: torch.device, words: int) -> int:
    """How many rows of logits over so many words are a chunk."""
    return CHUNK_ROWS if device.type == "cpu" else max(CHUNK_ROWS, GPU_LOGITS // words)


def next_token_loss(
    hidden_NE: torch.Tensor, head: torch.nn.Linear, labels_N: torch.Tensor
) -> torch.Tensor:
    """The summed loss of a head without a bias, which no model of ours has."""
    loss: torch.Tensor = ChunkedCrossEntropy.apply(  # type: ignore[no-untyped-call]
        hidden_NE, head.weight, labels_N
    )
    return loss
