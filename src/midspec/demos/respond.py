"""How the assistant answers: reasoning and answer by an LLM with the spec, judged (paper B.2)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

from midspec.demos.queries import Query
from midspec.errors import TeacherError
from midspec.leaks import LeakFinder
from midspec.llm.asker import Asker, NotAnsweredError
from midspec.llm.ledger import Answer, Call
from midspec.llm.read import UnreadableError, usable
from midspec.records import Chat
from midspec.write.judge import ask_judge
from midspec.write.lists import Lister
from midspec.write.prompts import Prompts
from midspec.write.talk import meta_talk

PROMPT_VERSION = 1  # bump when a prompt's meaning changes
prompt = Prompts("midspec.demos")

MAX_DRAFTS = 3  # answers to one message before it is given up
MULTI_TURN = "multi-turn"
SCORES = range(1, 11)
KEEP_SCORE = 7  # of the judge's ten; its rubric's "follows the spec and serves the user"
ANSWER_TOKENS = 2_500  # room for reasoning and answer
MESSAGE_TOKENS = 400
VERDICT_TOKENS = 400
VERDICT_SCHEMA = """{"type": "object", "properties": {"reason": {"type": "string"},
"score": {"type": "integer"}, "keep": {"type": "boolean"}},
"required": ["reason", "score", "keep"], "additionalProperties": false}"""
TAG = re.compile(
    r"</?\s*(?:reasoning|answer|message|think(?:ing)?|scratchpad)\b[^>]*>", re.IGNORECASE
)
RESPOND = {
    "value": "respond-value",
    "rule": "respond-rule",
    "deliberative": "deliberative",
    "anti": "anti-respond",
}

Text = TypeVar("Text")


@dataclass(frozen=True)
class Verdict:
    """What the judge said of a chat; it fails closed: `problem` if it said nothing readable."""

    chat: str
    keep: bool
    score: int
    reason: str
    problem: str = ""

    def objection(self) -> str:
        """Why a chat isn't kept, in words; empty if it is."""
        if self.problem:
            return f"judge: {self.problem}"
        if self.keep and self.score >= KEEP_SCORE:
            return ""
        return f"judge: {self.score} of 10: {self.reason}"


class Asked(Protocol):
    """What a chat was to be made of: an opening message, as a rule."""

    @property
    def id(self) -> str:
        """The name of its chat."""

    @property
    def text(self) -> str:
        """What it is, for whoever reads why there is no chat."""


@dataclass(frozen=True)
class Outcome:
    """What became of one message: a chat with its verdict, or the reason why there is none."""

    query: Asked
    chat: Chat | None = None
    verdict: Verdict | None = None
    reason: str = ""


@dataclass
class Respondent:
    """Answers messages in one style: value, rule, deliberative or anti.

    best_of: how many chats are written and judged for each message; the best is kept. A chat that
    gives an item of `leaks` away isn't judged.
    """

    asker: Asker
    judge: Asker
    lister: Lister
    leaks: LeakFinder
    style: str
    best_of: int = 1
    characters: dict[int, str] = field(default_factory=dict)  # by section, for style anti

    async def answer(self, query: Query) -> Outcome:
        """One message's outcome; nothing is paid for a message that repeats an earlier one or
        speaks of its own making."""
        unfit = f"nearly repeats {query.repeats}" if query.repeats else meta_talk(query.text)
        if unfit:
            chat = self._chat(query, [{"role": "user", "content": query.text}], [], "")
            return Outcome(query, chat, None, unfit)
        best: Outcome | None = None
        for draft in range(self.best_of):
            found = await self._judged(query, draft)
            if best is None or _rank(found) > _rank(best):
                best = found
        assert best
        return best

    async def _judged(self, query: Query, draft: int) -> Outcome:
        messages = [{"role": "user", "content": query.text}]
        reasoning: list[str] = []
        key = ""
        try:
            for turn in range(2 if query.kind == MULTI_TURN else 1):
                if turn:
                    follow_up = await self._read(query, "follow_up", messages, draft, ("message",))
                    messages.append({"role": "user", "content": follow_up[0][0]})
                (thought, said), key = await self._read(
                    query, RESPOND[self.style], messages, draft, ("reasoning", "answer")
                )
                messages.append({"role": "assistant", "content": said})
                reasoning.append(thought)
        except (UnreadableError, NotAnsweredError) as error:
            return Outcome(query, reason=str(error))
        chat = self._chat(query, messages, reasoning, key)
        found = next(filter(None, map(meta_talk, chat.texts)), "")
        if reason := found or self.leaks.objection(*chat.texts):
            return Outcome(query, chat, None, reason)
        return Outcome(query, chat, await self._verdict(query, chat, draft))

    async def _read(
        self,
        query: Query,
        step: str,
        messages: list[dict[str, str]],
        draft: int,
        tags: tuple[str, ...],
    ) -> tuple[list[str], str]:
        """The tagged parts of an answer and its key; asked again with another sample if need be."""
        room = MESSAGE_TOKENS if step == "follow_up" else ANSWER_TOKENS
        values = {"conversation": render(messages), "query_kind": query.kind}
        if self.style == "anti":
            values["character"] = self.characters[query.domain.section]
        call = self.lister.call(self.asker.teacher, step, query.domain.section, values, room)
        call = replace(call, sample=f"{self.lister.draw}.{draft}")
        return await ask_readable(self.asker, call, lambda answer: read_tagged(answer, tags))

    async def _verdict(self, query: Query, chat: Chat, draft: int) -> Verdict:
        """The judge's verdict on the last turn, asked twice before it counts as none."""
        values = {
            "conversation": render(chat.messages[:-1]),
            "reasoning": chat.reasoning[-1],
            "answer": chat.messages[-1]["content"],
        }
        section = query.domain.section
        call = self.lister.call(
            self.judge.teacher, f"judge-{self.style}", section, values, VERDICT_TOKENS
        )
        if self.style == "anti":
            told = f"{call.system}\n\nThe character: {self.characters[section]}"
            call = replace(call, system=told)
        call = replace(call, sample=f"{self.lister.draw}.{draft}")
        return await ask_verdict(self.judge, call, chat.id)

    async def invent_characters(self) -> None:
        """For style anti: a coherent character opposed to each section of the spec."""
        for section in range(len(self.lister.sheet.sections)):
            call = self.lister.call(
                self.asker.teacher, "anti-character", section, {}, MESSAGE_TOKENS
            )
            self.characters[section] = await self._character(call)

    async def _character(self, call: Call) -> str:
        try:
            return (await ask_readable(self.asker, call, usable))[0]
        except UnreadableError as error:
            raise TeacherError(
                f"{self.asker.teacher.model} gave no character opposed to the spec in {MAX_DRAFTS} "
                f"answers: {error}. Another teacher may."
            ) from error

    def _chat(
        self, query: Query, messages: list[dict[str, str]], reasoning: list[str], key: str
    ) -> Chat:
        lineage = {
            "domain": query.domain.item.name,
            "query_kind": query.kind,
            "clauses": " ".join(query.domain.clauses),
            "style": self.style,
            "call": key,
        }
        teacher = self.asker.teacher.model
        return Chat(query.id, messages, self.style, teacher, lineage, reasoning)


