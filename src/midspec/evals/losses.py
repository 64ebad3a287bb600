"""The loss of whole texts in nats a token, read without a chat template as in midtraining."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from midspec import progress

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def text_losses(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]
) -> list[tuple[float, int]]:
    """Each text's mean loss in nats and how many tokens were predicted; the first is given.

    One text a pass: paragraphs are long enough to fill a core, and nothing is padded.
    """
    import torch

    found = []
    for number, text in enumerate(texts, 1):
        ids_T = torch.tensor(tokenizer(text)["input_ids"], device=model.device)
        with torch.inference_mode():
            logits_TV = model(input_ids=ids_T[None], use_cache=False).logits[0, :-1].float()
        loss = torch.nn.functional.cross_entropy(logits_TV, ids_T[1:])
        found.append((float(loss), len(ids_T) - 1))
        progress.report(number, len(texts), "texts")
    return found
