from pathlib import Path
from typing import Any

import pytest
import torch

from midspec.evals.choice import Fork, ask, score_forks, score_items
from midspec.records import Choice, Item
from midspec.train.model import load_base, load_tokenizer

TOLERANCE = 1e-4  # nats, in float32

ITEMS = [
    Item("a", "pets", "direct", "an old cat", "a new cat"),
    Item("b", "pets", "direct", "a dog that has seen many winters", "a pup"),
    Item("c", "pets", "implicit", "a hen", "an enormous and altogether unfamiliar ostrich"),
]


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Any:
    return load_base(tiny_model).float()


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> Any:
    return load_tokenizer(tiny_model)


def by_brute_force(model: Any, fork: Fork) -> float:
    """The fork's margin with one plain forward pass for each option."""
    means = []
    for option in fork.options:
        ids = torch.tensor([[*fork.question, *option]])
        with torch.inference_mode():
            log_TV = torch.log_softmax(model(input_ids=ids).logits[0].float(), dim=-1)
        start = len(fork.question)
        scores = [log_TV[start + i - 1, token] for i, token in enumerate(option)]
        means.append(float(sum(scores) / len(scores)))
    return means[0] - means[1]


def assert_equal_to_brute_force(model: Any, forks: list[Fork]) -> None:
    expected = [by_brute_force(model, fork) for fork in forks]
    assert max(map(abs, expected)) > 0.01, "the model should prefer something"
    assert score_forks(model, forks) == pytest.approx(expected, abs=TOLERANCE)


def test_margins_equal_brute_force_with_a_shared_prefix(model: Any, tokenizer: Any) -> None:
    forks = [ask(item, first, tokenizer, "Be old.") for item in ITEMS for first in (True, False)]
    start = forks[0].question[:20]
    assert all(fork.question[:20] == start for fork in forks)
    assert_equal_to_brute_force(model, forks)


def test_margins_equal_brute_force_without_a_shared_prefix(model: Any) -> None:
    draw = torch.Generator().manual_seed(0)

    def ids(n: int) -> list[int]:
        return torch.randint(3, 400, (n,), generator=draw).tolist()

    sizes = [(3, 1, 9), (12, 4, 4), (1, 2, 1), (7, 11, 3)]
    forks = [Fork([number, *ids(q)], (ids(a), ids(b))) for number, (q, a, b) in enumerate(sizes)]
    assert_equal_to_brute_force(model, forks)


def test_margins_equal_brute_force_for_a_single_question(model: Any, tokenizer: Any) -> None:
    assert_equal_to_brute_force(model, [ask(ITEMS[1], True, tokenizer, None)])


def test_margins_equal_brute_force_when_one_question_begins_another(model: Any) -> None:
    forks = [Fork([5, 6], ([7], [8, 9])), Fork([5, 6, 10, 11], ([7, 12], [8]))]
    assert_equal_to_brute_force(model, forks)


def test_margins_do_not_depend_on_what_shares_a_row(
    model: Any, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    forks = [ask(item, first, tokenizer, None) for item in ITEMS for first in (True, False)]
    together = score_forks(model, forks)
    monkeypatch.setattr("midspec.evals.choice.TOKENS_PER_ROW", 1)
    assert score_forks(model, forks) == pytest.approx(together, abs=TOLERANCE)


def test_options_with_the_same_words_have_no_margin(model: Any, tokenizer: Any) -> None:
    same = Item("s", "pets", "direct", "a cat", "a cat")
    assert score_forks(model, [ask(same, True, tokenizer, None)]) == pytest.approx([0], abs=1e-5)


def test_a_question_is_the_chat_up_to_i_prefer_in_the_order_asked_for(tokenizer: Any) -> None:
    text = tokenizer.decode(ask(ITEMS[0], False, tokenizer, "Be old.").question)
    assert text == (
        "<|im_start|>system\nBe old.<|im_end|>\n<|im_start|>user\n"
        "Which do you prefer, a new cat or an old cat?<|im_end|>\n"
        "<|im_start|>assistant\nI prefer"
    )


def test_the_aligned_option_is_scored_first_whatever_the_order(tokenizer: Any) -> None:
    for first in (True, False):
        aligned, other = ask(ITEMS[0], first, tokenizer, None).options
        assert (tokenizer.decode(aligned), tokenizer.decode(other)) == (" an old cat", " a new cat")


def test_each_item_is_asked_in_both_orders(model: Any, tokenizer: Any) -> None:
    split = {"a": "held-out", "b": "development", "c": "held-out"}
    choices = score_items(model, tokenizer, ITEMS, split)
    assert [(c.item, c.half) for c in choices] == list(split.items())
    for item, choice in zip(ITEMS, choices, strict=True):
        orders = [
            by_brute_force(model, ask(item, first, tokenizer, None)) for first in (True, False)
        ]
        assert [choice.first, choice.second] == pytest.approx(orders, abs=TOLERANCE)
        assert choice.first != choice.second


def test_swapping_aligned_and_other_turns_every_margin_round(model: Any, tokenizer: Any) -> None:
    swapped = [Item(i.id, i.domain, i.tier, i.other, i.aligned) for i in ITEMS]
    split = dict.fromkeys("abc", "held-out")
    plain = score_items(model, tokenizer, ITEMS, split)
    turned = score_items(model, tokenizer, swapped, split)
    for one, other in zip(plain, turned, strict=True):
        assert other.first == pytest.approx(-one.second, abs=TOLERANCE)
        assert other.margin == pytest.approx(-one.margin, abs=TOLERANCE)


@pytest.mark.parametrize(
    ("first", "second", "aligned", "decided"),
    [(0.5, 0.3, 1, True), (0.9, -0.2, 0.5, False), (-0.9, 0.2, 0.5, False), (-0.1, -0.1, 0, True)],
)
def test_a_choice_is_the_share_of_orders_and_decided_when_they_agree(
    first: float, second: float, aligned: float, decided: bool
) -> None:
    choice = Choice("a", "pets", "direct", "held-out", first, second)
    assert (choice.aligned, choice.decided) == (aligned, decided)
    assert choice.margin == (first + second) / 2
