"""Taking an archive in: everything is unpacked and checked beside the store, and then put there.

A stage of the archive counts as the store's own once its manifest's recipe gives the name of its
folder, its files have the digests that the manifest says, and what it was made from is there too.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from math import isclose, isnan
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from midspec.errors import StoreError
from midspec.files import digest_file, disk_errors, read_json
from midspec.run.build import open_store
from midspec.run.lease import locked
from midspec.run.remote import find_remote
from midspec.run.stage import LEFT_OUT, MANIFEST, left_out, recipe_digest
from midspec.share.archive import Reader, reading
from midspec.share.index import (
    EXPERIMENT,
    INDEX,
    LARGEST_INDEX,
    STAGES,
    WEIGHTS,
    Index,
    read_index,
)
from midspec.share.portable import scalars

REPORT = "report"  # the one stage that isn't put into the store: it is built there from the scores


class Manifest(BaseModel):
    """What of a stage's manifest others build on."""

    stage: str
    version: Any
    config: Any
    title: str
    inputs: dict[str, str]
    sources: dict[str, str]
    outputs: dict[str, str]
    summary: dict[str, Any] | None
    began: str
    seconds: float
    left_out: list[str] = []


@dataclass(frozen=True)
class Unpacked:
    """An archive that was checked and lies, unpacked, in a folder that goes with the block."""

    index: Index
    folder: Path

    @property
    def results(self) -> dict[str, Any]:
        """The numbers of the archive's own report."""
        found: dict[str, Any] = read_json(self.folder / STAGES / self.index.report / "results.json")
        return found


@contextmanager
def unpacked(archive: Path, store: Path, max_bytes: float) -> Iterator[Unpacked]:
    """An archive's files, checked, in a folder inside the store; of what isn't as it should be
    nothing stays. An archive that unpacks to more than `max_bytes` is refused unread."""
    if find_remote(store):
        raise StoreError("An archive is imported into a folder. Name one with --store.")
    with reading(archive) as reader:
        index, top = _read_index(reader, archive)
        open_store(store)
        with (
            disk_errors(store),
            TemporaryDirectory(prefix="import-", dir=store / ".work") as scratch,
        ):
            _check_size(index, archive, max_bytes, store)
            _unpack(reader, index, top, archive, Path(scratch))
            manifests = {
                name: _check_stage(Path(scratch), name, index, archive) for name in index.stages
            }
            if index.report not in index.stages:
                raise StoreError(f"{archive} has no report, so it is no finished experiment.")
            _check_inputs(manifests, archive)
            for name in index.files:
                if name.endswith("/adapter_config.json"):
                    _check_adapter(Path(scratch) / name, archive)
            _check_places(Path(scratch) / index.experiment, Path(scratch) / EXPERIMENT)
            yield Unpacked(index, Path(scratch))


def _read_index(reader: Reader, archive: Path) -> tuple[Index, str]:
    """The index, which is the first file, and the folder that all files are in."""
    name, size = reader.next()
    top, _, rest = name.partition("/")
    if rest != INDEX or size > LARGEST_INDEX:
        raise StoreError(
            f"{archive} doesn't begin with an index, so midspec export hasn't written it."
        )
    return read_index(b"".join(reader.content(size)), str(archive)), top


def _check_size(index: Index, archive: Path, max_bytes: float, store: Path) -> None:
    free = shutil.disk_usage(store).free
    if not index.bytes <= max_bytes:  # nan is no leave to take anything
        raise StoreError(
            f"{archive} unpacks to {index.bytes / 1e9:,.1f} GB, more than {max_bytes / 1e9:,.1f}. "
            "If you trust it, raise --max-gb."
        )
    if index.bytes > free:
        raise StoreError(
            f"{archive} unpacks to {index.bytes / 1e9:,.1f} GB, and {store} has room for "
            f"{free / 1e9:,.1f}. Free some, or choose another store."
        )


def _unpack(reader: Reader, index: Index, top: str, archive: Path, folder: Path) -> None:
    """Write each file that the index names, and check it on the way."""
    for name, told in index.files.items():
        if reader.next() != (f"{top}/{name}", told.bytes):
            raise StoreError(
                f"{archive} doesn't hold what its index says: {name} isn't where it should be. "
                "Nothing of it was taken."
            )
        path, digest = folder / name, sha256()
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "xb") as file:
            for block in reader.content(told.bytes):
                digest.update(block)
                file.write(block)
        if digest.hexdigest() != told.sha256:
            raise StoreError(
                f"{archive} is damaged: {name} isn't what its index says. Nothing of it was taken."
            )
    if reader.next()[0]:
        raise StoreError(f"{archive} holds more files than its index says. Nothing was taken.")


def _check_stage(folder: Path, name: str, index: Index, archive: Path) -> dict[str, Any]:
    """A stage's manifest; its folder must bear the name that the recipe gives it, and hold what it
    made."""
    manifest, there = _manifest(folder, name, archive), index.below(f"{STAGES}/{name}")
    wrong = f"{archive}: the stage {name}"
    if name != f"{manifest['stage']}-{recipe_digest(manifest)[:12]}":
        raise StoreError(
            f"{wrong} was made by another recipe than its name says. Nothing was taken."
        )
    spared, outputs = manifest[LEFT_OUT], manifest["outputs"]
    if not all(one in outputs and Path(one).suffix in WEIGHTS for one in spared):
        raise StoreError(f"{wrong} lacks files that are no weights. Nothing was taken.")
    wanted = {one: digest for one, digest in outputs.items() if one not in spared}
    found = {one: told.sha256 for one, told in there.items() if one != MANIFEST}
    if wanted != found:
        differing = sorted(one for one in {*wanted, *found} if wanted.get(one) != found.get(one))
        raise StoreError(
            f"{wrong} isn't what its manifest says: {differing[0]} is other, or missing. Nothing "
            "was taken."
        )
    return manifest


