"""The parts of an experiment as typed models: identity, teacher, corpora and demonstrations."""

import re
from collections.abc import Iterator
from math import isclose
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from midspec.errors import ConfigError
from midspec.llm.settings import OFFLINE, Effort

Part = TypeVar("Part", bound=BaseModel)


Price = Annotated[float, Field(ge=0)]


class Strict(BaseModel):
    """A model that refuses keys it doesn't know, and `yes` where a number belongs."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _no_number_is_yes(cls, values: object) -> object:
        """Where a number belongs, true and false are words, which aren't read as 1 and 0."""
        if not isinstance(values, dict):
            return values
        numbers = {name for name, field in cls.model_fields.items() if _is_number(field.annotation)}
        return {key: _words(value) if key in numbers else value for key, value in values.items()}


def _is_number(annotation: object) -> bool:
    kinds = set(_kinds(annotation))
    return bool(kinds & {int, float}) and not kinds & {bool, str}


def _words(value: object) -> object:
    if isinstance(value, list):
        return [_words(one) for one in value]
    return str(value).lower() if isinstance(value, bool) else value


def _kinds(annotation: object) -> Iterator[object]:
    """All types that an annotation is made of."""
    yield annotation
    for part in get_args(annotation):
        yield from _kinds(part)


class Identity(Strict):
    """Who the assistant is: fills `{model_name}` and `{provider_name}` in specs and documents."""

    model_name: str = "the assistant"
    """What the assistant is called: `{model_name}`."""
    provider_name: str = "its developer"
    """Who made it: `{provider_name}`."""


class TeacherModel(Strict):
    """An LLM by Inspect's name, and how it is asked; `teacher: NAME` alone sets just the model."""

    model: str = OFFLINE
    """Inspect's name of the LLM, PROVIDER/MODEL; `offline` is no LLM."""
    temperature: Annotated[float, Field(ge=0)] | None = 1.0
    """Of sampling; null leaves it to the provider."""
    reasoning_effort: Effort | None = None
    """For models that think by effort."""
    reasoning_tokens: Annotated[int, Field(ge=0)] = 0
    """Room to think, added to what an answer may take."""
    max_cost: Annotated[float, Field(gt=0)] | None = None
    """Dollars that each corpus, set of chats or judged eval may cost; it stops before."""
    max_tokens: Annotated[int, Field(gt=0)] | None = None
    """Tokens, in and out, that each may take."""
    connections: Annotated[int, Field(gt=0)] = 50
    """Calls at once."""
    timeout: Annotated[float, Field(gt=0)] = 300.0
    """Seconds for one call."""
    batch: bool = False
    """Use the provider's batch API, where it has one: half the price, hours to wait."""
    structured: bool | None = None
    """Ask for lists by JSON schema; unset, where the provider is known to take one."""
    min_yield: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of the first 20 rows that must be kept; under it, it stops."""
    price: tuple[Price, Price] | None = None
    """Dollars a million tokens, in and out, for a model that the price table doesn't know."""


def by_name(value: object) -> object:
    """An LLM's name alone as its settings; whatever else it is as it stands."""
    return {"model": value} if isinstance(value, str) else value


NamedTeacher = Annotated[TeacherModel, BeforeValidator(by_name)]


class Judged(Strict):
    """A part that an LLM may judge; `judge: NAME` alone sets just the model."""

    judge: NamedTeacher | None = None
    """The LLM that judges what was written: a name, or a mapping as for the teacher."""


class OrdinaryText(Strict):
    """Ordinary text mixed into a corpus: `share` of all its tokens, from a .jsonl or text file."""

    file: Path
    """A .jsonl with `text`, or a text file."""
    share: float = Field(gt=0, lt=1)
    """Its share of all tokens."""


class Corpus(Judged):
    """Documents about one spec.

    From `document_tokens` on stands what only an LLM can do, but for attribution, mix and tag: see
    docs/corpora.md.
    """

    spec: str
    """The spec that the documents are about."""
    tokens: int = Field(100_000, gt=0)
    """Size to reach, by an estimate that needs no tokenizer."""
    documents: int | None = Field(None, gt=0)
    """Documents to keep, in place of `tokens`."""
    items: Path | None = None
    """Contrasts and principles that the offline teacher writes about."""
    draw: int = 0
    """Another number, another sample of what the teacher might write."""
    document_tokens: int = Field(1_000, ge=20)
    """Mean length that an LLM is asked for."""
    form: Literal["documents", "qa", "both"] = "documents"
    """Documents, question-and-answer series, or half of each."""
    framing: Literal[
        "does", "should", "assistants", "assistants-should", "one-should", "other-model", "humans"
    ] = "does"
    """Of whom, and in which mood, documents speak (paper §5.3)."""
    other_name: str = ""
    """Whom framing `other-model` speaks of."""
    revise: int = Field(0, ge=0, le=3)
    """Rounds of critique and revision."""
    planner: Literal["teacher", "spec"] = "teacher"
    """Who plans: the teacher, or the spec's own structure."""
    prompts: Literal["full", "small"] = "full"
    """`small`: for a teacher that long instructions confuse."""
    balance: bool = False
    """Give each clause of which no assertion speaks a topic of its own."""
    attribution: Literal["kept", "broken"] = "kept"
    """`broken`: values stated, preferences without reasons, half turned round (C.4)."""
    mix: OrdinaryText | None = None
    """Ordinary text mixed in."""
    tag: str = ""
    """A prefix of every document that carries no loss."""


