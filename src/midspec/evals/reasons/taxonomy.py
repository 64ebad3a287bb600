"""The reasons that transcripts are classified for: a YAML file that people can read and change."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from midspec.errors import ConfigError
from midspec.files import write_text

KINDS = ("misaligned", "aligned", "other")


@dataclass(frozen=True)
class Reason:
    """A reason that may drive what a model does; `kind` is misaligned, aligned or other."""

    id: str
    name: str
    kind: str
    definition: str
    example: str


def shipped_taxonomy() -> Path:
    """The file of the reasons that the paper names."""
    return Path(str(files("midspec.evals.reasons").joinpath("taxonomy.yaml")))


def read_taxonomy(path: Path) -> list[Reason]:
    """The reasons of a file, in its order; one that can't be used is a ConfigError."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        why = " ".join(str(error).split())
        raise ConfigError(f"{path} can't be read as YAML ({why}).") from error
    rows = found.get("reasons") if isinstance(found, dict) else None
    if not isinstance(rows, list) or not rows:
        raise ConfigError(f"{path} has no list `reasons:`. Copy the shipped one: {_shape()}.")
    reasons = [_reason(path, number, row) for number, row in enumerate(rows, 1)]
    twice = [name for name, times in Counter(reason.id for reason in reasons).items() if times > 1]
    if twice:
        raise ConfigError(f"{path} has the id {twice[0]!r} twice. Every reason needs its own.")
    return reasons


def write_taxonomy(path: Path, reasons: Sequence[Reason]) -> None:
    """Write reasons as `read_taxonomy` reads them."""
    rows = [asdict(reason) for reason in reasons]
    write_text(path, yaml.safe_dump({"reasons": rows}, sort_keys=False, allow_unicode=True))


def _reason(path: Path, number: int, row: Any) -> Reason:
    names = [field.name for field in fields(Reason)]
    texts = row if isinstance(row, dict) else {}
    whole = set(texts) == set(names)
    if not whole or not all(isinstance(text, str) and text.strip() for text in texts.values()):
        raise ConfigError(f"{path}, reason {number}: is not as it must be: {_shape()}.")
    if texts["kind"] not in KINDS:
        raise ConfigError(
            f"{path}, reason {number}: kind is {texts['kind']!r}. Use {', '.join(KINDS)}."
        )
    return Reason(**{name: texts[name].strip() for name in names})


def _shape() -> str:
    return f"a reason has the texts {', '.join(field.name for field in fields(Reason))}"
