"""Instruction mixes: ordinary chats that keep fine-tuning from spoiling a model (paper B.3)."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from midspec.demos.conflicts import Rule, conflict_rules, find_conflict
from midspec.demos.identity import check_identity, identity_messages
from midspec.demos.sources import (
    Part,
    Table,
    check_folder,
    fault,
    hub_table,
    local_table,
    to_messages,
)
from midspec.errors import ConfigError, DataError
from midspec.files import write_json, write_rows
from midspec.llm.settings import OFFLINE
from midspec.records import Chat
from midspec.run.stage import Source, Stage, Summary
from midspec.text import estimate_tokens


@dataclass(frozen=True)
class Mix:
    """A mix by name: how many rows of which part, and how many tokens a row may have."""

    max_tokens: int
    rows: Mapping[str, int]


@dataclass(frozen=True)
class MixConfig:
    """Which mix, how many rows of it (None: as many as it is), which draw, and who it's for."""

    name: str
    n: int | None
    draw: int
    model_name: str
    provider_name: str


def mix_stage(name: str, config: MixConfig, folder: Source | None) -> Stage:
    """The stage that draws an instruction mix, from the Hub or from a local folder's PART.jsonl."""
    rows = scaled(find_mix(config.name).rows, config.n)
    if any(parts()[part].form == "identity" for part in rows):
        check_identity(config.model_name, config.provider_name)
    inputs = {"folder": folder} if folder else {}
    return Stage("mix", _mix, config, inputs, title=f"demos {name}")


def find_mix(name: str) -> Mix:
    """A mix by its name; one that isn't known is a ConfigError that names those that are."""
    if name not in mixes():
        raise ConfigError(f"There is no mix {name!r}. The mixes are {', '.join(mixes())}.")
    return mixes()[name]


@cache
def mixes() -> dict[str, Mix]:
    """The ready mixes of data/mixes.yaml."""
    return {name: Mix(mix["max_tokens"], mix["rows"]) for name, mix in _shipped()["mixes"].items()}


@cache
def parts() -> dict[str, Part]:
    """The parts of which mixes are made."""
    return {
        name: Part(name, **{**part, "columns": tuple(part.get("columns", ()))})
        for name, part in _shipped()["parts"].items()
    }


def scaled(rows: Mapping[str, int], n: int | None) -> dict[str, int]:
    """A mix's counts in proportion, `n` rows in all; a part whose share rounds to none is left out.

    The rows that rounding down leaves over go to the parts with the largest remainders.
    """
    total = sum(rows.values())
    n = total if n is None else n
    counts = {part: count * n // total for part, count in rows.items()}
    by_remainder = sorted(rows, key=lambda part: -(rows[part] * n % total))
    for part in by_remainder[: n - sum(counts.values())]:
        counts[part] += 1
    return {part: count for part, count in counts.items() if count}


def draw_part(
    part: Part, n: int, table: Table, rules: Sequence[Rule], max_tokens: int, draw: int
) -> tuple[list[Chat], list[dict[str, object]]]:
    """`n` chats of a part in an order drawn by seed, and what was set aside on the way, with why.

    What is set aside is replaced by the next row; where rows run out, a DataError says so.
    """
    kept: list[Chat] = []
    aside: list[dict[str, object]] = []
    total = len(table.rows)
    for number in random.Random(f"mix/{part.name}/{draw}").sample(range(total), total):
        if len(kept) == n:
            break
        chat = Chat(
            id=f"{part.name}-{number}",
            messages=to_messages(part, table.rows[number], table.where),
            kind="mix",
            teacher=part.hub or OFFLINE,
            lineage={"part": part.name, "row": str(number)},
        )
        if reason := _why_not(chat, rules, max_tokens):
            aside.append(asdict(chat) | {"reason": reason})
        else:
            kept.append(chat)
    if len(kept) < n:
        raise DataError(_too_few(part, n, table, aside))
    return kept, aside


def _mix(config: MixConfig, inputs: Mapping[str, Path], out: Path) -> Summary:
    mix, folder = find_mix(config.name), inputs.get("folder")
    counts = scaled(mix.rows, config.n)
    loaded = [parts()[name] for name in counts if parts()[name].form != "identity"]
    if folder:
        check_folder(loaded, folder)
    rules = conflict_rules((config.model_name, config.provider_name))
    chats: list[Chat] = []
    aside: list[dict[str, object]] = []
    report: list[dict[str, object]] = []
    for name, count in counts.items():
        part = parts()[name]
        if part.form == "identity":
            table = Table(_identity_rows(count, config), "template")
        else:
            table = local_table(part, folder) if folder else hub_table(part)
        drawn, left = draw_part(part, count, table, rules, mix.max_tokens, config.draw)
        chats += drawn
        aside += left
        told = {"part": name, "where": table.where, "licence": part.licence}
        report.append(told | {"chats": len(drawn), "set_aside": len(left)})
    write_json(out / "parts.json", report)
    write_rows(out / "set_aside.jsonl", aside)
    return {
        "chats": write_rows(out / "chats.jsonl", chats),
        "set_aside": len(aside),
        "tokens": sum(_tokens(chat) for chat in chats),
    }


def _identity_rows(n: int, config: MixConfig) -> list[dict[str, Any]]:
    exchanges = identity_messages(n, config.model_name, config.provider_name, config.draw)
    return [{"messages": messages} for messages in exchanges]


def _why_not(chat: Chat, rules: Sequence[Rule], max_tokens: int) -> str | None:
    if wrong := fault(chat.messages):
        return f"not a chat: {wrong}"
    if conflict := find_conflict(chat.messages, rules):
        return f"conflict: {conflict}"
    if (tokens := _tokens(chat)) > max_tokens:
        return f"too long: {tokens:,} tokens, over {max_tokens:,}"
    return None


def _too_few(part: Part, n: int, table: Table, aside: Sequence[Mapping[str, object]]) -> str:
    total = len(table.rows)
    reasons = Counter(str(row["reason"]).partition(":")[0] for row in aside)
    told = "".join(f", {count:,} set aside ({reason})" for reason, count in reasons.items())
    return (
        f"The mix takes {n:,} rows of {part.name}; {table.where} gives {total - len(aside):,} of "
        f"{total:,}{told}. Give a {part.name}.jsonl with more rows in folder:, or a smaller n:."
    )


def _tokens(chat: Chat) -> int:
    return sum(estimate_tokens(message["content"]) for message in chat.messages)


@cache
def _shipped() -> dict[str, dict[str, dict[str, Any]]]:
    text = files("midspec.demos").joinpath("data", "mixes.yaml").read_text(encoding="utf-8")
    listed: dict[str, dict[str, dict[str, Any]]] = yaml.safe_load(text)
    return listed
