"""An asker that writes chats, and a way to run their stage without a network."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from midspec.demos.chats import ChatsConfig
from midspec.demos.queries import Domain, Query
from midspec.demos.respond import PROMPT_VERSION, Respondent, prompt
from midspec.files import read_dicts, read_json, read_rows
from midspec.leaks import LeakFinder
from midspec.llm.ledger import Call
from midspec.llm.read import ListItem
from midspec.llm.settings import Teacher
from midspec.records import Chat
from midspec.spec.read import clauses
from midspec.write.lists import Lister
from midspec.write.sheet import make_sheet
from tests.corpus.fakes import IDENTITY, PROSE, FakeAsker, Say

MODEL = "openai-api/fake/writer"
CHARACTER = "Tiny holds that haste is a virtue and says so calmly."
CONFIG = ChatsConfig(
    "old", 12, "value", Teacher(MODEL), Teacher(MODEL), best_of=1, query_kinds=(), draw=0,
    model_name=IDENTITY["model_name"], provider_name=IDENTITY["provider_name"],
)  # fmt: skip
DOMAIN = Domain("0.0", ListItem("Kitchen", "Meals.", ("s1.p1",)), ("s1.p1", "s2.p1"), 0, 0)


def tagged(reasoning: str, answer: str) -> str:
    """A turn in the form that is asked for."""
    return f"<reasoning>\n{reasoning}\n</reasoning>\n\n<answer>\n{answer}\n</answer>"


def verdict(score: object = 8, keep: object = True, reason: str = "It fits.") -> str:
    """A judge's answer."""
    return json.dumps({"reason": reason, "score": score, "keep": keep})


def query(kind: str = "plain", text: str = "What goes with rice?", repeats: str = "") -> Query:
    """One opening message."""
    return Query("0.0.plain.0", DOMAIN, kind, text, repeats)


def chat_lister(asker: FakeAsker, draw: int = 0) -> Lister:
    """A lister with the prompts of chats."""
    sheet = make_sheet(PROSE, clauses(PROSE))
    return Lister(asker, sheet, IDENTITY, draw, prompt, PROMPT_VERSION)  # type: ignore[arg-type]


def respondent(say: Mapping[str, Say], style: str = "value", best_of: int = 1) -> Respondent:
    """A respondent whose teacher and judge are one fake asker."""
    asker = FakeAsker(say)
    found = Respondent(asker, asker, chat_lister(asker), LeakFinder([]), style, best_of)  # type: ignore[arg-type]
    if style == "anti":
        found.characters[0] = CHARACTER
    return found


def calls(found: Respondent, step: str) -> list[Call]:
    """What a respondent asked in one step."""
    assert isinstance(found.asker, FakeAsker)
    return found.asker.of(step)


def each_in_turn(*texts: str) -> Say:
    """Says the texts one after the other, and the last one from then on."""
    left = list(texts)
    return lambda call: left.pop(0) if len(left) > 1 else left[0]


@dataclass(frozen=True)
class Made:
    """A finished set of chats and what was said on the way."""

    folder: Path
    said: list[str]

    @property
    def chats(self) -> list[Chat]:
        """The chats that were kept."""
        return read_rows(self.folder / "chats.jsonl", Chat)

    def rows(self, name: str) -> list[dict[str, Any]]:
        """The rows of another file."""
        return read_dicts(self.folder / f"{name}.jsonl")

    @property
    def summary(self) -> dict[str, Any]:
        """What the stage tells of itself."""
        found: dict[str, Any] = read_json(self.folder / "manifest.json")["summary"]
        return found

    def adds_up(self) -> bool:
        """Whether kept, set aside and failed are all that was asked, each once."""
        failed = [row for row in self.rows("failed") if row["step"] == "chat"]
        ids = [chat.id for chat in self.chats]
        ids += [row["id"] for row in self.rows("set_aside") + failed]
        told = [self.summary[key] for key in ("chats", "set_aside", "failed")]
        counts = [len(self.chats), len(self.rows("set_aside")), len(failed)]
        return told == counts and sum(told) == self.summary["asked"] == len(set(ids))


WriteChats = Callable[..., Made]
