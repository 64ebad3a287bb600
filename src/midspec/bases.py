"""The base models that finished stages rest on, as a file beside their experiment tells them.

With it an experiment that came out of an archive can be planned, and its report built, on a machine
that has no weights; and weights that are here but aren't the same don't make it another experiment.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

from pydantic import StringConstraints, TypeAdapter, ValidationError

from midspec.errors import ConfigError
from midspec.files import write_json
from midspec.yaml_file import read_yaml

ENDING = ".bases.json"  # of cheese.yaml: cheese.bases.json


@dataclass(frozen=True)
class KnownBase:
    """The sha256 of a base model's folder, and which files it came from, "" where nobody knows."""

    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    origin: str = ""


def bases_file(experiment: Path) -> Path:
    """Where the base models of an experiment file are written down."""
    return experiment.with_suffix(ENDING)


def known_bases(experiment: Path) -> dict[str, KnownBase]:
    """The base models that are known, by name; none where there is no file, a ConfigError where it
    can't be read."""
    path = bases_file(experiment)
    if not path.exists():
        return {}
    try:
        return TypeAdapter(dict[str, KnownBase]).validate_python(read_yaml(path))  # JSON is YAML
    except ValidationError as error:
        raise ConfigError(
            f"{path} should name each base model with its digest, a sha256, and its origin. Take "
            "it from the archive again, or delete it to use the model that is here."
        ) from error


def write_bases(experiment: Path, bases: Mapping[str, KnownBase]) -> None:
    """Write down the base models of an experiment file."""
    write_json(bases_file(experiment), {name: asdict(base) for name, base in bases.items()})
