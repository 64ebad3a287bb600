"""What an analysis of reasons will take from its judge, told before a cent is spent."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil

from midspec.evals.reasons.classify import classify_system
from midspec.evals.reasons.merge import AT_ONCE, MOST_REASONS
from midspec.evals.reasons.reader import prompt, shown_tokens
from midspec.evals.reasons.stage import ReasonsConfig
from midspec.evals.reasons.taxonomy import Reason
from midspec.evals.reasons.transcripts import Transcript, spread
from midspec.text import estimate_tokens
from midspec.write.estimate import Estimate, billed

VERDICT_TOKENS = 35  # on one reason; most are a plain no
FOUND_TOKENS = 70  # a reason in a reader's words, with its quote
FOUND = 4  # of a transcript
DIFFERENT = 0.5  # share of those found whose name nobody else gave
MERGED_TOKENS = 30  # of an answer to a question to merge, for each reason in it
REASON_TOKENS = 110  # a definition and an example, where they are yet to be found


def estimate_reasons(
    config: ReasonsConfig,
    transcripts: Sequence[Transcript],
    reasons: Sequence[Reason] | None,
    batch: bool = False,
    prices: Mapping[str, tuple[float, float]] | None = None,
) -> Estimate:
    """The estimate, from the transcripts as they lie on disk; nothing is asked."""
    read = [transcript for transcript in transcripts if transcript.text]
    number = len(reasons) if reasons else MOST_REASONS
    told = estimate_tokens(classify_system(reasons or []))
    told += 0 if reasons else number * REASON_TOKENS
    parts = ceil(number / (config.per_call or number))
    calls = len(read) * parts
    asked = estimate_tokens(prompt("classify", "", {}))
    # A system message holds the definitions of its part only; what stands around them is little.
    sent = parts * sum(map(shown_tokens, read)) + len(read) * told + calls * asked
    received = len(read) * number * VERDICT_TOKENS
    if reasons is None:
        chosen = [
            one
            for arm in config.arms
            for one in spread([t for t in read if t.arm == arm], config.extract_from)
        ]
        around = estimate_tokens(prompt("extract-system", "", {}) + prompt("extract", "", {}))
        found = len(chosen) * FOUND
        merges = ceil(found * DIFFERENT / AT_ONCE * 1.5)  # what a round leaves is asked about again
        calls += len(chosen) + merges
        sent += sum(map(shown_tokens, chosen)) + len(chosen) * around
        sent += merges * AT_ONCE * MERGED_TOKENS
        received += found * FOUND_TOKENS + merges * AT_ONCE * MERGED_TOKENS
    received += calls * config.judge.reasoning_tokens // 2
    bill = (config.judge.model, calls, sent, received)
    return replace(billed([bill], len(read), "transcripts", batch, prices or {}), verb="read")
