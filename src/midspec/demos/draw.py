"""Drawing the chats of one part of a mix: rows in an order drawn by seed, the unfit set aside."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field

from midspec.demos.conflicts import Rule, find_conflict
from midspec.demos.sources import Part, Table, fault, to_messages
from midspec.errors import DataError
from midspec.llm.settings import OFFLINE
from midspec.records import Chat
from midspec.text import estimate_tokens


@dataclass
class Share:
    """What a mix takes of one part: `n` chats by id, and what was set aside by rules or a judge."""

    part: Part
    n: int
    table: Table
    rules: Sequence[Rule]
    max_tokens: int
    draw: int
    chats: dict[str, Chat] = field(default_factory=dict)
    by_rule: list[dict[str, object]] = field(default_factory=list)
    by_judge: list[dict[str, object]] = field(default_factory=list)
    numbers: Iterator[int] = field(init=False)

    def __post_init__(self) -> None:
        total = len(self.table.rows)
        deal = random.Random(f"mix/{self.part.name}/{self.draw}")
        self.numbers = iter(deal.sample(range(total), total))

    def fill(self) -> "Share":
        """Take rows that the rules let pass until there are `n`."""
        while len(self.chats) < self.n:
            self.add()
        return self

    def add(self) -> Chat:
        """Take the next row that the rules let pass; where rows run out, a DataError says so."""
        for number in self.numbers:
            chat = Chat(
                id=f"{self.part.name}-{number}",
                messages=to_messages(self.part, self.table.rows[number], self.table.where),
                kind="mix",
                teacher=self.part.hub or OFFLINE,
                lineage={"part": self.part.name, "row": str(number)},
            )
            if reason := self._why_not(chat):
                self.by_rule.append(asdict(chat) | {"reason": reason})
            else:
                self.chats[chat.id] = chat
                return chat
        raise DataError(self._too_few())

    def drop(self, chat: Chat, reason: str) -> None:
        """Set aside a chat that was taken, as a judge wants it."""
        del self.chats[chat.id]
        self.by_judge.append(asdict(chat) | {"reason": reason})

    @property
    def aside(self) -> list[dict[str, object]]:
        """All that was set aside, with why."""
        return self.by_rule + self.by_judge

    def _why_not(self, chat: Chat) -> str | None:
        if wrong := fault(chat.messages):
            return f"not a chat: {wrong}"
        if conflict := find_conflict(chat.messages, self.rules):
            return f"conflict: {conflict}"
        if (tokens := chat_tokens(chat)) > self.max_tokens:
            return f"too long: {tokens:,} tokens, over {self.max_tokens:,}"
        return None

    def _too_few(self) -> str:
        total, aside = len(self.table.rows), self.aside
        reasons = Counter(str(row["reason"]).partition(":")[0] for row in aside)
        told = "".join(f", {count:,} set aside ({reason})" for reason, count in reasons.items())
        return (
            f"The mix takes {self.n:,} rows of {self.part.name}; {self.table.where} gives "
            f"{total - len(aside):,} of {total:,}{told}. Give a {self.part.name}.jsonl with more "
            "rows in folder:, or a smaller n:."
        )


def chat_tokens(chat: Chat) -> int:
    """About how many tokens a chat's messages have."""
    return sum(estimate_tokens(message["content"]) for message in chat.messages)
