"""What a stage is, and the name that its recipe gives to its folder."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from midspec.errors import ConfigError, StoreError
from midspec.files import digest_file, digest_folder, digest_text, read_json
from midspec.recipe import canonical
from midspec.resources import Resources

MANIFEST = "manifest.json"  # written last: a folder without one is no stage
LEFT_OUT = "left_out"  # of a manifest: outputs that aren't there, since an archive had none

Inputs = Mapping[str, Path]
Summary = dict[str, object]


@dataclass(frozen=True, eq=False)
class Source:
    """A file or folder from outside the store; what it holds is its identity, not where it lies.

    here: false for a model whose weights a plan doesn't wait for. Its digest may be known all the
    same; if not, its name stands for the weights, and the fingerprints of such a plan aren't those
    of a run.
    """

    name: str
    location: Path
    here: bool = True
    known: str = ""

    @cached_property
    def digest(self) -> str:
        """The sha256 of the file, or of the folder's files and names."""
        if not self.here:
            return self.known or digest_text(f"not here: {self.name}")
        if not self.location.exists():
            raise ConfigError(f"{self.location} does not exist. Check the path in the experiment.")
        if self.location.is_file():
            return digest_file(self.location)
        return sha256(json.dumps(digest_folder(self.location)).encode()).hexdigest()

    def fingerprint(self) -> str:
        """Twelve digits of the content's digest."""
        return self.digest[:12]

    def path(self, root: Path) -> Path:
        """Where it lies."""
        return self.location


@dataclass(frozen=True, eq=False)
class Stage:
    """One step: `fn(config, inputs, out)` reads finished input folders and fills `out`."""

    name: str
    fn: Callable[[Any, Inputs, Path], Summary]
    config: object
    inputs: Mapping[str, "Stage | Source"] = field(default_factory=dict)
    version: int = 1  # bump when fn's meaning changes; source text is not hashed
    resources: Resources | None = None  # where, never what; None if it computes with no weights
    title: str = ""  # for people: which arm or corpus this is; never part of the identity

    @cached_property
    def recipe(self) -> dict[str, object]:
        """Everything that decides the output, as plain JSON."""
        return {
            "stage": self.name,
            "version": self.version,
            "config": canonical(self.config),
            "inputs": {key: source.fingerprint() for key, source in self.inputs.items()},
        }

    @cached_property
    def digest(self) -> str:
        """The recipe's sha256."""
        return recipe_digest(self.recipe)

    def fingerprint(self) -> str:
        """Twelve digits of the recipe's sha256."""
        return self.digest[:12]

    def path(self, root: Path) -> Path:
        """The folder of the finished output, known before anything runs."""
        return root / f"{self.name}-{self.fingerprint()}"

    def done(self, root: Path) -> bool:
        """Whether the output is published."""
        return (self.path(root) / MANIFEST).exists()

    @property
    def computes(self) -> bool:
        """Whether it computes with weights, and so needs those of the stages that it reads."""
        return self.resources is not None

    def stages(self) -> "list[Stage]":
        """The inputs that are stages themselves."""
        return [source for source in self.inputs.values() if isinstance(source, Stage)]


def recipe_digest(recipe: Mapping[str, object]) -> str:
    """The sha256 of a recipe, which a manifest holds too: its stage, version, config and inputs."""
    named = {key: recipe[key] for key in ("stage", "version", "config", "inputs")}
    return sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()


def summary_of(folder: Path) -> dict[str, Any]:
    """What a finished stage tells of its output."""
    return dict(read_json(folder / MANIFEST)["summary"])


def left_out(folder: Path) -> list[str]:
    """The outputs, weights all of them, that the archive from which a stage came left out."""
    if not (folder / MANIFEST).exists():
        return []
    found: list[str] = read_json(folder / MANIFEST).get(LEFT_OUT, [])
    return found


def verify(folder: Path, with_weights: bool = True) -> None:
    """Check a published folder against the digests in its manifest; a change is a StoreError.

    with_weights: whether weights that an archive left out are wanted, too.
    """
    manifest = read_json(folder / MANIFEST)
    spared = manifest.get(LEFT_OUT, [])
    found = digest_folder(folder)
    for name, digest in manifest["outputs"].items():
        if name in spared:
            if with_weights:
                raise StoreError(
                    f"{folder / name} was left out of the archive that it came from. Import one "
                    f"with adapters, or delete {folder} and run the experiment, which trains it."
                )
        elif found.get(name) != digest:
            what = "was changed" if name in found else "is missing"
            raise StoreError(
                f"{folder / name} {what} since its stage finished, so nothing built on it would "
                f"be what its name says. Delete {folder} to build it again."
            )
