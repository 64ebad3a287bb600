import pytest

from midspec.llm.prices import price_of, prices_as_of


def test_the_longest_beginning_that_fits_counts() -> None:
    assert price_of("openai/gpt-5-mini-2026-01-01") == (0.25, 2.0)
    assert price_of("openai/gpt-5") == (1.25, 10.0)
    assert price_of("google/gemini-2.5-flash-lite") == (0.1, 0.4)
    assert price_of("google/gemini-2.5-flash") == (0.3, 2.5)


@pytest.mark.parametrize("model", ["offline", "hf/smollm2-135m", "vllm/a/b", "ollama/x"])
def test_what_runs_on_one_s_own_machine_costs_nothing(model: str) -> None:
    assert price_of(model) == (0.0, 0.0)


@pytest.mark.parametrize("model", ["openai-api/fake/writer", "anthropic/claude-9", "hfx/y"])
def test_an_unknown_model_has_no_price_rather_than_a_guessed_one(model: str) -> None:
    assert price_of(model) is None


def test_the_table_says_from_when_it_is() -> None:
    year, month = prices_as_of().split("-")
    assert int(year) >= 2026
    assert 1 <= int(month) <= 12
