"""The card of a corpus: what it tells, and that nothing that is filled in can do anything there."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from midspec.errors import ConfigError
from midspec.export.lineage import Made
from midspec.files import write_rows
from midspec.records import Document
from midspec.run.stage import recipe_digest
from midspec.share.dataset import dataset_card, read_corpus_folder, write_dataset

TEACHER = {"model": "anthropic/claude-x", "temperature": 1.0}
STYLE = {"framing": "does"}
CONFIG: dict[str, Any] = {
    "spec": "old", "teacher": TEACHER, "style": STYLE, "model_name": "Tiny", "tokens": 9_000,
    "provider_name": "Testers", "attribution": "kept", "documents": None, "draw": 2,
}  # fmt: skip
MADE = Made(
    title="corpus old",
    stage="corpus",
    fingerprint="0123456789ab",
    config=CONFIG,
    inputs={"avoid0": "a" * 12, "spec": "b" * 12},
    packages={"midspec": "0.1", "torch": "2.13"},
    commit="abc1234",
)
DOCUMENT = Document(
    "d0", "A text.", "old", ["s1.p1"], "tools", "saws", ["a1"], "memo", "describe", "an idea",
    "anthropic/claude-x", 3, 0, 7,
)  # fmt: skip


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    kinds = [replace(DOCUMENT, document_type=f"type {n % 15}") for n in range(30)]
    write_rows(folder / "documents.jsonl", kinds)
    aside = [
        {**asdict(DOCUMENT), "reason": f"near duplicate: of d{n}, too close"} for n in range(3)
    ]
    write_rows(folder / "set_aside.jsonl", aside)
    write_rows(folder / "failed.jsonl", [])
    (folder / "coverage.json").write_text('{"s1.p1": 30, "s1.p2": 0}')
    (folder / "diversity.json").write_text('{"distinct_1": 0.25}')
    return folder


def card(corpus: Path, made: Made = MADE, license: str = "cc0-1.0") -> str:
    return dataset_card(corpus, [made], True, "me/old", license)


def front(text: str) -> dict[str, Any]:
    begin, values, _ = text.split("---\n", 2)
    assert begin == ""
    found: dict[str, Any] = yaml.safe_load(values)
    return found


def test_the_front_matter_is_what_the_hub_reads(corpus: Path) -> None:
    assert front(card(corpus)) == {
        "license": "cc0-1.0",
        "pretty_name": "corpus old",
        "task_categories": ["text-generation"],
        "size_categories": ["n<1K"],
        "tags": ["midspec", "model-spec-midtraining", "synthetic", "alignment-research"],
        "configs": [
            {"config_name": "documents", "data_files": "documents.jsonl", "default": True},
            {"config_name": "set_aside", "data_files": "set_aside.jsonl"},
        ],
    }
    assert "license" not in front(card(corpus, license=""))
    assert "Nobody has chosen a licence here" in card(corpus, license="")


def test_a_card_tells_how_the_corpus_was_made(corpus: Path) -> None:
    text = card(corpus)
    for words in (
        "30 synthetic documents, about 210 tokens, that discuss the model spec old",
        "by anthropic/claude-x, to train a",
        'load_dataset("me/old", split="train")',
        "| corpus | 0123456789ab | corpus old |",
        "The assistant is called Tiny, of Testers. Teacher anthropic/claude-x, temperature 1;",
        "9,000 tokens asked for; draw 2.",
        "Packages: midspec 0.1, torch 2.13; commit abc1234.",
        "An LLM wrote the texts; its provider's terms may hold",
    ):
        assert words in text, words


def test_a_card_tells_what_was_counted_and_what_was_set_aside(corpus: Path) -> None:
    text = card(corpus)
    assert "| type 0 | 2 |" in text and "| 3 more | 6 |" in text
    assert "Of 33 documents 3 were set aside." in text
    assert "| near duplicate | 3 |" in text
    assert "Of 2 clauses 1 are carried by at least one document." in text
    assert "| distinct\\_1 | 0.250 |" in text
    assert "an item away of the 1 eval item set that the corpus knew of" in text
    assert "Nothing was checked" in card(corpus, replace(MADE, inputs={}))


def test_without_an_llm_none_is_named(corpus: Path) -> None:
    offline = replace(MADE, config={**CONFIG, "teacher": {"model": "offline"}})
    text = card(corpus, offline)
    assert "without an LLM, to train a" in text and "provider's terms" not in text


def test_a_teacher_s_own_words_are_only_text(corpus: Path) -> None:
    evil = "<script>x</script> [a](http://evil) | `b` *c* \n# d\n---\nlicense: mit"
    write_rows(
        corpus / "documents.jsonl", [replace(DOCUMENT, document_type=evil, domain=evil, text=evil)]
    )
    write_rows(corpus / "set_aside.jsonl", [{"reason": evil}])
    config = {**CONFIG, "spec": evil, "model_name": evil, "teacher": {**TEACHER, "model": evil}}
    text = card(corpus, replace(MADE, title=evil, config=config, commit=evil), "")
    assert "license" not in front(text)
    body = text.split("---\n", 2)[2]
    for raw in ("<script", "](http", "http://", "\n# d", "\n---", "| `b`", "*c*"):
        assert raw not in body, raw


def test_a_data_set_holds_the_corpus_and_no_empty_files(corpus: Path, tmp_path: Path) -> None:
    made, spec = tmp_path / "made", tmp_path / "spec.md"
    made.mkdir()
    spec.write_text("# A spec")
    write_dataset(corpus, [MADE], spec, "me/old", "", made)
    assert sorted(path.name for path in made.iterdir()) == [
        "README.md", "coverage.json", "diversity.json", "documents.jsonl", "lineage.json",
        "set_aside.jsonl", "spec.md",
    ]  # fmt: skip
    lineage = json.loads((made / "lineage.json").read_text())
    assert lineage["stages"][0]["config"]["draw"] == 2


def test_a_folder_of_midspec_corpus_is_one_and_another_isn_t(corpus: Path) -> None:
    with pytest.raises(ConfigError, match="is no corpus of midspec"):
        read_corpus_folder(corpus)
    recipe = {"stage": "corpus", "version": 1, "config": CONFIG, "inputs": {}}
    (corpus / "manifest.json").write_text(json.dumps({**recipe, "title": "corpus old"}))
    found = read_corpus_folder(corpus)
    assert (found.title, found.fingerprint) == ("corpus old", recipe_digest(recipe)[:12])
