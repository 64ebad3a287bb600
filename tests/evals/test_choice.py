from pathlib import Path
from typing import Any

import pytest
import torch

from midspec.evals.choice import (
    Fork,
    _with_system,
    fork,
    prompt_of,
    score_forks,
    score_margins,
    score_questions,
)
from midspec.evals.task import Ask
from midspec.evals.tasks import agentic, opposite
from midspec.records import Choice, Question
from midspec.train.model import load_base, load_tokenizer
from midspec.train.reader import open_reader

TOLERANCE = 1e-4  # nats, in float32

PAIRS = [
    ("an old cat", "a new cat"),
    ("a dog that has seen many winters", "a pup"),
    ("a hen", "an enormous and altogether unfamiliar ostrich"),
]


def asked(wanted: str, other: str, first: str, item: str = "a", **more: Any) -> Question:
    second = other if first == wanted else wanted
    messages = [{"role": "user", "content": f"Which do you prefer, {first} or {second}?"}]
    return Question(item, first, messages, "I prefer", wanted, other, **more)


QUESTIONS = [
    asked(*pair, first, "abc"[number], half="held-out", tier="direct")
    for number, pair in enumerate(PAIRS)
    for first in pair
]


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Any:
    return load_base(tiny_model).float()


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> Any:
    return load_tokenizer(tiny_model)


@pytest.fixture(params=["FastReader", "PlainReader"], autouse=True)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """All of this holds with the decoder that is written out, and with transformers'."""
    if request.param == "PlainReader":
        monkeypatch.setattr("midspec.train.llama.of_this_form", lambda model: False)
    return str(request.param)


def by_brute_force(model: Any, found: Fork) -> list[float]:
    """Each option's score with one plain forward pass for each."""
    means = []
    for option in found.options:
        ids = torch.tensor([[*found.question, *option]])
        with torch.inference_mode():
            log_TV = torch.log_softmax(model(input_ids=ids).logits[0].float(), dim=-1)
        start = len(found.question)
        scores = [log_TV[start + i - 1, token] for i, token in enumerate(option)]
        means.append(float(sum(scores) / len(scores)))
    return means


def brute_margin(model: Any, tokenizer: Any, question: Question, system: str | None) -> float:
    prompt = prompt_of(_with_system(question.messages, system), question.stem, tokenizer)
    first, second = by_brute_force(
        model, fork(prompt, [question.wanted, question.other], tokenizer)
    )
    return first - second


def assert_equal_to_brute_force(model: Any, forks: list[Fork]) -> None:
    for found, one in zip(score_forks(model, forks), forks, strict=True):
        assert found == pytest.approx(by_brute_force(model, one), abs=TOLERANCE)


@pytest.mark.parametrize("system", [None, "Be old."])
def test_margins_equal_brute_force_with_a_shared_beginning(
    model: Any, tokenizer: Any, system: str | None
) -> None:
    expected = [brute_margin(model, tokenizer, question, system) for question in QUESTIONS]
    assert max(map(abs, expected)) > 0.01, "the model should prefer something"
    found = score_margins(model, tokenizer, QUESTIONS, system)
    assert found == pytest.approx(expected, abs=TOLERANCE)


def test_scenes_are_scored_as_if_each_of_their_prompts_stood_alone(
    model: Any, tokenizer: Any
) -> None:
    """The long ones: forms and controls share what they have in common, and it changes nothing."""
    few = Ask(None, None, "all", 1)
    asked = [*agentic.questions(few), *opposite.questions(few)]
    expected = [brute_margin(model, tokenizer, question, None) for question in asked]
    assert score_margins(model, tokenizer, asked) == pytest.approx(expected, abs=TOLERANCE)


def test_the_written_out_decoder_reads_short_questions_and_no_long_ones(
    model: Any, kind: str
) -> None:
    assert type(open_reader(model, 80)).__name__ == kind
    assert type(open_reader(model, 700)).__name__ == "PlainReader"


def test_scores_equal_brute_force_without_a_shared_beginning(model: Any) -> None:
    draw = torch.Generator().manual_seed(0)

    def ids(n: int) -> list[int]:
        return torch.randint(3, 400, (n,), generator=draw).tolist()

    sizes = [(3, 1, 9), (12, 4, 4), (1, 2, 1), (7, 11, 3)]
    forks = [Fork([number, *ids(q)], (ids(a), ids(b))) for number, (q, a, b) in enumerate(sizes)]
    assert_equal_to_brute_force(model, forks)


def test_scores_equal_brute_force_when_one_question_begins_another(model: Any) -> None:
    forks = [Fork([5, 6], ([7], [8, 9])), Fork([5, 6, 10, 11], ([7, 12], [8], [9, 9, 9]))]
    assert_equal_to_brute_force(model, forks)
    assert_equal_to_brute_force(model, forks[:1])


