"""A comparison for programs."""

from dataclasses import asdict
from math import isfinite
from typing import Any

from midspec.compare.comparison import Comparison
from midspec.compare.view import said


def for_programs(found: Comparison) -> dict[str, Any]:
    """All numbers by run, as JSON; what is no number is null. The first run is what others are
    compared with."""
    labels = [run.label for run in found.runs]
    told = {
        "runs": [{"name": run.label, "place": run.place, "made": run.made} for run in found.runs],
        "settings": [
            {"setting": one.where, **_by_run(labels, one.values)} for one in found.settings
        ],
        "sources": list(found.sources),
        "arms": [
            {"run": one.other, "first": pair.first, "other": pair.other, "same": pair.same}
            for one in found.between
            for pair in one.pairs
        ],
        "evals": [
            {
                "eval": table.eval,
                "measure": table.measure,
                "metric": asdict(table.metric),
                "arms": [
                    {
                        "arm": line.arm,
                        **_by_run(labels, [r and asdict(r) for r in line.results]),
                        "differences": {
                            label: row and asdict(row)
                            for label, row in zip(labels[1:], line.differences[1:], strict=True)
                        },
                    }
                    for line in table.lines
                ],
            }
            for table in found.tables
        ],
        "contrasts": [
            {
                "eval": claim.eval,
                "arm": claim.arm,
                "against": claim.against,
                **_by_run(labels, [row and asdict(row) for row in claim.found]),
                "changes": {
                    label: one and asdict(one)
                    for label, one in zip(labels[1:], claim.changed[1:], strict=True)
                },
            }
            for claim in found.claims
        ],
        "guardrails": _by_run(labels, [run.guardrails for run in found.runs])["by_run"],
        "notes": said(found),
    }
    plain: dict[str, Any] = _plain(told)
    return plain


def _by_run(labels: list[str], values: Any) -> dict[str, Any]:
    return {"by_run": dict(zip(labels, values, strict=True))}


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
