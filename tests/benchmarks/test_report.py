"""The made-up run of the report's benchmark is one that the real code reports on."""

import json
import re
from pathlib import Path

from benchmarks.report import WRITTEN, make
from midspec.reported import report_on


def test_a_small_one_has_all_scores_and_the_words_of_what_was_asked(tmp_path: Path) -> None:
    config, inputs = make(tmp_path, 8, 2, 50)
    out = tmp_path / "report"
    out.mkdir()
    report_on(config, inputs, out)
    page = (out / "report.html").read_text(encoding="utf-8")
    told = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert {row["arm"] for row in told["results"]} == set(config.arms)
    rows = (9 + 3) * 50 * 2 * len(config.arms)  # nine evals of one measure, one of three
    assert f"{rows:,} scores of 10 evals" in page
    assert len(re.findall(r'class="packed"', page)) == 10
    assert f"<summary>{WRITTEN} " in page
    assert "Which do you prefer, " in page
