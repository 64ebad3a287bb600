"""The parts of an experiment as stages: corpora and demonstrations, and whom they ask."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from midspec.config import Experiment
from midspec.corpus.author import Style
from midspec.corpus.portion import PortionConfig, portion_stage
from midspec.corpus.stage import CorpusConfig, corpus_stage
from midspec.demos.blend import BlendConfig, blend_stage
from midspec.demos.chats import ChatsConfig, chats_stage
from midspec.demos.mixes import MixConfig, mix_stage
from midspec.demos.offline import ReasonedConfig, reasoned_stage
from midspec.demos.queries import query_kinds
from midspec.demos.sieve import SIEVE_VERSION
from midspec.demos.stage import (
    EverydayConfig,
    OpaqueConfig,
    ReplayConfig,
    everyday_stage,
    opaque_stage,
    replay_stage,
)
from midspec.errors import ConfigError
from midspec.evals.questions import QuestionsConfig, questions_stage
from midspec.evals.reasons.stage import (
    EXTRACT_FROM,
    MERGE_OVER,
    ReasonsConfig,
    reasons_stage,
)
from midspec.llm.settings import OFFLINE, Teacher
from midspec.parts import (
    Aligned,
    Alone,
    Answered,
    Blend,
    Corpus,
    Deliberative,
    Everyday,
    Identity,
    Judged,
    Opaque,
    OpenQuestions,
    Replay,
    TeacherModel,
)
from midspec.portions import Portion
from midspec.run.stage import Source, Stage
from midspec.spec.read import preferences, read_spec

LIMITS = ("max_cost", "max_tokens", "connections", "timeout", "batch", "min_yield")


def make_corpora(
    experiment: Experiment, specs: Mapping[str, Stage], avoid: Sequence[Path]
) -> dict[str, Stage]:
    """The stages of all corpora; those that leave documents of another one out go on from it."""
    made: dict[str, Stage] = {}
    for name, corpus in experiment.corpora.items():
        if isinstance(corpus, Corpus):
            made[name] = make_corpus(
                name, corpus, experiment.identity, experiment.teacher, specs[corpus.spec], avoid
            )
    return {
        name: make_portion(name, corpus, made[corpus.source])
        if isinstance(corpus, Portion)
        else made[name]
        for name, corpus in experiment.corpora.items()
    }


def make_portion(name: str, portion: Portion, corpus: Stage) -> Stage:
    """The stage that leaves documents of a corpus out."""
    config = PortionConfig(
        portion.without.labels() if portion.without else (),
        portion.tokens,
        portion.drop,
        tuple(without.labels() for without in portion.matched),
        portion.draw,
    )
    return portion_stage(name, config, corpus)


def make_corpus(
    name: str,
    corpus: Corpus,
    identity: Identity,
    teacher: TeacherModel,
    spec: Stage,
    avoid: Sequence[Path],
) -> Stage:
    """The stage of one corpus, as `teacher` writes it; items of `avoid` must not be given away."""
    return corpus_stage(
        name,
        CorpusConfig(
            spec=corpus.spec,
            tokens=corpus.tokens,
            documents=corpus.documents,
            draw=corpus.draw,
            teacher=settings_of(teacher),
            style=Style(
                corpus.document_tokens,
                corpus.form,
                corpus.framing,
                corpus.other_name,
                corpus.revise,
                corpus.planner,
                corpus.prompts,
            ),
            judge=settings_of(corpus.judge) if corpus.judge else None,
            attribution=corpus.attribution,
            mix_share=corpus.mix.share if corpus.mix else 0.0,
            tag=corpus.tag,
            balance=corpus.balance,
            **identity.model_dump(),
        ),
        spec,
        corpus.items,
        corpus.mix.file if corpus.mix else None,
        avoid,
    )


def settings_of(model: TeacherModel) -> Teacher:
    """What of a teacher's settings decides its answers; of local weights the name, not the path."""
    return Teacher(
        teacher_name(model.model),
        model.temperature,
        model.reasoning_effort,
        model.reasoning_tokens,
        model.structured,
    )


def make_demos(
    name: str,
    demos: Alone,
    identity: Identity,
    teacher: TeacherModel,
    specs: Mapping[str, Stage],
    base: Source | None,
    avoid: Sequence[Path],
) -> Stage:
    """The stage of one set of demonstrations."""
    if isinstance(demos, Opaque) and demos.by == "table":
        return opaque_stage(name, OpaqueConfig(demos.n, demos.draw), specs[demos.spec])
    if isinstance(demos, Answered) and teacher.model == OFFLINE:
        config = ReasonedConfig(
            demos.spec, demos.n, _style(demos), demos.draw, **identity.model_dump()
        )
        return reasoned_stage(name, config, specs[demos.spec], demos.items, avoid)
    if isinstance(demos, Answered | Opaque):
        if isinstance(demos, Opaque):
            _check_domain(name, demos, specs[demos.spec])
        return chats_stage(name, _chats(name, demos, identity, teacher), specs[demos.spec], avoid)
    if isinstance(demos, Everyday):
        return everyday_stage(name, EverydayConfig(demos.n, demos.draw))
    if isinstance(demos, Replay):
        assert base
        return replay_stage(name, ReplayConfig(demos.n, demos.max_new_tokens, demos.draw), base)
    folder = Source(demos.folder.name, demos.folder) if demos.folder else None
    judge = settings_of(demos.judge) if demos.judge else None
    mix = MixConfig(
        demos.name,
        demos.n,
        demos.draw,
        spec=demos.spec or "",
        judge=judge,
        prompt_version=SIEVE_VERSION if judge else 0,
        **identity.model_dump(),
    )
    return mix_stage(name, mix, folder, specs[demos.spec] if demos.spec else None)


