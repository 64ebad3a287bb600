"""What a spec's Markdown says of each clause: its id, its kind, and the rule that it belongs to.

Marks are attributes at the end of a paragraph, list item or heading, `{#sp1 .rule}`, and no part of
the text that a model reads. docs/spec-variants.md has the convention.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from midspec.errors import ConfigError
from midspec.records import CLAUSE_ID

Kind = Literal["rule", "subrule", "reason", "example", "general"]
KINDS: tuple[str, ...] = get_args(Kind)
ADDED = "added"  # the class of what an LLM wrote for a variant; the spec itself is without it
WHOLE = "all"  # `for=all`: it belongs to the spec as a whole
NAME = r"[A-Za-z][\w.-]*"
MARK = re.compile(rf"[ \t]*\{{:?[ \t]*((?:(?:[#.]|for=){NAME}[ \t]*)+)\}}[ \t\r]*$")
PART = re.compile(rf"([#.]|for=)({NAME})")
# Where one block ends and the next begins: a blank line, a list item, a heading.
BLOCK_END = re.compile(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.)\s)|\n(?=#)|(?<=\n)(?=#)")
HEADING = re.compile(r"(#+)\s*(.+)")
BULLET = re.compile(r"^(?:[-*]|\d+\.)\s+")
LEAD_IN = re.compile(
    r"^\*\*(?:(?P<rule>rule)|(?P<subrule>sub-?rule)|(?P<reason>why|reasons?)|(?P<example>examples?))"
    r"(?: [A-Za-z]*\d[\w.]*)?[.:]?\*\*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Passage:
    """One block of a spec. Clauses are paragraphs and list items; a heading or a table has no id.

    kind: of KINDS, or empty where nothing marks it. rule: the id of the rule that a sub-rule,
    reason or example belongs to. text: on one line, without bullet and marks; source: as it stands
    in the file, without marks. level: of a heading, or of the heading above it. line: from 1.
    """

    form: Literal["heading", "clause", "table"]
    id: str
    kind: str
    rule: str
    heading: str
    text: str
    source: str
    level: int
    line: int
    classes: tuple[str, ...] = ()

    @property
    def listed(self) -> bool:
        """Whether it is a list item."""
        return bool(BULLET.match(self.source.lstrip()))

    def reworded(self, text: str) -> str:
        """Another text as Markdown in its place: as a list item, and as far in, where it is one."""
        bare = self.source.lstrip()
        bullet = BULLET.match(bare)
        return f"{self.source[: -len(bare)]}{bullet[0] if bullet else ''}{text}"


@dataclass(frozen=True)
class _Mark:
    id: str = ""
    classes: tuple[str, ...] = ()
    rule: str = ""  # what for= says

    @property
    def kind(self) -> str:
        return next((name for name in self.classes if name in KINDS), "")


@dataclass(frozen=True)
class _Block:
    """Lines that stand together, and what they are marked with."""

    lines: list[str]
    line: int
    mark: _Mark
    title: re.Match[str] | None = None  # of a heading

    @property
    def indent(self) -> int:
        return len(self.lines[0]) - len(self.lines[0].lstrip())

    @property
    def listed(self) -> bool:
        return bool(BULLET.match(self.lines[0].lstrip()))


def without_marks(text: str) -> str:
    """A spec's text as a model reads it."""
    return "\n".join(_unmarked(line)[0] for line in text.split("\n"))


def passages(text: str, where: str = "the spec") -> list[Passage]:
    """The blocks of a spec in order, with what marks them.

    An id that is used twice or has another form, and a rule that isn't there, are ConfigErrors.
    """
    found = list(_Reader(where).read(text))
    rules = {passage.id for passage in found}
    for passage in found:
        if passage.rule and passage.rule not in rules:
            raise ConfigError(
                f"{where}, line {passage.line}: for={passage.rule} names no clause. Use the id of "
                f"a rule, or for={WHOLE}."
            )
    return found


def _unmarked(line: str) -> tuple[str, list[tuple[str, str]]]:
    """A line without its mark, and the parts of that."""
    if not (found := MARK.search(line)):
        return line, []
    return line[: found.start()], PART.findall(found[1])


@dataclass
class _Heading:
    level: int
    text: str
    mark: _Mark


