"""The report as a stage: finished folders of every other stage in, one page and its numbers out."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from midspec.errors import DataError
from midspec.files import read_dicts, read_rows, write_json, write_text
from midspec.grid import Point
from midspec.recipe import ADDED
from midspec.records import Document
from midspec.report.analyses.all import analyse, for_programs
from midspec.report.analyses.section import Section
from midspec.report.analyses.study import Study, resolved
from midspec.report.answers import NO_TEXTS, Texts, shelves, spread
from midspec.report.figures import difference_figures, rate_figure
from midspec.report.guardrails import beside
from midspec.report.material import corpus, demonstrations, made, named, training
from midspec.report.notes import notes
from midspec.report.page import Prompted, Report, render
from midspec.report.power import powers
from midspec.report.published import comparisons
from midspec.report.roster import roster
from midspec.report.scores import Evaluations, Measured, read_measured
from midspec.report.tables import Unreadable, as_json, conditions, contrasts, results, unreadable
from midspec.report.wording import headline
from midspec.run.stage import Inputs, Summary

PROMPTS = 8  # answered in words, that the page shows


@dataclass(frozen=True)
class ReportConfig:
    """What to report: arms in the order to show them, and the paired differences of the claim.

    `contrasts` are (eval, arm, against); `corpora_of` names the arms that they are about, by eval;
    `half` is the half of the items that counts, or `all`; `command` is what makes it all again.
    `base` is the untrained arm, `references` the arm with an eval's spec in its prompt, by eval;
    `values_of` the values that each trained arm was trained for; `bases` the untrained arm, or "",
    of each arm on another model than the experiment's own. `points` are the arms' coordinates and
    `specs_of` what parts are about, by `corpus/NAME` and `demos/NAME`: what the analyses go by.
    """

    name: str
    arms: tuple[str, ...]
    contrasts: tuple[tuple[str, str, str], ...]
    config_yaml: str
    half: str
    corpora_of: Mapping[str, Sequence[str]]
    command: str
    base: str = ""
    references: Mapping[str, str] = field(default_factory=dict)
    values_of: Mapping[str, Sequence[str]] = field(default_factory=dict)
    points: Mapping[str, Point] = field(default_factory=dict)
    specs_of: Mapping[str, Sequence[str]] = field(default_factory=dict)
    bases: tuple[tuple[str, str], ...] = field(default=(), metadata={ADDED: True})


def report_stage(
    config: ReportConfig, inputs: Inputs, out: Path, texts: Texts = NO_TEXTS
) -> Summary:
    """Write `report.html` for people and `results.json` for programs.

    Inputs are named `eval/<arm>/<eval>/<seed>`, `corpus/<name>`, `demos/<name>` and
    `train/<title>`; `texts` may read others. An input or a contrast that doesn't fit the experiment
    is a DataError.
    """
    evaluations = evaluations_of(inputs, config.arms)
    for evaluation, arm, against in config.contrasts:
        for needed in (arm, against):
            if not any(key[:2] == (needed, evaluation) for key in evaluations):
                raise DataError(
                    f"The report compares {arm} with {against} on {evaluation}, but {needed} was "
                    "not evaluated on it. Add the arm and the eval to the experiment, or leave "
                    "this comparison out."
                )
    measured = read_measured(evaluations, config.half)
    blind = unreadable(measured)
    gaps = {e: (config.base, reference) for e, reference in config.references.items()}
    others = dict(config.bases)
    rows = results(measured, gaps, blind, others)
    differences = contrasts(measured, config.contrasts, blind)
    by_condition = conditions(measured)
    bases = {arm: others.get(arm, config.base) for arm in config.arms}
    cells = beside(measured, config.arms, bases, config.values_of, config.corpora_of, blind)
    power = powers(measured, config.contrasts, blind)
    analyses = analyse(_study(config, inputs, measured, blind))
    corpora = [corpus(name, folder) for name, folder in named(inputs, "corpus")]
    trained = [training(name, folder) for name, folder in named(inputs, "train")]
    metrics = {one.key: one.metric for one in measured}
    shown = [one for one in measured if one.metric.role == "result" and not one.metric.measure]
    report = Report(
        name=config.name,
        arms=roster(config.arms, config.points),
        metrics=metrics,
        headline=headline(differences),
        results=rows,
        contrasts=differences,
        conditions=by_condition,
        beside=cells,
        blind=blind,
        rate_figures={
            one.eval: rate_figure(
                rows, one.eval, one.metric, config.arms, config.corpora_of.get(one.eval, ())
            )
            for one in shown
        },
        difference_figures=difference_figures(differences),
        published=comparisons(rows, metrics, config.points, config.specs_of),
        shelves=shelves(measured, evaluations, config.contrasts, texts, inputs),
        corpora=corpora,
        demos=[demonstrations(name, folder) for name, folder in named(inputs, "demos")],
        prompted=_prompted(evaluations),
        training=trained,
        config_yaml=config.config_yaml,
        made=made(inputs),
        commands=config.command.splitlines(),
        notes=notes(config.half, measured, rows, differences, cells, blind, corpora, trained),
        power=[one.said for one in power],
        analyses=analyses,
        carriers=config.corpora_of,
        gaps={e: anchors for e, anchors in gaps.items() if config.base},
    )
    write_text(out / "report.html", render(report))
    told: dict[str, Sequence[Any]] = {
        "metrics": [{"eval": one.eval, **asdict(one.metric)} for one in measured],
        "results": rows,
        "contrasts": differences,
        "guardrails": cells,
        "power": power,
        "conditions": by_condition,
    }
    gaps_told = {evaluation: list(anchors) for evaluation, anchors in report.gaps.items()}
    more = {"gaps": gaps_told, "analyses": for_programs(analyses)}
    write_json(out / "results.json", {**as_json(told, report.made.seconds), **more})
    return {"rows": len(rows)}


def read_analyses(config: ReportConfig, inputs: Inputs) -> list[Section]:
    """The analyses of a report's inputs, without the report."""
    measured = read_measured(evaluations_of(inputs, config.arms), config.half)
    return analyse(_study(config, inputs, measured, unreadable(measured)))


