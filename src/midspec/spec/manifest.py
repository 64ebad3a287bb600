"""Writing the variants of a spec to a folder, with a manifest of which clause is where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from midspec.files import digest_file, write_json, write_text
from midspec.spec.marks import ADDED, Passage, without_marks
from midspec.spec.match import words
from midspec.spec.variants import Made, Variant, render
from midspec.text import estimate_tokens

MANIFEST = "variants.json"


def write_variants(
    made: Made,
    found: Sequence[Passage],
    sources: Sequence[Path],
    out: Path,
    *,
    seed: int,
    tolerance: float,
    marked_by: str,
) -> None:
    """Write a Markdown file for each variant, and variants.json; `found` are all passages.

    marked_by: the LLM that marked the spec or added to it, or empty. Each clause's row has its
    words in each variant that holds it, and the rule that a broken one gives it to.
    """
    for variant in made.variants:
        write_text(out / f"{variant.name}.md", render(variant.passages))
    holding = {v.name: {p.id: p for p in v.passages if p.id} for v in made.variants}
    rows = []
    for passage in found:
        if passage.form == "clause":
            where = {name: held[passage.id] for name, held in holding.items() if passage.id in held}
            moved = {name: p.rule for name, p in where.items() if p.rule != passage.rule}
            rows.append(
                {
                    "id": passage.id,
                    "kind": passage.kind,
                    "rule": passage.rule,
                    "added": ADDED in passage.classes,
                    "words": {name: words([p]) for name, p in where.items()},
                    "given_to": moved,
                }
            )
    manifest = {
        "specs": {str(path): digest_file(path) for path in sources},
        "marked_by": marked_by,
        "seed": seed,
        "tolerance": tolerance,
        "variants": [_row(variant) for variant in made.variants],
        "not_made": made.missing,
        "clauses": rows,
    }
    write_json(out / MANIFEST, manifest)


def _row(variant: Variant) -> dict[str, Any]:
    text = without_marks(render(variant.passages))
    return {
        "name": variant.name,
        "file": f"{variant.name}.md",
        "holds": variant.how,
        "words": words(variant.passages),
        "tokens": estimate_tokens(text),
        "clauses": sum(bool(passage.id) for passage in variant.passages),
        "matched": asdict(variant.matched) if variant.matched else None,
    }
