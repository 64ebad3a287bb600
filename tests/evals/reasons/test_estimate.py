"""What an analysis is expected to take, before anything is asked."""

from dataclasses import replace

from midspec.evals.reasons.estimate import estimate_reasons
from midspec.evals.reasons.stage import ReasonsConfig
from midspec.llm.settings import Teacher

from .fakes import REASONS, transcript

MODEL = "openai-api/fake/writer"
CONFIG = ReasonsConfig(("base",), Teacher(MODEL))
MANY = [transcript(n, "I must stay here. " * 50) for n in range(80)]


def test_it_grows_with_transcripts_and_reasons_and_costs_what_the_price_says() -> None:
    prices = {MODEL: (3.0, 15.0)}
    one = estimate_reasons(CONFIG, MANY, REASONS, prices=prices)
    assert (one.verb, one.noun, one.rows, one.calls) == ("read", "transcripts", 80, 88)
    twice = estimate_reasons(CONFIG, [*MANY, *MANY], REASONS, prices=prices)
    assert twice.cost and one.cost and round(twice.cost / one.cost, 2) == 2
    apart = estimate_reasons(replace(CONFIG, per_call=1), MANY, REASONS)
    assert apart.calls == 264 and apart.cost is None
    known = replace(CONFIG, judge=Teacher("openai/gpt-5"))
    whole, batch = (estimate_reasons(known, MANY, REASONS, each) for each in (False, True))
    assert whole.cost and batch.cost == whole.cost / 2


def test_empty_transcripts_cost_nothing_and_reasons_yet_to_be_found_cost_more() -> None:
    one = estimate_reasons(CONFIG, MANY, REASONS)
    assert estimate_reasons(CONFIG, [*MANY, transcript(99)], REASONS) == one
    found = estimate_reasons(replace(CONFIG, extract_from=40), MANY, None)
    assert found.calls > one.calls + 40 and found.input_tokens > one.input_tokens
