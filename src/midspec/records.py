"""The row types that stages exchange; one row is one line of JSON."""

from dataclasses import dataclass, field
from typing import Literal

Genre = Literal["show", "describe"]


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
class Principle:
    """The general principle behind a value in one sentence; `voice` says who speaks."""

    principle: str
    voice: Literal["it", "I"] = "it"


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
    """One forced choice: an option that the value prefers and one that it doesn't."""

    id: str
    domain: str
    tier: str
    aligned: str
    other: str


@dataclass(frozen=True)
class Choice:
    """One item's answer by log-probability; margins are nats a token, above 0 is value-aligned.

    `first` is the margin with the aligned option named first, `second` with it named last.
    """

    item: str
    domain: str
    tier: str
    half: str
    first: float
    second: float

    @property
    def margin(self) -> float:
        """The margin averaged over both option orders, which cancels position bias."""
        return (self.first + self.second) / 2

    @property
    def aligned(self) -> float:
        """The share of the two option orders in which the value's option is chosen: 0, ½ or 1."""
        return ((self.first > 0) + (self.second > 0)) / 2

    @property
    def decided(self) -> bool:
        """Whether both orders choose the same option; otherwise it was position that chose."""
        return (self.first > 0) == (self.second > 0)
