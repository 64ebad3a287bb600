"""Which stages attribute an arm's margin on an eval, in an experiment's graph."""

from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from midspec.attribute.gradient_stage import (
    GradientsConfig,
    Moment,
    Preconditioner,
    gradients_stage,
)
from midspec.attribute.sketch import DIMENSIONS
from midspec.attribute.stage import AttributeConfig, attribute_stage
from midspec.errors import ConfigError
from midspec.evals.registry import find_task
from midspec.evals.task import ChoiceTask, all_forms, share_of_forms
from midspec.evaluate import find_asked
from midspec.experiment import Plan, around
from midspec.leave_out import LeftOut, find_left_out
from midspec.run.stage import Source, Stage
from midspec.tune.stage import TuneConfig

TOLD = ("midtrain", "interleave")  # the stages that train on documents
DOCUMENTS = ("corpus", "portion", "cut")  # those that make them
MEANS = (share_of_forms, all_forms)  # scores whose margin is the mean over an item's forms


@dataclass(frozen=True)
class Wanted:
    """What is to be attributed: an arm on an eval, by label, of which seeds; half, max_items: of
    the eval's items; max_documents: of the corpus; preconditioner: adam or none."""

    arm: str
    eval: str
    by: str
    seeds: tuple[int, ...]
    half: str = "development"
    max_items: int | None = None
    max_documents: int | None = None
    preconditioner: Preconditioner = "adam"


def attribution(planned: Plan, wanted: Wanted, store: Path) -> Stage:
    """The stage that ends with what was attributed; what can't be is a ConfigError, before anything
    runs. Of a leave-out set of the arm, by that label, the evaluations that are in `store` are
    read, if it is whole there."""
    task, _ = find_task(wanted.eval)
    if not isinstance(task, ChoiceTask):
        raise ConfigError(
            f"--eval {wanted.eval} has no margin between two options. Attribution takes choices by "
            "likelihood, such as preference/america (midspec eval --list)."
        )
    if task.scores not in MEANS and not task.main_forms:
        raise ConfigError(
            f"--eval {wanted.eval} compares an item's forms with each other, and attribution takes "
            "the mean of their margins. Name an eval such as preference/america."
        )
    taken = {
        f"gradients/seed {seed}, {moment}": _gradients(planned, wanted, seed, moment)
        for seed in wanted.seeds
        for moment in get_args(Moment)
    }
    read = [stage for one in taken.values() for stage in one.stages() if stage.name in DOCUMENTS]
    corpora = {stage.fingerprint(): stage for stage in read}
    inputs = taken | {f"corpus/{n}": stage for n, stage in enumerate(corpora.values())}
    found = left_out_of(planned, wanted)
    config = AttributeConfig(wanted.arm, wanted.eval, wanted.by, wanted.half)
    if found is None:
        return attribute_stage(config, inputs)
    groups = tuple((name, labels) for name, labels in found.groups.items())
    evaluated = _evaluated(planned, wanted, found, store)
    controls = len(found.controls) if evaluated else 0
    config = AttributeConfig(wanted.arm, wanted.eval, wanted.by, wanted.half, groups, controls)
    return attribute_stage(config, inputs | evaluated)


def left_out_of(planned: Plan, wanted: Wanted) -> LeftOut | None:
    """The leave-out set of the arm by that label, if the experiment has one."""
    sets = planned.experiment.leave_out.items()
    names = [n for n, one in sets if (one.arm, one.by) == (wanted.arm, wanted.by)]
    return find_left_out(planned.experiment, names[0]) if names else None


def missing_of(planned: Plan, wanted: Wanted, store: Path) -> tuple[int, int]:
    """How many evaluations the leave-out set still lacks, and of how many."""
    found = left_out_of(planned, wanted)
    stages = list(_evals(planned, wanted, found).values()) if found else []
    return sum(not stage.done(store) for stage in stages), len(stages)


def _evals(planned: Plan, wanted: Wanted, found: LeftOut) -> dict[str, Stage]:
    """The evaluations of a leave-out set, all seeds, by the names that the stage reads them by."""
    kinds = {f"without/{n}": arm for n, arm in enumerate(found.arms.values())}
    kinds |= {f"control/{n}": arm for n, arm in enumerate(found.controls)} | {"whole": found.whole}
    return {
        f"{kind}/{seed}": stage
        for kind, arm in kinds.items()
        for (name, asks, seed), stage in planned.evals.items()
        if (name, asks) == (arm, wanted.eval)
    }


def _evaluated(planned: Plan, wanted: Wanted, found: LeftOut, store: Path) -> dict[str, Stage]:
    stages = _evals(planned, wanted, found)
    return stages if all(stage.done(store) for stage in stages.values()) else {}


def _chain(stage: Stage | None) -> list[Stage]:
    """An arm's training stages, first to last."""
    found: list[Stage] = []
    while stage:
        found.insert(0, stage)
        before = stage.inputs.get("previous")
        stage = before if isinstance(before, Stage) else None
    return found


def _gradients(planned: Plan, wanted: Wanted, seed: int, moment: Moment) -> Stage:
    """The gradients before the arm's documents were trained on, or at its end."""
    chain = _chain(planned.arms[wanted.arm, seed])
    told = [number for number, stage in enumerate(chain) if stage.name in TOLD]
    if not told:
        raise ConfigError(f"The arm {wanted.arm} is trained on no documents. Name one that is.")
    stage = chain[told[0]]
    tune = stage.config
    assert isinstance(tune, TuneConfig)
    if tune.adapter.method != "lora":
        raise ConfigError(
            f"The arm {wanted.arm} trains all weights on its documents; gradients are taken on an "
            "adapter. Use method: lora, or rely on leaving out (leave_out in the experiment)."
        )
    # Later steps count as far as they go on training the same adapter.
    last = told[0]
    while last + 1 < len(chain) and _goes_on(chain[last + 1]):
        last += 1
    trained = chain[last] if moment == "end" else (chain[told[0] - 1] if told[0] else None)
    base = stage.inputs["base"]
    assert isinstance(base, Source)
    asked = find_asked(wanted.eval, around(planned.experiment, planned.specs))
    about: dict[str, Stage | Source] = {}
    if items := asked.items or asked.contrasts:
        about["items"] = Source(items.stem, items)
    if asked.spec:
        about["about"] = asked.spec
    return gradients_stage(
        f"gradients of {wanted.arm}, seed {seed}, {moment}",
        GradientsConfig(
            tune=tune,
            moment=moment,
            eval=wanted.eval,
            half=wanted.half,
            dimensions=DIMENSIONS,
            max_items=wanted.max_items,
            max_documents=wanted.max_documents,
            identity=asked.identity,
            preconditioner=wanted.preconditioner,
        ),
        base,
        [s for key, s in stage.inputs.items() if key.startswith("data") and isinstance(s, Stage)],
        trained,
        about,
        planned.experiment.resources.of("evals"),
    )


def _goes_on(stage: Stage) -> bool:
    config = stage.config
    assert isinstance(config, TuneConfig)
    return config.adapter.method == "lora" and config.start == "continue"
