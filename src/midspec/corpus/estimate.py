"""What a corpus will take from an LLM, told before a cent is spent."""

from collections.abc import Mapping, Sequence
from math import ceil

from midspec.corpus.stage import CorpusConfig
from midspec.corpus.tree import ROUNDS
from midspec.records import Clause
from midspec.text import estimate_tokens
from midspec.write.estimate import Estimate, billed
from midspec.write.lists import ITEM_TOKENS
from midspec.write.sheet import make_sheet

EXPECTED_YIELD = 0.9  # of documents, until a run has measured its own
SYSTEM_TOKENS = 300  # a system message without the spec
PLAN_TOKENS = 700  # a list prompt without the spec
DOCUMENT_PROMPT_TOKENS = 1_100  # a document prompt without the spec
VERDICT_TOKENS = 120
CRITIQUE_TOKENS = 250


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
    bills = [(config.teacher.model, calls, sent, received)]
    if config.judge:
        judged = documents * (seen + each + PLAN_TOKENS)
        thought = documents * (VERDICT_TOKENS + config.judge.reasoning_tokens // 2)
        bills.append((config.judge.model, documents, judged, thought))
    return billed(bills, documents, "documents", batch, prices or {})
