"""What parts of an experiment ask of their teachers and judges, which these must be able to do."""

from midspec.errors import ConfigError
from midspec.llm.settings import OFFLINE
from midspec.parts import Answered, Corpus, InstructionMix, Opaque, TeacherModel


def check_corpus(corpus: Corpus, teacher: TeacherModel, where: str) -> None:
    """What a corpus asks of its teacher must be what that teacher can do."""
    _check_models(teacher, corpus.judge, where)
    if teacher.model == OFFLINE:
        for key, plain in (
            ("form", "documents"),
            ("framing", "does"),
            ("revise", 0),
            ("planner", "teacher"),
            ("prompts", "full"),
        ):
            if getattr(corpus, key) != plain:
                raise ConfigError(f"{where}.{key} takes an LLM teacher; this one is {OFFLINE}.")
        if corpus.judge or corpus.balance:
            key = "judge" if corpus.judge else "balance"
            raise ConfigError(f"{where}.{key} takes an LLM teacher; this one is {OFFLINE}.")
    elif corpus.items:
        _refuse_items(teacher, where)
    if corpus.prompts == "small" and corpus.planner != "spec":
        raise ConfigError(f"{where}: prompts small are for documents only; add planner spec.")
    if (corpus.framing == "other-model") != bool(corpus.other_name):
        raise ConfigError(
            f"{where}: framing other-model and other_name (whom documents speak of) go together."
        )


def check_answered(demos: Answered, teacher: TeacherModel, where: str) -> None:
    """What chats ask of their teacher must be what that teacher can do."""
    _check_models(teacher, demos.judge, where)
    if teacher.model == OFFLINE:
        for key in ("judge", "query_kinds"):
            if getattr(demos, key):
                raise ConfigError(f"{where}.{key} takes an LLM teacher; this one is {OFFLINE}.")
    elif demos.items:
        _refuse_items(teacher, where)


def check_preferences(demos: Opaque, teacher: TeacherModel, where: str) -> None:
    """Preferences that a teacher writes about take an LLM; a table alone takes nobody."""
    if demos.by == "teacher":
        _check_models(teacher, demos.judge, where)
        if teacher.model == OFFLINE:
            raise ConfigError(
                f"{where}: by teacher takes an LLM teacher; this one is {OFFLINE}. Name one, or "
                "set by: table."
            )
        return
    for key in ("judge", "domain"):
        if getattr(demos, key):
            raise ConfigError(
                f"{where}.{key} is for chats that an LLM writes; these are filled in from the "
                "spec's table. Set by: teacher (--teacher MODEL), or leave it out."
            )


def check_mix(mix: InstructionMix, where: str) -> None:
    """A judge of conflicts takes a spec to judge by, and a spec takes a judge."""
    if bool(mix.spec) != bool(mix.judge):
        raise ConfigError(
            f"{where}: spec (what chats may not conflict with) and judge (the LLM that reads them) "
            f"go together; {'judge' if mix.spec else 'spec'} is missing."
        )
    _check_models(TeacherModel(), mix.judge, where)


def check_judge(judge: TeacherModel, where: str) -> None:
    """What is read by a judge alone takes an LLM."""
    _check_models(TeacherModel(), judge, where)


def _refuse_items(teacher: TeacherModel, where: str) -> None:
    raise ConfigError(
        f"{where}.items is what the offline teacher writes about; {teacher.model} writes from the "
        "spec. Leave it out."
    )


def _check_models(teacher: TeacherModel, judge: TeacherModel | None, where: str) -> None:
    for role, model in (("teacher", teacher), ("judge", judge)):
        if model and "/" not in model.model and not (role == "teacher" and model.model == OFFLINE):
            raise ConfigError(
                f"{where}: the {role} {model.model!r} is no LLM. Name one as Inspect does, "
                "PROVIDER/MODEL, such as anthropic/claude-sonnet-4-5"
                + (f", or {OFFLINE}." if role == "teacher" else ".")
            )
