"""What goes into an experiment's archive: its file, its stages, and of weights what is wanted."""

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from shlex import quote
from typing import Any
from zipfile import BadZipFile, ZipFile

from midspec import __version__
from midspec.errors import ConfigError, StoreError, known
from midspec.experiment import Plan
from midspec.export.card import Code, render_markdown
from midspec.files import read_json
from midspec.keys import WORDS, forms
from midspec.run.build import ordered
from midspec.run.remote import bring
from midspec.run.stage import LEFT_OUT, MANIFEST, Stage, left_out
from midspec.share.archive import BLOCK, Member
from midspec.share.index import (
    FORMAT,
    INDEX,
    README,
    STAGES,
    WEIGHTS,
    Index,
    Told,
    check_names,
)
from midspec.share.portable import make_portable

NONE, FINAL, ALL = "none", "final", "all"  # what of the weights goes along; or names of arms

# What must not leave this machine: each text with what it is, for the error.
LONG = 12  # characters; a shorter key of words alone may be a word
Guarded = Mapping[bytes, str]


@dataclass(frozen=True)
class Gathered:
    """The members of an archive, index first, below a folder named for the experiment."""

    folder: str
    index: Index
    members: list[Member]

    @property
    def size(self) -> int:
        """The bytes of all of them together."""
        return sum(member.size for member in self.members)


def gather(
    planned: Plan, file: Path, store: Path, adapters: Sequence[str], guarded: Guarded
) -> Gathered:
    """Everything of a finished experiment; what isn't done, or was changed, is an error, and so is
    a file that holds what is guarded."""
    stages = ordered([planned.leaks, planned.report])
    bring(stages, store)
    if missing := [stage for stage in stages if not stage.done(store)]:
        raise ConfigError(
            f"{len(missing)} of {len(stages)} stages aren't done, the first being "
            f"{missing[0].title or missing[0].name}. Run: midspec run {quote(str(file))}"
        )
    heavy = chosen_weights(planned, adapters)
    own = make_portable(planned, file)
    members = own.members()
    for stage in stages:
        members += _stage(stage, store, stage.fingerprint() in heavy)
    for member in members:
        check_guarded(member, guarded)
    report = read_json(planned.report.path(store) / MANIFEST)
    values = {
        "format": FORMAT,
        "name": planned.experiment.name,
        "experiment": own.file,
        "report": planned.report.path(store).name,
        "finished": report["began"],
        "midspec": __version__,
        "commit": report["commit"],
        "packages": report["packages"],
        "adapters": [stage.path(store).name for stage in stages if stage.fingerprint() in heavy],
    }
    readme = render_markdown(
        "midspec.share", "archive.md.j2", **values, stages=len(stages), code=Code
    )
    members = [Member(README, readme.encode()), *members]
    index = Index(
        **values,
        files={
            one.name: Told(bytes=one.size, sha256=one.digest or _digest(one)) for one in members
        },
    )
    check_names(index.files, "This archive")
    folder = slug(planned.experiment.name)
    return Gathered(
        folder,
        index,
        [
            Member(f"{folder}/{one.name}", one.content, one.digest)
            for one in (Member(INDEX, index.text().encode()), *members)
        ],
    )


def slug(name: str) -> str:
    """An experiment's name as a folder's."""
    return re.sub(r"[^\w-]+", "-", name, flags=re.ASCII).strip("-")[:60] or "experiment"


def chosen_weights(planned: Plan, adapters: Sequence[str]) -> set[str]:
    """The training stages, by fingerprint, whose weights go along: none, the final ones of arms,
    all of them, or the final ones of the arms that are named."""
    arms = {name for name, _ in planned.arms}
    for name in adapters:
        if name not in arms and (name not in (NONE, FINAL, ALL) or len(adapters) > 1):
            raise ConfigError(
                f"--adapters {name} is neither {NONE}, {FINAL} nor {ALL}, nor an arm"
                + known(name, arms)
            )
    last = [
        stage
        for (arm, _), stage in planned.arms.items()
        if stage and (arm in adapters or adapters[0] in (FINAL, ALL))
    ]
    if adapters[0] == ALL and ALL not in arms:
        last = [stage for stage in ordered(last) if _trains(stage)]
    return {stage.fingerprint() for stage in last}


