"""An experiment as a graph of stages: what its YAML says, nothing more."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from midspec.config import Experiment
from midspec.errors import ConfigError
from midspec.evals.items import asked_items, item_file
from midspec.evals.leaks import leak_stage
from midspec.evals.registry import find_task
from midspec.evals.stage import ChoiceConfig, choice_stage
from midspec.make import make_blend, make_corpus, make_demos, teacher_name
from midspec.parts import Blend
from midspec.report.stage import ReportConfig, report_stage
from midspec.run.build import ordered
from midspec.run.stage import Source, Stage
from midspec.spec.stage import spec_stage
from midspec.tune.stage import TuneConfig, tune_stage


@dataclass(frozen=True)
class Plan:
    """The stages of an experiment; `arms` maps arm and seed to the last training stage, if any."""

    experiment: Experiment
    leaks: Stage
    arms: dict[tuple[str, int], Stage | None]
    evals: dict[tuple[str, str, int], Stage]
    report: Stage


def plan(experiment: Experiment, base_folder: Path) -> Plan:
    """Compose the graph. Arms share every stage that has the same recipe, whoever asks for it."""
    identity = experiment.identity.model_dump()
    base = Source(_name(experiment.model), base_folder)
    specs = {name: spec_stage(name, path, identity) for name, path in experiment.specs.items()}
    asked = {name: _asked(name, experiment, specs) for name in experiment.evals}
    item_sets = {name: one.items for name, one in asked.items() if one.items}
    corpora = {
        name: make_corpus(
            name,
            corpus,
            experiment.identity,
            experiment.teacher,
            specs[corpus.spec],
            sorted({*item_sets.values()}),
        )
        for name, corpus in experiment.corpora.items()
    }
    demos = {
        name: make_demos(
            name,
            kind,
            experiment.identity,
            experiment.teacher,
            specs,
            base,
            sorted({*item_sets.values()}),
        )
        for name, kind in experiment.demos.items()
        if not isinstance(kind, Blend)
    }
    demos |= {
        name: make_blend(name, kind, demos)
        for name, kind in experiment.demos.items()
        if isinstance(kind, Blend)
    }
    arms = {
        (arm, seed): _train(experiment, arm, seed, base, corpora, demos)
        for arm in experiment.arms
        for seed in _seeds(experiment, arm)
    }
    used = _used(experiment)
    training = {("corpus", n): s for n, s in corpora.items()}
    training |= {("demos", n): s for n, s in demos.items()}
    leaks = leak_stage(
        {f"{kind} {name}": s for (kind, name), s in training.items() if (kind, name) in used},
        item_sets,
    )
    evals = {
        (arm, evaluation, seed): choice_stage(
            title=f"{evaluation}: {arm}{_of_seed(experiment, seed)}",
            config=ChoiceConfig(
                evaluation,
                experiment.half,
                experiment.max_items,
                tuple(experiment.samples) if evaluation == experiment.evals[0] else (),
            ),
            base=base,
            trained=trained,
            prompt=_prompted(experiment, arm, specs),
            leaks=leaks,
            items=asked[evaluation].items or asked[evaluation].contrasts,
            spec=asked[evaluation].spec,
        )
        for (arm, seed), trained in arms.items()
        for evaluation in experiment.evals
    }
    report = _report(experiment, arms, evals, corpora, demos, used)
    return Plan(experiment, leaks, arms, evals, report)


@dataclass(frozen=True)
class _Asked:
    """What an eval is asked about: a file of items, or a spec and the contrasts that tell of it."""

    items: Path | None = None
    spec: Stage | None = None
    contrasts: Path | None = None


def _asked(name: str, experiment: Experiment, specs: Mapping[str, Stage]) -> _Asked:
    task, rest = find_task(name)
    if task.needs == "spec":
        if rest not in specs:
            raise ConfigError(f"evals: {name} asks about a spec that isn't there: {rest!r}.")
        own = [corpus.items for corpus in experiment.corpora.values() if corpus.spec == rest]
        return _Asked(spec=specs[rest], contrasts=next(filter(None, own), None))
    if not task.needs:
        return _Asked()
    found = item_file(rest, experiment.folder, task.needs)
    asked_items(
        found, experiment.half
    )  # a set that can't be asked fails before anything is trained
    return _Asked(items=found)


def resolved_yaml(experiment: Experiment) -> str:
    """The experiment with every default written out, paths cut to file names."""
    values = experiment.model_dump(mode="json", exclude_none=True)
    values["model"] = _name(experiment.model)
    values["teacher"]["model"] = teacher_name(experiment.teacher.model)
    values["specs"] = {name: Path(path).name for name, path in values["specs"].items()}
    for part in [*values["corpora"].values(), *values["demos"].values()]:
        for key in {"items", "folder"} & part.keys():
            part[key] = Path(part[key]).name
        if "judge" in part:
            part["judge"]["model"] = teacher_name(part["judge"]["model"])
        if "mix" in part:
            part["mix"]["file"] = Path(part["mix"]["file"]).name
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)


def _name(model: str) -> str:
    """An alias or a Hub id as it is; of a local folder its own name, never this machine's path."""
    return Path(model).name if Path(model).is_absolute() else model


