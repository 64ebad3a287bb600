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
    """Every item of which both options occur in one data set's texts, and where each first does.

    One option alone is no leak: "a boat" may occur anywhere; the pair is what is asked.
    """
    leaks = []
    plain = {where: f" {_plain(text)} " for where, text in texts.items()}
    for item in items:
        found = []
        for option in (item.aligned, item.other):
            wanted = f" {_plain(option)} "
            found += [next((where for where, text in plain.items() if wanted in text), None)]
        if all(found):
            texts_found = " and ".join(dict.fromkeys(str(where) for where in found))
            leaks.append(
                {"item": item.id, "aligned": item.aligned, "other": item.other, "text": texts_found}
            )
    return leaks


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _check(config: LeakConfig, inputs: Mapping[str, Path], out: Path) -> Summary:
    """Write leaks.jsonl, and fail if it has a row."""
    items: list[Item] = []
    for key, path in inputs.items():
        if key.startswith("items/"):
            items += read_item_set(path)
    texts = {
        key.removeprefix("data/"): _texts(folder)
        for key, folder in inputs.items()
        if key.startswith("data/")
    }
    leaks = [
        leak | {"text": f"{name}, {leak['text']}"}
        for name, found in texts.items()
        for leak in find_leaks(items, found)
    ]
    write_rows(out / "leaks.jsonl", leaks)
    if leaks:
        first = leaks[0]
        raise DataError(
            f"{len(leaks)} eval item{'s occur' if len(leaks) > 1 else ' occurs'} in the training "
            f"text, the first being {first['item']}: {first['aligned']!r} and {first['other']!r} "
            f"in {first['text']}. "
            "Take the items out of the item set, or their wording out of the specs' item files."
        )
    return {"texts": sum(len(found) for found in texts.values()), "items": len(items), "leaks": 0}


def _texts(folder: Path) -> dict[str, str]:
    """A data set's texts by the name of the row."""
    if (folder / "documents.jsonl").exists():
        documents = read_rows(folder / "documents.jsonl", Document)
        return {f"document {d.id}": d.text for d in documents}
    chats = read_rows(folder / "chats.jsonl", Chat)
    return {f"chat {c.id}": " ".join(m["content"] for m in c.messages) for c in chats}
