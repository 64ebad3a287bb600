"""An LLM writes the documents: ideas in the tree's order, each drafted, revised and judged."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from midspec.corpus.plan import load_data
from midspec.corpus.prompts import PROMPT_VERSION, VERDICT_SCHEMA, prompt
from midspec.corpus.tree import ROUNDS, Idea, Kind, Topic, Tree, ideas_expected
from midspec.corpus.write import MONTHS
from midspec.llm.asker import Asker, NotAnsweredError
from midspec.llm.ledger import Call
from midspec.llm.read import UnreadableError, read_document, usable
from midspec.records import Document
from midspec.text import estimate_tokens
from midspec.write.flow import Needed, drop, in_order
from midspec.write.judge import ask_judge
from midspec.write.lists import Lister, bullets

MAX_DRAFTS = 3  # answers to one brief before it is given up
UNITS_AT_ONCE = 12  # whose ideas are dealt together
WORDS_PER_TOKEN = 0.75
LENGTHS = (0.5, 1.6)  # of the asked length; real documents differ in length
ROOM = 1.8  # of the asked length, before an answer is cut off
CRITIQUE_TOKENS = 600
VERDICT_TOKENS = 600


@dataclass(frozen=True)
class Style:
    """How documents are written: their length and form, and of whom they speak.

    framing: does (what the assistant does), should, assistants (what they do in general),
    assistants-should, one-should, other-model (another one, `other_name`), humans. form: documents,
    qa (questions and answers), or both. planner: teacher, or spec for a plan from the spec's own
    structure. prompts: full, or small for a model that long instructions confuse.
    """

    document_tokens: int = 1_000
    form: str = "documents"
    framing: str = "does"
    other_name: str = ""
    revise: int = 0
    planner: str = "teacher"
    prompts: str = "full"


@dataclass(frozen=True)
class Verdict:
    """What the judge said of a document; `problem` if it said nothing that can be read."""

    document: str
    faithful: bool
    contradictions: list[str]
    inventions: list[str]
    reason: str
    problem: str = ""

    def objection(self) -> str:
        """Why a document isn't kept, in words; a verdict that can't be read is a reason, too."""
        if self.faithful:
            return ""
        if self.problem:
            return f"judge: {self.problem}"
        for what, found in (
            ("contradicts the spec", self.contradictions),
            ("invents", self.inventions),
        ):
            if found:
                return f"judge: {what}: {found[0]}"
        return f"judge: unfaithful: {self.reason}"


@dataclass(frozen=True)
class Outcome:
    """What became of one idea: a document, or the reason why there is none."""

    idea: Idea
    document: Document | None = None
    verdict: Verdict | None = None
    reason: str = ""


@dataclass
class Author:
    """Writes the documents of one corpus."""

    asker: Asker
    judge: Asker | None
    lister: Lister
    style: Style
    spec: str
    balance: bool = False
    tree: Tree = field(init=False)
    taken_up: set[str] = field(default_factory=set)  # paths of the types whose ideas were used

    def __post_init__(self) -> None:
        self.tree = Tree(self.lister, self.balance)

    def outcomes(self, needed: Needed) -> AsyncGenerator[Outcome, None]:
        """What becomes of the ideas, in their order."""
        return in_order(self._ideas(needed), self._written, needed, self.asker.limits.connections)

    async def _ideas(self, needed: Needed) -> AsyncGenerator[Idea, None]:
        """Ideas in order; the next units are asked for while earlier ones are written."""
        asked: deque[asyncio.Task[list[Idea]]] = deque()
        rounds: list[asyncio.Task[list[tuple[Topic, Kind]]]] = []
        try:
            for n in range(len(ROUNDS)):
                begun = max(rounds_to_begin(needed), n + 1)
                rounds += [
                    asyncio.create_task(self.tree.units(k)) for k in range(len(rounds), begun)
                ]
                units = await rounds[n]
                groups = deque(
                    units[i : i + UNITS_AT_ONCE] for i in range(0, len(units), UNITS_AT_ONCE)
                )
                expected: deque[int] = deque()
                waiting: deque[set[str]] = deque()
                while groups or asked:
                    while groups and (not asked or sum(expected) < needed.unbegun()):
                        group = groups.popleft()
                        waiting.append({kind.path for _, kind in group})
                        expected.append(sum(ideas_expected(kind, n) for _, kind in group))
                        asked.append(asyncio.create_task(self.tree.new_ideas(group, n)))
                    expected.popleft()
                    self.taken_up |= waiting.popleft()
                    for idea in await asked.popleft():
                        yield idea
        finally:
            await drop([*asked, *rounds])

    def plan_failures(self) -> list[dict[str, str]]:
        """What of the plan gave nothing, in a fixed order; not what was asked ahead in vain."""
        failures = self.lister.failures
        used = [f for f in failures if f["step"] != "ideas" or f["id"] in self.taken_up]
        return sorted(used, key=lambda f: (f["step"], f["id"], f["reason"]))

    async def _written(self, idea: Idea) -> Outcome:
        call = self._draft_call(idea)
        reasons = []
        for attempt in range(MAX_DRAFTS):
            call = replace(call, sample=f"{self.lister.draw}.{attempt}")
            try:
                text = read_document(await self.asker.ask(call))
                break
            except UnreadableError as error:
                reasons.append(str(error))
            except NotAnsweredError as error:  # another sample would be another document
                reasons.append(str(error))
                return _failed(idea, reasons)
        else:
            return _failed(idea, reasons)
        key = call.key
        for _ in range(self.style.revise):
            text, key = await self._revised(idea, text, key)
        document = self._document(idea, text, key)
        verdict = await self._judged(idea, document) if self.judge else None
        return Outcome(idea, document, verdict)

    def _draft_call(self, idea: Idea) -> Call:
        deal = random.Random(f"{self.lister.draw}/{idea.id}")
        people = load_data("people.yaml")
        names = [
            f"{first} {last}"
            for first, last in zip(
                deal.sample(people["first_names"], 3),
                deal.sample(people["last_names"], 3),
                strict=True,
            )
        ]
        sheet, identity = self.lister.sheet, self.lister.identity
        values = identity | {
            "document_type": idea.kind.name,
            "type_about": idea.kind.description,
            "viewpoint": self._viewpoint(idea),
            "idea": f"{idea.title}: {idea.text}",
            "subdomain": idea.topic.name,
            "about": idea.topic.about,
            "passages": sheet.passages(idea.clauses),
            "assertions": bullets([assertion.text for assertion in idea.assertions]),
            "genre": prompt(f"genres/{idea.genre}", sheet.form, identity),
            "framing": prompt(
                f"framings/{self.style.framing}",
                sheet.form,
                identity | {"other_name": self.style.other_name},
            ),
            "people": ", ".join(names),
            "organisation": deal.choice(people["organisations"]),
            "place": deal.choice(people["places"]),
            "date": _date(deal),
            "words": str(self._words(idea)),
        }
        return self.lister.call(
            self.asker.teacher, self._form(idea), idea.topic.section, values, self._room()
        )

    def _form(self, idea: Idea) -> str:
        """Which prompt: with `both`, every other idea is a series of questions and answers."""
        if self.style.form == "both":
            return "qa" if int(idea.id.rsplit(".", 1)[1]) % 2 else "document"
        return "qa" if self.style.form == "qa" else "document"

    def _viewpoint(self, idea: Idea) -> str:
        deal = random.Random(f"viewpoint/{self.lister.draw}/{idea.id}")
        return str(deal.choice(load_data("registers.yaml")["viewpoints"]))

    def _words(self, idea: Idea) -> int:
        stretch = random.Random(f"length/{self.lister.draw}/{idea.id}").uniform(*LENGTHS)
        return max(30, 10 * round(self.style.document_tokens * WORDS_PER_TOKEN * stretch / 10))

    def _room(self) -> int:
        return round(self.style.document_tokens * LENGTHS[1] * ROOM)

    async def _revised(self, idea: Idea, text: str, key: str) -> tuple[str, str]:
        """The document after one round of critique; the draft where that gives nothing usable."""
        teacher = self.asker.teacher
        values = {"document": text, "idea": idea.text, "words": str(self._words(idea))}
        with suppress(UnreadableError, NotAnsweredError):
            call = self.lister.call(
                teacher, "critique", idea.topic.section, values, CRITIQUE_TOKENS
            )
            critique = usable(await self.asker.ask(call))
            call = self.lister.call(
                teacher, "revise", idea.topic.section, values | {"critique": critique}, self._room()
            )
            return read_document(await self.asker.ask(call)), call.key
        return text, key

    async def _judged(self, idea: Idea, document: Document) -> Verdict:
        """The judge's verdict, asked twice before it counts as none."""
        assert self.judge
        teacher = self.judge.teacher
        call = self.lister.call(
            teacher, "judge", idea.topic.section, {"document": document.text}, VERDICT_TOKENS
        )
        try:
            return await ask_judge(
                self.judge, call, VERDICT_SCHEMA, lambda found: _verdict(document.id, found)
            )
        except UnreadableError as error:
            return Verdict(document.id, False, [], [], "", str(error))

    def _document(self, idea: Idea, text: str, key: str) -> Document:
        return Document(
            id=idea.id,
            text=text,
            spec=self.spec,
            clauses=idea.clauses,
            domain=idea.topic.domain,
            subdomain=idea.topic.name,
            assertions=[assertion.id for assertion in idea.assertions],
            document_type=idea.kind.name,
            genre=idea.genre,
            idea=f"{idea.title}: {idea.text}",
            teacher=self.asker.teacher.model,
            prompt_version=PROMPT_VERSION,
            seed=self.lister.draw,
            tokens=estimate_tokens(text),
            viewpoint=self._viewpoint(idea),
            framing=self.style.framing,
            call=key,
        )


def _failed(idea: Idea, reasons: Sequence[str]) -> Outcome:
    return Outcome(idea, reason="; ".join(dict.fromkeys(reasons)))


def _date(deal: random.Random) -> str:
    month = deal.choice(MONTHS)
    return f"{deal.randint(1, 28)} {month} {deal.randint(2024, 2031)}"


def _verdict(document: str, found: dict[str, Any]) -> Verdict:
    faithful = found.get("faithful")
    if not isinstance(faithful, bool):
        raise UnreadableError("a verdict without faithful: true or false")

    def texts(name: str) -> list[str]:
        value = found.get(name)
        return [str(text) for text in value] if isinstance(value, list) else []

    return Verdict(
        document,
        faithful and not texts("contradictions") and not texts("inventions"),
        texts("contradictions"),
        texts("inventions"),
        str(found.get("reason", "")),
    )


def rounds_to_begin(needed: Needed) -> int:
    """How many rounds of plans to begin: what is wanted, and a tenth of what may be."""
    wanted = sum(r.documents < needed.in_all() for r in ROUNDS) + 1
    ready = sum(r.documents <= needed.later // 10 for r in ROUNDS)
    return min(len(ROUNDS), max(wanted, ready))
