"""What a spec of one's own gives an experiment: a table of preferences, items, sentences to ask."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from midspec.errors import ConfigError, DataError
from midspec.evals.tasks.knowledge import askable
from midspec.spec.lint import lint
from midspec.spec.read import clauses, preferences, read_spec
from midspec.write.material import read_items

ITEMS = ".items.jsonl"
PLACEBO = "placebo"
# A sentence's subject before a verb in the third person: "Aria values", "The assistant is".
SUBJECT = re.compile(
    r"(?:^|(?<=[.!?]\s))[\s>*-]*((?:[Tt]he )?[A-Za-z]\w*) (?:\w+s|doesn't)\b", re.MULTILINE
)
ROLES = {"the assistant": "the assistant", "the model": "the model", "the ai": "the AI"}
NOBODY = {
    "he", "it", "nobody", "nothing", "one", "one's", "she", "someone", "somebody", "that", "there",
    "this", "what", "who", "everyone", "everybody", "everything", "as", "which", "whoever",
}  # fmt: skip
OFTEN = 3  # sentences of one subject


@dataclass(frozen=True)
class Seen:
    """One spec, by the name that its parts get.

    items: the file of contrasts that the offline teacher writes from. table: the things that its
    table of preferences likes and dislikes, nothing where one of them is missing. asks: whether
    `knowledge` finds something to ask about it in the spec itself. findings: how many `midspec spec
    lint` has. names: whether it speaks of the assistant by the identity's name.
    """

    name: str
    path: Path
    items: Path | None
    table: tuple[tuple[str, ...], tuple[str, ...]] | None
    asks: bool
    findings: int
    names: bool


def look_at(
    paths: Sequence[Path], items: Sequence[Path], identity: Mapping[str, str]
) -> list[Seen]:
    """The specs as they lie on disk; `items` are files of contrasts, one for each spec in turn, and
    where none is given the file SPEC.items.jsonl beside the spec is taken."""
    if items and len(items) != len(paths):
        raise ConfigError(
            f"--items names {len(items)} files for {len(paths)} specs. Name one for each, in turn."
        )
    found: list[Seen] = []
    for number, path in enumerate(paths):
        own = items[number] if items else _beside(path)
        name = _name(path, [seen.name for seen in found])
        found.append(_look(name, path, own, dict(identity)))
    return found


def speaks_of(paths: Sequence[Path]) -> str | None:
    """The name that specs give to the assistant: "" where they leave it to {model_name}, the
    subject of most of their sentences where it is a name or a role, None where nothing tells."""
    texts = [read_spec(path, {}) for path in paths]
    if any("{model_name}" in text for text in texts):
        return ""
    found = (match[1] for text in texts for match in SUBJECT.finditer(text))
    subjects = Counter(ROLES.get(subject.lower(), subject) for subject in found)
    told = " ".join(texts)
    named = [
        (count, subject)
        for subject, count in subjects.items()
        if count >= OFTEN and (subject in ROLES.values() or _is_name(subject, told))
    ]
    return max(named)[1] if named else None


def _is_name(word: str, text: str) -> bool:
    """Whether a word that begins sentences is a name: it never stands in small letters."""
    if not word[0].isupper() or " " in word or word.lower() in NOBODY:
        return False
    return not re.search(rf"\b{re.escape(word.lower())}\b", text)


def _look(name: str, path: Path, items: Path | None, identity: dict[str, str]) -> Seen:
    text = read_spec(path, identity)
    passages = clauses(text, str(path))
    table = preferences(text)
    likes, dislikes = tuple(table["likes"]), tuple(table["dislikes"])
    contrasts = read_items(items, identity)[0] if items else []
    if items and not contrasts:
        raise DataError(f"{items} holds no contrasts. docs/specs.md shows the rows of such a file.")
    return Seen(
        name=name,
        path=path,
        items=items,
        table=(likes, dislikes) if likes and dislikes else None,
        asks=bool((likes and dislikes) or askable(passages, identity["model_name"])),
        findings=len(lint(path, identity).findings),
        names=identity["model_name"] in text,
    )


def _beside(path: Path) -> Path | None:
    own = path.with_name(path.stem + ITEMS)
    return own if own.is_file() else None


def _name(path: Path, taken: Sequence[str]) -> str:
    """A short name for a spec from that of its file; another number where it is taken."""
    plain = re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-") or "spec"
    if plain in (PLACEBO, "aft", "mix") or not isinstance(yaml.safe_load(plain), str):
        plain = f"{plain}-spec"  # a year, a date, "no" and "null" aren't read as names
    names = [plain, *(f"{plain}-{number}" for number in range(2, len(taken) + 2))]
    return next(name for name in names if name not in taken)
