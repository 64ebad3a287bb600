"""What an experiment's report reads, and what it is told of the arms."""

from collections.abc import Mapping
from pathlib import Path

import yaml

from midspec.arms import Step, model_name, model_of
from midspec.asked import ABOUT, TEXTS, asked_key
from midspec.config import Experiment
from midspec.corpus.cut import CutConfig
from midspec.grid import Point, coordinates
from midspec.make import teacher_name
from midspec.parts import Answered, Blend
from midspec.portions import Portion
from midspec.report.analyses.study import named_for
from midspec.report.stage import ReportConfig, report_stage
from midspec.run.build import ordered
from midspec.run.stage import Inputs, Source, Stage, Summary
from midspec.tune.stage import TuneConfig


def make_report(
    experiment: Experiment,
    arms: dict[tuple[str, int], Stage | None],
    evals: dict[tuple[str, str, int], Stage],
    made: Mapping[tuple[str, str], Stage],
) -> Stage:
    """The report on an experiment: its evaluations, and what was made and trained for them."""
    inputs: dict[str, Stage | Source] = {}
    for (arm, name, seed), stage in evals.items():
        inputs[f"eval/{arm}/{name}/{seed}"] = stage
    inputs |= {f"{kind}/{name}": stage for (kind, name), stage in made.items()}
    inputs |= {  # what evaluations took before their last stage
        f"{before.name}/{before.title}": before
        for stage in evals.values()
        for before in stage.stages()
        if before.name in ("answers", "questions")
    }
    trained = ordered([stage for stage in arms.values() if stage])
    inputs |= {
        f"corpus/{stage.title.removeprefix('corpus ')}": stage
        for stage in trained
        if isinstance(stage.config, CutConfig)
    }
    inputs |= {
        f"train/{stage.title}": stage for stage in trained if isinstance(stage.config, TuneConfig)
    }
    inputs |= {  # what evaluations asked, whose words the report shows
        asked_key(name, about): stage.inputs[about]
        for (_, name, _), stage in evals.items()
        for about in ABOUT
        if about in stage.inputs
    }
    config = ReportConfig(
        name=experiment.name,
        arms=tuple(experiment.arms),
        contrasts=tuple(
            (contrast.eval, contrast.arm, against)
            for contrast in experiment.contrasts
            for against in contrast.against
        ),
        config_yaml=resolved_yaml(experiment),
        half=experiment.half,
        corpora_of={
            e: tuple(dict.fromkeys(c.arm for c in experiment.contrasts if c.eval == e))
            for e in dict.fromkeys(c.eval for c in experiment.contrasts)
        },
        command="midspec run EXPERIMENT.yaml",
        base=untrained_arm(experiment, None) or "",
        references=_references(experiment),
        values_of=_values_of(experiment),
        points=_points(experiment),
        specs_of=_specs_of(experiment),
        bases=tuple(
            (arm, untrained_arm(experiment, model) or "")
            for arm, steps in experiment.arms.items()
            if (model := model_of(steps))
        ),
    )
    return Stage("report", report_on, config, inputs, version=8, title="report")


def report_on(config: ReportConfig, inputs: Inputs, out: Path) -> Summary:
    """The report with the words of what was asked and answered, which only evals can read."""
    return report_stage(config, inputs, out, TEXTS)


def untrained_arm(experiment: Experiment, model: str | None) -> str | None:
    """The first arm that is a base model and nothing more: that one, or the experiment's own."""
    plain = (
        arm
        for arm, steps in experiment.arms.items()
        if model_of(steps) == model and all(step.kind == "model" for step in steps)
    )
    return next(plain, None)


def _references(experiment: Experiment) -> dict[str, str]:
    """The reference arm of each eval: the one with the spec of that name in its prompt, or the only
    one that there is."""
    prompted = {
        steps[0].prompt: arm
        for arm, steps in experiment.arms.items()
        if len(steps) == 1 and steps[0].prompt
    }
    only = next(iter(prompted.values())) if len(prompted) == 1 else None
    found = {e: prompted.get(named_for(e), only) for e in experiment.evals}
    return {e: arm for e, arm in found.items() if arm}


def _values_of(experiment: Experiment) -> dict[str, tuple[str, ...]]:
    """The specs that each trained arm learnt from documents, or from demonstrations of them."""

    def specs(step: Step) -> list[str]:
        told = [experiment.corpora[use.name].spec for use in step.documents()]
        return told + [spec for use in step.uses() for spec in _shown(experiment, use.name)]

    return {
        arm: tuple(dict.fromkeys(spec for step in steps for spec in specs(step)))
        for arm, steps in experiment.arms.items()
        if any(step.trains for step in steps)
    }


def _shown(experiment: Experiment, name: str) -> list[str]:
    """The specs that demos speak for; opaque ones show preferences and no value."""
    demos = experiment.demos[name]
    if isinstance(demos, Blend):
        return [spec for part in demos.parts for spec in _shown(experiment, part)]
    return [demos.spec] if isinstance(demos, Answered) else []


def _specs_of(experiment: Experiment) -> dict[str, tuple[str, ...]]:
    """The specs that corpora and demos are about, each by its kind and name."""
    told = {f"corpus/{name}": (corpus.spec,) for name, corpus in experiment.corpora.items()}
    shown = {f"demos/{name}": tuple(_shown(experiment, name)) for name in experiment.demos}
    return told | shown


def _points(experiment: Experiment) -> dict[str, Point]:
    """The arms' coordinates, without those on a part of a corpus, which attribution compares."""
    parts = {name for name, one in experiment.corpora.items() if isinstance(one, Portion)}
    found = coordinates(experiment)
    return {arm: point for arm, point in found.items() if not parts & {*point.msm}}


def resolved_yaml(experiment: Experiment) -> str:
    """The experiment with every default written out, paths cut to file names; where it ran is none
    of that."""
    values = experiment.model_dump(
        mode="json", exclude_none=True, exclude={"resources"}, by_alias=True
    )
    if not experiment.leave_out:
        del values["leave_out"]
    values["model"] = model_name(experiment.model)
    for step in (step for steps in values["arms"].values() for step in steps if "model" in step):
        step["model"] = model_name(step["model"])
    values["teacher"]["model"] = teacher_name(experiment.teacher.model)
    values["specs"] = {name: Path(path).name for name, path in values["specs"].items()}
    parts = [part for kind in ("corpora", "demos", "questions") for part in values[kind].values()]
    for part in [*parts, values]:
        for key in {"items", "folder", "file"} & part.keys():
            part[key] = Path(part[key]).name
        if "judge" in part:
            part["judge"]["model"] = teacher_name(part["judge"]["model"])
        if "mix" in part:
            part["mix"]["file"] = Path(part["mix"]["file"]).name
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)
