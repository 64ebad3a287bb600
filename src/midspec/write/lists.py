"""Asking the teacher for lists: it is told what exists; what can't be read is repaired once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from midspec.errors import TeacherError
from midspec.llm.asker import Asker, NotAnsweredError
from midspec.llm.ledger import Call
from midspec.llm.read import ListItem, UnreadableError, read_items
from midspec.llm.settings import Teacher
from midspec.write.prompts import Prompts
from midspec.write.sheet import Sheet

LIST_SCHEMA = """{"type": "object", "properties": {"items": {"type": "array", "items": {
"type": "object", "properties": {"name": {"type": "string"}, "description": {"type": "string"},
"clauses": {"type": "array", "items": {"type": "string"}}},
"required": ["name", "description", "clauses"], "additionalProperties": false}}},
"required": ["items"], "additionalProperties": false}"""
MAX_SAMPLES = 3  # answers to one question before it is given up
MAX_FRUITLESS = 3  # questions of one step in a row that give nothing before the stage stops
ITEM_TOKENS = 160  # room for one item of a list
ROOM_TOKENS = 200  # and for what is around them


@dataclass(frozen=True)
class Domain:
    """An area of the spec, or of users' lives, and the round in which it came up."""

    path: str
    item: ListItem
    clauses: tuple[str, ...]
    section: int
    born: int


@dataclass
class Lister:
    """Asks for lists about one spec; `failures` holds what gave nothing, and why.

    `dry` holds what gave only what was known: it is out of ideas, and isn't asked again.
    """

    asker: Asker
    sheet: Sheet
    identity: dict[str, str]
    draw: int
    prompt: Prompts
    prompt_version: int
    failures: list[dict[str, str]] = field(default_factory=list)
    fruitless: Counter[str] = field(default_factory=Counter)
    dry: set[tuple[str, str]] = field(default_factory=set)

    async def more(
        self,
        step: str,
        node: str,
        section: int,
        n: int,
        known: Sequence[ListItem],
        values: Mapping[str, str],
    ) -> list[ListItem]:
        """Up to `n` items for `node` of the plan that aren't known; an unreadable item costs only
        itself. A step that gives nothing usable three times in a row is a TeacherError; one that
        gives nothing new has come to its end."""
        if n <= 0 or (step, node) in self.dry:
            return []
        taken = {item.name.casefold() for item in known}
        said = {item.description.casefold() for item in known}
        nothing_new, reason = False, ""
        for sample in range(MAX_SAMPLES):
            call, form = self._call(step, section, n, known, values, sample)
            try:
                items, bad = await self._read_or_repair(call, form)
            except UnreadableError as error:
                reason = str(error)
                continue
            except NotAnsweredError as error:  # another sample would be another plan
                reason = str(error)
                break
            self.failures += [{"id": node, "step": step, "reason": why} for why in bad]
            new = {item.name.casefold(): item for item in reversed(items)}
            fresh = [
                item
                for name, item in reversed(new.items())
                if name not in taken and item.description.casefold() not in said
            ]
            if fresh:
                self.fruitless[step] = 0
                return fresh[:n]
            nothing_new = True
        if nothing_new:
            self.dry.add((step, node))
            self.fruitless[step] = 0
            self.failures.append({"id": node, "step": step, "reason": "nothing new"})
            return []
        self.failures.append({"id": node, "step": step, "reason": reason})
        self.fruitless[step] += 1
        if self.fruitless[step] >= MAX_FRUITLESS or step == "domains":
            raise TeacherError(
                f"The step {step} gave nothing usable to {self.fruitless[step]} questions in a "
                f"row, of up to {MAX_SAMPLES} answers each; the last reason: {reason}. The answers "
                f"are in {self.asker.ledger.path.name}. If it is the provider's, run the same "
                "command again later; if the answers', a more capable teacher may help."
            )
        return []

    def _call(
        self,
        step: str,
        section: int,
        n: int,
        known: Sequence[ListItem],
        values: Mapping[str, str],
        sample: int,
    ) -> tuple[Call, str]:
        """The call, and the part of it that says in which form to answer."""
        prose = self.sheet.form
        form = self.prompt(
            "format_json" if self.asker.structured else "format_list", prose, {"n": str(n)}
        )
        parts = [self.prompt(step, prose, {**self.identity, **values, "n": str(n)})]
        if known:
            listed = bullets([f"{item.name}: {item.description}" for item in known])
            parts.append(self.prompt("existing", prose, {"existing": listed}))
        teacher = self.asker.teacher
        call = Call(
            step=step,
            prompt_version=self.prompt_version,
            model=teacher.model,
            system=self.system(section),
            user="\n\n".join([*parts, form]),
            max_tokens=ROOM_TOKENS + ITEM_TOKENS * n + teacher.reasoning_tokens,
            temperature=teacher.temperature,
            reasoning_effort=teacher.reasoning_effort,
            sample=f"{self.draw}.{sample}",
            schema=LIST_SCHEMA if self.asker.structured else "",
        )
        return call, form

    async def more_domains(
        self, step: str, section: int, wanted: int, known: list[Domain], born: int
    ) -> list[Domain]:
        """The domains of a section that are known, and more, up to its share of those wanted."""
        share = -(-wanted // len(self.sheet.sections))
        items = await self.more(
            step, str(section), section, share - len(known), [d.item for d in known], {}
        )
        for item in items:
            ids = self.sheet.known(item.clauses, f"{item.name} {item.description}", section)
            known = [*known, Domain(f"{section}.{len(known)}", item, ids, section, born)]
        return known

    def call(
        self, teacher: Teacher, step: str, section: int, values: Mapping[str, str], room: int
    ) -> Call:
        """A call by the prompt of that name, with the spec's section in the system message.

        `room` is tokens for the answer; the teacher's for thinking are added.
        """
        return Call(
            step=step,
            prompt_version=self.prompt_version,
            model=teacher.model,
            system=self.system(section),
            user=self.prompt(step, self.sheet.form, {**self.identity, **values}),
            max_tokens=room + teacher.reasoning_tokens,
            temperature=teacher.temperature,
            reasoning_effort=teacher.reasoning_effort,
            sample=str(self.draw),
        )

    def system(self, section: int) -> str:
        """The system message, the same for every call about a section of the spec."""
        values = {**self.identity, "spec": self.sheet.sections[section].text}
        return self.prompt("system", self.sheet.form, values)

    async def _read_or_repair(self, call: Call, form: str) -> tuple[list[ListItem], list[str]]:
        answer = await self.asker.ask(call)
        try:
            return read_items(answer)
        except UnreadableError as problem:
            if not problem.repairable:
                raise
            values = {"answer": answer.text, "problem": str(problem)}
            user = f"{self.prompt('repair', self.sheet.form, values)}\n\n{form}"
            return read_items(
                await self.asker.ask(replace(call, user=user, step=f"{call.step} (repair)"))
            )


def bullets(lines: Sequence[str]) -> str:
    """A Markdown list."""
    return "\n".join(f"- {' '.join(line.split())}" for line in lines)
