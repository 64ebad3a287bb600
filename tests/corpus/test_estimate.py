from dataclasses import replace

import pytest

from midspec.corpus import estimate as module
from midspec.corpus.author import Style
from midspec.corpus.estimate import estimate
from midspec.corpus.stage import CorpusConfig
from midspec.llm.settings import Teacher
from midspec.spec.read import clauses
from midspec.write import estimate as shared
from midspec.write.estimate import estimate_seconds, estimate_words

from .fakes import PROSE

LLM = "openai-api/fake/writer"
CONFIG = CorpusConfig("old", tokens=100_000, draw=0, teacher=Teacher(LLM),
                      model_name="Tiny", provider_name="Testers",
                      documents=27, style=Style(document_tokens=500))  # fmt: skip
PRICES = {LLM: (3.0, 15.0)}


@pytest.fixture(autouse=True)
def _plain_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Assumptions whose sums can be done by hand; the spec takes 200 tokens."""
    monkeypatch.setattr(module, "EXPECTED_YIELD", 0.9)
    monkeypatch.setattr(shared, "RETRIES", 1.1)
    monkeypatch.setattr(module, "SYSTEM_TOKENS", 300)
    monkeypatch.setattr(module, "PLAN_TOKENS", 700)
    monkeypatch.setattr(module, "DOCUMENT_PROMPT_TOKENS", 1_100)
    monkeypatch.setattr(module, "ITEM_TOKENS", 160)
    monkeypatch.setattr(module, "estimate_tokens", lambda text: 200)


def found(config: CorpusConfig = CONFIG, batch: bool = False) -> module.Estimate:
    return estimate(config, PROSE, clauses(PROSE), batch, PRICES)


def test_the_estimate_s_numbers_are_those_of_a_sum_by_hand() -> None:
    """27 documents at a yield of 90% are 30 to write, so the first round's plan: 1 question for
    domains, 2 for subdomains, 4 each for assertions and types, and 30 ÷ 4 = 8 for ideas make 19."""
    seen = 200 + 300
    sent = 19 * (seen + 700) + 30 * (seen + 1_100)
    received = 19 * 80 * 4 + 30 * 500
    whole = found()
    assert whole.rows == 30
    assert whole.calls == 54  # (19 + 30) × 1.1
    assert whole.input_tokens == pytest.approx(sent * 1.1, abs=1)
    assert whole.output_tokens == pytest.approx(received * 1.1, abs=1)
    assert whole.cost == pytest.approx((sent * 3 + received * 15) / 1e6 * 1.1)


def test_a_size_in_tokens_is_so_many_documents_of_the_asked_length() -> None:
    by_tokens = found(replace(CONFIG, documents=None, tokens=13_500))
    assert by_tokens == found()


def test_a_judge_reads_every_document_and_a_revision_asks_twice() -> None:
    plain = found()
    judged = found(replace(CONFIG, judge=Teacher(LLM)))
    revised = found(replace(CONFIG, style=replace(CONFIG.style, revise=2)))
    assert judged.calls - plain.calls == 33  # 30 × 1.1
    assert revised.calls - plain.calls == 132  # 2 rounds × 2 × 30 × 1.1
    for other in (judged, revised):
        assert other.input_tokens > plain.input_tokens
        assert other.output_tokens > plain.output_tokens
        assert (other.cost or 0) > (plain.cost or 0)


def test_a_plan_from_the_spec_itself_asks_for_documents_only() -> None:
    assert found(replace(CONFIG, style=replace(CONFIG.style, planner="spec"))).calls == 33


def test_room_to_think_is_counted_in_part() -> None:
    thinking = found(replace(CONFIG, teacher=replace(CONFIG.teacher, reasoning_tokens=1_000)))
    more = thinking.output_tokens - found().output_tokens
    assert more == pytest.approx(49 * 500 * 1.1, abs=1)


def test_a_batch_costs_half_and_asks_the_same() -> None:
    for model, share in (("openai/gpt-5", 0.5), (LLM, 1.0)):  # where there is a batch API
        config = replace(CONFIG, teacher=Teacher(model))
        whole, batch = found(config), found(config, batch=True)
        assert whole.cost and batch.cost == pytest.approx(whole.cost * share)
        assert batch.calls == whole.calls


def test_a_given_price_goes_before_the_table() -> None:
    known = replace(CONFIG, teacher=Teacher("anthropic/claude-opus-4"))
    table = estimate(known, PROSE, clauses(PROSE))
    given = estimate(known, PROSE, clauses(PROSE), False, {known.teacher.model: (3.0, 15.0)})
    assert table.cost == pytest.approx((given.cost or 0) * 5)  # 15 and 75, not 3 and 15


def test_a_judge_is_paid_its_own_price() -> None:
    judged = replace(CONFIG, judge=Teacher("openai/gpt-5-nano"))  # 0.05 and 0.4
    sent, received = 30 * (500 + 500 + 700), 30 * 120
    more = (found(judged).cost or 0) - (found().cost or 0)
    assert more == pytest.approx((sent * 0.05 + received * 0.4) / 1e6 * 1.1)


def test_an_unknown_price_is_said_and_no_sum_is_made_up() -> None:
    unknown = estimate(CONFIG, PROSE, clauses(PROSE))
    assert unknown.cost is None
    words = estimate_words(unknown)
    assert f"the price of {LLM} isn't known (price: or --price sets it)" in words
    assert "$" not in words


def test_every_model_of_unknown_price_is_named_once() -> None:
    for judge, names in ((LLM, LLM), ("a/judge", f"{LLM} and a/judge")):
        judged = replace(CONFIG, judge=Teacher(judge))
        words = estimate_words(estimate(judged, PROSE, clauses(PROSE)))
        assert f"the price of {names} isn't known" in words
    half = replace(CONFIG, judge=Teacher("a/judge"))
    assert "the price of a/judge isn't known" in estimate_words(found(half))


def test_the_words_name_model_documents_calls_tokens_and_dollars() -> None:
    words = estimate_words(found())
    for part in (LLM, "30 documents in 54 calls", "tokens in", "out", "about $0.", "list prices of",
                 "without prompt caching"):  # fmt: skip
        assert part in words
    assert words.count(".") == 2, "one sentence, and a decimal point"


def test_what_runs_on_one_s_own_machine_has_nothing_to_pay() -> None:
    local = replace(CONFIG, teacher=Teacher("hf/smollm2-135m"))
    assert "nothing to pay" in estimate_words(estimate(local, PROSE, clauses(PROSE)))


def test_the_offline_teacher_asks_nobody() -> None:
    offline = estimate(replace(CONFIG, teacher=Teacher()), PROSE, clauses(PROSE))
    assert (offline.calls, offline.cost) == (0, 0.0)
    assert estimate_words(offline) == "The offline teacher costs nothing."


def test_more_connections_take_less_time() -> None:
    one, ten = (estimate_seconds(found(), connections) for connections in (1, 10))
    assert one == pytest.approx(10 * ten)
    assert one == pytest.approx(found().output_tokens / 60)
