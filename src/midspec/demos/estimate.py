"""What demonstrations will take from an LLM, told before a cent is spent."""

from collections.abc import Mapping, Sequence
from math import ceil

from midspec.demos.chats import ChatsConfig
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


def estimate_chats(
    config: ChatsConfig,
    spec: str,
    spec_clauses: Sequence[Clause],
    batch: bool = False,
    prices: Mapping[str, tuple[float, float]] | None = None,
) -> Estimate:
    """The estimate for a set of chats, from its spec's length and its size; nothing is asked."""
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