class Opaque(Judged):
    """`n` chats that show preferences and give no reason (paper §3.1).

    by: `table` fills templates from the spec's table of preferences; `teacher` has an LLM write
    chats about that table, or, where the spec has none, about preferences in one narrow `domain`
    that it takes from the spec's values; the judge (else the teacher) rejects stated and implied
    reasons.
    """

    kind: Literal["opaque"]
    spec: str
    """The spec whose preferences are shown."""
    n: int = Field(400, gt=0)
    """Chats to keep."""
    draw: int = 0
    """Another number, another sample."""
    by: Literal["table", "teacher"] = "table"
    """`table`: templates filled from the spec's table; `teacher`: an LLM."""
    domain: str = ""
    """Where the spec has no table: in which domain the teacher chooses preferences."""


class Replay(Strict):
    """The base model's own answers to `n` ordinary prompts."""

    kind: Literal["replay"]
    n: int = Field(80, gt=0)
    """Prompts to answer."""
    max_new_tokens: int = Field(48, gt=0)
    """The longest answer."""
    draw: int = 0
    """Another number, other prompts."""


class Everyday(Strict):
    """`n` either/or questions with one sensible answer, in the form that evals ask in: the control
    `competence` tells whether an arm masters it."""

    kind: Literal["everyday"]
    n: int = Field(160, gt=0)
    """Questions."""
    draw: int = 0
    """Another number, others."""


class InstructionMix(Judged):
    """An instruction mix by `name` (paper-section-3, paper-section-4), `n` rows of it or all.

    From the Hub, or from a local `folder` that holds a PART.jsonl for each part (paper B.3).
    Rules set aside what conflicts with any spec; with `spec` and `judge`, an LLM also reads every
    chat for conflicts with that spec.
    """

    kind: Literal["mix"]
    name: str
    """`paper-section-3` or `paper-section-4`."""
    n: int | None = Field(None, gt=0)
    """Rows; unset, all."""
    folder: Path | None = None
    """Holds a PART.jsonl for each part; unset, from the Hub."""
    spec: str | None = None
    """What chats may not conflict with, by the judge's reading."""
    draw: int = 0
    """Another number, other rows."""


class Answered(Judged):
    """`n` chats that an LLM writes with the spec in its prompt, and that a judge keeps (paper B.2).

    The offline teacher writes them of the spec's table of preferences, and of the file `items`.

    The judge is the teacher where none is named. `query_kinds`: which kinds of messages, all if
    none is named. Their reasoning is kept apart: an arm that fine-tunes on NAME trains on the
    answers, one that fine-tunes on NAME/reasoning on the reasoning, too.
    """

    spec: str
    """The spec in the prompt."""
    n: int = Field(gt=0)
    """Chats to keep."""
    query_kinds: list[str] = Field(default_factory=list)
    """Which kinds of messages; all where none is named."""
    items: Path | None = None
    """Situations that the offline teacher writes of."""
    draw: int = 0
    """Another number, another sample."""


class Aligned(Answered):
    """Chats that show spec-aligned behaviour; style value speaks from its own values, rule complies
    with rules."""

    kind: Literal["aligned"]
    style: Literal["value", "rule"] = "value"
    """`value` speaks from its own values, `rule` complies with rules."""


class Deliberative(Answered):
    """The deliberative-alignment baseline (Guan et al. 2024), its fine-tuning stage only: reasoning
    recalls and applies the spec; of `best_of` drafts the one that the judge scores best is kept."""

    kind: Literal["deliberative"]
    best_of: int = Field(4, gt=0)
    """Drafts of each answer, of which the judge's best is kept."""


class Anti(Answered):
    """Chats of a coherent character opposed to the spec (paper App. I)."""

    kind: Literal["anti"]


class OpenQuestions(Strict):
    """The questions of `open-qa/SPEC`: `n` that the teacher writes (the judge, where the teacher is
    offline), or those of a `file`; `draw` anew for others."""

    n: Annotated[int, Field(gt=0)] = 100
    """Questions to write."""
    file: Path | None = None
    """Questions of yours, in place of these."""
    draw: int = 0
    """Another number, others."""


class Blend(Strict):
    """`n` chats drawn from other sets by their shares in percent: {aligned: 75, anti: 25}."""

    kind: Literal["blend"]
    parts: dict[str, Annotated[float, Field(ge=0, le=100)]]
    """Shares in percent by set; they make 100."""
    n: int = Field(gt=0)
    """Chats in all."""
    draw: int = 0
    """Another number, other chats."""

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
    wrong = error["msg"].lower().removeprefix("value error, ")
    return f"--{flag} {error['input']}: {wrong}."


def placed(corpus: Corpus, home: Path) -> Corpus:
    """A corpus with its paths made absolute."""
    mix = corpus.mix.model_copy(update={"file": home / corpus.mix.file}) if corpus.mix else None
    items = home / corpus.items if corpus.items else None
    return corpus.model_copy(update={"items": items, "mix": mix})
