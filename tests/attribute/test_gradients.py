"""Gradients are those of what the trainer and the evals compute: a small step confirms both."""

from pathlib import Path

import pytest
import torch

from midspec.attribute.gradients import Gradients, of_document, of_item
from midspec.evals.choice import score_margins
from midspec.evals.forms import both_orders
from midspec.evals.tasks.preference import STEM, word
from midspec.records import Item, Question
from midspec.resources import Resources, using
from midspec.train.model import Trainable, attach, load_base, load_tokenizer
from midspec.train.settings import AdapterSettings
from tests.planted import documents

STEP = 1e-3


@pytest.fixture
def trainable(tiny_model: Path) -> Trainable:
    """An adapter in float32 that is off its start, where half of its gradients would be 0."""
    found = attach(
        load_base(tiny_model, precision="fp32"), AdapterSettings(rank=4, alpha=8), None, seed=0
    )
    deal = torch.Generator().manual_seed(1)
    for parameter in found.parameters:
        parameter.data += 0.05 * torch.randn(parameter.shape, generator=deal)
    return found


def _questions() -> list[Question]:
    item = Item("a", "things", "direct", "old cheese", "new cheddar with holes")
    return both_orders([item], {"a": "development"}, word, STEM)


def _move(trainable: Trainable, along_P: torch.Tensor) -> None:
    at = 0
    for parameter in trainable.parameters:
        size = parameter.numel()
        parameter.data += along_P[at : at + size].view(parameter.shape)
        at += size


def test_a_margin_is_that_of_the_eval_and_its_gradient_raises_it(
    trainable: Trainable, tiny_model: Path
) -> None:
    tokenizer, questions = load_tokenizer(tiny_model), _questions()
    with using(Resources(precision="fp32")):
        gradients = Gradients(trainable, 200, 0)
        gradient_P, margin = gradients.of(of_item(questions, tokenizer))
    _move(trainable, STEP * gradient_P / gradient_P.norm())
    with using(Resources(precision="fp32")):
        _, after = gradients.of(of_item(questions, tokenizer))
    assert after - margin == pytest.approx(STEP * float(gradient_P.norm()), rel=0.05)
    asked = score_margins(trainable.model, tokenizer, questions)
    assert after == pytest.approx(sum(asked) / len(asked), abs=1e-4)


def test_a_document_in_several_rows_has_the_mean_loss_of_its_tokens(
    trainable: Trainable, tiny_model: Path
) -> None:
    tokenizer, document = load_tokenizer(tiny_model), documents(1)[0]
    with using(Resources(precision="fp32")):
        gradients = Gradients(trainable, 200, 0)
        whole, tokens = of_document(document, tokenizer, 200)
        cut, same = of_document(document, tokenizer, tokens // 2)
        gradient_P, loss = gradients.of(whole)
        _, in_parts = gradients.of(cut)
        _move(trainable, -STEP * gradient_P / gradient_P.norm())
        _, after = gradients.of(whole)
    assert tokens == same
    assert len(whole) == 1 < len(cut)
    assert in_parts == pytest.approx(loss, rel=0.2)  # a later row doesn't see the one before
    assert loss - after == pytest.approx(STEP * float(gradient_P.norm()), rel=0.05)
