"""A corpus folder as one HTML page, since nobody should train on what nobody has read."""

import json
import re
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from hashlib import sha256
from math import ceil, isfinite, log10
from pathlib import Path
from statistics import median
from typing import Any

from midspec.corpus.variants import ORDINARY
from midspec.errors import ConfigError, DataError
from midspec.files import digest_text, read_dicts, read_json, read_rows
from midspec.records import Assertion, Clause, Document

NEEDED = (
    "documents.jsonl",
    "set_aside.jsonl",
    "failed.jsonl",
    "assertions.jsonl",
    "clauses.jsonl",
    "coverage.json",
    "diversity.json",
)
VERDICTS = ("kept", "ordinary", "set aside", "failed", "failed in planning")
DOCUMENT = {f.name for f in fields(Document) if f.default is f.default_factory is MISSING}
FIRST_WORDS = 12  # of a clause, beside its heading
BARS = 30  # of the histogram, at most but for one
TAIL = 0.99  # lengths above this quantile share the last bar, or one long document hides the rest

MEANINGS = {
    "distinct_1": "Share of words that had not occurred before; falls as a corpus grows.",
    "distinct_2": "The same for pairs of words.",
    "distinct_3": "The same for three words in a row.",
    "distinct_4": "The same for four words in a row; low where phrases are used again.",
    "compression_ratio": "How many times smaller zlib makes the text; ordinary web text is near "
    "2.5, and more repeats more.",
    "type_entropy": "How evenly the document types are used, in bits; one more means twice as many "
    "types.",
    "near_duplicate_share": "Share of the documents written that repeat an earlier one.",
    "self_similarity": "Share of three-word runs that two documents have in common, on average.",
}

Row = dict[str, Any]


@dataclass(frozen=True)
class Bar:
    """How many documents have `low` tokens or more, and no more than `high` (None: no limit)."""

    low: int
    high: int | None
    documents: int


def corpus_page(folder: Path, max_documents: int = 2000) -> str:
    """The page as one HTML text that loads nothing; a folder that is no corpus is a ConfigError.

    With more than `max_documents`, a sample of them can be read; every number is of the whole.
    """
    rows, judged = _read(folder)
    by_verdict = {
        verdict: [row for row in rows if row["verdict"] == verdict] for verdict in VERDICTS
    }
    kept = by_verdict["kept"]
    clauses = read_rows(folder / "clauses.jsonl", Clause)
    said = {row.id: row.text for row in read_rows(folder / "assertions.jsonl", Assertion)}
    shown = sample(rows, max_documents)
    used = {name for row in shown for name in row.get("assertions", ())}
    manifest = read_json(folder / "manifest.json") if (folder / "manifest.json").exists() else {}
    return _render(
        name=manifest.get("title") or folder.resolve().name,
        specs=_names(rows, "spec"),
        teachers=_names(rows, "teacher"),
        counts={verdict: len(found) for verdict, found in by_verdict.items()},
        tokens=sum(row.get("tokens", 0) for row in kept + by_verdict["ordinary"]),
        cost=(manifest.get("summary") or {}).get("cost"),
        judged=judged,
        clauses=clauses,
        coverage=read_json(folder / "coverage.json"),
        figures=read_json(folder / "diversity.json"),
        bars=histogram([row.get("tokens", 0) for row in kept]),
        lengths=sorted(row.get("tokens", 0) for row in kept),
        kinds={key: _tally(kept, key) for key in ("document_type", "genre", "domain")},
        choices={key: _names(rows, key) for key in ("document_type", "genre", "domain")},
        groups={verdict: _tally(by_verdict[verdict], "group") for verdict in VERDICTS[2:]},
        shown=len(shown),
        data=script_json(
            {
                "rows": shown,
                "clauses": {clause.id: clause.text for clause in clauses},
                "assertions": {name: said[name] for name in sorted(used & said.keys())},
                "verdicts": VERDICTS,
                "sampled": len(shown) < len(rows),
            }
        ),
    )


def sample(rows: Sequence[Row], most: int) -> list[Row]:
    """At most `most` rows, spread evenly over the clauses, and over the reasons of the rest.

    The clause or reason that has fewest so far gives the next row, in the order of the ids'
    digests: a corpus has one sample, and that of a corpus that grew is much the same.
    """
    if len(rows) <= most:
        return list(rows)
    waiting: dict[tuple[str, str], list[int]] = {}
    for number in sorted(range(len(rows)), key=lambda n: digest_text(rows[n]["id"]), reverse=True):
        for place in _places(rows[number]):
            waiting.setdefault(place, []).append(number)
    have = dict.fromkeys(sorted(waiting), 0)
    taken: set[int] = set()
    while have and len(taken) < most:
        scarcest = min(have, key=have.__getitem__)
        while waiting[scarcest] and waiting[scarcest][-1] in taken:
            waiting[scarcest].pop()
        if not waiting[scarcest]:
            del have[scarcest]
            continue
        number = waiting[scarcest].pop()
        taken.add(number)
        for place in _places(rows[number]):
            if place in have:
                have[place] += 1
    return [rows[number] for number in sorted(taken)]


def group(reason: str) -> str:
    """What a reason has in common with others: no numbers, quotes or names after a colon."""
    first, *rest = reason.split(": ", 2)
    second = rest[0] if len(rest) == 2 and not re.search(r"[\d'\"‘“]", rest[0]) else ""
    words = re.sub(r"[\w.-]*\d[\w.-]*", "…", first).removesuffix("…").strip()
    return ": ".join(part for part in (words, second) if part) or reason