def _manifest(folder: Path, name: str, archive: Path) -> dict[str, Any]:
    path = folder / STAGES / name / MANIFEST
    try:
        return Manifest.model_validate_json(path.read_bytes()).model_dump()
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"])) or "all of it"
        raise StoreError(
            f"{archive}: the manifest of the stage {name} can't be read ({where}). Nothing of it "
            "was taken."
        ) from error


def _check_adapter(path: Path, archive: Path) -> None:
    """An adapter's settings may name code to import, which those of midspec's adapters don't."""
    found = read_json(path)
    known = isinstance(found, dict) and found.get("peft_type") == "LORA"
    if not known or found.get("megatron_config"):
        raise StoreError(
            f"{archive}: {path.parent.parent.name}/{path.name} is of no adapter that midspec "
            "trains. Nothing was taken."
        )


def _check_inputs(manifests: Mapping[str, dict[str, Any]], archive: Path) -> None:
    """What a stage was made from must be in the archive, or a file whose digest it knows."""
    known = {name.rpartition("-")[2] for name in manifests}
    for name, manifest in manifests.items():
        for key, fingerprint in manifest["inputs"].items():
            source = str(manifest["sources"].get(key, ""))
            if fingerprint not in known and (not source or source[:12] != fingerprint):
                raise StoreError(
                    f"{archive}: the stage {name} was made from {key} ({str(fingerprint)[:12]}), "
                    "which isn't there. Nothing was taken."
                )


def check_free(found: Unpacked, out: Path) -> None:
    """A folder that holds something else than the experiment's own files is a StoreError."""
    files = {name: told.sha256 for name, told in found.index.below(EXPERIMENT).items()}
    if (out.exists() or out.is_symlink()) and not _holds(out, files):
        raise StoreError(
            f"{out} is there already and holds something else than this experiment. Name another "
            "folder with --out."
        )


def put_experiment(found: Unpacked, out: Path) -> Path:
    """Write the experiment's own files to a folder that is free for them, unless they are there,
    and return the experiment file."""
    file = Path(found.index.experiment).relative_to(EXPERIMENT)
    if not out.exists():
        with disk_errors(out):
            out.parent.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as scratch:
                shutil.copytree(found.folder / EXPERIMENT, Path(scratch) / "made")
                (Path(scratch) / "made").rename(out)
    return out / file


def _holds(folder: Path, files: Mapping[str, str]) -> bool:
    """Whether a folder has just these files; of others only the names are looked at."""
    there = set()
    for path in folder.rglob("*"):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            if name not in files:
                return False
            there.add(name)
    return there == files.keys() and all(
        digest_file(folder / name) == digest for name, digest in files.items()
    )


def named_code(file: Path) -> list[str]:
    """The evals of an experiment file that are Python of this machine, `inspect/MODULE:TASK`."""
    values = (scalar.value for _, scalar in scalars(file.read_text(encoding="utf-8")))
    return [value for value in values if value.startswith("inspect/") and ":" in value]


def _exists(place: Path) -> bool:
    try:
        return place.exists()
    except OSError:  # a text too long for a name
        return False


def _check_places(file: Path, folder: Path) -> None:
    """An experiment of somebody else's must not name a file of this machine."""
    try:
        values = [scalar.value for _, scalar in scalars(file.read_text(encoding="utf-8"))]
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise StoreError("The experiment file in the archive isn't valid YAML.") from error
    for value in values:
        for path in {value, value.partition("/")[2]} - {""}:
            place = file.parent / path
            if _exists(place) and not place.resolve().is_relative_to(folder.resolve()):
                raise StoreError(
                    f"The experiment in the archive names {value[:200]!r}, a place outside of it. "
                    "midspec export writes none, so nothing of it is taken."
                )


def put_stages(found: Unpacked, store: Path) -> tuple[list[str], list[str]]:
    """Put the stages into a store, one rename each; returns the new ones and those that were there.

    A stage that is there with other content is a StoreError, before anything is put there.
    """
    names = [name for name in found.index.stages if not name.startswith(f"{REPORT}-")]
    new = [name for name in names if _is_new(found.folder / STAGES / name, store / name)]
    for name in new:
        with locked(store / ".work" / f"{name}.lock"), disk_errors(store):
            if _is_new(found.folder / STAGES / name, store / name):
                shutil.rmtree(store / name, ignore_errors=True)
                (found.folder / STAGES / name).rename(store / name)
    return new, [name for name in names if name not in new]


def _is_new(made: Path, there: Path) -> bool:
    """Whether a stage isn't in the store, or is there with fewer weights."""
    if not (there / MANIFEST).exists():
        return True
    mine, theirs = read_json(there / MANIFEST), read_json(made / MANIFEST)
    if mine["outputs"] != theirs["outputs"]:
        raise StoreError(
            f"{there} was made by the same recipe as in the archive and holds something else: what "
            "an LLM writes, or another machine computes, differs each time. Import into another "
            "store, with --store."
        )
    return set(left_out(made)) < set(left_out(there))


def same_numbers(one: Any, other: Any) -> bool:
    """Whether two reports tell the same; a number's last digits are the machine's."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_numbers(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_numbers, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return isclose(one, other, rel_tol=1e-6, abs_tol=1e-9) or (isnan(one) and isnan(other))
    return bool(one == other)
