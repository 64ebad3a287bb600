"""An experiment file and all that it names, as files that mean the same on another machine.

The file stays as it was written, comments and all; only what names a place on this machine is put
in other words: a model's folder becomes the model's name, a far file one beside the experiment.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

import midspec
from midspec.arms import model_name
from midspec.bases import KnownBase, bases_file, known_bases, write_bases
from midspec.config import Experiment, load_experiment
from midspec.errors import ConfigError
from midspec.experiment import Plan, models_of, plan
from midspec.export.lineage import describe_base
from midspec.files import digest_file, digest_folder
from midspec.make import teacher_name
from midspec.run.build import graph
from midspec.run.stage import Source, Stage
from midspec.share.archive import Member
from midspec.share.index import EXPERIMENT

FAR = 2  # folders up, from where on a file counts as being elsewhere
BESIDE = "files"  # where such files go
PACKAGE = Path(midspec.__file__).parent


@dataclass
class Portable:
    """The experiment's file in the archive, and the files that it names."""

    file: str
    text: str
    named: dict[str, Path] = field(default_factory=dict)  # by their names in the archive
    bases: dict[str, KnownBase] = field(default_factory=dict)

    def members(self) -> list[Member]:
        """All of it as members of an archive."""
        with TemporaryDirectory(prefix="midspec-") as scratch:
            name = Path(scratch) / Path(self.file).name
            write_bases(name, self.bases)
            told = bases_file(name).read_bytes()
        beside = str(bases_file(Path(self.file)))
        texts = [Member(self.file, self.text.encode()), Member(beside, told)]
        return texts + [
            Member(name, path, digest_file(path)) for name, path in sorted(self.named.items())
        ]


def make_portable(planned: Plan, file: Path) -> Portable:
    """The experiment for another machine, checked: planned there, it must have the same stages."""
    home = file.resolve().parent
    places = _places(planned)
    models = {os.path.normpath(m): model_name(m) for m in models_of(planned.experiment)}
    text = file.read_text(encoding="utf-8")
    changed: list[tuple[int, int, str]] = []
    named: dict[str, Path] = {}
    for at, scalar in scalars(text):
        value, new = scalar.value, scalar.value
        place = os.path.normpath(home / value)
        path, is_eval = (value, False) if place in places else (value.partition("/")[2], True)
        if place in models:
            new = models[place]
        elif value.startswith("hf/"):
            new = teacher_name(value)
        elif at[0] == "resources" and at[-1] == "host":
            new = ""
        elif path and (place := os.path.normpath(home / path)) in places:
            if not _is_far(path, home):
                named[path] = Path(place)
            elif is_eval:
                raise ConfigError(
                    f"{file}: {value} names a file far from the experiment, and an eval's name is "
                    "part of its stages. Put the file beside the experiment and run it once more."
                )
            else:
                new = f"{BESIDE}/{len(changed)}/{Path(place).name}"
                named[new] = Path(place)
        if new != value:
            changed.append((scalar.start_mark.index, scalar.end_mark.index, new))
    for start, end, new in sorted(changed, reverse=True):
        text = text[:start] + json.dumps(new, ensure_ascii=False) + text[end:]
    found = Portable(f"{EXPERIMENT}/{_within(file.name, home, named)}", text)
    for path, place in named.items():
        name = f"{EXPERIMENT}/{_within(path, home, named)}"
        names = sorted(digest_folder(place)) if place.is_dir() else []
        found.named |= {f"{name}/{one}": place / one for one in names} or {name: place}
    found.bases = _bases(planned, file)
    _check(found, planned, file)
    return found


def _places(planned: Plan) -> set[str]:
    """Where the files lie that an experiment names: what stages read from outside the store, but
    for base models and midspec's own."""
    stages = graph([planned.report, planned.leaks, *planned.specs.values()]).values()
    bases = {arm.base.location for arm in planned.asked.values() if arm.base}
    read = {
        source.location
        for stage in stages
        for source in stage.inputs.values()
        if isinstance(source, Source) and source.location not in bases
    }
    found = read | set(_files_of(planned.experiment))
    return {os.path.normpath(path) for path in found if not _is_own(path)}


