"""Instruction mixes: ordinary chats that keep fine-tuning from spoiling a model (paper B.3)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from midspec.demos.conflicts import conflict_rules
from midspec.demos.draw import Share, chat_tokens
from midspec.demos.identity import check_identity, identity_messages
from midspec.demos.sieve import sift
from midspec.demos.sources import Part, Table, check_folder, hub_table, local_table
from midspec.errors import ConfigError
from midspec.files import write_json, write_rows
from midspec.llm.settings import Teacher
from midspec.recipe import ADDED
from midspec.run.stage import Source, Stage, Summary
from midspec.yaml_file import shipped_yaml


@dataclass(frozen=True)
class Mix:
    """A mix by name: how many rows of which part, and how many tokens a row may have; and has on
    average, by the paper."""

    max_tokens: int
    chat_tokens: int
    rows: Mapping[str, int]


@dataclass(frozen=True)
class MixConfig:
    """Which mix, how many rows of it (None: as many as it is), which draw, and who it's for.

    judge: reads every chat for conflicts with the input `spec`, whose name is `spec`, too.
    """

    name: str
    n: int | None
    draw: int
    model_name: str
    provider_name: str
    spec: str = field(default="", metadata={ADDED: True})
    judge: Teacher | None = field(default=None, metadata={ADDED: True})
    prompt_version: int = field(default=0, metadata={ADDED: True})  # of the judge's prompt, if any


def mix_stage(
    name: str, config: MixConfig, folder: Source | None, spec: Stage | None = None
) -> Stage:
    """The stage that draws an instruction mix, from the Hub or from a local folder's PART.jsonl."""
    rows = scaled(find_mix(config.name).rows, config.n)
    if any(parts()[part].templated for part in rows):
        check_identity(config.model_name, config.provider_name)
    inputs: dict[str, Stage | Source] = {"folder": folder} if folder else {}
    if spec:
        inputs["spec"] = spec
    return Stage("mix", _mix, config, inputs, title=f"demos {name}")


def find_mix(name: str) -> Mix:
    """A mix by its name; one that isn't known is a ConfigError that names those that are."""
    if name not in mixes():
        raise ConfigError(f"There is no mix {name!r}. The mixes are {', '.join(mixes())}.")
    return mixes()[name]


@cache
def mixes() -> dict[str, Mix]:
    """The ready mixes of data/mixes.yaml."""
    return {
        name: Mix(mix["max_tokens"], mix["chat_tokens"], mix["rows"])
        for name, mix in _shipped()["mixes"].items()
    }


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


def judged_rows(config: MixConfig) -> int:
    """How many chats of a mix a judge reads at first: all but those written from templates."""
    counts = scaled(find_mix(config.name).rows, config.n)
    return sum(count for name, count in counts.items() if not parts()[name].templated)


def _mix(config: MixConfig, inputs: Mapping[str, Path], out: Path) -> Summary:
    shares = _shares(config, inputs.get("folder"))
    judged: dict[str, object] = {}
    if config.judge:
        identity = {"model_name": config.model_name, "provider_name": config.provider_name}
        spec = (config.spec, inputs["spec"])
        # Identity rows are written from templates for this identity, and none is to spare.
        read = [share for share in shares if not share.part.templated]
        verdicts, judged = sift(read, config.judge, spec, identity, out)
        write_rows(out / "verdicts.jsonl", verdicts)
    aside = [row for share in shares for row in share.aside]
    chats = [chat for share in shares for chat in share.chats.values()]
    report = [
        {
            "part": share.part.name,
            "where": share.table.where,
            "licence": share.part.licence,
            "chats": len(share.chats),
            "set_aside": len(share.aside),
        }
        for share in shares
    ]
    write_json(out / "parts.json", report)
    write_rows(out / "set_aside.jsonl", aside)
    return {
        "chats": write_rows(out / "chats.jsonl", chats),
        "set_aside": len(aside),
        "tokens": sum(chat_tokens(chat) for chat in chats),
        **judged,
    }


def _shares(config: MixConfig, folder: Path | None) -> list[Share]:
    """What the mix takes of each part, by rules; all of it is there before a judge is paid."""
    mix = find_mix(config.name)
    counts = scaled(mix.rows, config.n)
    loaded = [parts()[name] for name in counts if not parts()[name].templated]
    if folder:
        check_folder(loaded, folder)
    rules = conflict_rules((config.model_name, config.provider_name))
    shares = []
    for name, count in counts.items():
        part = parts()[name]
        if part.templated:
            table = Table(_identity_rows(count, config), "template")
        else:
            table = local_table(part, folder) if folder else hub_table(part)
        shares.append(Share(part, count, table, rules, mix.max_tokens, config.draw).fill())
    return shares


def _identity_rows(n: int, config: MixConfig) -> list[dict[str, Any]]:
    exchanges = identity_messages(n, config.model_name, config.provider_name, config.draw)
    return [{"messages": messages} for messages in exchanges]


@cache
def _shipped() -> dict[str, dict[str, dict[str, Any]]]:
    listed: dict[str, dict[str, dict[str, Any]]] = shipped_yaml(
        "midspec.demos", "data", "mixes.yaml"
    )
    return listed
