"""Where the rows of an instruction mix come from, and how a row becomes a chat."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from midspec.errors import ConfigError, DataError
from midspec.files import read_dicts

Messages = list[dict[str, str]]
Form = Literal["messages", "turns", "pair", "choices", "identity"]


@dataclass(frozen=True)
class Part:
    """One source of a mix, as data/mixes.yaml describes it."""

    name: str
    form: Form
    columns: tuple[str, ...] = ()
    hub: str = ""
    config: str | None = None
    split: str = "train"
    file: str = ""  # of the repository, where its own loading script can't be run
    licence: str = "unknown"

    @property
    def templated(self) -> bool:
        """Whether its rows are written from templates for the experiment's own identity."""
        return self.form == "identity"


@dataclass(frozen=True)
class Table:
    """A part's rows by number, and where they lie: a file's name, or a Hub id and revision."""

    rows: Sequence[Mapping[str, Any]]
    where: str


def check_folder(parts: Sequence[Part], folder: Path) -> None:
    """A local folder must hold a file for every part; all that are missing are told at once."""
    missing = [
        f"{part.name}.jsonl" for part in parts if not (folder / f"{part.name}.jsonl").exists()
    ]
    if missing:
        raise DataError(
            f"{folder} lacks {', '.join(missing)}. The mix takes a JSONL file of each part, with "
            "rows of messages; leave folder: out to load the mix from the Hub."
        )


def local_table(part: Part, folder: Path) -> Table:
    """The rows of PART.jsonl."""
    file = folder / f"{part.name}.jsonl"
    return Table(read_dicts(file), file.name)


def hub_table(part: Part) -> Table:
    """A part's rows from the Hub, at the revision that is its newest now.

    ConfigError where the package datasets isn't there, DataError where the Hub doesn't give them.
    """
    try:
        import datasets
    except ImportError as error:
        raise ConfigError(
            f"The mix's part {part.name} is loaded with the package datasets, which isn't "
            "installed. Run: pip install 'midspec[data]', or give folder: a folder that holds "
            f"{part.name}.jsonl and the other parts."
        ) from error
    from huggingface_hub import dataset_info

    try:
        revision = dataset_info(part.hub).sha
        if part.file:
            file = f"hf://datasets/{part.hub}@{revision}/{part.file}"
            rows = datasets.load_dataset("json", data_files=file, split="train")
        else:
            rows = datasets.load_dataset(part.hub, part.config, split=part.split, revision=revision)
    except Exception as error:
        raise DataError(
            f"The mix's part {part.name} can't be had from the Hub: {part.hub} "
            f"({type(error).__name__}: {_first_line(error)}). Check the network; if its page asks "
            "to accept terms, do so and log in with hf auth login; or give folder: a folder that "
            f"holds {part.name}.jsonl and the other parts."
        ) from error
    return Table(rows, f"{part.hub}@{revision}")


def to_messages(part: Part, row: Mapping[str, Any], where: str) -> Messages:
    """A row's messages, from its column `messages` or from the part's own columns.

    What isn't text comes out empty, for `fault` to find; a column that isn't there is a DataError.
    """
    form: Form = "messages" if "messages" in row else part.form
    columns = ("messages",) if "messages" in row else part.columns
    if missing := [column for column in columns if column not in row]:
        raise DataError(
            f"{where}: a row has {', '.join(sorted(row))}, no {', '.join(missing)}. Rows of "
            f"{part.name} have {', '.join(part.columns)}, or messages."
        )
    values = [row[column] for column in columns]
    if form == "choices":
        return _choices(*values)
    if form == "pair":
        return _in_turn(values)
    listed = values[0] if isinstance(values[0], list) else []
    if form == "turns":
        return _in_turn(listed)
    return [
        {"role": _text(message.get("role")), "content": _text(message.get("content"))}
        for message in listed
        if isinstance(message, Mapping)
    ]


def fault(messages: Messages) -> str | None:
    """Why messages are no chat to train on; None where they are one.

    A chat is a system message or none, then user and assistant in turn, and ends in an answer.
    """
    turns = messages[1:] if messages and messages[0]["role"] == "system" else messages
    for number, message in enumerate(turns):
        if message["role"] != ("user", "assistant")[number % 2]:
            return f"turn {number + 1} is by {message['role'] or 'nobody'}"
    for number, message in enumerate(turns, 1):
        if not message["content"].strip():
            return f"turn {number} is empty"
    if len(turns) < 2 or len(turns) % 2:
        return "it doesn't end in an answer"
    return None


def _in_turn(texts: Sequence[object]) -> Messages:
    return [
        {"role": ("user", "assistant")[number % 2], "content": _text(text)}
        for number, text in enumerate(texts)
    ]


def _choices(question: object, choices: object, answer: object) -> Messages:
    """A multiple-choice question, as MMLU is usually put, and its answer with letter and text."""
    options = [_text(choice) for choice in choices] if isinstance(choices, list) else []
    if not (isinstance(answer, int) and 0 <= answer < len(options) and all(options)):
        return _in_turn([question, ""])
    lines = [f"{chr(ord('A') + number)}. {option}" for number, option in enumerate(options)]
    if not _text(question).strip():
        return _in_turn(["", lines[answer]])
    return _in_turn(["\n".join([_text(question), *lines]), lines[answer]])


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0][:200]