def _study(
    config: ReportConfig, inputs: Inputs, measured: Sequence[Measured], blind: Unreadable
) -> Study:
    """What the analyses read; parts are counted where the experiment doesn't say their size."""
    points = config.points.values()
    tokens = {
        name: sum(document.tokens for document in read_rows(folder / "documents.jsonl", Document))
        for name, folder in named(inputs, "corpus")
        if any(name in point.msm and not point.msm_tokens for point in points)
    }
    chats = {
        name: len(read_dicts(folder / "chats.jsonl"))
        for name, folder in named(inputs, "demos")
        if any(point.aft and not point.aft_chats for point in points)
    }
    found = resolved(config.points, tokens, chats)
    return Study(measured, found, config.specs_of, config.corpora_of, blind)


def evaluations_of(inputs: Inputs, arms: Sequence[str]) -> Evaluations:
    """The evaluated folders by the experiment's order; both an arm and an eval may hold slashes."""
    found = {}
    for key, folder in inputs.items():
        kind, _, rest = key.partition("/")
        if kind != "eval":
            continue
        arm = max((a for a in arms if rest.startswith(f"{a}/")), key=len, default=None)
        evaluation, _, seed = rest.removeprefix(f"{arm}/").rpartition("/")
        if arm is None or not evaluation or not seed.isdecimal():
            raise DataError(
                f"The report's input {key!r} is not eval/<arm>/<eval>/<seed> with an arm of the "
                f"experiment ({', '.join(arms)})."
            )
        found[arm, evaluation, int(seed)] = folder
    evals = list(dict.fromkeys(evaluation for _, evaluation, _ in found))
    order = {key: (arms.index(key[0]), evals.index(key[1]), key[2]) for key in found}
    return {key: found[key] for key in sorted(found, key=order.__getitem__)}


def _prompted(evaluations: Evaluations) -> list[Prompted]:
    """Each prompt's answers by arm, from the first seed that has one; prompts as first met."""
    by_prompt: dict[str, dict[str, str]] = {}
    for (arm, _, _), folder in evaluations.items():
        path = folder / "samples.jsonl"
        for row in read_dicts(path) if path.exists() else []:
            by_prompt.setdefault(row["prompt"], {}).setdefault(arm, row["answer"])
    return spread([Prompted(prompt, arms) for prompt, arms in by_prompt.items()], PROMPTS)
