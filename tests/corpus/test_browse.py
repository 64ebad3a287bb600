"""The page that a corpus is read on: what it counts, what it shows, and that it stays text."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from midspec.corpus.browse import corpus_page
from midspec.corpus.variants import ORDINARY
from midspec.errors import ConfigError, DataError
from midspec.files import write_json, write_rows
from tests.pages.reading import ATTACK, Page

Corpus = Callable[..., Path]


def document(number: int, *clauses: str, **changes: Any) -> dict[str, Any]:
    """A document's row of 100 tokens."""
    row = {
        "id": f"d{number}", "text": f"Document {number}.", "spec": "quiet",
        "clauses": list(clauses), "domain": "work", "subdomain": "meetings",
        "assertions": ["a1"], "document_type": "memo",
        "genre": "show", "idea": f"idea {number}", "teacher": "writer", "prompt_version": 1,
        "seed": 0, "tokens": 100, "viewpoint": "a tired nurse", "framing": "does", "prefix": "",
        "call": "c1",
    }  # fmt: skip
    return row | changes


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    """Make a corpus folder; a test names the files that it cares about."""

    def make(**files: Any) -> Path:
        folder = tmp_path / "quiet-corpus"
        folder.mkdir()
        standard: Mapping[str, Any] = {
            "documents": [document(1, "s1.p1"), document(2, "s1.p1", "s1.p2", genre="describe")],
            "set_aside": [document(3, "s1.p2", reason="nearly repeats d1")],
            "failed": [{"id": "d4", "step": "document", "reason": "refusal", "idea": "a play"}],
            "assertions": [
                {"id": "a1", "text": "It waits.", "clause": "s1.p1", "domain": "", "subdomain": ""}
            ],
            "clauses": [
                {"id": f"s1.p{n}", "heading": "Waiting", "text": f"Clause {n}."} for n in (1, 2, 3)
            ],
            "coverage": {"s1.p1": 2, "s1.p2": 1, "s1.p3": 0},
            "diversity": {"distinct_1": 0.5, "homebrew": 7},
        }
        for name, value in (standard | files).items():
            if isinstance(value, list):
                write_rows(folder / f"{name}.jsonl", value)
            elif value is not None:
                write_json(folder / f"{name}.json", value)
        return folder

    return make


def test_the_head_counts_what_was_kept_set_aside_and_failed(corpus: Corpus) -> None:
    manifest = {"title": "corpus quiet", "summary": {"cost": 12.5}}
    verdicts = [
        {"document": "d1", "faithful": True, "contradictions": [], "inventions": [], "reason": ""},
        {"document": "d2", "faithful": False, "contradictions": ["x"], "inventions": [],
         "reason": "It shouts."},
    ]  # fmt: skip
    page = Page(corpus_page(corpus(manifest=manifest, verdicts=verdicts)))
    assert (
        "corpus quiet spec quiet teacher writer 2 documents kept 1 set aside 1 failed 200 tokens "
        "$12.50 for the teacher 1 of 2 judged documents faithful" in page.text
    )
    assert page.data["rows"][1]["judge"]["reason"] == "It shouts."


def test_a_copied_folder_without_a_manifest_goes_by_its_own_name(corpus: Corpus) -> None:
    page = Page(corpus_page(corpus()))
    assert "quiet-corpus spec quiet" in page.text
    assert "$" not in page.text


def test_a_clause_that_no_document_discusses_is_marked(corpus: Corpus) -> None:
    html = corpus_page(corpus())
    assert "1 of 3 clauses is discussed by no document: s1.p3." in Page(html).text
    marked = re.findall(r'<tr class="none">(.*?)</tr>', html, re.DOTALL)
    assert len(marked) == 1 and "s1.p3" in marked[0]


def test_every_row_keeps_its_lineage_verdict_and_reason(corpus: Corpus) -> None:
    data = Page(corpus_page(corpus())).data
    assert [(row["id"], row["verdict"], row["group"]) for row in data["rows"]] == [
        ("d1", "kept", ""),
        ("d2", "kept", ""),
        ("d3", "set aside", "nearly repeats"),
        ("d4", "failed", "refusal"),
    ]
    assert data["rows"][0].items() >= document(1, "s1.p1").items()
    assert data["assertions"] == {"a1": "It waits."}
    assert data["clauses"]["s1.p2"] == "Clause 2."