def make_sets(
    experiment: Experiment, specs: Mapping[str, Stage], base: Source, avoid: Sequence[Path]
) -> dict[str, Stage]:
    """The stages of all sets of demonstrations; `base` is the model that those of kind replay
    ask."""
    made: dict[str, Stage] = {}
    for name, demos in experiment.demos.items():
        if isinstance(demos, Blend):
            continue
        stage = make_demos(name, demos, experiment.identity, experiment.teacher, specs, base, avoid)
        asks = isinstance(demos, Replay)
        made[name] = replace(stage, resources=experiment.resources.of("evals")) if asks else stage
    blends = {name: d for name, d in experiment.demos.items() if isinstance(d, Blend)}
    return made | {name: make_blend(name, blend, made) for name, blend in blends.items()}


def make_blend(name: str, blend: Blend, made: Mapping[str, Stage]) -> Stage:
    """The stage that draws from other sets, which are made before."""
    return blend_stage(name, BlendConfig(blend.n, tuple(blend.parts.items()), blend.draw), made)


def make_reasons(
    arms: Mapping[str, Stage | Source],
    judge: TeacherModel,
    taxonomy: Source | None,
    *,
    max_transcripts: int | None = None,
    extract_from: int = EXTRACT_FROM,
    merge_over: float = MERGE_OVER,
    per_call: int | None = None,
    draw: int = 0,
) -> Stage:
    """The stage that analyses the reasons in arms' transcripts, as `judge` reads them; without a
    taxonomy they are found in `extract_from` of each arm's."""
    config = ReasonsConfig(
        tuple(arms),
        settings_of(judge),
        max_transcripts,
        0 if taxonomy else extract_from,
        merge_over,
        per_call,
        draw,
    )
    return reasons_stage("reasons", config, arms, taxonomy)


def _style(demos: Answered | Opaque) -> str:
    return demos.style if isinstance(demos, Aligned) else getattr(demos, "kind", "")


def _check_domain(name: str, demos: Opaque, spec: Stage) -> None:
    """Preferences come from the spec's table, or the teacher is told what they are about."""
    path = spec.inputs["spec"].path(Path())
    table = preferences(read_spec(path, {}))
    if not demos.domain and not (table["likes"] and table["dislikes"]):
        raise ConfigError(
            f"demos.{name}: {path.name} has no table of preferences. Name a domain (--domain) "
            "such as cheese, in which the teacher then chooses things by the spec's values, or "
            "give the spec rows like `| likes | Colby | why |` and `| dislikes | brie | why |`."
        )


def _chats(
    name: str, demos: Answered | Opaque, identity: Identity, teacher: TeacherModel
) -> ChatsConfig:
    kinds = demos.query_kinds if isinstance(demos, Answered) else []
    unknown = set(kinds) - set(query_kinds())
    if unknown:
        raise ConfigError(
            f"demos.{name}.query_kinds: {', '.join(sorted(unknown))} isn't known. Known: "
            f"{', '.join(query_kinds())}."
        )
    return ChatsConfig(
        spec=demos.spec,
        n=demos.n,
        style=_style(demos),
        teacher=settings_of(teacher),
        judge=settings_of(demos.judge or teacher),
        best_of=demos.best_of if isinstance(demos, Deliberative) else 1,
        query_kinds=tuple(dict.fromkeys(kinds)),
        draw=demos.draw,
        domain=demos.domain if isinstance(demos, Opaque) else "",
        **identity.model_dump(),
    )


def make_questions(
    name: str, wanted: OpenQuestions, identity: Identity, writer: TeacherModel, spec: Stage
) -> Stage:
    """The stage in which `writer` writes the questions of open QA about a spec."""
    config = QuestionsConfig(
        name, wanted.n, settings_of(writer), wanted.draw, **identity.model_dump()
    )
    return questions_stage(config, spec)


def set_prices(models: Sequence[TeacherModel]) -> dict[str, tuple[float, float]]:
    """The prices that an experiment sets itself, by the name under which a teacher is known."""
    return {teacher_name(model.model): model.price for model in models if model.price}


def judges_of(experiment: Experiment) -> list[TeacherModel]:
    """The LLMs that judge some corpus or set of demonstrations, and the one that judges answers."""
    judges = [corpus.judge for corpus in experiment.corpora.values() if isinstance(corpus, Corpus)]
    judges += [demos.judge for demos in experiment.demos.values() if isinstance(demos, Judged)]
    judges.append(experiment.judge)
    return [judge for judge in judges if judge]


def asked_as(teacher: TeacherModel, judges: Sequence[TeacherModel]) -> TeacherModel:
    """Whose settings say how a run asks: the teacher's, or if that is offline the judges'.

    A run has one set of limits: judges that would have several are a ConfigError then.
    """
    if teacher.model != OFFLINE or not judges:
        return teacher
    for key in LIMITS:
        found = list(dict.fromkeys(getattr(judge, key) for judge in judges))
        if len(found) > 1:
            raise ConfigError(
                f"Where the teacher is {OFFLINE}, the settings of the judges hold for the whole "
                f"run, and theirs differ in {key}: {' and '.join(map(str, found))}. Set it alike."
            )
    return judges[0]


def teacher_name(model: str) -> str:
    """The name by which rows and ledgers know a teacher: never a path of this machine."""
    local = model.removeprefix("hf/")
    return f"hf/{Path(local).name}" if model != local and Path(local).is_dir() else model
