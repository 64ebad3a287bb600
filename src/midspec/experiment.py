"""An experiment as a graph of stages: what its YAML says, nothing more."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from midspec.arms import Step
from midspec.chains import links
from midspec.config import Experiment
from midspec.errors import ConfigError
from midspec.evals.leaks import leak_stage
from midspec.evals.registry import CHOICE_TASKS
from midspec.evaluate import Arm, Around, How, evaluation, find_asked
from midspec.make import make_blend, make_corpus, make_demos, teacher_name
from midspec.parts import Answered, Blend, Replay
from midspec.report.stage import ReportConfig, report_stage
from midspec.run.build import ordered
from midspec.run.remote import bring
from midspec.run.stage import Source, Stage
from midspec.spec.stage import spec_stage
from midspec.tune.stage import TuneConfig, tune_stage


@dataclass(frozen=True)
class Plan:
    """The stages of an experiment; `arms` maps arm and seed to the last training stage, if any,
    `asked` to whom evals ask. `training` is what the leak check reads."""

    experiment: Experiment
    base: Source
    specs: dict[str, Stage]
    training: dict[str, Stage]
    leaks: Stage
    arms: dict[tuple[str, int], Stage | None]
    asked: dict[tuple[str, int], Arm]
    evals: dict[tuple[str, str, int], Stage]
    report: Stage


def plan(experiment: Experiment, base_folder: Path) -> Plan:
    """Compose the graph. Arms share every stage that has the same recipe, whoever asks for it."""
    identity = experiment.identity.model_dump()
    base = Source(_name(experiment.model), base_folder)
    specs = {name: spec_stage(name, path, identity) for name, path in experiment.specs.items()}
    about = {name: find_asked(name, around(experiment, specs)) for name in experiment.evals}
    named: dict[Path, str] = {}  # each set once, so that one more eval of it leaves others done
    for name, one in about.items():
        if one.items:
            named.setdefault(one.items, name)
    item_sets = {name: path for path, name in named.items()}
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
    demos = {
        name: replace(stage, resources=experiment.resources.of("evals"))
        if isinstance(experiment.demos[name], Replay)
        else stage
        for name, stage in demos.items()
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
    asked = {
        (arm, seed): Arm(
            base, trained, _prompted(experiment, arm, specs), thinking=_thinks(experiment, arm)
        )
        for (arm, seed), trained in arms.items()
    }
    used = _used(experiment)
    made = {("corpus", n): s for n, s in corpora.items()}
    made |= {("demos", n): s for n, s in demos.items()}
    training = {f"{kind} {n}": s for (kind, n), s in made.items() if (kind, n) in used}
    leaks = leak_stage(training, item_sets)
    evals = {
        (name, asks, seed): evaluation(
            title=f"{asks}: {name}{_of_seed(experiment, seed)}",
            name=asks,
            arm=arm,
            how=how(experiment),
            asked=about[asks],
            leaks=leaks,
            samples=samples_of(experiment, asks),
        )
        for (name, seed), arm in asked.items()
        for asks in experiment.evals
    }
    report = _report(experiment, arms, evals, corpora, demos, used)
    return Plan(experiment, base, specs, training, leaks, arms, asked, evals, report)


def samples_of(experiment: Experiment, name: str) -> tuple[str, ...]:
    """The prompts that are answered beside an eval: the experiment's, beside its first one by
    likelihood."""
    first = next((e for e in experiment.evals if e.partition("/")[0] in CHOICE_TASKS), None)
    return tuple(experiment.samples) if name == first else ()


def find_arm(planned: Plan, arm: str, seed: int | None, store: Path) -> tuple[int, Arm]:
    """An arm that is trained, of that seed or of its first; one that isn't is a ConfigError."""
    seeds = [s for a, s in planned.arms if a == arm]
    if not seeds:
        known = ", ".join(dict.fromkeys(a for a, _ in planned.arms))
        raise ConfigError(f"The experiment has no arm {arm!r}. Its arms: {known}.")
    chosen = seeds[0] if seed is None else seed
    if chosen not in seeds:
        raise ConfigError(f"The arm {arm} has no seed {chosen}. Its seeds: {seeds}.")
    trained, asked = planned.arms[arm, chosen], planned.asked[arm, chosen]
    bring([stage for stage in (trained, asked.prompt) if stage], store)
    if trained and not trained.done(store):
        raise ConfigError(f"The arm {arm}, seed {chosen} isn't trained yet. Run the experiment.")
    return chosen, asked


def around(experiment: Experiment, specs: Mapping[str, Stage]) -> Around:
    """What an experiment's evals may ask about."""
    return Around(
        specs,
        experiment.folder,
        experiment.half,
        experiment.identity,
        experiment.teacher,
        experiment.judge,
        experiment.corpora,
        experiment.questions,
    )


