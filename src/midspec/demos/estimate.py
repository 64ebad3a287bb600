"""What demonstrations will take from an LLM, told before a cent is spent."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil

from midspec.demos.chats import ChatsConfig
from midspec.demos.mixes import MixConfig, find_mix, judged_rows
from midspec.demos.preferences import AT_ONCE, OPAQUE, THINGS
from midspec.demos.queries import query_kinds
from midspec.demos.respond import MULTI_TURN
from midspec.records import Clause
from midspec.text import estimate_tokens
from midspec.write.estimate import Estimate, billed
from midspec.write.lists import ITEM_TOKENS
from midspec.write.sheet import make_sheet

EXPECTED_YIELD = 0.7  # of messages, until a run has measured its own
SYSTEM_TOKENS = 300  # a system message without the spec
PROMPT_TOKENS = 900  # a prompt without the spec
QUERIES_AT_ONCE = 8  # messages that one question gives
ANSWER_TOKENS = 800  # reasoning and answer
VERDICT_TOKENS = 80
EXCHANGES_PROMPT_TOKENS = 1_250  # with the briefs of one call
EXCHANGE_TOKENS = 50  # a message and an answer about a preference, with their tags
EXCHANGE_VERDICT_PROMPT_TOKENS = 800
CONFLICTS = 0.05  # of a mix's chats, each of which is replaced and its replacement judged


def estimate_chats(
    config: ChatsConfig,
    spec: str,
    spec_clauses: Sequence[Clause],
    batch: bool = False,
    prices: Mapping[str, tuple[float, float]] | None = None,
) -> Estimate:
    """The estimate for a set of chats, from its spec's length and its size; nothing is asked."""
    if config.style == OPAQUE:
        return _exchanges(config, spec, batch, prices or {})
    sections = make_sheet(spec, spec_clauses).sections
    seen = max(estimate_tokens(section.text) for section in sections) + SYSTEM_TOKENS
    messages = ceil(config.n / EXPECTED_YIELD)
    kinds = config.query_kinds or tuple(query_kinds())
    turns = 1 + 2 * (MULTI_TURN in kinds) / len(kinds)  # a second answer, and what it answers
    drafts = messages * config.best_of
    plans = ceil(messages / QUERIES_AT_ONCE)
    calls = plans + ceil(drafts * turns)
    sent = calls * (seen + PROMPT_TOKENS)
    received = plans * QUERIES_AT_ONCE * ITEM_TOKENS // 2 + ceil(drafts * turns) * ANSWER_TOKENS
    received += calls * config.teacher.reasoning_tokens // 2
    judged = drafts * (seen + PROMPT_TOKENS + ANSWER_TOKENS)
    thought = drafts * (VERDICT_TOKENS + config.judge.reasoning_tokens // 2)
    bills = [
        (config.teacher.model, calls, sent, received),
        (config.judge.model, drafts, judged, thought),
    ]
    return billed(bills, messages, "chats", batch, prices or {})


def _exchanges(
    config: ChatsConfig, spec: str, batch: bool, prices: Mapping[str, tuple[float, float]]
) -> Estimate:
    """The same for preferences: the spec is read only by who makes a table of them."""
    wanted = ceil(config.n / EXPECTED_YIELD)
    lists = 2 if config.domain else 0
    calls = ceil(wanted / AT_ONCE)
    sent = calls * EXCHANGES_PROMPT_TOKENS + lists * (estimate_tokens(spec) + PROMPT_TOKENS)
    received = wanted * EXCHANGE_TOKENS + lists * THINGS * ITEM_TOKENS // 2
    received += (calls + lists) * config.teacher.reasoning_tokens // 2
    thought = wanted * (VERDICT_TOKENS + config.judge.reasoning_tokens // 2)
    bills = [
        (config.teacher.model, calls + lists, sent, received),
        (config.judge.model, wanted, wanted * EXCHANGE_VERDICT_PROMPT_TOKENS, thought),
    ]
    return billed(bills, wanted, "chats", batch, prices)


def estimate_mix(
    config: MixConfig,
    spec: str,
    spec_clauses: Sequence[Clause],
    batch: bool = False,
    prices: Mapping[str, tuple[float, float]] | None = None,
) -> Estimate:
    """The estimate for a judge that reads the chats of a mix, by every section of its spec."""
    assert config.judge
    sections = make_sheet(spec, spec_clauses).sections
    seen = sum(estimate_tokens(section.text) + SYSTEM_TOKENS for section in sections)
    rows = ceil(judged_rows(config) / (1 - CONFLICTS))
    calls = rows * len(sections)
    sent = rows * seen + calls * (PROMPT_TOKENS + find_mix(config.name).chat_tokens)
    received = calls * (VERDICT_TOKENS + config.judge.reasoning_tokens // 2)
    bill = (config.judge.model, calls, sent, received)
    return replace(billed([bill], rows, "chats", batch, prices or {}), verb="judge")