def _files_of(experiment: Experiment) -> Iterator[Path]:
    """The files of an experiment's parts, whether or not an arm uses them."""
    parts = (experiment.corpora, experiment.demos, experiment.questions)
    for part in (one for named in parts for one in named.values()):
        mix = getattr(part, "mix", None)
        for owner, key in ((part, "items"), (part, "folder"), (part, "file"), (mix, "file")):
            path = getattr(owner, key, None)
            if path is not None:
                yield Path(path)


def _is_own(path: Path) -> bool:
    """Whether a file comes with midspec wherever it is installed."""
    own = path.resolve()
    return own.is_relative_to(PACKAGE) and not own.is_relative_to(PACKAGE / "shipped")


def _is_far(path: str, home: Path) -> bool:
    """Whether a file is elsewhere; one outside the user's folder is, or the archive would hold a
    folder of the user's name."""
    if Path(path).is_absolute() or _ups(path) > FAR:
        return True
    own = Path.home().resolve()
    top = Path(os.path.normpath(home.joinpath(*[".."] * _ups(path))))
    return home.is_relative_to(own) and not top.is_relative_to(own)


def _ups(path: str) -> int:
    """How many folders up a relative path leads."""
    return sum(part == ".." for part in Path(os.path.normpath(path)).parts)


def _within(path: str, home: Path, named: dict[str, Path]) -> str:
    """A path seen from the experiment file, as one below the folder in which all of them lie."""
    depth = max(map(_ups, named), default=0)
    own = home.parts[len(home.parts) - depth :]
    return os.path.normpath(Path(*own, path))


def scalars(text: str) -> Iterator[tuple[tuple[str, ...], yaml.ScalarNode]]:
    """Every value that a YAML text holds, once however often it is referred to, with the keys that
    lead to it."""
    todo: list[tuple[tuple[str, ...], Any]] = [((), yaml.compose(text, Loader=yaml.SafeLoader))]
    seen: set[int] = set()
    while todo:
        at, node = todo.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            todo += [((*at, str(key.value)), value) for key, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            todo += [(at, value) for value in node.value]
        elif isinstance(node, yaml.ScalarNode):
            yield at, node


def _bases(planned: Plan, file: Path) -> dict[str, KnownBase]:
    """The base models that the stages rest on, and what is known of where they came from."""
    before = known_bases(file)
    asked = (arm.base for arm in planned.asked.values())
    sources = {base.name: base for base in (planned.base, *asked) if base}
    found = {}
    for model in models_of(planned.experiment):
        if source := sources.get(model_name(model)):
            base = describe_base(source, model)
            earlier = before.get(base.name, KnownBase(base.digest))
            found[base.name] = KnownBase(base.digest, base.origin or earlier.origin)
    return found


def _check(found: Portable, planned: Plan, file: Path) -> None:
    """Plan what was made, in a folder of its own, without weights."""
    with TemporaryDirectory(prefix="midspec-") as scratch:
        root = Path(scratch)
        for name, path in found.named.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).symlink_to(path.resolve())
        copy = root / found.file
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(found.text, encoding="utf-8")
        experiment = load_experiment(copy)
        nowhere = dict.fromkeys(models_of(experiment), root / "no model")
        known = {name: base.digest for name, base in found.bases.items()}
        there = plan(experiment, nowhere.pop(experiment.model), nowhere, known)
        same = there.report.fingerprint() == planned.report.fingerprint()
        if not same or there.leaks.fingerprint() != planned.leaks.fingerprint():
            raise ConfigError(
                f"{file} names something that can't be taken to another machine: planned there it "
                f"would be another experiment ({_first_difference(there, planned)}). Name every "
                "file relative to the experiment, and run it once more."
            )


def _first_difference(there: Plan, here: Plan) -> str:
    """A stage that another plan lacks."""
    known = graph([there.report])
    missing = [s for key, s in graph([here.report]).items() if key not in known]
    lowest: list[Stage] = [s for s in missing if not any(i in missing for i in s.stages())]
    return (lowest or missing)[0].title if missing else "its leak check differs"
