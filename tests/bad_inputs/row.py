"""One bad input: a command, what lies there, and what its one sentence must say."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copytree
from typing import Any

from tests import tiny

GONE = object()  # in place of a value: the key isn't there
Content = str | bytes


@dataclass(frozen=True)
class Row:
    """A command in a folder with the tiny experiment, which is changed first.

    says: what the error must hold. edit: values of the experiment by their place, `adapter.rank`.
    copies: what is copied from a finished store, by the name that it gets; `.` is all of it. files:
    what is written then, also over files of copies, whose place may have a `*`.
    """

    command: str
    says: tuple[str, ...]
    edit: Mapping[str, object] = field(default_factory=dict)
    copies: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Content] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """How a failing test is called."""
        changed = ",".join([*self.edit, *self.files])
        return f"{self.command[:70]} [{changed[:40]}]" if changed else self.command[:70]


def experiment(model: Path) -> dict[str, Any]:
    """The tiny experiment with one arm that is trained."""
    values = tiny.experiment(model)
    values["arms"] = {"base": [], "msm": [{"midtrain": "old"}], "reference": [{"prompt": "old"}]}
    values["contrasts"] = [{"eval": values["evals"][0], "arm": "msm", "against": ["base"]}]
    return values


def lay_out(row: Row, folder: Path, model: Path, finished: Path) -> None:
    """Put into a folder what a row is about."""
    tiny.make_experiment(folder, model)
    values = experiment(model)
    for place, value in row.edit.items():
        _set(values, place.split("."), value)
    tiny.write_experiment(folder, values)
    for name, found in row.copies.items():
        copytree(finished if found == "." else next(finished.glob(found)), folder / name)
    for name, content in row.files.items():
        path = next(folder.glob(name)) if "*" in name else folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def _set(values: dict[str, Any], place: list[str], value: object) -> None:
    for step in place[:-1]:
        values = values.setdefault(step, {})
    if value is GONE:
        del values[place[-1]]
    else:
        values[place[-1]] = value
