"""What an LLM adds where a spec lacks what its variants need: sub-rules, reasons, a summary."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from midspec.errors import TeacherError
from midspec.llm.asker import Asker
from midspec.llm.read import UnreadableError
from midspec.spec.marks import ADDED, Passage, without_marks
from midspec.spec.match import words
from midspec.spec.prompts import ask, prompt
from midspec.spec.variants import render
from midspec.text import fill_in

RULE_WORDS = 450  # for a rule of which there is nothing to match; the paper's have about 490
GENERAL_WORDS = 340  # the paper's general spec has 342
PARAGRAPH_WORDS = 90
NEAR = (0.6, 1.6)  # shares of the words that were asked for within which an answer must lie
ROOM_PER_WORD = 2  # tokens, with JSON's quotes
NAMES = {"subrule": ("subrules", "sub"), "reason": ("reasons", "why")}  # prompt, and part of an id
PARAGRAPHS_SCHEMA = """{"type": "object", "properties": {"paragraphs": {"type": "array", "items":
{"type": "string"}}}, "required": ["paragraphs"], "additionalProperties": false}"""


def lacking(found: Sequence[Passage]) -> list[str]:
    """The kinds that variants need and of which a spec has nothing."""
    kinds = {passage.kind for passage in found}
    wanted = ["subrule", "reason"] if "rule" in kinds else []
    return [kind for kind in (*wanted, "general") if kind not in kinds]


def words_wanted(found: Sequence[Passage], rule: str, kind: str) -> int:
    """How long the additions to a rule should be: as long as what it has of the other kind."""
    other = "reason" if kind == "subrule" else "subrule"
    return words([p for p in found if p.rule == rule and p.kind == other]) or RULE_WORDS


async def add(
    asker: Asker, found: Sequence[Passage], identity: Mapping[str, str], draw: int
) -> list[Passage]:
    """The passages with what they lack, written by the LLM and marked as added. An answer that
    can't be read, or has another length, is a TeacherError."""
    kinds = lacking(found)
    spec = fill_in(without_marks(render(found)), identity)
    rules = [passage for passage in found if passage.kind == "rule"]
    jobs = [(kind, rule) for kind in kinds if kind != "general" for rule in rules]
    tasks = [_of_rule(asker, found, rule, kind, spec, identity, draw) for kind, rule in jobs]
    if "general" in kinds:
        tasks.append(_general(asker, spec, identity, draw))
    try:
        written = await asyncio.gather(*tasks)
    except UnreadableError as error:
        raise TeacherError(
            f"{asker.teacher.model} didn't write what the variants lack: {error}. Ask another "
            "model, or draw again (--draw 1)."
        ) from error
    made = list(found)
    for (kind, rule), texts in zip(jobs, written, strict=False):
        end = max(n for n, other in enumerate(made) if rule.id in (other.id, other.rule)) + 1
        made[end:end] = [
            _passage(f"{rule.id}.{NAMES[kind][1]}{n}", kind, rule, _unfilled(text, identity))
            for n, text in enumerate(texts, 1)
        ]
    if "general" in kinds:
        text = _unfilled(written[-1][0], identity)
        title = next((passage for passage in made if passage.form == "heading"), made[0])
        made.insert(1, _passage("general1", "general", title, text))
    return made


async def _of_rule(
    asker: Asker,
    found: Sequence[Passage],
    rule: Passage,
    kind: str,
    spec: str,
    identity: Mapping[str, str],
    draw: int,
) -> list[str]:
    wanted = words_wanted(found, rule.id, kind)
    n = max(1, round(wanted / PARAGRAPH_WORDS))
    values = {
        **identity,
        "spec": spec,
        "rule": fill_in(rule.text, identity),
        "task": prompt(NAMES[kind][0], "", {}),
        "n": str(n),
        "each": str(round(wanted / n)),
        "words": str(wanted),
    }
    return await _paragraphs(asker, "additions", "additions", values, wanted, draw)


async def _general(asker: Asker, spec: str, identity: Mapping[str, str], draw: int) -> list[str]:
    values = {**identity, "spec": spec, "words": str(GENERAL_WORDS)}
    return await _paragraphs(asker, "general", "additions", values, GENERAL_WORDS, draw)


async def _paragraphs(
    asker: Asker, step: str, system: str, values: dict[str, str], wanted: int, draw: int
) -> list[str]:
    room = wanted * ROOM_PER_WORD

    def read(said: dict[str, Any]) -> list[str]:
        return _texts(said, wanted)

    return await ask(asker, step, values, room, PARAGRAPHS_SCHEMA, read, draw, system)


def _texts(said: dict[str, Any], wanted: int) -> list[str]:
    texts = said.get("paragraphs")
    if not isinstance(texts, list) or not texts or not all(isinstance(t, str) for t in texts):
        raise UnreadableError("no list of paragraphs")
    plain = [" ".join(text.split()) for text in texts]
    length = sum(len(text.split()) for text in plain)
    if not all(plain) or not NEAR[0] * wanted <= length <= NEAR[1] * wanted:
        raise UnreadableError(f"{length} words where {wanted} were asked for")
    return plain


def _unfilled(text: str, identity: Mapping[str, str]) -> str:
    """The names of the identity as placeholders again."""
    for key, value in sorted(identity.items(), key=lambda one: -len(one[1])):
        text = text.replace(value, f"{{{key}}}")
    return text


def _passage(name: str, kind: str, near: Passage, text: str) -> Passage:
    rule = near.id if kind != "general" else ""
    return Passage(
        "clause", name, kind, rule, near.heading, text, text, near.level, 0, (kind, ADDED)
    )
