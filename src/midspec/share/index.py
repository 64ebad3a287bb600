"""The index of an archive: what it is, and every file with its length and sha256.

It comes first, so that a reader knows what to expect before it writes anything.
"""

import json
import re
from collections.abc import Collection, Mapping
from pathlib import PurePosixPath
from typing import Annotated
from unicodedata import category, normalize

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from midspec.errors import StoreError
from midspec.run.stage import MANIFEST

FORMAT = 1
INDEX = "index.json"
README = "README.md"
LARGEST_INDEX = 1 << 26  # bytes: some 400,000 files
LONGEST_PART = 200  # bytes of a folder's or a file's name; most file systems know 255
EXPERIMENT, STAGES = "experiment", "stages"  # the archive's two folders
STAGE = re.compile(r"[a-z_-]+-[0-9a-f]{12}")
# What stages write. No program, and nothing that could hold one, such as a pickle.
KINDS = {
    ".csv", ".eval", ".html", ".jinja", ".json", ".jsonl", ".md", ".model", ".parquet", ".png",
    ".safetensors", ".svg", ".txt", ".yaml",
}  # fmt: skip
WEIGHTS = (".safetensors",)  # what an archive may leave out of a training stage
SOURCES = KINDS | {".yml", ""}  # of an experiment's own files; a LICENSE has no ending


class Told(BaseModel):
    """A file's length in bytes and its sha256."""

    model_config = ConfigDict(frozen=True)

    bytes: Annotated[int, Field(ge=0, lt=2**63)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Index(BaseModel):
    """What an archive holds. `experiment` is its file there, `finished` when its report was made,
    by which midspec, commit and packages; `adapters` are the stages whose weights are in it."""

    model_config = ConfigDict(frozen=True)

    format: int
    name: str
    experiment: str
    report: Annotated[str, Field(pattern=r"^report-[0-9a-f]{12}$")]
    finished: str
    midspec: str
    commit: str | None
    packages: dict[str, str]
    adapters: list[str]
    files: dict[str, Told]

    @property
    def bytes(self) -> int:
        """How much all its files take, unpacked."""
        return sum(told.bytes for told in self.files.values())

    @property
    def stages(self) -> list[str]:
        """The folders of its stages."""
        return [
            name.split("/")[1]
            for name in self.files
            if name.startswith(f"{STAGES}/") and name.endswith(f"/{MANIFEST}")
        ]

    def below(self, folder: str) -> dict[str, Told]:
        """The files of a folder of the archive, by their names in it."""
        start = f"{folder}/"
        return {
            name.removeprefix(start): told
            for name, told in self.files.items()
            if name.startswith(start)
        }

    def text(self) -> str:
        """The index as it stands in the archive."""
        return json.dumps(self.model_dump(), indent=1, ensure_ascii=False) + "\n"


def read_index(raw: bytes, archive: str) -> Index:
    """The index of an archive; what isn't one, or names a file that must not be, is a
    StoreError."""
    try:
        found = json.loads(raw.decode("utf-8"))
        if isinstance(found, dict):
            _check_format(found, archive)
        index = Index.model_validate(found)
    except (ValueError, RecursionError, ValidationError) as error:
        why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else "it isn't JSON"
        raise StoreError(f"The index of {archive} can't be read ({why}). Copy it again.") from error
    check_names(index.files, archive)
    if index.experiment not in index.files or not index.experiment.startswith(f"{EXPERIMENT}/"):
        raise StoreError(f"{archive} doesn't hold its experiment {index.experiment[:200]!r}.")
    return index


def check_names(names: Collection[str], archive: str) -> None:
    """Each name must lead to a place of its own below its folder, on every system, and to nothing
    that could be run; else it is a StoreError."""
    for name in names:
        if why := _wrong_with(name):
            raise StoreError(
                f"{archive} has a file {name[:200]!r}, which {why}, so nothing of it is taken."
            )
    _check_apart(names, archive)


def _check_format(found: Mapping[str, object], archive: str) -> None:
    written = found.get("format")
    if isinstance(written, int) and written > FORMAT:
        raise StoreError(
            f"{archive} was written by midspec {str(found.get('midspec', '?'))[:40]!r} in format "
            f"{written}, and this one reads format {FORMAT}. Upgrade midspec."
        )


def _wrong_with(name: str) -> str:
    """Why a file of that name is refused; "" if it isn't."""
    return _wrong_on_some_system(name) or ("" if name == README else _wrong_place(name))


def _wrong_on_some_system(name: str) -> str:
    parts = name.split("/")
    if name.startswith("/") or any(part in ("", ".", "..") for part in parts):
        return "leaves the folder that it belongs in"
    if any(part.startswith(".") for part in parts):
        return "is hidden"
    if "\\" in name or ":" in name or any(category(c).startswith("C") for c in name):
        return "has characters that some system takes for others"
    if any(len(part.encode()) > LONGEST_PART for part in parts) or len(name.encode()) > 1_000:
        return "is too long"
    return ""


def _wrong_place(name: str) -> str:
    parts = name.split("/")
    stage = parts[0] == STAGES
    if parts[0] not in (EXPERIMENT, STAGES) or len(parts) < 2:
        return "is neither of the experiment nor of a stage"
    if stage and (len(parts) < 3 or not STAGE.fullmatch(parts[1])):
        return "is in no stage's folder"
    if PurePosixPath(name).suffix.lower() not in (KINDS if stage else SOURCES):
        return f"is no kind of file that {'a stage writes' if stage else 'an experiment names'}"
    return ""


def _check_apart(names: Collection[str], archive: str) -> None:
    """Names that some file system takes for one, or a file that would be a folder, too."""
    seen: dict[str, str] = {}
    for name in names:
        key = normalize("NFC", name).casefold()
        if key in seen:
            raise StoreError(f"{archive} has {name[:200]!r} twice, so nothing of it is taken.")
        seen[key] = name
    for key, name in seen.items():
        above = key.rpartition("/")[0]
        while above:
            if above in seen:
                raise StoreError(f"{archive} has {name[:200]!r} below a file of that name.")
            above = above.rpartition("/")[0]
