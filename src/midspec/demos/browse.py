"""A set of chats as one HTML page: conversations, the judge's verdicts, and what was left out."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median

from midspec.demos import sieve
from midspec.demos.respond import KEEP_SCORE, SCORES, Verdict
from midspec.files import read_dicts, read_rows
from midspec.pages.browse import (
    UNKEPT,
    Bar,
    Row,
    Shelf,
    browse_page,
    check_folder,
    failed,
    manifest,
    names,
    ranked,
    rows_of,
    set_aside,
)
from midspec.records import Chat
from midspec.text import estimate_tokens

SHELF = Shelf("midspec.demos", "chats", "chat", "set", "a message", ("kept", *UNKEPT))
# What chats are told apart by, in their lineage or their row; a set has some of these.
FACETS = {
    "kind": "kind",
    "style": "style",
    "part": "part",
    "domain": "domain",
    "query_kind": "message kind",
    "form": "form",
    "manner": "manner",
    "liked": "liked thing",
    "disliked": "disliked thing",
}


def chats_page(folder: Path, max_chats: int = 2000) -> str:
    """The page as one HTML text that loads nothing; a folder without chats is a ConfigError.

    With more than `max_chats`, a sample of them can be read; every number is of the whole.
    """
    check_folder(folder, ["chats.jsonl"], "a set of chats", "midspec demos")
    rows = _read(folder)
    verdicts = _verdicts(folder / "verdicts.jsonl")
    judge = {verdict.chat: _told(verdict) for verdict in verdicts}
    for row in rows:
        if row["id"] in judge:
            row["judge"] = judge[row["id"]]
    kept = [row for row in rows if row["verdict"] == "kept"]
    lengths = [_tokens(message["content"] for message in row["messages"]) for row in kept]
    facets = _facets(rows)
    clauses = Counter(clause for row in kept for clause in _clauses(row))
    scores = [told["score"] for told in judge.values() if "score" in told]
    spec = (manifest(folder).get("config") or {}).get("spec")
    return browse_page(
        SHELF,
        folder,
        rows,
        max_chats,
        lambda row: [f"{key}: {_facet(row, key)}" for key in facets],
        lengths,
        lambda shown: {"facets": list(facets), "best": SCORES[-1]},
        specs=[spec] if spec else [],
        kinds=names(rows, "kind"),
        tokens=sum(lengths),
        reasoning=_tokens(text for row in kept for text in row["reasoning"]),
        verdicts=len(verdicts),
        passed=sum(not verdict.objection() for verdict in verdicts),
        unread=sum(bool(verdict.problem) for verdict in verdicts),
        scores=[Bar(score, score, scores.count(score)) for score in SCORES] if scores else [],
        median_score=median(scores) if scores else 0,
        best=SCORES[-1],
        keep_score=KEEP_SCORE,
        choices=facets,
        tallies={key: ranked(Counter(_facet(row, key) for row in kept)) for key in facets},
        titles=FACETS,
        clauses=ranked(clauses),
    )


def _read(folder: Path) -> list[Row]:
    """Every row with its verdict and group; of the files only chats.jsonl must be there."""

    def listed(name: str, needed: Sequence[str]) -> list[Row]:
        path = folder / f"{name}.jsonl"
        return rows_of(path, needed, "set") if path.exists() else []

    chats = [asdict(chat) for chat in read_rows(folder / "chats.jsonl", Chat)]
    return [
        *(chat | {"verdict": "kept", "group": ""} for chat in chats),
        *(set_aside(_as_chat(row)) for row in listed("set_aside", ("id", "reason"))),
        *(failed(row, "chat") for row in listed("failed", ("id", "step", "reason"))),
    ]


def _verdicts(path: Path) -> Sequence[Verdict | sieve.Verdict]:
    """What the judge said: of an instruction mix whether a chat conflicts, else a score."""
    first = read_dicts(path)[:1] if path.exists() else []
    if not first:
        return []
    return read_rows(path, sieve.Verdict) if "conflict" in first[0] else read_rows(path, Verdict)


def _told(verdict: Verdict | sieve.Verdict) -> Row:
    """A verdict as the page tells it; one that couldn't be read has no score."""
    told = {"passed": not verdict.objection(), "reason": verdict.reason, "said": verdict.problem}
    if verdict.problem:
        return told
    if isinstance(verdict, sieve.Verdict):
        return told | {"said": "conflict" if verdict.conflict else "no conflict"}
    said = f"{'keep' if verdict.keep else 'don’t keep'}, {verdict.score} of {SCORES[-1]}"
    return told | {"said": said, "score": verdict.score}


def _as_chat(row: Row) -> Row:
    """A replay's row has a prompt and an answer, of which no chat was made."""
    if "messages" in row or "prompt" not in row:
        return row
    rest = {key: row[key] for key in row if key not in ("prompt", "answer")}
    turns = (("user", row["prompt"]), ("assistant", row.get("answer", "")))
    return rest | {"messages": [{"role": role, "content": text} for role, text in turns]}


def _facets(rows: Sequence[Row]) -> dict[str, list[str]]:
    """The facets that tell chats apart, and their values; of two that agree only the first."""
    found: dict[str, list[str]] = {}
    for key in FACETS:
        values = sorted({_facet(row, key) for row in rows} - {""})
        if len(values) > 1 and values not in found.values():
            found[key] = values
    return found


def _facet(row: Row, key: str) -> str:
    return str(row.get("lineage", {}).get(key) or row.get(key) or "")


def _clauses(row: Row) -> list[str]:
    return str(row["lineage"].get("clauses", "")).split()


def _tokens(texts: Iterable[str]) -> int:
    return sum(estimate_tokens(text) for text in texts)
