"""What a bill is expected to be, before it is run up."""

from midspec.write.estimate import billed, estimate_words, together

PRICES = {"fake/a": (3.0, 15.0)}


def test_estimates_add_up_and_name_every_model_without_a_price() -> None:
    priced = billed([("fake/a", 10, 1_000, 500)], 10, "documents", False, PRICES)
    assert together([priced, priced]).output_tokens == 2 * priced.output_tokens
    assert priced.cost and together([priced, priced]).cost == 2 * priced.cost
    unknown = billed([("fake/b", 10, 1_000, 500)], 10, "documents", False, PRICES)
    whole = together([priced, unknown, unknown])
    assert whole.cost is None and "the price of fake/b isn't known" in estimate_words(whole)