def how(experiment: Experiment) -> How:
    """How an experiment asks its arms."""
    return How(
        experiment.half,
        experiment.max_items,
        experiment.repeats,
        experiment.judge,
        experiment.engine,
        experiment.resources.of("evals"),
    )


def resolved_yaml(experiment: Experiment) -> str:
    """The experiment with every default written out, paths cut to file names; where it ran is none
    of that."""
    values = experiment.model_dump(mode="json", exclude_none=True, exclude={"resources"})
    values["model"] = _name(experiment.model)
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


def _name(model: str) -> str:
    """An alias or a Hub id as it is; of a local folder its own name, never this machine's path."""
    return Path(model).name if Path(model).is_absolute() else model


def _seeds(experiment: Experiment, arm: str) -> list[int]:
    """An arm that trains nothing has no seed to vary: it is asked once."""
    trains = any(step.kind != "prompt" for step in experiment.arms[arm])
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
    steps = experiment.arms[arm]
    for link in links(steps, experiment.adapter, experiment.loops, f"arms.{arm}"):
        documents = [corpora[name] for name in link.step.corpora]
        uses = {f"data{n}": use for n, use in enumerate(link.step.uses(), len(documents))}
        path.append(link.title)
        trained = tune_stage(
            link.step.kind,
            f"{' → '.join(path)}{_of_seed(experiment, seed)}",
            TuneConfig(
                _name(experiment.model),
                link.adapter,
                link.loop,
                seed,
                reasoning=tuple(key for key, use in uses.items() if use.reasoning),
                doses=tuple((key, use.chats) for key, use in uses.items() if use.chats),
                start=link.start,
                begun=link.begun,
            ),
            base,
            [*documents, *(demos[use.name] for use in uses.values())],
            trained,
            experiment.resources.of(link.step.kind),
        )
    return trained


def _prompted(experiment: Experiment, arm: str, specs: dict[str, Stage]) -> Stage | None:
    """The spec that a reference arm carries in its system prompt."""
    last = experiment.arms[arm][-1:]
    return specs[last[0].prompt] if last and last[0].prompt else None


def _thinks(experiment: Experiment, arm: str) -> bool:
    """Whether an arm was last fine-tuned on reasoning, and so thinks before it answers."""
    tuned = [step for step in experiment.arms[arm] if step.demos]
    return bool(tuned) and any(use.reasoning for use in tuned[-1].uses())


def _report(
    experiment: Experiment,
    arms: dict[tuple[str, int], Stage | None],
    evals: dict[tuple[str, str, int], Stage],
    corpora: dict[str, Stage],
    demos: dict[str, Stage],
    used: set[tuple[str, str]],
) -> Stage:
    inputs: dict[str, Stage | Source] = {}
    for (arm, name, seed), stage in evals.items():
        inputs[f"eval/{arm}/{name}/{seed}"] = stage
    inputs |= {
        f"corpus/{name}": stage for name, stage in corpora.items() if ("corpus", name) in used
    }
    inputs |= {f"demos/{name}": stage for name, stage in demos.items() if ("demos", name) in used}
    inputs |= {  # what evaluations took before their last stage
        f"{before.name}/{before.title}": before
        for stage in evals.values()
        for before in stage.stages()
        if before.name in ("answers", "questions")
    }
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
        base=next((arm for arm, steps in experiment.arms.items() if not steps), ""),
        references=_references(experiment),
        values_of=_values_of(experiment),
    )
    return Stage("report", report_stage, config, inputs, version=3, title="report")


def _references(experiment: Experiment) -> dict[str, str]:
    """The reference arm of each eval: the one with the spec of that name in its prompt, or the only
    one that there is."""
    prompted = {
        steps[0].prompt: arm
        for arm, steps in experiment.arms.items()
        if len(steps) == 1 and steps[0].prompt
    }
    only = next(iter(prompted.values())) if len(prompted) == 1 else None
    found = {e: prompted.get(Path(e.partition("/")[2]).stem, only) for e in experiment.evals}
    return {e: arm for e, arm in found.items() if arm}


def _values_of(experiment: Experiment) -> dict[str, tuple[str, ...]]:
    """The specs that each trained arm learnt from documents, or from demonstrations of them; opaque
    ones show preferences and no value."""

    def shown(name: str) -> list[str]:
        demos = experiment.demos[name]
        if isinstance(demos, Blend):
            return [spec for part in demos.parts for spec in shown(part)]
        return [demos.spec] if isinstance(demos, Answered) else []

    def specs(step: Step) -> list[str]:
        told = [experiment.corpora[name].spec for name in step.corpora]
        return told + [spec for use in step.uses() for spec in shown(use.name)]

    return {
        arm: tuple(dict.fromkeys(spec for step in steps for spec in specs(step)))
        for arm, steps in experiment.arms.items()
        if any(step.kind != "prompt" for step in steps)
    }
