"""What the terminal shows of an experiment's results."""

from dataclasses import asdict
from typing import Any

import pytest
from rich.console import Console
from rich.progress import Progress

from midspec import console as shown
from midspec import progress
from midspec.console import Watch, contrasts_table, remarks, results_table, watching
from midspec.run.stage import Stage
from tests.report.rows import DIFFERENCE

EVAL = "preference/america"
ARMS = ["aft", "msm"]


def metric(evaluation: str = EVAL, **changes: object) -> dict[str, Any]:
    standard = {"name": "value-aligned rate", "role": "result", "low": 0, "high": 1, "measure": ""}
    return {"eval": evaluation, **standard, **changes}


def row(arm: str, rate: float, **changes: object) -> dict[str, Any]:
    standard = {
        "eval": EVAL, "measure": "", "tier": "all", "low": rate - 0.1, "high": rate + 0.1,
        "readable": True, "decided": 0.84, "rate_decided": 0.9, "gap_closed": None,
    }  # fmt: skip
    return {"arm": arm, "rate": rate, **standard, **changes}


def difference(p_holm: float | None, low: float, high: float, **changes: object) -> dict[str, Any]:
    standard = {"arm": "msm+aft", "difference": (low + high) / 2}
    return {**asdict(DIFFERENCE), "p_holm": p_holm, "low": low, "high": high, **standard, **changes}


def beside(arm: str, evaluation: str, name: str, kind: str, **changes: object) -> dict[str, Any]:
    standard = {"low": None, "high": None, "worse": True}
    return {"arm": arm, "eval": evaluation, "name": name, "kind": kind, **standard, **changes}


def found(**parts: object) -> dict[str, Any]:
    empty: dict[str, Any] = {
        "results": [],
        "contrasts": [],
        "guardrails": [],
        "power": [],
        "gaps": {},
    }
    return {**empty, "metrics": [metric()], **parts}


def printed(table: object, width: int = 100) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def test_a_rate_is_shown_with_what_was_decided_and_the_gap_that_is_closed() -> None:
    rows = [row("base", 0.3), row("aft", 0.5, gap_closed=0.4), row("msm", 0.6)]
    gaps = {EVAL: ["base", "reference"]}
    told = printed(results_table(found(results=rows, gaps=gaps), ["base", "aft", "msm"], [EVAL]))
    lines = [line.split() for line in told.splitlines()]
    assert ["preference/america", "Value-aligned", "rate"] in lines
    assert ["base", "0.30", "[0.20,", "0.40]", "0.90", "0.84"] in lines
    assert ["aft", "0.50", "[0.40,", "0.60]", "0.90", "0.84", "0.40"] in lines
    assert ["msm", "0.60", "[0.50,", "0.70]", "0.90", "0.84", "undefined"] in lines


def test_no_arm_s_name_is_cut_in_80_columns_unless_it_is_very_long() -> None:
    arms = ["base", "aft-reasoning-affordability", "x" * 28, "z" * 60]
    rows = found(results=[row(arm, 0.5) for arm in arms], gaps={EVAL: ["base", "reference"]})
    told = printed(results_table(rows, arms, [EVAL]), width=80)
    lines = [line.split() for line in told.splitlines()]
    for arm in arms[1:3]:
        assert [arm, "0.50", "[0.40,", "0.60]", "0.90", "0.84", "undefined"] in lines
    assert "z" * 60 not in told and told.count("z") == 60  # over several lines, none of it lost


def test_the_row_over_all_seeds_and_tiers_is_shown() -> None:
    rows = [
        row("aft", 0.1),
        row("aft", 0.3, tier="direct"),
        row("aft", 0.2),
        row("aft", 0.9, measure="x"),
    ]
    told = printed(results_table(found(results=rows), ["aft"], [EVAL]))
    assert "0.20 [" in told and "0.30 [" not in told and "0.90 [" not in told


def test_what_cannot_be_read_has_no_number() -> None:
    told = printed(results_table(found(results=[row("aft", 0.5, readable=False)]), ["aft"], [EVAL]))
    assert "not readable" in told and "0.50" not in told
    unread = found(contrasts=[difference(None, 0.1, 0.3, readable=False)])
    told = printed(contrasts_table(unread))
    assert "not readable" in told and "0.20" not in told


