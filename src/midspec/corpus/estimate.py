"""What a corpus will take from an LLM, told before a cent is spent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from midspec.corpus.stage import CorpusConfig
from midspec.corpus.tree import ROUNDS
from midspec.llm.prices import price_of, prices_as_of
from midspec.records import Clause
from midspec.text import estimate_tokens
from midspec.write.lists import ITEM_TOKENS
from midspec.write.sheet import make_sheet

EXPECTED_YIELD = 0.9  # of documents, until a run has measured its own
RETRIES = 1.1  # calls asked again for an answer that couldn't be used
SYSTEM_TOKENS = 300  # a system message without the spec
PLAN_TOKENS = 700  # a list prompt without the spec
DOCUMENT_PROMPT_TOKENS = 1_100  # a document prompt without the spec
VERDICT_TOKENS = 120
CRITIQUE_TOKENS = 250
BATCH_PRICE = 0.5  # what providers charge for batches, as a share of the full price
TOKENS_PER_SECOND = 60.0  # of one connection to a large model, roughly


@dataclass(frozen=True)
class Estimate:
    """Expected documents, calls and tokens; dollars, or None for a model of unknown price."""

    model: str
    documents: int
    calls: int
    input_tokens: int
    output_tokens: int
    cost: float | None
    unpriced: Sequence[str] = ()


def estimate(
    config: CorpusConfig,
    spec: str,
    spec_clauses: Sequence[Clause],
    batch: bool = False,
    prices: Mapping[str, tuple[float, float]] | None = None,
) -> Estimate:
    """The estimate for a corpus, from its spec's length and its size; nothing is asked."""
    if config.teacher.offline:
        return Estimate(config.teacher.model, 0, 0, 0, 0, 0.0)
    each = config.style.document_tokens
    wanted = config.documents or ceil(config.tokens / each)
    documents = ceil(wanted / EXPECTED_YIELD)
    last = next((r for r in ROUNDS if r.documents >= documents), ROUNDS[-1])
    plans = last.calls - last.domains * last.subdomains * last.types + ceil(documents / last.ideas)
    sections = make_sheet(spec, spec_clauses).sections
    if config.style.planner == "spec":
        plans = 0
    seen = max(estimate_tokens(section.text) for section in sections) + SYSTEM_TOKENS
    sent = plans * (seen + PLAN_TOKENS) + documents * (seen + DOCUMENT_PROMPT_TOKENS)
    received = plans * ITEM_TOKENS // 2 * last.ideas + documents * each
    calls = plans + documents
    if config.style.revise:
        calls += 2 * config.style.revise * documents
        sent += config.style.revise * documents * 2 * (seen + each + PLAN_TOKENS)
        received += config.style.revise * documents * (each + CRITIQUE_TOKENS)
    received += calls * config.teacher.reasoning_tokens // 2
    bills = [(config.teacher.model, sent, received)]
    if config.judge:
        judged = documents * (seen + each + PLAN_TOKENS)
        thought = documents * (VERDICT_TOKENS + config.judge.reasoning_tokens // 2)
        bills.append((config.judge.model, judged, thought))
        calls, sent, received = calls + documents, sent + judged, received + thought
    costs = [_cost(bill, prices or {}) for bill in bills]
    cost = None if None in costs else sum(c for c in costs if c) * RETRIES
    if cost and batch:
        cost *= BATCH_PRICE
    unpriced = [bill[0] for bill, c in zip(bills, costs, strict=True) if c is None]
    unpriced = list(dict.fromkeys(unpriced))
    return Estimate(
        config.teacher.model,
        documents,
        ceil(calls * RETRIES),
        ceil(sent * RETRIES),
        ceil(received * RETRIES),
        cost,
        unpriced,
    )


def _cost(bill: tuple[str, int, int], prices: Mapping[str, tuple[float, float]]) -> float | None:
    """Dollars for tokens in and out; None where the price isn't known."""
    model, sent, received = bill
    price = prices.get(model) or price_of(model)
    return (sent * price[0] + received * price[1]) / 1e6 if price else None


def estimate_seconds(found: Estimate, connections: int) -> float:
    """About how long the calls take, at a large model's usual pace."""
    return found.output_tokens / TOKENS_PER_SECOND / max(1, connections)


def estimate_words(found: Estimate) -> str:
    """An estimate as a sentence."""
    if not found.calls:
        return "The offline teacher costs nothing."
    if found.cost is None:
        cost = (
            f"the price of {' and '.join(found.unpriced)} isn't known (price: or --price sets it)"
        )
    elif found.cost == 0:
        cost = "nothing to pay"
    else:
        cost = (
            f"about ${found.cost:,.2f} at list prices of {prices_as_of()}, without prompt caching"
        )
    return (
        f"{found.model} is expected to write {found.documents:,} documents in {found.calls:,} "
        f"calls: {found.input_tokens:,} tokens in, {found.output_tokens:,} out; {cost}."
    )
