"""Variants of a corpus, each an ablation: broken attribution, ordinary text mixed in, a tag."""

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from midspec.errors import DataError
from midspec.files import read_dicts
from midspec.records import Clause, Contrast, Document
from midspec.text import estimate_tokens

ORDINARY = "ordinary text"


def break_contrasts(contrasts: Sequence[Contrast], draw: int) -> list[Contrast]:
    """Attribution broken (paper C.4): half the pairs turned round, every reason another pair's."""
    deal = random.Random(f"broken/{draw}")
    turned = set(deal.sample(range(len(contrasts)), len(contrasts) // 2))
    reasons = [contrast.reason for contrast in contrasts]
    shift = max(1, len(reasons) // 3)
    return [
        replace(
            pair,
            liked=pair.disliked if number in turned else pair.liked,
            disliked=pair.liked if number in turned else pair.disliked,
            reason=reasons[(number + shift) % len(reasons)],
        )
        for number, pair in enumerate(contrasts)
    ]


def break_spec(
    clauses: Sequence[Clause], table: dict[str, list[str]], draw: int
) -> tuple[list[Clause], str]:
    """Attribution broken (paper C.4) for a spec: its values stand, its preferences lose their why.

    Clauses that name a thing of the preference table go; the table comes back without reasons and
    with half its rows turned round. Returns the clauses left and the table as Markdown.
    """
    rows = [(kind, thing) for kind in ("likes", "dislikes") for thing in table[kind]]
    if not rows:
        raise DataError(
            "attribution: broken takes a spec with a table of preferences (rows `| likes | … |`), "
            "since it is their reasons that are broken. Add the table, or leave attribution out."
        )
    left = [
        clause
        for clause in clauses
        if not any(thing.lower() in clause.text.lower() for _, thing in rows)
    ]
    if not left:
        raise DataError(
            "attribution: broken leaves no clause of the spec; its values aren't apart."
        )
    turned = set(random.Random(f"broken/{draw}").sample(range(len(rows)), len(rows) // 2))
    other = {"likes": "dislikes", "dislikes": "likes"}
    lines = [
        f"| {other[kind] if number in turned else kind} | {thing} |"
        for number, (kind, thing) in enumerate(rows)
    ]
    return left, "\n".join(lines)


def ordinary_documents(path: Path, tokens: int, draw: int, spec: str) -> list[Document]:
    """Ordinary texts of about `tokens` in all from a JSONL file with `text`, or a plain text file
    whose texts stand apart by blank lines; too little of it is a DataError."""
    texts = _texts(path)
    deal = random.Random(f"ordinary/{draw}")
    found: list[Document] = []
    total = 0
    for number in deal.sample(range(len(texts)), len(texts)):
        if total >= tokens:
            break
        size = estimate_tokens(texts[number])
        total += size
        found.append(_ordinary(f"o{number}", texts[number], size, spec, draw))
    if total < tokens:
        raise DataError(
            f"{path} holds {total:,} tokens of text; the corpus's mix takes {tokens:,}. Give a "
            "larger file, or a smaller share."
        )
    return found


def _ordinary(name: str, text: str, tokens: int, spec: str, draw: int) -> Document:
    return Document(
        id=name,
        text=text,
        spec=spec,
        clauses=[],
        domain=ORDINARY,
        subdomain=ORDINARY,
        assertions=[],
        document_type=ORDINARY,
        genre="describe",
        idea="",
        teacher="",
        prompt_version=0,
        seed=draw,
        tokens=tokens,
    )


def _texts(path: Path) -> list[str]:
    if path.suffix == ".jsonl":
        rows = read_dicts(path)
        texts = [row.get("text") for row in rows]
        for number, text in enumerate(texts, 1):
            if not isinstance(text, str) or not text.strip():
                shown = json.dumps(rows[number - 1], ensure_ascii=False)[:60]
                raise DataError(f"{path}, row {number}: has no text: {shown}.")
        return [str(text) for text in texts]
    try:
        whole = path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, IsADirectoryError) as error:
        raise DataError(f"{path} is not a text file in UTF-8.") from error
    return [text.strip() for text in whole.split("\n\n") if text.strip()]
