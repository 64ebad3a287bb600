"""Reading scenarios: what is put to a model, what is right, what is a failure, how each is told.

A scenario and its control share their setting and the words of their answers. What differs is a
message or a file, and with it which of two acts is right. So no act, and no manner of speaking,
is right or wrong by itself: who always waits, or always obeys, fails one of the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml

from midspec.errors import DataError
from midspec.evals.actions import Sign, any_there

Kind = Literal["scenario", "control"]
NEXT_STEP = "Next step:"  # how an agent's answer begins; a chat's stem is its scenario's own

Made = TypeVar("Made")


@dataclass(frozen=True)
class Tool:
    """An action that an agent has: its block's name, what it does, the fields in the block."""

    name: str
    does: str
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Check:
    """Whether an act is mechanically there: one of the signs `any` is, or none of `none` is."""

    any: tuple[Sign, ...] = ()
    none: tuple[Sign, ...] = ()

    def holds(self, answer: str) -> bool:
        """Whether an answer does what is checked for; thoughts and drafts don't count."""
        return any_there(self.any, answer) if self.any else not any_there(self.none, answer)


@dataclass(frozen=True)
class Pair:
    """Two ways in which an answer goes on, alike in form and length."""

    failing: str
    right: str


@dataclass(frozen=True)
class Case:
    """A scenario or its control: the user's turn, the right act, the failing one, how each is told.

    executed: finds the failing act. verdict: asks a judge, yes or no, whether it was decided on.
    """

    kind: Kind
    prompt: str
    right: str
    failing: str
    executed: Check
    verdict: str
    pairs: tuple[Pair, ...]


@dataclass(frozen=True)
class Scenario:
    """A setting with its two cases. An agent has tools; a chat may have earlier turns."""

    id: str
    family: str
    domain: str
    form: Literal["agent", "chat"]
    system: str
    tools: tuple[Tool, ...]
    earlier: tuple[Mapping[str, str], ...]
    stem: str
    scenario: Case
    control: Case

    @property
    def cases(self) -> tuple[Case, Case]:
        """The scenario proper and its control."""
        return self.scenario, self.control


@dataclass(frozen=True)
class _Raw:
    """A scenario as its file has it; `pairs` are in the scenario's roles, and `shared` is what
    stands in the user's turn of both cases."""

    id: str
    domain: str
    form: Literal["agent", "chat"]
    system: str
    scenario: dict[str, Any]
    control: dict[str, Any]
    pairs: list[dict[str, str]]
    shared: str = ""
    actions: Mapping[str, dict[str, Any]] | None = None
    earlier: Sequence[Mapping[str, str]] = ()
    stem: str = NEXT_STEP


@cache
def shipped(name: str) -> tuple[Scenario, ...]:
    """The shipped scenarios of that name, family by family."""
    folder = Path(str(files("midspec.evals.scenarios"))) / name
    return tuple(found for path in sorted(folder.glob("*.yaml")) for found in read(path))


def read(path: Path) -> list[Scenario]:
    """The scenarios of one file, a family; one that isn't whole is a DataError that names it."""
    try:
        family = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise DataError(f"{path.name} isn't YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(family, dict) or not {"family", "scenarios"} <= set(family):
        raise DataError(f"{path.name} has no family and scenarios.")
    return [
        _scenario(_make(_Raw, raw, f"{path.name}, {raw.get('id')}"), family["family"], path)
        for raw in family["scenarios"]
    ]


def _scenario(raw: _Raw, family: str, path: Path) -> Scenario:
    where = f"{path.name}, {raw.id}"
    pairs = tuple(_make(Pair, pair, f"{where}, pairs") for pair in raw.pairs)
    turned = tuple(Pair(failing=pair.right, right=pair.failing) for pair in pairs)
    tools = tuple(
        Tool(name, tool["does"], tuple(tool["fields"]))
        for name, tool in (raw.actions or {}).items()
    )
    if bool(tools) != (raw.form == "agent"):
        raise DataError(f"{where}: an agent has actions, and a chat has none.")
    return Scenario(
        raw.id,
        family,
        raw.domain,
        raw.form,
        raw.system,
        tools,
        tuple(raw.earlier),
        raw.stem,
        _case("scenario", raw.scenario, raw.shared, pairs, tools, where),
        _case("control", raw.control, raw.shared, turned, tools, where),
    )


def _case(
    kind: Kind,
    raw: Mapping[str, Any],
    shared: str,
    pairs: tuple[Pair, ...],
    tools: Sequence[Tool],
    where: str,
) -> Case:
    prompt = "\n\n".join(part for part in (shared, str(raw.get("prompt", ""))) if part)
    executed = _check(raw.get("executed"), tools, f"{where}, {kind}")
    return _make(
        Case,
        {**raw, "kind": kind, "prompt": prompt, "executed": executed, "pairs": pairs},
        f"{where}, {kind}",
    )


def _check(raw: Any, tools: Sequence[Tool], where: str) -> Check:
    signs = {
        key: tuple(
            Sign(
                action=sign.get("action", ""),
                fields={k: v for k, v in sign.items() if k not in ("action", "words", "plainly")},
                words=sign.get("words", ""),
                plainly=sign.get("plainly", ""),
            )
            for sign in listed
        )
        for key, listed in (raw or {}).items()
    }
    if set(signs) not in ({"any"}, {"none"}):
        raise DataError(f"{where}: executed has signs under `any` or under `none`.")
    known = {tool.name: set(tool.fields) for tool in tools}
    for sign in (sign for listed in signs.values() for sign in listed):
        own = known.get(sign.action)
        if sign.action and (own is None or not set(sign.fields) <= own):
            raise DataError(
                f"{where}: executed looks for {sign.action} with {', '.join(sign.fields) or 'no'} "
                f"fields; the actions are {', '.join(known)}."
            )
    return Check(**signs)


def _make(kind: type[Made], raw: Mapping[str, Any], where: str) -> Made:
    """A dataclass from a mapping that has all of its fields and no other."""
    known = {f.name: f.default is MISSING for f in fields(kind)}  # type: ignore[arg-type]
    missing = [name for name, needed in known.items() if needed and not raw.get(name)]
    unknown = [name for name in raw if name not in known]
    if missing or unknown:
        said = f"lacks {', '.join(missing)}" if missing else f"has {', '.join(unknown)} besides"
        raise DataError(f"{where} {said}. It has {', '.join(known)}.")
    return kind(**raw)
