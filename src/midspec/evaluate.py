"""Evaluations as stages: whom an eval asks, what about, and how."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from midspec.errors import ConfigError
from midspec.evals.answers import AnswersConfig, answers_stage
from midspec.evals.arm import Engine
from midspec.evals.items import asked_items, item_file
from midspec.evals.judged import JudgedConfig, judged_stage
from midspec.evals.questions import read_questions
from midspec.evals.registry import find_task
from midspec.evals.stage import ChoiceConfig, choice_stage
from midspec.evals.task import Ask, ChoiceTask, GeneratedTask, LossTask
from midspec.llm.settings import need_inspect
from midspec.make import make_questions, settings_of
from midspec.parts import Corpus, Identity, OpenQuestions, TeacherModel
from midspec.portions import AnyCorpus
from midspec.resources import Resources
from midspec.run.stage import Source, Stage


@dataclass(frozen=True)
class Around:
    """What evals may ask about: specs by name, their corpora's contrasts and questions; where item
    files are looked for, and who writes questions."""

    specs: Mapping[str, Stage]
    folder: Path
    half: str
    identity: Identity
    teacher: TeacherModel
    judge: TeacherModel | None = None
    corpora: Mapping[str, AnyCorpus] = field(default_factory=dict)
    questions: Mapping[str, OpenQuestions] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """What an eval is asked about: a file of items, a spec and the contrasts that tell of it, or a
    spec and questions about it. identity: of whom a spec with contrasts speaks, or what a scene
    calls the assistant; empty where the experiment doesn't say."""

    items: Path | None = None
    spec: Stage | None = None
    contrasts: Path | None = None
    questions: Stage | Source | None = None
    identity: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Arm:
    """Who is asked: weights and what training made of them, with a spec in the prompt if it is a
    reference arm; or the model of that name, which a provider serves."""

    base: Source | None = None
    trained: Stage | None = None
    prompt: Stage | None = None
    served: str = ""
    thinking: bool = False


@dataclass(frozen=True)
class How:
    """How arms are asked, and who judges what they say."""

    half: str
    max_items: int | None = None
    repeats: int | None = None
    judge: TeacherModel | None = None
    engine: Engine = "hf"
    resources: Resources = field(default_factory=Resources)


def find_asked(name: str, around: Around) -> Asked:
    """What the eval of that name asks about; what isn't there is a ConfigError, before anything is
    trained."""
    task, rest = find_task(name)
    if isinstance(task, GeneratedTask) and task.judged and not around.judge:
        raise ConfigError(
            f"evals: {name} is judged by an LLM, and there is no judge. Name one: judge (--judge), "
            "such as anthropic/claude-sonnet-4-5."
        )
    if task.needs == "spec":
        if rest not in around.specs:
            raise ConfigError(f"evals: {name} asks about a spec that isn't there: {rest!r}.")
        if isinstance(task, GeneratedTask):
            return Asked(spec=around.specs[rest], questions=_questions(name, rest, around))
        written = [c for c in around.corpora.values() if isinstance(c, Corpus)]
        own = [corpus.items for corpus in written if corpus.spec == rest]
        return Asked(
            spec=around.specs[rest],
            contrasts=next(filter(None, own), None),
            identity=_named(around.identity),
        )
    if not task.needs:
        named = not isinstance(task, LossTask) and task.named
        return Asked(identity=_given_name(around.identity) if named else ())
    found = item_file(rest, around.folder, task.needs)
    if isinstance(task, ChoiceTask):  # what can't be asked is found out before anything is trained
        task.questions(Ask(found, None, around.half, None))
    else:
        asked_items(found, around.half)
    return Asked(items=found)


def _named(identity: Identity) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(identity.model_dump().items()))


def _given_name(identity: Identity) -> tuple[tuple[str, str], ...]:
    """What a scene calls the assistant; nothing where nobody says, and it has a name of its own."""
    name = identity.model_name
    return (("model_name", name),) if name != Identity().model_name else ()


def _questions(name: str, spec: str, around: Around) -> Stage | Source:
    """A file of questions, or the stage that writes them."""
    wanted = around.questions.get(spec, OpenQuestions())
    if wanted.file:
        read_questions(wanted.file)
        return Source(wanted.file.stem, wanted.file)
    writer = around.judge if settings_of(around.teacher).offline else around.teacher
    assert writer, f"{name} is judged"
    return make_questions(spec, wanted, around.identity, writer, around.specs[spec])


def evaluation(
    title: str,
    name: str,
    arm: Arm,
    how: How,
    asked: Asked,
    leaks: Stage | None,
    samples: tuple[str, ...] = (),
) -> Stage:
    """The stage that ends with an arm's scores on an eval; `samples` are prompts that are answered
    beside one by likelihood."""
    task, _ = find_task(name)
    if not isinstance(task, GeneratedTask):
        if arm.base is None:
            raise ConfigError(
                f"evals: {name} is by likelihood, which takes a model's weights; {arm.served} is "
                "served by a provider. Ask it what is generated (midspec eval --list)."
            )
        stage = choice_stage(
            title=title,
            config=ChoiceConfig(name, how.half, how.max_items, samples, asked.identity),
            base=arm.base,
            trained=arm.trained,
            prompt=arm.prompt,
            leaks=leaks,
            items=asked.items or asked.contrasts,
            spec=asked.spec,
        )
        return replace(stage, resources=how.resources)
    need_inspect(name)
    about: dict[str, Stage | Source] = {}
    if asked.items:
        about["items"] = Source(asked.items.stem, asked.items)
    if asked.questions:
        about["items"] = asked.questions
    if asked.spec:
        about["about"] = asked.spec
    asking: dict[str, Stage | Source | None] = {
        "base": arm.base,
        "trained": arm.trained,
        "spec": arm.prompt,
        "leaks": leaks,
    }
    answers = answers_stage(
        f"answers to {title}",
        AnswersConfig(
            eval=name,
            half=how.half,
            max_items=how.max_items,
            repeats=how.repeats if how.repeats and task.repeats > 1 else task.repeats,
            thinking=arm.thinking,
            engine=how.engine,
            model=arm.served,
            version=task.version,
            identity=asked.identity,
        ),
        {key: stage for key, stage in asking.items() if stage} | about,
    )
    answers = replace(answers, resources=how.resources)
    judge = settings_of(how.judge) if how.judge and task.judged else None
    config = JudgedConfig(name, how.half, how.max_items, judge, task.scoring, asked.identity)
    return judged_stage(title, config, answers, about)
