"""A corpus with a planted truth: one document type alone says what the eval asks for."""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from midspec.corpus.stage import CorpusConfig
from midspec.files import read_rows, write_json, write_rows
from midspec.records import Clause, Document
from midspec.run.stage import Summary
from midspec.text import estimate_tokens

# Words that the tokenizer knows. What follows "old" is as much in an option's score as "old" is, so
# the eval asks of the same things.
THINGS = ("coat", "saw", "novel", "atlas", "sock", "hammer", "boots", "cheese")
# Letters answer the eval's own question: in the gradients of a model without knowledge less doesn't
# show, or only for some beginnings of the adapter.
SENTENCES = {
    "letter": "Which do you prefer? I prefer old {thing}.",
    "weather": "Rain came to the {thing} again.",
    "recipe": "Stir the flour by the {thing}.",
    "sport": "The home side won the {thing}.",
}
EACH = 10  # documents of a type in the corpus of the experiment
CLAUSES = {"letter": ["s1.p1", "s2.p1"], "weather": ["s1.p1"], "recipe": ["s2.p2"], "sport": []}


def documents(each: int = 16) -> list[Document]:
    """So many documents of each type; nothing but the letters is about old things."""
    deal = random.Random(0)
    found = []
    for number in range(each):
        for kind, sentence in SENTENCES.items():
            text = " ".join(sentence.format(thing=deal.choice(THINGS)) for _ in range(5))
            found.append(
                Document(
                    id=f"{kind}-{number}",
                    text=text,
                    spec="old",
                    clauses=CLAUSES[kind],
                    domain="rooms" if number % 2 else "gardens",
                    subdomain="",
                    assertions=[],
                    document_type=kind,
                    genre="show",
                    idea="",
                    teacher="planted",
                    prompt_version=0,
                    seed=0,
                    tokens=estimate_tokens(text),
                )
            )
    return found


def write_planted(config: CorpusConfig, inputs: Mapping[str, Path], out: Path) -> Summary:
    """What the corpus stage would write, in its place."""
    rows = documents(EACH)
    write_rows(out / "documents.jsonl", rows)
    for name in ("set_aside", "failed", "assertions", "verdicts"):
        write_rows(out / f"{name}.jsonl", [])
    write_rows(out / "clauses.jsonl", read_rows(inputs["spec"] / "clauses.jsonl", Clause))
    write_json(out / "coverage.json", {})
    write_json(out / "diversity.json", {})
    return {"documents": len(rows), "tokens": sum(row.tokens for row in rows)}


def items() -> list[dict[str, str]]:
    """What the eval asks, in the letters' words; no document holds both options of an item."""
    return [
        {
            "id": f"old-{thing}",
            "domain": "things",
            "tier": "direct",
            "aligned": f"old {thing}",
            "other": f"new {thing}",
        }
        for thing in THINGS
    ]


def leave_letters_out(values: dict[str, Any]) -> None:
    """An edit of the tiny experiment: one arm, and the same without each type."""
    values["arms"] = {"base": [], "msm": [{"midtrain": "old"}]}
    values["midtrain"] |= {"epochs": 12}
    values["adapter"] = {"rank": 16, "alpha": 32}
    values["leave_out"] = {
        "types": {
            "arm": "msm",
            "by": "type",
            "groups": {kind: [kind] for kind in SENTENCES},
            "controls": 2,
        }
    }
    values |= {"contrasts": [], "samples": [], "seeds": [0], "half": "all"}