def histogram(lengths: Sequence[int]) -> list[Bar]:
    """Some twenty bars of one round width; the longest documents share the last one."""
    if not lengths:
        return []
    ordered = sorted(lengths)
    usual = ordered[ceil(TAIL * len(ordered)) - 1]
    width = _round_up((usual - ordered[0] + 1) / BARS)
    start = ordered[0] // width * width
    last = (usual - start) // width
    found = Counter(min((length - start) // width, last) for length in ordered)
    open_end = ordered[-1] >= start + (last + 1) * width
    return [
        Bar(
            start + n * width,
            None if n == last and open_end else start + (n + 1) * width - 1,
            found[n],
        )
        for n in range(last + 1)
    ]


def script_json(value: object) -> str:
    """JSON that can stand in a script element: no text in it can close or open a tag."""
    return json.dumps(value).replace("<", "\\u003c")


def figure(value: object) -> str:
    """A whole number with its thousands, a fraction to three digits; a dash for no number."""
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:z.3f}".replace("-", "−") if isfinite(value) else "–"
    return str(value)


def count(number: int, noun: str) -> str:
    """How many of a thing: `1 clause`, `1,200 documents`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _read(folder: Path) -> tuple[list[Row], Counter[bool]]:
    """Every row with its verdict and group, and how often the judge said yes and no."""
    if not folder.is_dir():
        raise ConfigError(f"{folder} is not a folder. Name the folder of a corpus.")
    if missing := [name for name in NEEDED if not (folder / name).is_file()]:
        verb = "is" if len(missing) == 1 else "are"
        raise ConfigError(
            f"{folder} is not the folder of a corpus: {', '.join(missing)} {verb} missing. "
            "Name a folder that midspec corpus wrote."
        )
    verdicts = folder / "verdicts.jsonl"
    judge = {
        row.pop("document"): row
        for row in (_rows(verdicts, {"document", "faithful"}) if verdicts.exists() else ())
    }
    rows = [
        *(_written(row) for row in _rows(folder / "documents.jsonl", DOCUMENT)),
        *(_set_aside(row) for row in _rows(folder / "set_aside.jsonl", DOCUMENT | {"reason"})),
        *(_failed(row) for row in _rows(folder / "failed.jsonl", {"id", "step", "reason"})),
    ]
    for row in rows:
        if row["id"] in judge:
            row["judge"] = judge[row["id"]]
    return rows, Counter(bool(row["faithful"]) for row in judge.values())


def _written(row: Row) -> Row:
    ordinary = row["document_type"] == ORDINARY
    return row | {"verdict": "ordinary" if ordinary else "kept", "group": ""}


def _set_aside(row: Row) -> Row:
    return row | {"verdict": "set aside", "group": group(str(row["reason"]))}


def _failed(row: Row) -> Row:
    """A document that was asked for, or an item of the plan, which nobody counts as a document."""
    why = group(str(row["reason"]))
    if row["step"] == "document":
        return row | {"verdict": "failed", "group": why}
    return row | {"verdict": "failed in planning", "group": f"{row['step']}: {why}"}


def _rows(path: Path, needed: set[str]) -> list[Row]:
    rows = read_dicts(path)
    for number, row in enumerate(rows, 1):
        if lacking := sorted(needed - row.keys()):
            raise DataError(
                f"{path}, row {number}: has no {', '.join(lacking)}. Write the corpus again."
            )
    return rows


def _places(row: Row) -> list[tuple[str, str]]:
    """What a row stands for in a sample: its clauses, or the reason why it was not kept."""
    if row["verdict"] == "kept":
        return [("kept", clause) for clause in row["clauses"]] or [("kept", "")]
    return [(row["verdict"], row["group"])]


def _names(rows: Iterable[Row], key: str) -> list[str]:
    return sorted({str(row[key]) for row in rows if row.get(key)})


def _tally(rows: Iterable[Row], key: str) -> list[tuple[str, int]]:
    """The values of a field, most frequent first; equals by name."""
    found = Counter(str(row.get(key, "")) for row in rows)
    return sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))


def _round_up(width: float) -> int:
    """The next of 1, 2, 5, 10, 20, 50 …, which people can read off an axis."""
    power: int = 10 ** int(log10(max(1.0, width)))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= width)


def _render(lengths: Sequence[int], clauses: Sequence[Clause], **found: Any) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("midspec.corpus", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(figure=figure, count=count)
    coverage: Mapping[str, int] = found["coverage"]
    # Only this script runs: whatever the teacher wrote, the browser would not.
    script = environment.get_template("corpus.js").render()
    return environment.get_template("corpus.html.j2").render(
        **found,
        clauses=[
            (clause, " ".join(clause.text.split()[:FIRST_WORDS]), coverage.get(clause.id, 0))
            for clause in clauses
        ],
        uncovered=[clause.id for clause in clauses if not coverage.get(clause.id)],
        middle=round(median(lengths)) if lengths else 0,
        longest=lengths[-1] if lengths else 0,
        shortest=lengths[0] if lengths else 0,
        meanings=MEANINGS,
        total=sum(found["counts"].values()),
        script=script,
        script_digest=b64encode(sha256(script.encode()).digest()).decode(),
    )