def test_guardrails_have_no_column_and_marks_one_decimal() -> None:
    metrics = [
        metric("open-qa/calm", name="judge's mark", low=1, high=10),
        metric("capability", name="right answers", role="guardrail"),
    ]
    rows = [
        row("aft", 7.0, eval="open-qa/calm", decided=None, rate_decided=None),
        row("aft", 0.6, eval="capability"),
    ]
    evals = ["open-qa/calm", "capability"]
    told = printed(results_table(found(metrics=metrics, results=rows), ["aft"], evals))
    assert "7.0 [6.9, 7.1]" in told and "capability" not in told and "0.84" not in told


def test_a_difference_is_judged_by_holm_s_p_and_its_side() -> None:
    rows = [
        difference(0.01, 0.1, 0.3),
        difference(0.06, 0.01, 0.2),
        difference(0.0001, -0.3, -0.1, better="lower"),
        difference(None, 0.0, 0.0, difference=None),
        difference(0.03, 0.003, 0.11),
    ]
    lines = printed(contrasts_table(found(contrasts=rows))).splitlines()
    told = [line.rpartition("aft ")[2].strip() for line in lines if "msm+aft − aft" in line]
    assert "+0.20 [0.10, 0.30]" in told[0] and told[0].endswith("above 0 p 0.010")
    assert told[1].endswith("not shown p 0.060")
    assert told[2].endswith("below 0 p < 0.001")
    assert told[3].endswith("not compared")
    assert "[0.003, 0.110]" in told[4]  # what is clear doesn't look as if it touched zero


def test_remarks_tell_what_gave_way_and_what_could_have_been_seen() -> None:
    guardrails = [
        beside("aft", "perplexity", "ratio to the base arm", "ratio", value=1.4),
        beside("aft", "", "sibling drift", "change", value=-0.1, note="novelty"),
        beside("msm", "manners", "broken", "broken", value=1.0),
        beside("msm", "manners", "answer length in tokens", "score", value=64.2, digits=0),
        beside("msm", "capability", "right answers", "score", value=0.6, worse=False),
    ]
    told = remarks(found(guardrails=guardrails, power=[{"said": "126 items show 0.12."}]), ARMS)
    assert told == [
        "Guardrails clearly worse than the base arm's, or another value that moved:",
        "  aft: perplexity 1.40×; sibling drift of novelty −0.10",
        "  msm: broken (answers loop, are stock replies or empty); answer length in tokens 64",
        "[dim]126 items show 0.12.[/]",
    ]
    (good,) = remarks(found(guardrails=guardrails[4:]), ARMS)
    assert good.startswith("No guardrail is clearly worse than the base arm's")
    assert remarks(found(), ARMS) == []


def stages(*titles: str) -> list[Stage]:
    return [Stage("work", print, title, title=title) for title in titles]  # type: ignore[arg-type]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Console:
    """Where the console writes: a log, with a line for each report."""
    written = Console(width=100, color_system=None, record=True, force_terminal=False, quiet=False)
    monkeypatch.setattr(shown, "console", written)
    monkeypatch.setattr(shown, "LOG_SECONDS", -1.0)
    return written


def test_stages_side_by_side_are_told_apart(log: Console) -> None:
    one, two = stages("msm", "aft")
    with watching(2, side_by_side=True) as watch:
        for stage in (one, two):
            watch("start", stage)
        watch.report(two, 1, 4, "loss 2.00")
        watch.report(one, 1, 2, "loss [1.00]")
        watch("done", two)
        watch("failed", one)
    lines = [" ".join(line.split()) for line in log.export_text().splitlines()]
    assert lines[0].startswith("aft: 25% loss 2.00")
    assert lines[1].startswith("msm: 50% loss [1.00]")
    assert lines[2].startswith("1/2 done aft") and lines[3].startswith("2/2 failed msm")


def test_a_stage_alone_reports_under_its_title(log: Console) -> None:
    with watching(1) as watch:
        (one,) = stages("msm")
        watch("start", one)
        progress.report(1, 4, "loss 2.00")
        progress.say("mind this")
        watch("done", one)
    lines = [" ".join(line.split()) for line in log.export_text().splitlines()]
    assert lines[0].startswith("25% loss 2.00") and lines[1] == "mind this"


def test_there_is_a_bar_for_each_stage_that_runs_and_none_for_one_that_waits() -> None:
    bars = Progress(console=Console(force_terminal=True, quiet=True))
    one, two, three = stages("msm", "aft", "base")
    watch = Watch(bars, 3, side_by_side=True)
    for stage in (one, two, three):
        watch("start", stage)
    watch.report(one, 0, 1, "")
    watch.report(two, 1, 2, "half")
    assert {task.description for task in bars.tasks} == {"msm", "aft"}
    watch("done", two)
    watch.report(two, 2, 2, "a report that came late")
    assert [task.description for task in bars.tasks] == ["msm"]
