"""A spec in Markdown: read, filled in, and taken apart into clauses and preferences."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from midspec.errors import ConfigError
from midspec.records import Clause
from midspec.spec.marks import passages
from midspec.text import fill_in

TABLE_ROW = re.compile(r"^\s*\|\s*(likes|dislikes)\s*\|\s*([^|]+?)\s*\|", re.IGNORECASE)


def read_spec(path: Path, identity: dict[str, str]) -> str:
    """The spec's text with `{model_name}` and the like filled in; other braces are left alone.

    A missing, empty or non-UTF-8 file is a ConfigError.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ConfigError(
            f"The spec {path} does not exist. Check its path (in an experiment, under specs:)."
        ) from error
    except PermissionError as error:
        raise ConfigError(f"No permission to read the spec {path}.") from error
    except IsADirectoryError as error:
        raise ConfigError(f"The spec {path} is a folder. Name a Markdown file.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"The spec {path} is not UTF-8 (byte {error.start} can't be read). Save it as UTF-8."
        ) from error
    if not re.search(r"\w", text):
        raise ConfigError(f"The spec {path} is empty. Write at least a paragraph of guidance.")
    return fill_in(text, identity)


def clauses(text: str, where: str = "the spec") -> list[Clause]:
    """The passages of a spec: each paragraph or list item, under the heading where it stands.

    Tables are left to `preferences`. A clause's id is the one that it is marked with (`{#sp1}`), or
    counts sections and passages: `s2.p3`. `where` begins an error about marks.
    """
    return [
        Clause(passage.id, passage.heading, passage.text)
        for passage in passages(text, where)
        if passage.form == "clause"
    ]


@dataclass(frozen=True)
class TableRow:
    """A row of a table of preferences: likes or dislikes, a thing, and the reason; None where it
    has no third cell. line: from 1."""

    line: int
    kind: str
    thing: str
    reason: str | None


def table_rows(text: str) -> Iterator[TableRow]:
    """The rows `| likes | thing | reason |` of a spec's table of preferences."""
    for number, line in enumerate(text.split("\n"), 1):
        if row := TABLE_ROW.match(line):
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            reason = cells[2] if len(cells) > 2 else None
            yield TableRow(number, row[1].lower(), row[2], reason)


def preferences(text: str) -> dict[str, list[str]]:
    """What a spec's table of preferences likes and dislikes."""
    table: dict[str, list[str]] = {"likes": [], "dislikes": []}
    for row in table_rows(text):
        table[row.kind].append(row.thing)
    return table


def preference_reasons(text: str) -> dict[str, str]:
    """The table's reason for each thing, as the spec words it; a sentence."""
    return {row.thing: row.reason for row in table_rows(text) if row.reason is not None}
