"""Budgets as people write them."""

import pytest

from midspec.begin.budget import read_budget
from midspec.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "amount", "unit", "said"),
    [
        ("15 min", 900, "seconds", "15 min"),
        ("15m", 900, "seconds", "15 min"),
        ("2 hours", 7200, "seconds", "2 h"),
        ("1.5h", 5400, "seconds", "90 min"),
        ("$50", 50, "dollars", "$50"),
        ("49.50 USD", 49.5, "dollars", "$49.50"),
        ("1,000 dollars", 1000, "dollars", "$1,000"),
        ("200k tokens", 200_000, "tokens", "200,000 tokens"),
        ("1_500_000 tokens", 1_500_000, "tokens", "1,500,000 tokens"),
        (" 2M Tokens ", 2_000_000, "tokens", "2,000,000 tokens"),
    ],
)
def test_a_budget_says_of_what_it_is(text: str, amount: float, unit: str, said: str) -> None:
    found = read_budget(text)
    assert (found.amount, found.unit, found.said) == (amount, unit, said)


@pytest.mark.parametrize("text", ["", "soon", "0 min", "$-5", "$0", "15", "nan h", "3 weeks"])
def test_anything_else_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ConfigError, match=r"is no budget\. Write it as 15 min, 2 h, "):
        read_budget(text)
