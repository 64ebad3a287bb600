"""The experiment file as typed models: what can be set, its default, and what it means."""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from unicodedata import normalize

from annotated_types import MinLen
from pydantic import AfterValidator, Field, PrivateAttr, field_validator

from midspec.arms import (
    READY_MADE,
    STEPS,
    Comparison,
    Names,
    PaperArms,
    Step,
    paper_arms,
    size_of,
)
from midspec.chains import links
from midspec.config_errors import read_values
from midspec.errors import ConfigError, known
from midspec.grid_arms import Grid, grid_arms
from midspec.part_checks import (
    check_answered,
    check_corpus,
    check_judge,
    check_mix,
    check_preferences,
)
from midspec.parts import (
    Answered,
    Blend,
    Corpus,
    Demos,
    Identity,
    InstructionMix,
    NamedTeacher,
    Opaque,
    OpenQuestions,
    Strict,
    TeacherModel,
    Use,
    by_name,
    placed,
    read_use,
)
from midspec.placement import StageResources
from midspec.portions import AnyCorpus, LeaveOut, with_specs
from midspec.train.settings import AdapterSettings, LoopSettings
from midspec.yaml_file import read_yaml

T = TypeVar("T")
Seed = Annotated[int, Field(ge=0, lt=2**32)]  # what every library takes


def _each_once(values: list[T]) -> list[T]:
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{value} is listed twice")
    return values


def _plain(name: str) -> str:
    if read_use(name) != Use(name):
        raise ValueError("a name ends in no /reasoning and no @1250: these say how it is used")
    return name


def _seen(name: str) -> str:
    """Two names that look the same must be the same, and none may steer a terminal."""
    if not name.strip():
        raise ValueError("a name can't be empty")
    if name != name.strip() or name != normalize("NFC", name):
        raise ValueError(
            f"the name {name!a} looks like another: it has a blank at an end, or a letter made of "
            "two characters"
        )
    for character in name:
        if not character.isprintable():
            raise ValueError(f"a name is of what can be seen, and {character!a} can't. Take it out")
    return name


Name = Annotated[str, AfterValidator(_seen)]
PartName = Annotated[Name, AfterValidator(_plain)]


class Experiment(Strict):
    """One experiment: models, specs, arms, evals, seeds. Paths are relative to its file.

    A grid is spelled out in `arms` before anybody sees it.
    """

    name: Name
    """What the experiment is called."""
    model: str = "smollm2-135m"
    """The base model: an alias, a local folder, or a Hub id."""
    identity: Identity = Identity()
    """Who the assistant is."""
    teacher: NamedTeacher = TeacherModel()
    """The LLM that writes: a name, or a mapping."""
    specs: dict[Name, Path]
    """Markdown files by name."""
    corpora: dict[PartName, AnyCorpus] = Field(default_factory=dict)
    """What to midtrain on, by name."""
    demos: dict[PartName, Demos] = Field(default_factory=dict)
    """What to fine-tune on, by name."""
    adapter: AdapterSettings = AdapterSettings()
    """What is trained: LoRA or all weights."""
    midtrain: LoopSettings = LoopSettings()
    """How midtraining runs."""
    finetune: LoopSettings = LoopSettings()
    """How fine-tuning runs."""
    arms: Annotated[dict[Name, list[Step]], Field(min_length=1)]
    """Chains of steps from the base model, by name; or `paper`."""
    grid: Grid | None = None
    """Arms as all combinations of some axes."""
    evals: Annotated[Names, AfterValidator(_each_once)]
    """What every arm is asked."""
    half: Literal["held-out", "development", "all"] = "held-out"
    """Which items of the item sets; tune on `development`."""
    max_items: int | None = Field(None, gt=0)
    """Items of each eval, at most."""
    leave_out: dict[Name, LeaveOut] = Field(default_factory=dict)
    """Arms trained again without groups of documents, by name."""
    contrasts: list[Comparison] = Field(default_factory=list)
    """Questions to the results."""
    expect: float | None = Field(None, gt=0)
    """The difference that `midspec plan` is to say it can see."""
    judge: TeacherModel | None = None
    """The LLM that reads generated answers, greedily unless it says otherwise."""
    questions: dict[str, OpenQuestions] = Field(default_factory=dict)
    """Of `open-qa`, by spec."""
    engine: Literal["hf", "vllm"] = "hf"
    """What generates answers of local weights."""
    repeats: int | None = Field(None, gt=0)
    """Of evals that repeat their samples; unset, each eval's own number."""
    samples: list[str] = Field(default_factory=list)
    """Prompts whose answers the report shows."""
    resources: StageResources = StageResources()
    """Where it runs: part of no result's identity."""
    seeds: Annotated[list[Seed], MinLen(1), AfterValidator(_each_once)] = Field(
        default_factory=lambda: [0]
    )
    """Each trains every arm anew."""
    _folder: Path = PrivateAttr(Path())

    @field_validator("judge", mode="before")
    @classmethod
    def _greedy(cls, value: object) -> object:
        given = by_name(value)
        return {"temperature": 0.0, **given} if isinstance(given, dict) else given

    @property
    def folder(self) -> Path:
        """Where the experiment file lies; an item set named by a path is looked for there."""
        return self._folder

    @property
    def loops(self) -> dict[str, LoopSettings]:
        """How each kind of step trains where it doesn't say otherwise; documents and chats together
        as documents do."""
        return {
            "midtrain": self.midtrain,
            "finetune": self.finetune,
            "interleave": self.midtrain,
        }


