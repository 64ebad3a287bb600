"""The leak check: no eval item may occur in what is trained on."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from midspec.errors import DataError
from midspec.evals.items import read_item_set
from midspec.files import read_rows, write_rows
from midspec.records import Chat, Document, Item
from midspec.run.stage import Source, Stage, Summary


@dataclass(frozen=True)
class LeakConfig:
    """Nothing to set: a leak fails the run."""


def leak_stage(training: Mapping[str, Stage], item_sets: Mapping[str, Path]) -> Stage:
    """The stage that compares every corpus and demo set with every item set, before training."""
    inputs: dict[str, Stage | Source] = {f"data/{name}": stage for name, stage in training.items()}
    inputs |= {f"items/{name}": Source(name, path) for name, path in item_sets.items()}
    return Stage("leaks", _check, LeakConfig(), inputs, title="leak check")


def find_leaks(items: Sequence[Item], texts: Mapping[str, str]) -> list[dict[str, str]]:
    """Every text that holds both options of an item, or the two joined as the eval asks them.

    One option alone is no leak: "a boat" may occur anywhere; the pair is what is asked.
    """
    leaks = []
    plain = {where: f" {_plain(text)} " for where, text in texts.items()}
    for item in items:
        aligned, other = f" {_plain(item.aligned)} ", f" {_plain(item.other)} "
        leaks += [
            {"item": item.id, "aligned": item.aligned, "other": item.other, "text": where}
            for where, text in plain.items()
            if aligned in text and other in text
        ]
    return leaks


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _check(config: LeakConfig, inputs: Mapping[str, Path], out: Path) -> Summary:
    """Write leaks.jsonl, and fail if it has a row."""
    texts: dict[str, str] = {}
    items: list[Item] = []
    for key, folder in inputs.items():
        kind, _, name = key.partition("/")
        if kind == "items":
            items += read_item_set(folder)
        elif (folder / "documents.jsonl").exists():
            documents = read_rows(folder / "documents.jsonl", Document)
            texts |= {f"{name}, document {d.id}": d.text for d in documents}
        else:
            chats = read_rows(folder / "chats.jsonl", Chat)
            texts |= {
                f"{name}, chat {c.id}": " ".join(m["content"] for m in c.messages) for c in chats
            }
    leaks = find_leaks(items, texts)
    write_rows(out / "leaks.jsonl", leaks)
    if leaks:
        first = leaks[0]
        raise DataError(
            f"{len(leaks)} eval items occur in the training text, the first being {first['item']} "
            f"({first['aligned']!r} or {first['other']!r}) in {first['text']}. "
            "Take the items out of the item set, or their wording out of the specs' item files."
        )
    return {"texts": len(texts), "items": len(items), "leaks": 0}
