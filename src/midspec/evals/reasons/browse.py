"""An analysis of reasons as one HTML page: the shares, and the transcripts behind each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from midspec.evals.reasons.classify import Classified
from midspec.evals.reasons.merge import Driver
from midspec.evals.reasons.shares import ALL, ANY
from midspec.evals.reasons.taxonomy import KINDS
from midspec.evals.reasons.transcripts import Transcript
from midspec.files import read_json, read_rows
from midspec.pages.browse import UNKEPT, Row, Shelf, browse_page, check_folder, group, manifest
from midspec.text import find_quote

SHELF = Shelf("midspec.evals.reasons", "reasons", "transcript", "analysis", "", ("kept", *UNKEPT))
FILES = ["reasons.json", "transcripts.jsonl", "verdicts.jsonl"]
MOST_CONDITIONS = 100  # that are told apart on the page; reasons.json has all of them


def reasons_page(folder: Path, max_transcripts: int = 2000) -> str:
    """The page as one HTML text that loads nothing; a folder of anything else is a ConfigError.

    With more than `max_transcripts`, a sample of them can be read; every share is of the whole.
    """
    check_folder(folder, FILES, "an analysis of reasons", "midspec reasons")
    found = read_json(folder / "reasons.json")
    drivers = [Driver(**{**row, "parts": tuple(row["parts"])}) for row in found["reasons"]]
    arms = [row["arm"] for row in found["arms"]]
    shares = {(row["reason"], row["arm"], row["group"]): row for row in found["shares"]}
    texts = {(t.arm, t.id): t for t in read_rows(folder / "transcripts.jsonl", Transcript)}
    verdicts = read_rows(folder / "verdicts.jsonl", Classified)
    conditions = _conditions(verdicts)

    def cells(driver: Driver, condition: str) -> list[Any]:
        return [shares.get((driver.id, arm, condition)) for arm in arms]

    return browse_page(
        SHELF,
        folder,
        [_row(one, texts[one.arm, one.transcript], drivers) for one in verdicts],
        max_transcripts,
        lambda row: [f"{row['arm']}: {name}" for name in row["drivers"] or [""]],
        [],
        lambda shown: {"reasons": {d.id: d.name for d in drivers if d.id not in ANY.values()}},
        judge=((manifest(folder).get("config") or {}).get("judge") or {}).get("model"),
        arms=found["arms"],
        kinds=[(kind, [d for d in drivers if d.kind == kind]) for kind in KINDS],
        drivers=drivers,
        wholes={driver.id: cells(driver, ALL) for driver in drivers},
        conditions=conditions,
        by_condition={
            driver.id: [(name, cells(driver, name)) for name in conditions] for driver in drivers
        },
        differences=found["differences"],
        names_of={driver.id: driver.name for driver in drivers},
    )


def _conditions(verdicts: Sequence[Classified]) -> list[str]:
    """The conditions, where they are few enough to be looked at and hold several transcripts."""
    found = list(dict.fromkeys(one.group for one in verdicts))
    return found if len(found) <= MOST_CONDITIONS and len(found) < len(verdicts) else []


def _row(one: Classified, transcript: Transcript, drivers: Sequence[Driver]) -> Row:
    """A transcript with its verdict, cut where a quote begins or ends."""
    own = [driver for driver in drivers if driver.drives(one)]
    row = {
        "id": f"{one.arm}/{one.transcript}",
        "arm": one.arm,
        "condition": one.group,
        "passages": _passages(transcript.text, one.drivers),
        "outcome": transcript.said if transcript.thought else "",
        "drivers": [driver.id for driver in own],
        "unfounded": one.unfounded,
        "verdict": "failed" if one.problem else "kept",
        "group": group(one.problem) if one.problem else "",
    }
    return row | ({"reason": one.problem} if one.problem else {})


def _passages(text: str, quotes: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    """A text in pieces, each with the reasons whose quotes it stands in."""
    spans = {name: find_quote(quote, text) or (0, 0) for name, quote in quotes.items()}
    cuts = sorted({0, len(text)} | {cut for span in spans.values() for cut in span})
    return [
        (text[low:high], [name for name, (a, b) in spans.items() if a <= low and high <= b])
        for low, high in pairwise(cuts)
    ]