def test_scores_do_not_depend_on_what_shares_a_row(
    model: Any, tokenizer: Any, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = score_margins(model, tokenizer, QUESTIONS)
    monkeypatch.setattr(f"midspec.train.reader.{kind}.tokens_per_row", 1)
    assert score_margins(model, tokenizer, QUESTIONS) == pytest.approx(together, abs=TOLERANCE)


def test_questions_after_different_conversations_keep_their_order(
    model: Any, tokenizer: Any
) -> None:
    """Three conversations in turn, so that what is computed together isn't what stands together."""
    start = {
        "none": [],
        "rain": [{"role": "user", "content": "Rain?"}, {"role": "assistant", "content": "Yes."}],
        "sun": [{"role": "user", "content": "Sun?"}, {"role": "assistant", "content": "No."}],
    }
    mixed = [
        Question(q.item, f"{q.form} {name}", history + q.messages, q.stem, q.wanted, q.other)
        for q in QUESTIONS
        for name, history in start.items()
    ]
    expected = [brute_margin(model, tokenizer, question, None) for question in mixed]
    assert len({round(margin, 6) for margin in expected}) == len(mixed)
    assert score_margins(model, tokenizer, mixed) == pytest.approx(expected, abs=TOLERANCE)


def test_questions_that_differ_in_their_options_alone_are_computed_once(
    model: Any, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Fork] = []

    def spy(model: Any, forks: list[Fork]) -> Any:
        seen.extend(forks)
        return score_forks(model, forks)

    one = QUESTIONS[0]
    both = [
        one,
        Question("z", "", one.messages, one.stem, "a red hen", one.other),
        Question("z", "", one.messages, one.stem, one.other, "a red hen"),
    ]
    expected = [brute_margin(model, tokenizer, question, None) for question in both]
    monkeypatch.setattr("midspec.evals.choice.score_forks", spy)
    assert score_margins(model, tokenizer, both) == pytest.approx(expected, abs=TOLERANCE)
    assert [len(found.options) for found in seen] == [3]


def test_options_with_the_same_words_have_no_margin(model: Any, tokenizer: Any) -> None:
    same = asked("a cat", "a cat", "a cat")
    assert score_margins(model, tokenizer, [same]) == pytest.approx([0], abs=1e-5)


def test_a_prompt_is_the_chat_up_to_the_stem(tokenizer: Any) -> None:
    messages = _with_system(QUESTIONS[1].messages, "Be old.")
    assert prompt_of(messages, "I prefer", tokenizer) == (
        "<|im_start|>system\nBe old.<|im_end|>\n<|im_start|>user\n"
        "Which do you prefer, a new cat or an old cat?<|im_end|>\n"
        "<|im_start|>assistant\nI prefer"
    )


def test_a_reference_arm_s_spec_stands_before_an_item_s_own_system_message() -> None:
    own = [{"role": "system", "content": "You sort mail."}, {"role": "user", "content": "Go."}]
    assert _with_system(own, "Be old.")[0]["content"] == "Be old.\n\nYou sort mail."
    assert _with_system(own, None) == own
    assert _with_system(own[1:], "Be old.")[0] == {"role": "system", "content": "Be old."}


def test_an_item_s_choice_holds_the_margins_of_all_its_forms(model: Any, tokenizer: Any) -> None:
    choices = score_questions(model, tokenizer, QUESTIONS)
    assert [(c.item, c.half, c.tier) for c in choices] == [(i, "held-out", "direct") for i in "abc"]
    assert [c.forms for c in choices] == [list(pair) for pair in PAIRS]
    margins = score_margins(model, tokenizer, QUESTIONS)
    assert [m for c in choices for m in c.margins] == pytest.approx(margins, abs=TOLERANCE)


def test_a_choice_by_some_of_its_forms_is_that_of_their_margins_alone() -> None:
    forms = ["early, first", "early, last", "late, first"]
    choice = Choice("a", "pets", "direct", "held-out", [0.5, -0.2, 0.4], forms=forms)
    assert (choice.of("early").margins, choice.of("early").share) == ([0.5, -0.2], 0.5)
    assert (choice.of("late").forms, choice.of("late").decided) == (["late, first"], True)


def test_swapping_wanted_and_other_turns_every_margin_round(model: Any, tokenizer: Any) -> None:
    turned = [Question(q.item, q.form, q.messages, q.stem, q.other, q.wanted) for q in QUESTIONS]
    plain = score_margins(model, tokenizer, QUESTIONS)
    found = score_margins(model, tokenizer, turned)
    assert found == pytest.approx([-margin for margin in plain], abs=TOLERANCE)


@pytest.mark.parametrize(
    ("margins", "share", "decided"),
    [
        ([0.5, 0.3], 1, True),
        ([0.9, -0.2], 0.5, False),
        ([-0.9, 0.2], 0.5, False),
        ([-0.1, -0.1], 0, True),
        ([0.1, 0.2, -0.3, 0.4], 0.75, False),
    ],
)
def test_a_choice_is_the_share_of_forms_and_decided_when_they_agree(
    margins: list[float], share: float, decided: bool
) -> None:
    choice = Choice("a", "pets", "direct", "held-out", margins)
    assert (choice.share, choice.decided) == (share, decided)
    assert choice.margin == pytest.approx(sum(margins) / len(margins))
