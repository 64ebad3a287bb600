"""The demos stages that ask no LLM: opaque preferences from a spec's table, everyday questions, and
replay from the base model."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from midspec.demos.everyday import everyday_chats
from midspec.demos.opaque import opaque_chats
from midspec.demos.replay import replay_chats, replay_prompts
from midspec.files import read_json, write_rows
from midspec.run.stage import Source, Stage, Summary


@dataclass(frozen=True)
class OpaqueConfig:
    """How many chats, and which draw of them."""

    n: int
    draw: int


@dataclass(frozen=True)
class EverydayConfig:
    """How many questions, and which draw of them."""

    n: int
    draw: int


@dataclass(frozen=True)
class ReplayConfig:
    """How many prompts, which draw of them, and how long an answer may be."""

    n: int
    max_new_tokens: int
    draw: int


def opaque_stage(name: str, config: OpaqueConfig, spec: Stage) -> Stage:
    """The stage that writes opaque demonstrations; it reads nothing of the spec but its table."""
    return Stage("demos", _opaque, config, {"spec": spec}, title=f"demos {name}")


def everyday_stage(name: str, config: EverydayConfig) -> Stage:
    """The stage that writes everyday questions and their answers."""
    return Stage("everyday", _everyday, config, title=f"demos {name}")


def replay_stage(name: str, config: ReplayConfig, base: Source) -> Stage:
    """The stage in which the base model answers ordinary prompts."""
    return Stage("replay", _replay, config, {"base": base}, title=f"demos {name}")


def _opaque(config: OpaqueConfig, inputs: Mapping[str, Path], out: Path) -> Summary:
    table = read_json(inputs["spec"] / "preferences.json")
    return {"chats": write_rows(out / "chats.jsonl", opaque_chats(table, config.n, config.draw))}


def _everyday(config: EverydayConfig, inputs: Mapping[str, Path], out: Path) -> Summary:
    return {"chats": write_rows(out / "chats.jsonl", everyday_chats(config.n, config.draw))}


def _replay(config: ReplayConfig, inputs: Mapping[str, Path], out: Path) -> Summary:
    prompts = replay_prompts(config.n, config.draw)
    chats, aside = replay_chats(prompts, inputs["base"], config.max_new_tokens)
    write_rows(out / "chats.jsonl", chats)
    write_rows(out / "set_aside.jsonl", aside)
    return {"asked": len(prompts), "chats": len(chats), "set_aside": len(aside)}
