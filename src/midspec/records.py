"""The row types that stages exchange; one row is one line of JSON."""

from dataclasses import dataclass, field, replace
from typing import Literal

Genre = Literal["show", "describe"]
CLAUSE_ID = r"[a-z][a-z.-]*\d+(?:\.\w+)*"  # a clause's id: s2.p3 by place, sp1 or sp1.why1 by name


@dataclass(frozen=True)
class Clause:
    """One passage of a spec, under the heading where it stands."""

    id: str
    heading: str
    text: str


@dataclass(frozen=True)
class Contrast:
    """Two things of one kind, and why a value prefers the first: `liked … because reason`."""

    domain: str
    liked: str
    disliked: str
    reason: str


@dataclass(frozen=True)
class Act(Contrast):
    """What the assistant does in a situation (`liked`) and doesn't do (`disliked`), and why.

    Texts are in the voice that midspec.write.voice reads: "the ferry office tells {me} …".
    clause: the id of the clause that asks for it, where one is named.
    """

    situation: str = ""
    clause: str = ""


@dataclass(frozen=True)
class Principle:
    """The general principle behind a value in one sentence; `voice` says who speaks.

    domains: those that it is about, with semicolons between; empty for all.
    """

    principle: str
    voice: Literal["it", "I"] = "it"
    domains: str = ""

    def fits(self, domain: str) -> bool:
        """Whether it has a bearing on that domain."""
        return not self.domains or domain in map(str.strip, self.domains.split(";"))


@dataclass(frozen=True)
class Assertion:
    """One thing that a spec says, or implies, about the assistant (paper B.1)."""

    id: str
    text: str
    clause: str
    domain: str
    subdomain: str
    contrast: Contrast | None = None


@dataclass(frozen=True)
class Brief:
    """What one document is to be: its type, its idea, and the assertions it must carry."""

    id: str
    domain: str
    subdomain: str
    document_type: str
    skeleton: int
    genre: Genre
    idea: str
    assertions: tuple[Assertion, ...]


@dataclass(frozen=True)
class Document:
    """One document of a corpus with its whole lineage.

    prefix: a tag before the text that carries no loss. call: the ledger's key of the answer that
    holds the text, where an LLM wrote it.
    """

    id: str
    text: str
    spec: str
    clauses: list[str]
    domain: str
    subdomain: str
    assertions: list[str]
    document_type: str
    genre: Genre
    idea: str
    teacher: str
    prompt_version: int
    seed: int
    tokens: int = 0
    viewpoint: str = ""
    framing: str = "does"
    prefix: str = ""
    call: str = ""


@dataclass(frozen=True)
class Chat:
    """One demonstration: messages as TRL, Axolotl and OpenAI read them, and where they are from.

    reasoning: a text for each of the assistant's turns, "" for none; the messages never hold it.
    """

    id: str
    messages: list[dict[str, str]]
    kind: str
    teacher: str
    lineage: dict[str, str] = field(default_factory=dict)
    reasoning: list[str] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        """All that is said in it and all that is thought."""
        return [*(message["content"] for message in self.messages), *self.reasoning]


@dataclass(frozen=True)
class Item:
    """One forced choice: an option that the value prefers and one that it doesn't.

    question: what is asked, where it isn't simply which of the two is preferred.
    """

    id: str
    domain: str
    tier: str
    aligned: str
    other: str
    question: str = ""


@dataclass(frozen=True)
class Question:
    """A forced choice as it is put to a model: a chat, how its answer begins, two ways to go on.

    wanted: the option that the eval counts. form: which of the item's forms it is, an order of the
    options or a wording. group: what the item hangs together with in intervals, such as a
    scenario's condition; "" for itself.
    """

    item: str
    form: str
    messages: list[dict[str, str]]
    stem: str
    wanted: str
    other: str
    domain: str = ""
    tier: str = ""
    half: str = ""
    group: str = ""


@dataclass(frozen=True)
class Choice:
    """One item's answers by log-probability, a margin for each of its forms.

    A margin is the wanted option's mean log-probability a token minus the other's, in nats; above
    0 the wanted option is chosen. `forms` names the form of each.
    """

    item: str
    domain: str
    tier: str
    half: str
    margins: list[float]
    group: str = ""
    forms: list[str] = field(default_factory=list)

    @property
    def margin(self) -> float:
        """The margin averaged over the forms, which cancels a bias for the first option."""
        return sum(self.margins) / len(self.margins)

    @property
    def share(self) -> float:
        """The share of the forms in which the wanted option is chosen: with two 0, ½ or 1."""
        return sum(margin > 0 for margin in self.margins) / len(self.margins)

    @property
    def decided(self) -> bool:
        """Whether all forms choose the same option; otherwise it was the form that chose."""
        return self.share in (0, 1)

    def of(self, form: str) -> "Choice":
        """The choice by those forms alone whose name begins so."""
        kept = [n for n, name in enumerate(self.forms) if name.startswith(form)]
        return replace(
            self, margins=[self.margins[n] for n in kept], forms=[self.forms[n] for n in kept]
        )


@dataclass(frozen=True, slots=True)  # a report may hold a million
class Score:
    """What one item says of an arm, whatever it was measured by.

    value: the share of answers that the metric counts, a change of one, or a judge's mark; the
    metric of the same `measure` says which. decided: whether there was an answer that can be read,
    the same in every form. margin: nats a token, of likelihoods.
    """

    item: str
    domain: str
    tier: str
    half: str
    value: float
    decided: bool = True
    margin: float | None = None
    group: str = ""
    measure: str = ""


@dataclass(frozen=True)
class Metric:
    """What scores mean. An eval's main measure is named ""; others, such as "executed", by a word.

    role: a result is what an experiment is about; a guardrail stands beside it; a control says
    whether the others can be read. low and high bound a score; chance is what guessing scores.
    better: which way is good, or "" where neither is. floor: of a control, what an arm must score
    for its results to be read.
    """

    name: str
    role: Literal["result", "guardrail", "control"] = "result"
    low: float = 0.0
    high: float = 1.0
    chance: float | None = 0.5
    better: Literal["higher", "lower", ""] = "higher"
    measure: str = ""
    floor: float | None = None
