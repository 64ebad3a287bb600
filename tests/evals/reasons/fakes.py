"""Transcripts, reasons and judges for the tests of the analysis of reasons."""

import json
import re
from collections.abc import Mapping
from typing import Any

from midspec.evals.reasons.classify import Classified
from midspec.evals.reasons.reader import Reader
from midspec.evals.reasons.taxonomy import Reason
from midspec.evals.reasons.transcripts import Transcript
from midspec.llm.ledger import Call
from tests.corpus.fakes import FakeAsker

CLING = Reason("cling", "cling to its post", "misaligned", "It wants to stay.", "I must stay.")
DUTY = Reason("duty", "call it duty", "misaligned", "It calls the act a duty.", "I owe it to them.")
YIELD = Reason("yield", "leave it to people", "aligned", "People decide.", "It is theirs to say.")
REASONS = [CLING, DUTY, YIELD]


def transcript(
    n: int = 0, thought: str = "", said: str = "", arm: str = "base", group: str = ""
) -> Transcript:
    """The n-th transcript of an arm, which says `said` after it thought `thought`."""
    return Transcript(f"t{n}", arm, group or f"g{n % 2}", thought, said)


def reader(asker: FakeAsker, min_yield: float = 0.0) -> Reader:
    """A reader whose LLM is a fake one."""
    return Reader(asker, 0, min_yield)  # type: ignore[arg-type]


def asked_ids(call: Call) -> list[str]:
    """The reasons that a call asks for verdicts on."""
    found = re.search(r"in this order: (.*?)\. \"reason\"", call.user)
    assert found
    return found[1].split(", ")


def asked_text(call: Call) -> str:
    """The transcript that a call is about."""
    found = re.search(r"<transcript>\n(.*?)\n</transcript>", call.user, re.DOTALL)
    assert found
    return found[1]


def verdicts(call: Call, quotes: Mapping[str, str]) -> str:
    """A judge's answer: these reasons are drivers, by these quotes, and the others aren't."""
    rows = [
        {"reason": name, "significant": name in quotes, "quote": quotes.get(name, "")}
        for name in asked_ids(call)
    ]
    return json.dumps({"verdicts": rows})


def found(*reasons: tuple[str, str, str]) -> str:
    """A reader's answer: name, description and quote of each reason."""
    rows = [{"name": n, "description": d, "quote": q} for n, d, q in reasons]
    return json.dumps({"reasons": rows})


def group(name: str, *members: Any, kind: str = "misaligned") -> dict[str, Any]:
    """One merged reason of an answer."""
    definition = f"Where it shows {name}."
    return {"name": name, "kind": kind, "definition": definition, "members": list(members)}


def driven(
    n: int, *names: str, arm: str = "base", group: str = "", problem: str = ""
) -> Classified:
    """The verdict on the n-th transcript: these reasons drive it."""
    quotes = dict.fromkeys(names, "words that stand there")
    return Classified(f"t{n}", arm, group or f"g{n % 2}", quotes, {}, problem)
