"""The parts of an experiment as typed models: identity, teacher, corpora and demonstrations."""

import re
from math import isclose
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
)

from midspec.errors import ConfigError
from midspec.llm.settings import OFFLINE, Effort

Part = TypeVar("Part", bound=BaseModel)


class Strict(BaseModel):
    """A model that refuses keys it doesn't know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Identity(Strict):
    """Who the assistant is: fills `{model_name}` and `{provider_name}` in specs and documents."""

    model_name: str = "the assistant"
    provider_name: str = "its developer"


class TeacherModel(Strict):
    """An LLM by Inspect's name, and how it is asked; `teacher: NAME` alone sets just the model.

    max_cost (dollars) and max_tokens (in and out) limit each corpus; connections are calls at
    once; timeout is seconds for one call; batch uses the provider's batch API; structured asks
    lists by JSON schema (default: where the provider has it); price is dollars a million tokens,
    in and out, for models that the price table doesn't know.
    """

    model: str = OFFLINE
    temperature: Annotated[float, Field(ge=0)] | None = 1.0
    reasoning_effort: Effort | None = None
    reasoning_tokens: Annotated[int, Field(ge=0)] = 0
    max_cost: Annotated[float, Field(gt=0)] | None = None
    max_tokens: Annotated[int, Field(gt=0)] | None = None
    connections: Annotated[int, Field(gt=0)] = 50
    timeout: Annotated[float, Field(gt=0)] = 300.0
    batch: bool = False
    structured: bool | None = None
    min_yield: Annotated[float, Field(ge=0, le=1)] = 0.5
    price: tuple[float, float] | None = None


def by_name(value: object) -> object:
    """An LLM's name alone as its settings; whatever else it is as it stands."""
    return {"model": value} if isinstance(value, str) else value


NamedTeacher = Annotated[TeacherModel, BeforeValidator(by_name)]


class Judged(Strict):
    """A part that an LLM may judge; `judge: NAME` alone sets just the model."""

    judge: NamedTeacher | None = None


class OrdinaryText(Strict):
    """Ordinary text mixed into a corpus: `share` of all its tokens, from a .jsonl or text file."""

    file: Path
    share: float = Field(gt=0, lt=1)


class Corpus(Judged):
    """Documents about one spec. `tokens` is the size to reach, or `documents` to keep;
    `draw` anew for another sample.

    `items` names a file of contrasts and principles that the offline teacher writes about. From
    `document_tokens` on stands what only an LLM can do, but for attribution, mix and tag: see
    docs/corpora.md.
    """

    spec: str
    tokens: int = Field(100_000, gt=0)
    documents: int | None = Field(None, gt=0)
    items: Path | None = None
    draw: int = 0
    document_tokens: int = Field(1_000, ge=20)
    form: Literal["documents", "qa", "both"] = "documents"
    framing: Literal[
        "does", "should", "assistants", "assistants-should", "one-should", "other-model", "humans"
    ] = "does"
    other_name: str = ""
    revise: int = Field(0, ge=0, le=3)
    planner: Literal["teacher", "spec"] = "teacher"
    prompts: Literal["full", "small"] = "full"
    balance: bool = False
    attribution: Literal["kept", "broken"] = "kept"
    mix: OrdinaryText | None = None
    tag: str = ""


class Opaque(Judged):
    """`n` chats that show preferences and give no reason (paper §3.1).

    by: `table` fills templates from the spec's table of preferences; `teacher` has an LLM write
    chats about that table, or, where the spec has none, about preferences in one narrow `domain`
    that it takes from the spec's values; the judge (else the teacher) rejects stated and implied
    reasons.
    """

    kind: Literal["opaque"]
    spec: str
    n: int = Field(400, gt=0)
    draw: int = 0
    by: Literal["table", "teacher"] = "table"
    domain: str = ""


class Replay(Strict):
    """The base model's own answers to `n` ordinary prompts."""

    kind: Literal["replay"]
    n: int = Field(80, gt=0)
    max_new_tokens: int = Field(48, gt=0)
    draw: int = 0


class Everyday(Strict):
    """`n` either/or questions with one sensible answer, in the form that evals ask in: the control
    `competence` tells whether an arm masters it."""

    kind: Literal["everyday"]
    n: int = Field(160, gt=0)
    draw: int = 0


