"""An experiment as a graph of stages: what its YAML says, nothing more."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from midspec.arms import model_name, model_of
from midspec.chains import links
from midspec.config import Experiment
from midspec.corpus.cut import CutConfig, cut_stage
from midspec.errors import ConfigError
from midspec.evals.leaks import leak_stage
from midspec.evals.registry import CHOICE_TASKS
from midspec.evaluate import Arm, Around, How, evaluation, find_asked
from midspec.leave_out import with_left_out
from midspec.make import make_corpora, make_sets
from midspec.portions import Portion
from midspec.reported import make_report
from midspec.run.build import missing_model
from midspec.run.remote import bring
from midspec.run.stage import Source, Stage, left_out, verify
from midspec.spec.stage import spec_stage
from midspec.tune.stage import TuneConfig, tune_stage


@dataclass(frozen=True)
class Plan:
    """The stages of an experiment; `arms` maps arm and seed to the last training stage, if any,
    `asked` to whom evals ask, on which base model. `base` is the experiment's own. `training` is
    what the leak check reads."""

    experiment: Experiment
    base: Source
    specs: dict[str, Stage]
    training: dict[str, Stage]
    leaks: Stage
    arms: dict[tuple[str, int], Stage | None]
    asked: dict[tuple[str, int], Arm]
    evals: dict[tuple[str, str, int], Stage]
    report: Stage


def plan(
    experiment: Experiment,
    base_folder: Path,
    others: Mapping[str, Path] = MappingProxyType({}),
    known: Mapping[str, str] = MappingProxyType({}),
) -> Plan:
    """Compose the graph. Arms share every stage that has the same recipe, whoever asks for it.

    others: the folders of base models that arms name themselves. known: by name, the digests of the
    base models that finished stages rest on; a folder with other files doesn't count as here.
    """
    experiment = with_left_out(experiment)
    identity = experiment.identity.model_dump()
    folders = {experiment.model: base_folder, **others}
    bases = {
        model: _base(model_name(model), folder, known.get(model_name(model), ""))
        for model, folder in folders.items()
    }
    base = bases[experiment.model]
    specs = {name: spec_stage(name, path, identity) for name, path in experiment.specs.items()}
    about = {name: find_asked(name, around(experiment, specs)) for name in experiment.evals}
    named: dict[Path, str] = {}  # each set once, so that one more eval of it leaves others done
    for name, one in about.items():
        if one.items:
            named.setdefault(one.items, name)
    item_sets = {name: path for path, name in named.items()}
    avoid = sorted({*item_sets.values()})
    corpora = make_corpora(experiment, specs, avoid)
    sets = {model: make_sets(experiment, specs, one, avoid) for model, one in bases.items()}
    models = {arm: model_of(s) or experiment.model for arm, s in experiment.arms.items()}
    several = {*models.values()} != {experiment.model}
    on = {model: f" on {one.name}" if several else "" for model, one in bases.items()}
    arms = {
        (arm, seed): _train(
            experiment, arm, seed, bases[model], corpora, sets[model], of_model=on[model]
        )
        for arm, model in models.items()
        for seed in _seeds(experiment, arm)
    }
    asked = {
        (arm, seed): Arm(
            bases[models[arm]],
            trained,
            _prompted(experiment, arm, specs),
            thinking=_thinks(experiment, arm),
        )
        for (arm, seed), trained in arms.items()
    }
    made = _made(experiment, models, corpora, sets)
    training = _checked(experiment, made, corpora)
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
    report = make_report(experiment, arms, evals, made)
    return Plan(experiment, base, specs, training, leaks, arms, asked, evals, report)


def _base(name: str, folder: Path, known: str) -> Source:
    there = Source(name, folder, folder.exists())
    usable = there.here and known in ("", there.digest)
    return there if usable else Source(name, folder, here=False, known=known)


def _checked(
    experiment: Experiment, made: Mapping[tuple[str, str], Stage], corpora: Mapping[str, Stage]
) -> dict[str, Stage]:
    """What the leak check reads, by kind and name: in place of a corpus that leaves documents of
    another one out that one, so that one more leave-out changes no evaluation of other arms."""
    found: dict[str, Stage] = {}
    for (kind, name), stage in made.items():
        corpus = experiment.corpora.get(name) if kind == "corpus" else None
        if isinstance(corpus, Portion):
            found[f"{kind} {corpus.source}"] = corpora[corpus.source]
        else:
            found[f"{kind} {name}"] = stage
    return found


def models_of(experiment: Experiment) -> list[str]:
    """The base models of an experiment, its own first."""
    named = (model_of(steps) for steps in experiment.arms.values())
    return list(dict.fromkeys([experiment.model, *filter(None, named)]))


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
    if trained and left_out(trained.path(store)):
        raise ConfigError(
            f"The weights of the arm {arm}, seed {chosen} were left out of the archive that it "
            f"came from. Import one with adapters, or delete {trained.path(store)} and run the "
            "experiment, which trains it."
        )
    if asked.base and not asked.base.here:
        raise missing_model(asked.base, f"the arm {arm}")
    if trained:
        verify(trained.path(store))
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


def _seeds(experiment: Experiment, arm: str) -> list[int]:
    """An arm that trains nothing has no seed to vary: it is asked once."""
    trains = any(step.trains for step in experiment.arms[arm])
    return experiment.seeds if trains else experiment.seeds[:1]


def _of_seed(experiment: Experiment, seed: int) -> str:
    """The end of a title that tells one seed's stage from another's; nothing where there is one."""
    return f", seed {seed}" if len(experiment.seeds) > 1 else ""


def _made(
    experiment: Experiment,
    models: Mapping[str, str],
    corpora: Mapping[str, Stage],
    sets: Mapping[str, Mapping[str, Stage]],
) -> dict[tuple[str, str], Stage]:
    """The corpora and demos that some arm uses, by kind and name; where a further model has a set
    of its own (kind replay), its name says so."""
    used = {
        (models[arm], name)
        for arm, steps in experiment.arms.items()
        for step in steps
        for name in step.names()
    }
    named = {name for _, name in used}
    found = {("corpus", n): stage for n, stage in corpora.items() if ("corpus", n) in named}
    for model, demos in sets.items():
        for name, stage in demos.items():
            if (model, ("demos", name)) not in used:
                continue
            first = found.setdefault(("demos", name), stage)
            if first.fingerprint() != stage.fingerprint():
                found["demos", f"{name}, {model_name(model)}"] = stage
    return found


def _train(
    experiment: Experiment,
    arm: str,
    seed: int,
    base: Source,
    corpora: Mapping[str, Stage],
    demos: Mapping[str, Stage],
    of_model: str,
) -> Stage | None:
    """The chain of an arm's training stages; each goes on from the one before. `of_model` stands in
    their titles where arms have several models."""
    trained: Stage | None = None
    path: list[str] = []
    steps = experiment.arms[arm]
    for link in links(steps, experiment.adapter, experiment.loops, f"arms.{arm}"):
        documents = [
            cut_stage(
                f"{use.name}@{use.dose}{of_model}", CutConfig(use.dose), corpora[use.name], base
            )
            if use.dose
            else corpora[use.name]
            for use in link.step.documents()
        ]
        uses = {f"data{n}": use for n, use in enumerate(link.step.uses(), len(documents))}
        path.append(link.title)
        trained = tune_stage(
            link.step.kind,
            f"{' → '.join(path)}{of_model}{_of_seed(experiment, seed)}",
            TuneConfig(
                base.name,
                link.adapter,
                link.loop,
                seed,
                reasoning=tuple(key for key, use in uses.items() if use.reasoning),
                doses=tuple((key, use.dose) for key, use in uses.items() if use.dose),
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