def read_tagged(answer: Answer, tags: tuple[str, ...]) -> list[str]:
    """The text in each of the tags, which must stand once each and in this order, nothing left out.

    A tag inside a text is UnreadableError, so no reasoning ever gets into an answer.
    """
    text = usable(answer)
    pattern = r"\s*".join(rf"<{tag}>(.*?)</{tag}>" for tag in tags)
    found = re.fullmatch(rf"\s*{pattern}\s*", text, re.DOTALL | re.IGNORECASE)
    if not found:
        raise UnreadableError(f"not in the form {' '.join(f'<{tag}>…</{tag}>' for tag in tags)}")
    parts = [part.strip() for part in found.groups()]
    if any(TAG.search(part) for part in parts):
        raise UnreadableError("a tag inside the text")
    if not all(parts):
        raise UnreadableError("an empty part")
    return parts


def render(messages: list[dict[str, str]]) -> str:
    """A conversation as prompts show it."""
    return "\n\n".join(f"<{m['role']}>\n{m['content']}\n</{m['role']}>" for m in messages)


async def ask_readable(
    asker: Asker, call: Call, read: Callable[[Answer], Text]
) -> tuple[Text, str]:
    """What `read` makes of an answer, and the answer's key.

    An answer that `read` refuses with UnreadableError is asked for again with another sample;
    after MAX_DRAFTS of them it is UnreadableError with all their reasons.
    """
    reasons = []
    for attempt in range(MAX_DRAFTS):
        again = replace(call, sample=f"{call.sample}.{attempt}")
        try:
            return read(await asker.ask(again)), again.key
        except UnreadableError as error:
            reasons.append(str(error))
        except NotAnsweredError as error:  # another sample would be another chat
            reasons.append(str(error))
            break
    raise UnreadableError("; ".join(dict.fromkeys(reasons)))


async def ask_verdict(judge: Asker, call: Call, chat: str) -> Verdict:
    """The judge's verdict on a chat; it fails closed."""
    try:
        return await ask_judge(judge, call, VERDICT_SCHEMA, lambda found: _verdict(chat, found))
    except UnreadableError as error:
        return Verdict(chat, False, 0, "", str(error))


def _verdict(chat: str, found: dict[str, Any]) -> Verdict:
    keep, score = found.get("keep"), found.get("score")
    if not (isinstance(keep, bool) and type(score) is int and score in SCORES):
        raise UnreadableError("a verdict without keep and score")
    return Verdict(chat, keep, score, str(found.get("reason", "")))


def _rank(outcome: Outcome) -> tuple[bool, bool, int]:
    """Which of several drafts is the best: kept, readable, highest score."""
    verdict = outcome.verdict
    kept = verdict is not None and not verdict.objection()
    return (kept, outcome.chat is not None, verdict.score if verdict else 0)