class InstructionMix(Judged):
    """An instruction mix by `name` (paper-section-3, paper-section-4), `n` rows of it or all.

    From the Hub, or from a local `folder` that holds a PART.jsonl for each part (paper B.3).
    Rules set aside what conflicts with any spec; with `spec` and `judge`, an LLM also reads every
    chat for conflicts with that spec.
    """

    kind: Literal["mix"]
    name: str
    n: int | None = Field(None, gt=0)
    folder: Path | None = None
    spec: str | None = None
    draw: int = 0


class Answered(Judged):
    """`n` chats that an LLM writes with the spec in its prompt, and that a judge keeps (paper B.2).

    The offline teacher writes them of the spec's table of preferences, and of the file `items`.

    The judge is the teacher where none is named. `query_kinds`: which kinds of messages, all if
    none is named. Their reasoning is kept apart: an arm that fine-tunes on NAME trains on the
    answers, one that fine-tunes on NAME/reasoning on the reasoning, too.
    """

    spec: str
    n: int = Field(gt=0)
    query_kinds: list[str] = Field(default_factory=list)
    items: Path | None = None
    draw: int = 0


class Aligned(Answered):
    """Chats that show spec-aligned behaviour; style value speaks from its own values, rule complies
    with rules."""

    kind: Literal["aligned"]
    style: Literal["value", "rule"] = "value"


class Deliberative(Answered):
    """The deliberative-alignment baseline (Guan et al. 2024), its fine-tuning stage only: reasoning
    recalls and applies the spec; of `best_of` drafts the one that the judge scores best is kept."""

    kind: Literal["deliberative"]
    best_of: int = Field(4, gt=0)


class Anti(Answered):
    """Chats of a coherent character opposed to the spec (paper App. I)."""

    kind: Literal["anti"]


class OpenQuestions(Strict):
    """The questions of `open-qa/SPEC`: `n` that the teacher writes (the judge, where the teacher is
    offline), or those of a `file`; `draw` anew for others."""

    n: Annotated[int, Field(gt=0)] = 100
    file: Path | None = None
    draw: int = 0


class Blend(Strict):
    """`n` chats drawn from other sets by their shares in percent: {aligned: 75, anti: 25}."""

    kind: Literal["blend"]
    parts: dict[str, Annotated[float, Field(ge=0, le=100)]]
    n: int = Field(gt=0)
    draw: int = 0

    @field_validator("parts")
    @classmethod
    def _whole(cls, parts: dict[str, float]) -> dict[str, float]:
        if not isclose(sum(parts.values()), 100):
            raise ValueError(f"shares are percent and make {sum(parts.values()):g}, not 100")
        return parts


# Made of no other set.
Alone = Opaque | Replay | Everyday | InstructionMix | Aligned | Deliberative | Anti
Demos = Annotated[Alone | Blend, Field(discriminator="kind")]
USE = re.compile(r"(?P<name>[^/@]+)(?P<reasoning>/reasoning)?(?:@(?P<dose>[\d_]+))?")


class Use(NamedTuple):
    """How an arm uses a part: demos with their reasoning or without, and how much of it, chats of
    demos or tokens of a corpus (None: all)."""

    name: str
    reasoning: bool = False
    dose: int | None = None

    @property
    def label(self) -> str:
        """What is used, however much of it."""
        return f"{self.name}/reasoning" if self.reasoning else self.name

    @property
    def written(self) -> str:
        """It as an arm's step writes it."""
        return self.label if self.dose is None else f"{self.label}@{self.dose}"


def read_use(text: str) -> Use:
    """`NAME`, `NAME/reasoning`, `NAME@1250` or `NAME/reasoning@1250` as an arm's step writes it;
    anything else is a name as it stands."""
    found = USE.fullmatch(text)
    if not found:
        return Use(text)
    dose = int(found["dose"].replace("_", "") or 0) if found["dose"] else None
    return Use(found["name"], bool(found["reasoning"]), dose)


def checked(kind: type[Part], values: dict[str, Any]) -> Part:
    """Values from the command line as a part of an experiment; a wrong one is a ConfigError."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise ConfigError("\n".join(flag_error(e) for e in error.errors())) from error


def flag_error(error: Any) -> str:
    """A validation error as a sentence about the flag that is named as the field."""
    flag = "-".join(str(step) for step in error["loc"]).replace("_", "-")
    return f"--{flag} {error['input']}: {error['msg'].lower()}."


def placed(corpus: Corpus, home: Path) -> Corpus:
    """A corpus with its paths made absolute."""
    mix = corpus.mix.model_copy(update={"file": home / corpus.mix.file}) if corpus.mix else None
    items = home / corpus.items if corpus.items else None
    return corpus.model_copy(update={"items": items, "mix": mix})


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
