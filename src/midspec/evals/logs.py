"""Samples and their scored logs: what a sample is about, and what of it was answered and scored or
came to nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from math import isnan
from typing import TYPE_CHECKING, Any

from midspec import records

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalSample
    from inspect_ai.scorer import Score


def labels(
    item: str, form: str = "", domain: str = "", tier: str = "", half: str = "", group: str = ""
) -> dict[str, Any]:
    """The metadata of a sample, from which its rows come; without a group it is one of its own."""
    return {
        "item": item,
        "form": form,
        "domain": domain,
        "tier": tier,
        "half": half,
        "group": group or item,
    }


def scored(log: EvalLog, scorer: str | None = None) -> Iterator[tuple[EvalSample, Score]]:
    """Each answer with its score by `scorer` (default: the first one), in the order of samples and
    repeats; without answers that failed and those without a verdict."""
    for sample in in_order(log):
        found = dict(sample.scores or {})
        score = found.get(scorer) if scorer else next(iter(found.values()), None)
        if not sample.error and score is not None and not unscored(score):
            yield sample, score


def failures(log: EvalLog) -> list[dict[str, object]]:
    """A row for each answer that has no score: which one, at which step it failed, and why."""
    rows = []
    for sample in in_order(log):
        which = {"item": item(sample), "form": about(sample, "form"), "repeat": sample.epoch}
        if sample.error:
            rows.append(which | {"step": "answer", "reason": cause(sample.error.message)})
            continue
        for name, score in (sample.scores or {}).items():
            if unscored(score):
                reason = score.explanation or score.reason or "no score"
                rows.append(which | {"step": name, "reason": _short(str(reason))})
    return rows


def unscored(score: Score) -> bool:
    """Whether a scorer came to no result, which Inspect writes as NaN."""
    return isinstance(score.value, float) and isnan(score.value)


def item(sample: EvalSample) -> str:
    """The item that a sample asks about."""
    return about(sample, "item") or str(sample.id)


def about(sample: EvalSample, key: str) -> str:
    """A sample's metadata of that name, "" where it has none."""
    metadata: dict[str, Any] = sample.metadata or {}
    return str(metadata.get(key, ""))


def row(sample: EvalSample, value: float, measure: str = "") -> records.Score:
    """The row of a sample's item."""
    return records.Score(
        item=item(sample),
        domain=about(sample, "domain"),
        tier=about(sample, "tier"),
        half=about(sample, "half"),
        value=value,
        group=about(sample, "group") or item(sample),
        measure=measure,
    )


def repeat_row(sample: EvalSample, value: float, measure: str = "") -> records.Score:
    """The row of one repeat, which is an item of its own in its sample's group."""
    return replace(row(sample, value, measure), item=f"{sample.id}#{sample.epoch}")


def in_order(log: EvalLog) -> list[EvalSample]:
    """The samples as the task lists them, whatever came first; repeats together."""
    place = {name: n for n, name in enumerate(log.eval.dataset.sample_ids or [])}
    return sorted(log.samples or [], key=lambda s: (place.get(s.id, len(place)), s.epoch))


def cause(message: str) -> str:
    """What an answer's error says in the end; before it Inspect shows all that was sent."""
    lines = [line for line in re.split(r"\\n|\n", message) if line.strip()]
    return _short(lines[-1].replace("\\", "")) if lines else "no reason given"


def _short(text: str) -> str:
    return " ".join(text.split())[:300]