@dataclass
class _Reader:
    """Goes through a spec from top to bottom."""

    where: str
    headings: list[_Heading] = field(default_factory=list)  # those above, outermost first
    items: list[tuple[int, Passage, bool]] = field(default_factory=list)  # list items it is within
    rule: tuple[str, int] = ("", 0)  # the last rule, and the level of its heading
    section: int = 0
    passage: int = 0
    children: dict[str, int] = field(default_factory=dict)
    lines_of: dict[str, int] = field(default_factory=dict)  # where each id stands

    def read(self, text: str) -> Iterator[Passage]:
        for block in self._blocks(text):
            if block.title:
                yield self._heading(block.title, block)
                continue
            body = [line for line in block.lines if not line.lstrip().startswith("|")]
            table = [line for line in block.lines if line.lstrip().startswith("|")]
            if re.search(r"\w", " ".join(body)):
                yield self._clause(replace(block, lines=body))
            if table:
                yield self._table(table, block.line)

    def _blocks(self, text: str) -> Iterator[_Block]:
        """The blocks with their marks; a heading is one of its own."""
        lines: list[str] = []
        marks: dict[int, list[tuple[str, str]]] = {}
        for number, line in enumerate(text.split("\n")):
            unmarked, parts = _unmarked(line)
            lines.append(unmarked)
            at = number
            while parts and at and not lines[at].strip():
                at -= 1  # a mark on a line of its own is for the block above
            marks.setdefault(at, []).extend(parts)
        bare, start = "\n".join(lines), 0
        for end, after in [*(found.span() for found in BLOCK_END.finditer(bare)), (len(bare), 0)]:
            if block := bare[start:end].strip():
                first = bare.count("\n", 0, bare.index(block, start))
                whole = lines[first : first + block.count("\n") + 1]
                title = HEADING.match(block.split("\n", 1)[0])
                cut = 1 if title else 0
                for part, at in ((whole[:cut], first), (whole[cut:], first + cut)):
                    own = [one for n in range(at, at + len(part)) for one in marks.get(n, [])]
                    if part:
                        yield _Block(part, at + 1, self._mark(own, at + 1), title)
                    title = None
            start = after

    def _mark(self, parts: list[tuple[str, str]], line: int) -> _Mark:
        ids = [name for sign, name in parts if sign == "#"]
        if len(ids) > 1:
            raise ConfigError(
                f"{self.where}, line {line}: one clause has the ids {' and '.join(ids)}. Leave one."
            )
        rules = [name for sign, name in parts if sign == "for="]
        classes = tuple(name for sign, name in parts if sign == ".")
        return _Mark("".join(ids), classes, rules[-1] if rules else "")

    def _table(self, rows: list[str], line: int) -> Passage:
        heading, source = self._above(), "\n".join(rows)
        return Passage(
            "table", "", self._heading_mark().kind, "", heading.text, source, source, heading.level,
            line,
        )  # fmt: skip

    def _heading(self, title: re.Match[str], block: _Block) -> Passage:
        level, text = len(title[1]), title[2].strip()
        while self.headings and self.headings[-1].level >= level:
            self.headings.pop()
        if level <= self.rule[1]:
            self.rule = ("", 0)
        self.headings.append(_Heading(level, text, block.mark))
        self.section, self.passage, self.items = self.section + 1, 0, []
        if block.mark.id:
            self._take(block.mark.id, f"{block.mark.id}.p1", block.line)
        source = block.lines[0].strip()
        return Passage(
            "heading", "", block.mark.kind, block.mark.rule, text, text, source, level, block.line,
            block.mark.classes,
        )  # fmt: skip

    def _clause(self, block: _Block) -> Passage:
        self.passage += 1
        while self.items and self.items[-1][0] >= block.indent:
            self.items.pop()
        parent = self.items[-1] if self.items else None
        heading = self._above()
        text = BULLET.sub("", " ".join(line.strip() for line in block.lines).strip()).strip()
        name = block.mark.id or self._derived_id(parent, heading, block)
        self._take(name, name, block.line)
        kind = block.mark.kind or _lead_in(text) or self._inherited(parent, block)
        named = block.mark.rule or self._heading_mark().rule
        rule = "" if kind in ("", "rule", "general") or named == WHOLE else named or self.rule[0]
        if kind == "rule":
            self.rule = (name, heading.level)
        passage = Passage(
            "clause", name, kind, rule, heading.text, text, "\n".join(block.lines), heading.level,
            block.line, block.mark.classes,
        )  # fmt: skip
        if block.listed:
            own = bool(block.mark.id) or bool(parent and parent[2])
            self.items.append((block.indent, passage, own))
        return passage

    def _derived_id(
        self, parent: tuple[int, Passage, bool] | None, heading: _Heading, block: _Block
    ) -> str:
        """An id by place: below an item with an id, below a heading with one, or in the spec."""
        if parent and parent[2] and block.listed:
            above = parent[1].id
            self.children[above] = self.children.get(above, 0) + 1
            return f"{above}.{self.children[above]}"
        if heading.mark.id:
            return f"{heading.mark.id}.p{self.passage}"
        return f"s{self.section}.p{self.passage}"

    def _inherited(self, parent: tuple[int, Passage, bool] | None, block: _Block) -> str:
        """The kind of the item or the heading that a clause stands below."""
        if parent and parent[1].kind:
            return "subrule" if parent[1].kind == "rule" and block.listed else parent[1].kind
        return self._heading_mark().kind

    def _above(self) -> _Heading:
        return self.headings[-1] if self.headings else _Heading(0, "", _Mark())

    def _heading_mark(self) -> _Mark:
        """The mark of the nearest heading that has a kind."""
        return next((h.mark for h in reversed(self.headings) if h.mark.kind), _Mark())

    def _take(self, name: str, clause: str, line: int) -> None:
        """Note where an id stands; `clause` is the id of a clause that is made of it."""
        if not re.fullmatch(CLAUSE_ID, clause):
            raise ConfigError(
                f"{self.where}, line {line}: {name} can't be an id. Write lower-case letters and a "
                "number, then what you like after a dot: sp1, sp1.why, honesty-2."
            )
        if name in self.lines_of:
            raise ConfigError(
                f"{self.where}, line {line}: the id {name} stands at line {self.lines_of[name]} "
                "already. Give each clause its own."
            )
        self.lines_of[name] = line


def _lead_in(text: str) -> str:
    """The kind that a bold word at the beginning says."""
    found = LEAD_IN.match(text)
    return next((kind for kind, word in found.groupdict().items() if word), "") if found else ""