def load_experiment(path: Path) -> Experiment:
    """Read an experiment file; whatever is wrong with it is a ConfigError of one sentence each."""
    loaded = read_yaml(path)
    if not isinstance(loaded, dict):
        raise ConfigError(f"{path} holds no experiment. Start from experiments/cheese.yaml.")
    return check(parse(loaded, path), path)


def parse(values: dict[str, Any], path: Path) -> Experiment:
    """Plain values as an Experiment with its paths made absolute, and its grid and ready-made arms
    spelled out."""
    values, ready_made = _take_ready_made(values, path)
    alone = values.get("grid") is not None and "arms" not in values
    found = read_values(Experiment, values | {"arms": {"base": []}} if alone else values, path)
    found = found.model_copy(update={"corpora": with_specs(found.corpora, str(path))})
    if ready_made is not None:
        paper = read_values(PaperArms, ready_made, path, "arms", READY_MADE)
        arms = paper_arms(paper, found.corpora, found.demos, f"{path}: arms.{READY_MADE}")
        found = found.model_copy(update={"arms": arms | found.arms})
    if found.grid:
        found = _spelled_out(found, {} if alone else found.arms, "model" in values, path)
    home = path.resolve().parent
    corpora = {
        name: placed(corpus, home) if isinstance(corpus, Corpus) else corpus
        for name, corpus in found.corpora.items()
    }
    demos = {name: _placed(part, home) for name, part in found.demos.items()}
    changes: dict[str, object] = {"corpora": corpora, "demos": demos}
    changes["specs"] = {name: home / spec for name, spec in found.specs.items()}
    changes["questions"] = {
        name: part.model_copy(update={"file": home / part.file}) if part.file else part
        for name, part in found.questions.items()
    }
    changes["model"] = model = _model(found.model, home)
    changes["arms"] = {arm: _on_model(steps, model, home) for arm, steps in found.arms.items()}
    there = found.model_copy(update=changes)
    there._folder = home
    return there


def _spelled_out(
    found: Experiment, own: dict[str, list[Step]], named: bool, path: Path
) -> Experiment:
    """The experiment with its grid's arms before its own; its model is the grid's first one where
    none is named."""
    assert found.grid
    arms = grid_arms(found.grid, found.corpora, found.demos, f"{path}: grid")
    for name in arms.keys() & own.keys():
        if arms[name] != own[name]:
            raise ConfigError(
                f"{path}: arms.{name} and an arm of the grid have one name and differ. Give "
                "yours another name."
            )
    models = found.grid.model if found.grid.model and not named else [found.model]
    return found.model_copy(update={"arms": arms | own, "grid": None, "model": models[0]})


def _model(model: str, home: Path) -> str:
    """A model's folder made absolute; an alias or a Hub id as it is."""
    return str(home / model) if (home / model / "config.json").exists() else model


def _on_model(steps: list[Step], model: str, home: Path) -> list[Step]:
    """An arm's steps; one that names the experiment's own model is none."""
    found = [s.model_copy(update={"model": _model(s.model, home)}) if s.model else s for s in steps]
    return [step for step in found if step.model != model]


def _placed(demos: Demos, home: Path) -> Demos:
    """Demos with their paths made absolute."""
    if isinstance(demos, InstructionMix) and demos.folder:
        return demos.model_copy(update={"folder": home / demos.folder})
    if isinstance(demos, Answered) and demos.items:
        return demos.model_copy(update={"items": home / demos.items})
    return demos


def _take_ready_made(values: dict[str, Any], path: Path) -> tuple[dict[str, Any], Any]:
    """`arms: paper`, or a mapping under that name, apart from the arms that are spelled out."""
    arms = values.get("arms")
    if isinstance(arms, str):
        if arms != READY_MADE:
            raise ConfigError(
                f"{path}: arms: {arms!r} is not known. Ready-made arms are {READY_MADE}; or list "
                "arms by name."
            )
        arms = {READY_MADE: {}}
    if not isinstance(arms, dict) or not isinstance(arms.get(READY_MADE), dict):
        return values, None
    spelled_out = {name: steps for name, steps in arms.items() if name != READY_MADE}
    return values | {"arms": spelled_out or {"base": []}}, arms[READY_MADE]


