"""The leak check: no eval item may occur in what is trained on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from midspec.errors import DataError
from midspec.evals.items import read_item_set
from midspec.files import read_rows, write_rows
from midspec.leaks import LeakFinder
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
    finder, by_id = LeakFinder(items), {item.id: item for item in items}
    leaks = [
        {
            "item": leaked,
            "aligned": by_id[leaked].aligned,
            "other": by_id[leaked].other,
            "text": f"{name}, {where}",
        }
        for name, found in texts.items()
        for where, text in found.items()
        if (leaked := finder.find(text))
    ]
    write_rows(out / "leaks.jsonl", leaks)
    if leaks:
        first = leaks[0]
        raise DataError(
            f"{len(leaks)} training text{'s give' if len(leaks) > 1 else ' gives'} an eval item "
            f"away, the first being {first['item']}: {first['aligned']!r} and {first['other']!r} "
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
    return {f"chat {chat.id}": " ".join(chat.texts) for chat in chats}
