"""A comparison for programs."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from midspec.compare.comparison import Comparison
from midspec.compare.view import said
from midspec.files import finite


def for_programs(found: Comparison) -> dict[str, Any]:
    """All numbers by run, as JSON; what is no number is null. The first run is what others are
    compared with."""
    labels = [run.label for run in found.runs]
    told = {
        "runs": [{"name": run.label, "place": run.place, "made": run.made} for run in found.runs],
        "settings": [
            {"setting": one.where, "by_run": dict(zip(labels, one.values, strict=True))}
            for one in found.settings
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
                        "by_run": _by_run(labels, line.results),
                        "differences": _by_run(labels[1:], line.differences[1:]),
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
                "by_run": _by_run(labels, claim.found),
                "changes": _by_run(labels[1:], claim.changed[1:]),
            }
            for claim in found.claims
        ],
        "guardrails": {run.label: list(map(asdict, run.guardrails)) for run in found.runs},
        "notes": said(found),
    }
    plain: dict[str, Any] = finite(told)
    return plain


def _by_run(labels: Sequence[str], rows: Sequence[Any]) -> dict[str, Any]:
    """Each run's row, or None."""
    return {label: row and asdict(row) for label, row in zip(labels, rows, strict=True)}
