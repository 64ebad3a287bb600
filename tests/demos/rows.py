"""Local folders with the rows of an instruction mix's parts."""

import json
from pathlib import Path
from typing import Any

from midspec.demos.mixes import MixConfig, parts
from midspec.files import read_rows
from midspec.records import Chat

WHO = {"model_name": "Quill", "provider_name": "Orchard Labs"}


def chat(number: int, answer: str = "Gladly.") -> dict[str, Any]:
    """A row of messages that can be told from others by its number."""
    question = {"role": "user", "content": f"Question {number}?"}
    return {"messages": [question, {"role": "assistant", "content": f"{answer} ({number})"}]}


def write(folder: Path, part: str, rows: list[dict[str, Any]]) -> None:
    """Write PART.jsonl as people write it."""
    folder.mkdir(exist_ok=True)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / f"{part}.jsonl").write_text(text, encoding="utf-8")


def whole(folder: Path, rows: int = 40) -> Path:
    """A local folder with `rows` rows of every part, in the columns that its source has."""
    for name, part in parts().items():
        if part.form == "messages":
            write(folder, name, [chat(n, f"Of {name}.") for n in range(rows)])
    turns = [{"conversations": [f"Q{n}?", f"A{n}."], "source": "x"} for n in range(rows)]
    write(folder, "lima", turns)
    question = {"question": "How many?", "choices": ["one", "two", "three", "four"], "answer": 2}
    write(folder, "mmlu", [question | {"subject": f"s{n}"} for n in range(rows)])
    return folder


def config(name: str, n: int | None, draw: int = 0, **changes: Any) -> MixConfig:
    """A mix for an assistant named Quill."""
    return MixConfig(name=name, n=n, draw=draw, **(WHO | changes))


def kept(folder: Path) -> list[Chat]:
    """The chats of a finished mix."""
    return read_rows(folder / "chats.jsonl", Chat)
