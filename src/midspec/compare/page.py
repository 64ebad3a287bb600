"""A comparison as a page that loads nothing, in the looks of a report."""

from dataclasses import replace

from midspec.compare import view
from midspec.compare.between import Between
from midspec.compare.comparison import Comparison
from midspec.pages.html import environment
from midspec.report.figures import difference_figures


def render(found: Comparison) -> str:
    """The page as one HTML text, without a script."""
    templates = environment("midspec.compare", "midspec.report")
    return templates.get_template("compare.html.j2").render(
        found=found,
        first=found.runs[0],
        numbered=list(enumerate(found.runs)),
        figures=[svg for one in found.between for svg in _figures(found, one)],
        view=view,
        notes=view.said(found),
    )


def _figures(found: Comparison, one: Between) -> list[str]:
    """The differences of one run as figures, by the arms' own names."""
    label, other = found.runs[0].label, one.other
    named = [
        replace(row, arm=row.arm.removesuffix(f" in {other}"), against=label)
        for row in one.differences
    ]
    return difference_figures(named, sided=False)