def _trains(stage: Stage) -> bool:
    recipe: Any = stage.recipe["config"]
    return isinstance(recipe, dict) and "loop" in recipe


def _stage(stage: Stage, store: Path, with_weights: bool) -> list[Member]:
    """A stage's files, with its manifest as another machine may see it."""
    folder = stage.path(store)
    manifest = read_json(folder / MANIFEST)
    gone = left_out(folder)
    if gone and with_weights:
        raise StoreError(
            f"The weights of {stage.title} aren't in this store: the archive it came from left "
            "them out. Export without them (--adapters none)."
        )
    if not with_weights and _trains(stage):
        gone = [name for name in manifest["outputs"] if Path(name).suffix in WEIGHTS]
    told = {key: value for key, value in manifest.items() if key != LEFT_OUT}
    if told["resources"]:
        told["resources"] = {**told["resources"], "host": ""}
    if gone:
        told[LEFT_OUT] = gone
    at = f"{STAGES}/{folder.name}"
    text = json.dumps(told, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    return [
        Member(f"{at}/{MANIFEST}", text.encode()),
        *(
            Member(f"{at}/{name}", folder / name, digest)
            for name, digest in sorted(manifest["outputs"].items())
            if name not in gone
        ),
    ]


def _digest(member: Member) -> str:
    digest = sha256()
    for block in member.blocks():
        digest.update(block)
    return digest.hexdigest()


def check_guarded(member: Member, guarded: Guarded) -> None:
    """A file's content must be what its stage's manifest says, and hold nothing that is guarded."""
    digest = sha256()
    try:
        for text in _overlapping(member.blocks(), guarded, digest.update):
            _check_text(text, member, guarded)
        if member.name.endswith(".eval") and isinstance(member.content, Path):
            for text in _overlapping(_logged(member.content), guarded):
                _check_text(text, member, guarded)
    except FileNotFoundError as error:
        raise StoreError(
            f"{member.place} is missing. Delete its stage's folder and run the experiment again."
        ) from error
    if member.digest not in ("", digest.hexdigest()):
        raise StoreError(
            f"{member.place} was changed since its stage finished, so it isn't what its name "
            "says. Delete its stage's folder and run the experiment again."
        )


def _check_text(text: bytes, member: Member, guarded: Guarded) -> None:
    for secret, what in guarded.items():
        if secret in text:
            raise StoreError(
                f"{member.name} holds {what}, which must not leave this machine. Nothing was "
                "sent or written. Take it out of what the stage was made from, and run again."
            )


def _overlapping(
    blocks: Iterable[bytes], guarded: Guarded, tell: Callable[[bytes], None] = lambda block: None
) -> Iterator[bytes]:
    """The blocks, each after the end of the one before, so that no text falls between two."""
    longest, before = max(map(len, guarded), default=1), b""
    for block in blocks:
        tell(block)
        yield before + block
        before = (before + block)[-longest:]


def _logged(log: Path) -> Iterator[bytes]:
    """What a log of Inspect says, which is compressed as Inspect's own module for it reads it."""
    with suppress(ImportError):  # without it Python 3.14 reads it, and earlier ones say they can't
        import zipfile_zstd  # noqa: F401 - it adds a compression to zipfile
    try:
        with ZipFile(log) as packed:
            for name in packed.namelist():
                with packed.open(name) as file:
                    while block := file.read(BLOCK):
                        yield block
    except (BadZipFile, NotImplementedError) as error:
        raise StoreError(
            f"{log} can't be searched for keys ({error}). Install Inspect, with which it was "
            "written: pip install 'midspec[llm]'."
        ) from error


def guarded_texts(keys: Collection[tuple[str, str]], places: Collection[Path]) -> Guarded:
    """What must not be exported: the values of keys with their names, and folders that say whose
    machine this is. What is so short that it may be a word is none."""
    found = {
        form.encode("utf-8", "surrogateescape"): f"the value of {name}"
        for name, value in keys
        if len(value) >= LONG or not WORDS.fullmatch(value)
        for form in forms(value)
    }
    deep = [str(place) for place in places if len(place.parts) > 2]
    return found | {place.encode(): f"a folder of this machine, {place}," for place in deep}
