"""JSONL in and out, digests, and writing that never leaves half a file."""

import errno
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields, is_dataclass
from hashlib import sha256
from math import isfinite
from pathlib import Path
from typing import Any, TypeVar

from midspec.errors import DataError, StoreError

Row = TypeVar("Row")


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn a full or read-only disk into one sentence that names the path."""
    try:
        yield
    except Exception as error:
        number = error.errno if isinstance(error, OSError) else None
        # safetensors and shutil.copytree raise errors of their own, which say so in words only
        if number in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error):
            raise StoreError(
                f"The disk is full: {path} could not be written. Finished stages are safe; "
                "free some space and run the same command again."
            ) from error
        if number in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise StoreError(
                f"No permission to write {path}. Choose a place that you may write to (--store or "
                "--out, or for models MIDSPEC_HOME)."
            ) from error
        raise


def write_text(path: Path, text: str) -> None:
    """Write `text` so that a reader sees all of it or the file as it was before."""
    # The process's number, since processes that share a store may write one file at once.
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with disk_errors(path):
        with open(partial, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)


def write_json(path: Path, value: object) -> None:
    """Write one JSON value, keys sorted, readable by people."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def finite(value: Any) -> Any:
    """A value for JSON: what is nan or infinite becomes null."""
    if isinstance(value, Mapping):
        return {key: finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [finite(one) for one in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def read_json(path: Path) -> Any:
    """Read one JSON value; a torn or missing file is a StoreError that names it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StoreError(f"{path} is missing. Run the stage that writes it again.") from error
    except OSError as error:
        raise StoreError(f"{path} can't be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:  # no JSON, no UTF-8, too long a number, too deep
        raise StoreError(f"{path} is not readable JSON ({error}). Delete its folder.") from error


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object; anything else is a StoreError that names the file."""
    found = read_json(path)
    if not isinstance(found, dict):
        raise StoreError(f"{path} holds no JSON object. Run the stage that writes it again.")
    return found


def write_rows(path: Path, rows: Iterable[object]) -> int:
    """Write dataclasses or dicts as JSONL, and return how many."""
    lines = [
        json.dumps(
            asdict(row) if is_dataclass(row) and not isinstance(row, type) else row,
            ensure_ascii=False,
        )
        for row in rows
    ]
    write_text(path, "".join(line + "\n" for line in lines))
    return len(lines)


def read_dicts(path: Path) -> list[dict[str, Any]]:
    """Read JSONL rows as dicts; an unreadable line is a DataError with its number."""
    rows = []
    try:
        lines = path.read_text(encoding="utf-8").split("\n")  # JSON may hold U+2028 and U+0085
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist.") from error
    except IsADirectoryError as error:
        raise DataError(f"{path} is a folder. Name a JSONL file.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 (byte {error.start}). Save it as UTF-8.") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if "\\ud" in line or "\\uD" in line:
                json.dumps(row, ensure_ascii=False).encode()
        except json.JSONDecodeError as error:
            raise DataError(f"{path}, line {number}: not JSON ({error.msg}).") from error
        except UnicodeEncodeError as error:
            raise DataError(f"{path}, line {number}: holds half a character (\\ud…).") from error
        except (ValueError, RecursionError) as error:
            raise DataError(
                f"{path}, line {number}: can't be read: a number too long, or nested too deep."
            ) from error
        if not isinstance(row, dict):
            raise DataError(f"{path}, line {number}: expected an object, got {line[:40]!r}.")
        rows.append(row)
    return rows


def read_rows(path: Path, kind: type[Row]) -> list[Row]:
    """Read JSONL rows as dataclass `kind`; a row that doesn't fit is a DataError."""
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    rows = []
    for number, row in enumerate(read_dicts(path), 1):
        try:
            rows.append(kind(**row))
        except TypeError as error:
            raise DataError(
                f"{path}, row {number}: has {', '.join(sorted(row))}; "
                f"a {kind.__name__} has {', '.join(sorted(names))}."
            ) from error
    return rows


def digest_text(text: str) -> str:
    """The sha256 of a text."""
    return sha256(text.encode("utf-8")).hexdigest()


def digest_file(path: Path) -> str:
    """The sha256 of a file, read in blocks."""
    digest = sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def digest_folder(folder: Path) -> dict[str, str]:
    """The sha256 of every file below `folder`, by relative path; hidden files are left out."""
    return {
        str(path.relative_to(folder)): digest_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(p.startswith(".") for p in path.relative_to(folder).parts)
    }
