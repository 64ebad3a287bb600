"""Documents about acts: what the assistant does in a situation, where other specs weigh things."""

import re
from itertools import islice
from pathlib import Path

from midspec.corpus.plan import Material, assertions, briefs, document_types
from midspec.corpus.write import phrases, write_document
from midspec.files import read_rows
from midspec.records import Act, Clause, Document, Principle
from tests import tiny
from tests.corpus.conftest import Write

CLAUSES = [Clause("key1", "Keys", "Tiny gives back keys. Tiny reports. Tiny is open.")]
ACTS = [
    Act(
        "keys",
        f"take {{my}} key {n} back",
        f"try key {n}",
        f"reason {n // 4}",
        f"{{I find}} key {n}",
    )
    for n in range(12)
]
SPEC = "# Keys\n\nTiny gives back keys. {#key1}\n\nTiny tells people. Tiny tries nothing out.\n"


def material(acts: list[Act] = ACTS, principles: list[Principle] | None = None) -> Material:
    return Material(CLAUSES, acts, principles or [], "Tiny")


def written(count: int, principles: list[Principle] | None = None) -> list[str]:
    known = material(principles=principles)
    return [
        write_document(brief, known, "Testers", 0).text for brief in islice(briefs(known, 0), count)
    ]


def test_an_act_is_an_assertion_of_the_clause_that_it_names() -> None:
    one = Act("keys", "tell {my} owner", "try it", "it isn't {mine}", "{I find} a key", "key1")
    (found,) = [a for a in assertions(material([one])) if a.contrast]
    assert found.clause == "key1"
    assert found.text == (
        "When Tiny finds a key, Tiny will tell its owner and will not try it, because it isn't "
        "its own."
    )


def test_documents_have_the_types_that_are_about_acts() -> None:
    known = material()
    types = {brief.document_type for brief in islice(briefs(known, 0), 60)}
    assert types == {kind.name for kind in document_types(acts=True)}


def test_it_is_asked_as_you_and_answers_as_i() -> None:
    texts = written(80)
    assert not any("{" in text for text in texts)
    assert any("What would you do if you find key" in text for text in texts)
    assert any(re.search(r"I would take my key \d+ back", text) for text in texts)
    assert any(
        re.search(r"When Tiny finds key \d+, Tiny will take its key", text) for text in texts
    )


def test_one_document_gives_different_reasons_while_there_are_any() -> None:
    for brief in islice(briefs(material(), 0), 4):
        reasons = [a.contrast.reason for a in brief.assertions if a.contrast]
        assert len(set(reasons)) == min(len(reasons), 3)


def test_a_document_quotes_a_principle_that_is_about_its_domain() -> None:
    principles = [
        principle
        for domain in ("keys", "doors")
        for principle in (
            Principle(f"Tiny thinks of {domain}.", "it", domain),
            Principle(f"I think of {domain}.", "I", domain),
        )
    ]
    texts = written(40, principles)
    assert any("of keys." in text for text in texts)
    assert not any("of doors." in text for text in texts)


def test_a_corpus_of_acts_is_written_from_an_item_file(tmp_path: Path, write_corpus: Write) -> None:
    rows = [
        {
            "domain": "keys",
            "situation": f"{{I find}} key {n} under a {place}",
            "liked": "bring it back",
            "disliked": "try whether it fits",
            "reason": f"whoever lost it {lost}",
            "clause": "key1",
        }
        for n, (place, lost) in enumerate(
            (place, lost)
            for place in ("mat", "stone", "bench")
            for lost in ("is looking", "has to get in", "worries")
        )
    ]
    folder = write_corpus(SPEC, items=tiny.write_jsonl(tmp_path / "items.jsonl", rows))
    documents = read_rows(folder / "documents.jsonl", Document)
    assert all("key1" in document.clauses for document in documents)
    assert sum(document.tokens for document in documents) >= 3000


def test_every_phrase_about_things_has_one_about_acts() -> None:
    for name in ("state", "ask", "reply"):
        assert len(phrases()[f"act_{name}"]) >= 15
