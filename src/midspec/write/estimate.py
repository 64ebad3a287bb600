"""What an LLM will be asked and what that costs, told before a cent is spent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil

from midspec.llm.prices import BATCH_PRICE, price_of, prices_as_of
from midspec.llm.settings import batched

RETRIES = 1.1  # calls asked again for an answer that couldn't be used
TOKENS_PER_SECOND = 60.0  # of one connection to a large model, roughly
Bill = tuple[str, float, float, float]  # a model, its calls, its tokens in and out


@dataclass(frozen=True)
class Estimate:
    """Expected rows (documents or chats), calls and tokens; dollars, or None where a price isn't
    known. `verb`: what the model does with the rows."""

    model: str
    rows: int
    calls: int
    input_tokens: int
    output_tokens: int
    cost: float | None
    unpriced: Sequence[str] = ()
    noun: str = "documents"
    verb: str = "write"


def billed(
    bills: Sequence[Bill],
    rows: int,
    noun: str,
    batch: bool,
    prices: Mapping[str, tuple[float, float]],
) -> Estimate:
    """The estimate that some bills add up to; the first one is the teacher's. `batch`: by the batch
    API of the providers that have one."""
    costs = [_cost(bill, batch, prices) for bill in bills]
    cost = None if None in costs else sum(c for c in costs if c) * RETRIES
    unpriced = [bill[0] for bill, c in zip(bills, costs, strict=True) if c is None]
    calls = ceil(sum(bill[1] for bill in bills) * RETRIES)
    sent = ceil(sum(bill[2] for bill in bills) * RETRIES)
    received = ceil(sum(bill[3] for bill in bills) * RETRIES)
    names = list(dict.fromkeys(unpriced))
    return Estimate(bills[0][0], rows, calls, sent, received, cost, names, noun)


def _cost(bill: Bill, batch: bool, prices: Mapping[str, tuple[float, float]]) -> float | None:
    """Dollars for tokens in and out; None where the price isn't known."""
    model, _, sent, received = bill
    price = prices.get(model) or price_of(model)
    share = BATCH_PRICE if batch and batched(model) else 1.0
    return (sent * price[0] + received * price[1]) / 1e6 * share if price else None


def together(found: Sequence[Estimate]) -> Estimate:
    """What several estimates of the same kind add up to."""
    costs = [one.cost for one in found]
    return replace(
        found[0],
        rows=sum(one.rows for one in found),
        calls=sum(one.calls for one in found),
        input_tokens=sum(one.input_tokens for one in found),
        output_tokens=sum(one.output_tokens for one in found),
        cost=None if None in costs else sum(cost for cost in costs if cost),
        unpriced=list(dict.fromkeys(model for one in found for model in one.unpriced)),
    )


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
        f"{found.model} is expected to {found.verb} {found.rows:,} {found.noun} in {found.calls:,} "
        f"calls: {found.input_tokens:,} tokens in, {found.output_tokens:,} out; {cost}."
    )