def _seeds(experiment: Experiment, arm: str) -> list[int]:
    """An arm that trains nothing has no seed to vary: it is asked once."""
    trains = any(step.midtrain or step.finetune for step in experiment.arms[arm])
    return experiment.seeds if trains else experiment.seeds[:1]


def _of_seed(experiment: Experiment, seed: int) -> str:
    """The end of a title that tells one seed's stage from another's; nothing where there is one."""
    return f", seed {seed}" if len(experiment.seeds) > 1 else ""


def _used(experiment: Experiment) -> set[tuple[str, str]]:
    """The corpora, demos and specs that some arm uses, each with its kind."""
    steps = [step for arm in experiment.arms.values() for step in arm]
    return {used for step in steps for used in step.names()}


def _train(
    experiment: Experiment,
    arm: str,
    seed: int,
    base: Source,
    corpora: dict[str, Stage],
    demos: dict[str, Stage],
) -> Stage | None:
    """The chain of an arm's training stages; each goes on from the one before."""
    trained: Stage | None = None
    path: list[str] = []
    for step in experiment.arms[arm]:
        if step.kind == "prompt":
            continue
        uses = step.uses()
        data = [(corpora if step.midtrain else demos)[use.name] for use in uses]
        thought = tuple(f"data{n}" for n, use in enumerate(uses) if use.reasoning)
        doses = tuple((f"data{n}", use.chats) for n, use in enumerate(uses) if use.chats)
        loop = experiment.midtrain if step.midtrain else experiment.finetune
        path.append(f"{step.kind} {'+'.join(step.midtrain or step.finetune or [])}")
        trained = tune_stage(
            step.kind,
            f"{' → '.join(path)}{_of_seed(experiment, seed)}",
            TuneConfig(_name(experiment.model), experiment.adapter, loop, seed, thought, doses),
            base,
            data,
            trained,
        )
    return trained


def _prompted(experiment: Experiment, arm: str, specs: dict[str, Stage]) -> Stage | None:
    """The spec that a reference arm carries in its system prompt."""
    last = experiment.arms[arm][-1:]
    return specs[last[0].prompt] if last and last[0].prompt else None


def _report(
    experiment: Experiment,
    arms: dict[tuple[str, int], Stage | None],
    evals: dict[tuple[str, str, int], Stage],
    corpora: dict[str, Stage],
    demos: dict[str, Stage],
    used: set[tuple[str, str]],
) -> Stage:
    inputs: dict[str, Stage | Source] = {}
    for (arm, evaluation, seed), stage in evals.items():
        inputs[f"eval/{arm}/{evaluation}/{seed}"] = stage
    inputs |= {
        f"corpus/{name}": stage for name, stage in corpora.items() if ("corpus", name) in used
    }
    inputs |= {f"demos/{name}": stage for name, stage in demos.items() if ("demos", name) in used}
    trained = ordered([stage for stage in arms.values() if stage])
    inputs |= {
        f"train/{stage.title}": stage for stage in trained if isinstance(stage.config, TuneConfig)
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
    )
    return Stage("report", report_stage, config, inputs, version=2, title="report")