def test_a_known_figure_has_its_meaning_and_an_unknown_one_its_name(corpus: Corpus) -> None:
    text = Page(corpus_page(corpus())).text
    assert "distinct 1 0.500 Share of words that had not occurred before" in text
    assert "homebrew 7" in text


def test_ordinary_text_and_gaps_in_the_plan_do_not_count_as_documents(corpus: Corpus) -> None:
    """So the head says what the command said: kept + set aside + failed are all that were asked."""
    ordinary = document(9, document_type=ORDINARY, clauses=[], tokens=30)
    gap = {"id": "0.1", "step": "ideas", "reason": "item 3 has no name and description"}
    lost = {"id": "d4", "step": "document", "reason": "refused", "idea": "a play"}
    page = Page(corpus_page(corpus(documents=[document(1, "s1.p1"), ordinary], failed=[gap, lost])))
    assert "1 document kept 1 set aside 1 failed 1 ordinary document mixed in 130" in page.text
    assert "ideas: item … has no name and description 1" in page.text
    assert [row["verdict"] for row in page.data["rows"]] == [
        "kept", "ordinary", "set aside", "failed in planning", "failed",
    ]  # fmt: skip


def test_hostile_text_is_inert_wherever_it_comes_from(corpus: Corpus) -> None:
    hostile = document(
        1, "s1.p1", text=ATTACK, idea=ATTACK, domain=ATTACK, document_type=ATTACK, teacher=ATTACK
    )
    folder = corpus(
        documents=[hostile],
        set_aside=[document(3, "s1.p2", reason=f"judge: {ATTACK}: {ATTACK}")],
        failed=[{"id": "d4", "step": ATTACK, "reason": ATTACK, "idea": ATTACK}],
        clauses=[{"id": "s1.p1", "heading": ATTACK, "text": ATTACK}],
        diversity={ATTACK: 1},
        manifest={"title": ATTACK, "summary": None},
    )
    page = Page(corpus_page(folder))
    page.check_inert()
    assert page.data["rows"][0]["text"] == ATTACK
    assert ATTACK in page.text


def test_only_the_pages_own_script_may_run_and_nothing_is_fetched(corpus: Corpus) -> None:
    Page(corpus_page(corpus())).check_sealed()


def test_a_sampled_page_says_so_and_counts_the_whole(corpus: Corpus) -> None:
    rows = [document(n, "s1.p1" if n < 1200 else "s1.p2") for n in range(10, 1210)]
    folder = corpus(documents=rows)
    page = Page(corpus_page(folder, max_documents=20))
    assert (
        "Of 1,202 rows (documents kept, set aside and failed) this page holds a sample of 20"
        in page.text
    )
    assert "1,200 documents kept" in page.text
    assert len(page.data["rows"]) == 20 and page.data["sampled"]
    found = Counter(row["clauses"][0] for row in page.data["rows"] if row["verdict"] == "kept")
    assert found == {"s1.p1": 9, "s1.p2": 9}
    small = Page(corpus_page(folder, max_documents=1202))
    assert "sample" not in small.text and not small.data["sampled"]


def test_a_corpus_that_kept_nothing_has_a_page(corpus: Corpus) -> None:
    page = Page(corpus_page(corpus(documents=[], coverage={}, diversity={})))
    assert "No document was kept." in page.text
    assert "3 of 3 clauses are discussed by no document:" in page.text


def test_a_folder_that_is_no_corpus_is_told_what_is_missing(corpus: Corpus, tmp_path: Path) -> None:
    folder = corpus(coverage=None)
    with pytest.raises(ConfigError, match=r"not the folder of a corpus: coverage\.json is missing"):
        corpus_page(folder)
    (folder / "documents.jsonl").unlink()
    with pytest.raises(ConfigError, match=r"documents\.jsonl, coverage\.json are missing"):
        corpus_page(folder)
    with pytest.raises(ConfigError, match="is not a folder"):
        corpus_page(tmp_path / "nowhere")


def test_a_row_that_is_no_document_is_named(corpus: Corpus) -> None:
    folder = corpus(documents=[document(1), {"id": "d2"}])
    with pytest.raises(DataError, match=r"documents\.jsonl, row 2: has no assertions, clauses"):
        corpus_page(folder)
