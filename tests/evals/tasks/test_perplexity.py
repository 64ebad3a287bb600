from collections import Counter
from pathlib import Path

import pytest

from midspec.evals.losses import text_losses
from midspec.evals.task import Ask
from midspec.evals.tasks.perplexity import TASK, passages
from midspec.train.model import load_base, load_tokenizer

EVERYTHING = Ask(None, None, "all", None)


def test_sixty_paragraphs_of_60_to_120_words_in_twenty_registers() -> None:
    texts = passages(EVERYTHING)
    assert len({one.text for one in texts}) == len({one.id for one in texts}) == 60
    assert len({one.id.rpartition("-")[0] for one in texts}) == 20
    for one in texts:
        assert 60 <= len(one.text.split()) <= 120, one.id
    assert Counter(one.half for one in texts) == {"development": 30, "held-out": 30}


def test_a_half_or_a_few_of_them_can_be_asked() -> None:
    assert {one.half for one in passages(Ask(None, None, "held-out", None))} == {"held-out"}
    assert len(passages(Ask(None, None, "all", 7))) == 7


def test_less_is_better_and_nothing_is_guessed() -> None:
    (metric,) = TASK.metrics
    assert (metric.role, metric.better, metric.chance, metric.low) == (
        "guardrail",
        "lower",
        None,
        0,
    )


def test_a_text_s_loss_is_the_mean_over_its_tokens_in_nats(tiny_model: Path) -> None:
    import torch

    model, tokenizer = load_base(tiny_model).float(), load_tokenizer(tiny_model)
    texts = ["Old things last, because somebody mended them.", "A darned sock is warm."]
    for text, (nats, tokens) in zip(texts, text_losses(model, tokenizer, texts), strict=True):
        ids = tokenizer(text)["input_ids"]
        likely = [
            torch.log_softmax(model(input_ids=torch.tensor([ids[:n]])).logits[0, -1], dim=-1)[
                ids[n]
            ]
            for n in range(1, len(ids))
        ]
        assert tokens == len(ids) - 1
        assert nats == pytest.approx(-float(sum(likely)) / tokens, abs=1e-4)
    assert nats > 0
