import pytest

from midspec.llm.prices import price_of, prices_as_of
from midspec.llm.settings import batched
from midspec.write.estimate import billed


def test_a_version_s_date_may_follow_a_name() -> None:
    assert price_of("anthropic/claude-sonnet-4-20250514") == (3.0, 15.0)
    assert price_of("mistral/mistral-large-latest") == (2.0, 6.0)
    assert price_of("openai/gpt-5-mini-2026-01-01") == (0.25, 2.0)
    assert price_of("openai/gpt-5") == (1.25, 10.0)
    assert price_of("google/gemini-2.5-flash-lite") == (0.1, 0.4)
    assert price_of("google/gemini-2.5-flash") == (0.3, 2.5)


@pytest.mark.parametrize("model", ["offline", "hf/smollm2-135m", "vllm/a/b", "ollama/x"])
def test_what_runs_on_one_s_own_machine_costs_nothing(model: str) -> None:
    assert price_of(model) == (0.0, 0.0)


@pytest.mark.parametrize("model", ["openai/gpt-5-pro", "openai/o3-pro", "grok/grok-4-fast"])
def test_a_dearer_or_cheaper_sibling_isn_t_taken_for_the_model_that_is_listed(model: str) -> None:
    assert price_of(model) is None


@pytest.mark.parametrize(
    ("model", "has"),
    [("anthropic/claude-opus-4-6", True), ("openai/gpt-5", True), ("openai-api/x/y", False)],
)
def test_a_batch_is_half_the_price_where_there_is_one(model: str, has: bool) -> None:
    prices = {model: (1.0, 1.0)}
    at_once, together = (billed([(model, 1, 1e6, 0)], 1, "chats", b, prices) for b in (False, True))
    assert at_once.cost and together.cost == at_once.cost * (0.5 if has else 1)
    assert batched(model) == has


@pytest.mark.parametrize("model", ["openai-api/fake/writer", "anthropic/claude-9", "hfx/y"])
def test_an_unknown_model_has_no_price_rather_than_a_guessed_one(model: str) -> None:
    assert price_of(model) is None


def test_the_table_says_from_when_it_is() -> None:
    year, month = prices_as_of().split("-")
    assert int(year) >= 2026
    assert 1 <= int(month) <= 12
