"""All analyses that an experiment has what it needs for."""

import csv
from collections.abc import Callable, Mapping, Sequence
from io import StringIO

from midspec.report.analyses.doses import dosing
from midspec.report.analyses.efficiency import efficiency
from midspec.report.analyses.knowing import knowing
from midspec.report.analyses.order import ordering
from midspec.report.analyses.pairings import pairings
from midspec.report.analyses.section import Section, flat
from midspec.report.analyses.stacking import stacking
from midspec.report.analyses.stages import stages
from midspec.report.analyses.study import Study
from midspec.report.analyses.transfer import transfer

ANALYSES: tuple[Callable[[Study], Section | None], ...] = (
    ordering,
    stages,
    stacking,
    dosing,
    efficiency,
    pairings,
    transfer,
    knowing,
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a formula may begin, which a spreadsheet would run


def analyse(study: Study) -> list[Section]:
    """The sections that the experiment has arms and evals for, the broadest questions first."""
    return [section for analysis in ANALYSES if (section := analysis(study))]


def as_csv(sections: Sequence[Section]) -> dict[str, str]:
    """Every analysis' rows as CSV, by its key; a second kind of row by key and kind."""
    found: dict[str, list[dict[str, object]]] = {}
    for section in sections:
        main = type(section.rows[0])
        for row in section.rows:
            kind = "" if isinstance(row, main) else f"-{type(row).__name__.lower()}"
            found.setdefault(section.key + kind, []).append(flat(row))
    return {name: _csv(rows) for name, rows in found.items()}


def _csv(rows: Sequence[dict[str, object]]) -> str:
    text = StringIO()
    writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _cell(value) for key, value in row.items()})
    return text.getvalue()


def _cell(value: object) -> object:
    """A cell; a text that a spreadsheet would take for a formula stands behind an apostrophe."""
    told = " ".join(value) if isinstance(value, tuple) else value
    return f"'{told}" if isinstance(told, str) and told.startswith(FORMULA) else told


def for_programs(sections: Sequence[Section]) -> Mapping[str, list[dict[str, object]]]:
    """Every analysis' rows by its key; where it has rows of two kinds, `row` names the kind."""
    return {
        section.key: [{"row": type(row).__name__.lower(), **flat(row)} for row in section.rows]
        for section in sections
    }
