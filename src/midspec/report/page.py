"""The report's page: what it holds, and its HTML."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import isnan

from midspec.pages.html import environment, script_digest, script_json
from midspec.records import Metric
from midspec.report import wording
from midspec.report.analyses.section import Section
from midspec.report.answers import LONGEST, Shelf
from midspec.report.guardrails import Beside
from midspec.report.material import Corpus, Demonstrations, Made, Training
from midspec.report.published import Comparison
from midspec.report.roster import Arm, kinds
from midspec.report.scores import ALL, decimals
from midspec.report.tables import Condition, Difference, Result, Unreadable, pooled

TIERS = {
    "direct": "the options name what the value is about",
    "implicit": "the options only hint at it",
    "revealed": "seeing it takes knowledge of the world",
}
SCRIPTS = ("dom.js", "point.js", "filter.js", "answers.js")


@dataclass(frozen=True)
class Prompted:
    """What each arm wrote to one prompt."""

    prompt: str
    by_arm: Mapping[str, str]


@dataclass(frozen=True)
class Report:
    """All that the page shows; it is written from this alone, so the same report is the same page.

    `metrics` say what an eval's measures mean, main ones first; `headline` begins with the verdict,
    `rate_figures` has an SVG for each eval of results, `carriers` names the arms that the claim
    on an eval is about, `blind` why an arm's results on an eval can't be read, and `gaps` the evals
    whose gap from the base arm to a reference arm is told.
    """

    name: str
    arms: Sequence[Arm]
    metrics: Mapping[tuple[str, str], Metric]
    headline: Sequence[str]
    results: Sequence[Result]
    contrasts: Sequence[Difference]
    conditions: Sequence[Condition]
    beside: Sequence[Beside]
    blind: Unreadable
    rate_figures: Mapping[str, str]
    difference_figures: Sequence[str]
    published: Sequence[Comparison]
    shelves: Sequence[Shelf]
    corpora: Sequence[Corpus]
    demos: Sequence[Demonstrations]
    prompted: Sequence[Prompted]
    training: Sequence[Training]
    config_yaml: str
    made: Made
    commands: Sequence[str]
    notes: Sequence[str]
    power: Sequence[str]
    analyses: Sequence[Section]
    carriers: Mapping[str, Collection[str]]
    gaps: Mapping[str, tuple[str, str]]


def render(report: Report) -> str:
    """The page as one HTML text that loads nothing, so that it can be mailed, archived, printed."""
    templates = environment("midspec.report")
    templates.filters.update(
        number=wording.number,
        signed=wording.signed,
        score=wording.score,
        p_value=wording.p_value,
        duration=wording.duration,
        measure=wording.measure,
    )
    rows = pooled(report.results)
    evals = list(report.rate_figures)
    tiers = {name: _tiers(rows, name) for name in evals}
    seeds = _seeds(report.results)
    # Of globals, since macros that one template imports from another know nothing else.
    templates.globals.update(
        interval=wording.interval,
        size=wording.size,
        decimals=decimals,
        report=report,
        cells={(row.eval, row.measure, row.tier, row.arm): row for row in rows},
        measures={name: _measures(report, name) for name in evals},
    )
    script = "\n".join(templates.get_template(name).render() for name in SCRIPTS)
    measured = list(dict.fromkeys(evaluation for evaluation, _ in report.metrics))
    about = {
        "arms": {arm.name: arm.kind for arm in report.arms},
        "evals": measured,
        "seeds": seeds,
    }
    html = templates.get_template("report.html.j2").render(
        about=script_json(about),
        script=script,
        script_digest=script_digest(script),
        evals=evals,
        measured=measured,
        kinds=kinds(report.arms),
        described=any(arm.model for arm in report.arms),
        models=len({arm.model for arm in report.arms}) > 1,
        tiers=tiers,
        with_tiers=[name for name in evals if tiers[name]],
        known_tiers={tier for names in tiers.values() for tier in names},
        comparisons=_comparisons(report.contrasts),
        tested=sum(not isnan(row.p_holm) for row in report.contrasts),
        seeds=seeds,
        by_seed={
            (r.eval, r.arm, r.seed): r for r in report.results if r.tier == ALL and not r.measure
        },
        guardrails=_guardrails(report.beside),
        beside={(cell.eval, cell.name, cell.arm): cell for cell in report.beside},
        by_condition=_by_condition(report.conditions),
        figures=list(dict.fromkeys(key for c in report.corpora for key in c.diversity)),
        tier_meanings=TIERS,
        longest=LONGEST,
    )
    # Space between the parts of tables says nothing, and is a third of a large page's nodes.
    return re.sub(r"\s+(?=</?(?:t[rdh]|thead|tbody)\b)", "", html)


def _measures(report: Report, evaluation: str) -> list[tuple[str, Metric]]:
    """The measures of an eval of results beside its main one: results, then what controls it."""
    found = [
        (measure, metric)
        for (name, measure), metric in report.metrics.items()
        if name == evaluation and measure
    ]
    return sorted(found, key=lambda pair: pair[1].role != "result")


def _tiers(rows: Sequence[Result], evaluation: str) -> list[str]:
    names = dict.fromkeys(row.tier for row in rows if row.eval == evaluation)
    return [name for name in names if name != ALL]


def _comparisons(rows: Sequence[Difference]) -> list[list[Difference]]:
    """What belongs to one comparison together, comparisons in the order of the claim."""
    found: dict[tuple[str, str, str], list[Difference]] = {}
    for row in rows:
        found.setdefault((row.eval, row.arm, row.against), []).append(row)
    return list(found.values())


def _seeds(rows: Sequence[Result]) -> list[int]:
    return sorted({row.seed for row in rows if isinstance(row.seed, int)})


def _guardrails(cells: Sequence[Beside]) -> dict[str, list[str]]:
    """The guardrails of each eval, in the order of the experiment."""
    found: dict[str, list[str]] = {}
    for cell in cells:
        names = found.setdefault(cell.eval, [])
        if cell.name not in names:
            names.append(cell.name)
    return found


def _by_condition(
    rows: Sequence[Condition],
) -> dict[tuple[str, str], dict[str, dict[str, Condition]]]:
    """By eval and measure: each condition's row of arms."""
    found: dict[tuple[str, str], dict[str, dict[str, Condition]]] = {}
    for row in rows:
        found.setdefault((row.eval, row.measure), {}).setdefault(row.group, {})[row.arm] = row
    return found