def check(experiment: Experiment, path: Path) -> Experiment:
    """Every name that the experiment uses must be one that it defines."""
    defined: dict[str, Collection[str]] = {
        "spec": experiment.specs,
        "corpus": experiment.corpora,
        "demos": experiment.demos,
        "arm": experiment.arms,
        "eval": experiment.evals,
    }

    def need(kind: str, name: str, where: str) -> None:
        if name not in defined[kind]:
            raise ConfigError(
                f"{path}: {where} names the {kind} {name!r}, which is not defined"
                + known(name, defined[kind])
            )

    for section, parts in (("corpora", experiment.corpora), ("demos", experiment.demos)):
        for name, part in parts.items():
            spec = getattr(part, "spec", None)
            if spec is not None:
                need("spec", spec, f"{section}.{name}.spec")
            if isinstance(part, Blend):
                for source in part.parts:
                    need("demos", source, f"{section}.{name}.parts")
                    _check_source(experiment.demos[source], source, f"{path}: {section}.{name}")
    _check_written(experiment, path)
    for name, wanted in experiment.leave_out.items():
        need("arm", wanted.arm, f"leave_out.{name}")
    for name in experiment.questions:
        need("spec", name, f"questions.{name}")
    for arm, steps in experiment.arms.items():
        for number, step in enumerate(steps):
            where = f"arms.{arm}, step {number + 1}"
            _check_step(step, number, len(steps), f"{path}: {where}")
            for kind, name in step.names():
                need(kind, name, where)
            _check_uses(step, experiment, f"{path}: {where}")
        links(steps, experiment.adapter, experiment.loops, f"{path}: arms.{arm}")
    for number, contrast in enumerate(experiment.contrasts):
        where = f"contrasts[{number}]"
        need("eval", contrast.eval, where)
        for arm in (contrast.arm, *contrast.against):
            need("arm", arm, where)
    return experiment


def _check_written(experiment: Experiment, path: Path) -> None:
    """What corpora and demos ask of the teacher must be what it can do."""
    for name, demos in experiment.demos.items():
        if isinstance(demos, Answered):
            check_answered(demos, experiment.teacher, f"{path}: demos.{name}")
        if isinstance(demos, Opaque):
            check_preferences(demos, experiment.teacher, f"{path}: demos.{name}")
        if isinstance(demos, InstructionMix):
            check_mix(demos, f"{path}: demos.{name}")
    for name, corpus in experiment.corpora.items():
        if isinstance(corpus, Corpus):
            check_corpus(corpus, experiment.teacher, f"{path}: corpora.{name}")
    if experiment.judge:
        check_judge(experiment.judge, f"{path}: judge")


def _check_source(part: Demos, source: str, where: str) -> None:
    if isinstance(part, Blend):
        raise ConfigError(f"{where}: {source} is a blend itself. Name the sets that it blends.")


def _check_uses(step: Step, experiment: Experiment, where: str) -> None:
    """What a step wants of its corpora and demos they must have: reasoning, and as much of it; each
    is listed once."""
    for uses in (step.documents(), step.uses()):
        labels = [use.label for use in uses]
        for label in labels:
            if labels.count(label) > 1:
                raise ConfigError(
                    f"{where}: {label} is listed twice. List it once; epochs is how often a step "
                    "goes through it."
                )
    for use in step.documents():
        size = size_of(experiment.corpora[use.name])
        if use.reasoning:
            raise ConfigError(f"{where}: {use.name} is a corpus and has no reasoning.")
        if use.dose is not None and not 0 < use.dose <= (size or use.dose):
            raise ConfigError(
                f"{where}: {use.dose:,} tokens of {use.name} are wanted, which is to have "
                f"{size or 0:,}. Name a number from 1 to that, or make it larger."
            )
    for use in step.uses():
        demos = experiment.demos[use.name]
        parts = demos.parts if isinstance(demos, Blend) else [use.name]
        if use.reasoning and not any(isinstance(experiment.demos[p], Answered) for p in parts):
            raise ConfigError(
                f"{where}: {use.name} has no reasoning; demos of kind aligned, deliberative and "
                "anti have."
            )
        if use.dose is not None and not 0 < use.dose <= (demos.n or use.dose):
            raise ConfigError(
                f"{where}: {use.dose:,} chats of {use.name} are wanted, which has {demos.n:,}. "
                "Name a number from 1 to that, or make it larger."
            )


def _check_step(step: Step, number: int, count: int, where: str) -> None:
    if len(step.kinds()) != 1 or not (step.names() or step.model):
        raise ConfigError(f"{where} must be one of {', '.join(STEPS)}.")
    if step.kind == "prompt" and number < count - 1:
        raise ConfigError(f"{where}: prompt must be an arm's last step.")
    if step.kind == "model" and number:
        raise ConfigError(f"{where}: model must be an arm's first step.")
