"""A comparison as a page, and for programs."""

import json
import re
from pathlib import Path

from midspec.compare.comparison import Comparison, compare
from midspec.compare.page import render
from midspec.compare.programs import for_programs
from midspec.compare.run import named_apart, read_run
from midspec.report.figures import difference_figures

from .runs import EVAL, Values, write_run

HOSTILE = "<img src=x onerror=alert(1)>"
LOW, HIGH = [0.0, 0.5, 0.0, 0.5, 0.0, 0.5], [0.5, 1.0, 0.5, 1.0, 1.0, 1.0]


def two(tmp_path: Path, name: str = "two") -> Comparison:
    wanted = [(EVAL, "msm+aft", "aft")]
    ours: Values = {"aft": {0: LOW}, "msm+aft": {0: HIGH}, HOSTILE: {0: LOW}}
    theirs: Values = {"aft": {0: LOW[::-1]}, "msm+aft": {0: LOW}, HOSTILE: {0: HIGH}}
    first = write_run(tmp_path, "one", ours, wanted=wanted)
    other = write_run(tmp_path, name, theirs, wanted=wanted, settings={"model": HOSTILE})
    return compare(named_apart([read_run(first), read_run(other)]))


def test_the_page_has_every_number_and_loads_nothing(tmp_path: Path) -> None:
    page = render(two(tmp_path))
    for text in ("one", "two", "value-aligned rate", "msm+aft − aft", "Comparisons within"):
        assert text.lower() in page.lower()
    assert not re.search(r"""(?:src|href)\s*=\s*["']?(?:https?:|//)""", page)
    assert "<script" not in page and "default-src 'none'" in page


def test_names_full_of_html_are_text(tmp_path: Path) -> None:
    page = render(two(tmp_path, name=HOSTILE))
    assert "<img" not in page
    assert "&lt;img" in page


def test_programs_get_numbers_and_null_for_none(tmp_path: Path) -> None:
    told = for_programs(two(tmp_path))
    text = json.dumps(told, allow_nan=False)
    assert json.loads(text) == told
    (table,) = told["evals"]
    rows = {row["arm"]: row for row in table["arms"]}
    assert rows["aft"]["by_run"]["one"]["rate"] == 0.25
    assert rows["msm+aft"]["differences"]["two"]["difference"] < 0
    assert told["contrasts"][0]["changes"]["two"]["mean"] < 0
    assert {"setting": "model", "by_run": {"one": None, "two": HOSTILE}} in told["settings"]


def test_a_clear_difference_stands_out_on_whichever_side(tmp_path: Path) -> None:
    low, high = [0.0, 0.5] * 10, [0.5, 1.0] * 10
    first = write_run(tmp_path, "one", {"up": {0: low}, "down": {0: high}})
    other = write_run(tmp_path, "two", {"up": {0: high}, "down": {0: low}})
    rows = compare(named_apart([read_run(first), read_run(other)])).between[0].differences
    assert [row.difference for row in rows] == [0.5, -0.5]
    assert all(row.apart for row in rows)
    assert [row.adjusted for row in rows] == [True, False]
    (figure,) = difference_figures(rows, sided=False)
    (sided,) = difference_figures(rows)
    assert figure.count("--accent") > sided.count("--accent") > 0
