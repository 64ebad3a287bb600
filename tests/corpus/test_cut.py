from collections import Counter
from pathlib import Path

import pytest

from midspec.corpus.browse import corpus_page
from midspec.corpus.cut import CutConfig, cut_stage, in_proportion
from midspec.errors import DataError
from midspec.files import read_dicts, read_json, read_rows, write_json, write_rows
from midspec.records import Clause, Document
from midspec.run.build import build, open_store
from midspec.run.stage import Inputs, Source, Stage, Summary

TYPES = {"essay": 6, "letter": 3, "memo": 1}  # of ten documents on a clause
CLAUSES = {"s1.p1": 20, "s1.p2": 10, "s2.p1": 10}


def document(number: int, clause: str, document_type: str) -> Document:
    return Document(
        id=f"d{number}",
        text=f"Document {number} tells why the old chair was mended, and " + "again " * number,
        spec="old",
        clauses=[clause],
        domain="home",
        subdomain="",
        assertions=[],
        document_type=document_type,
        genre="show",
        idea="",
        teacher="offline",
        prompt_version=1,
        seed=0,
        tokens=99,
        prefix="<tag>" if number % 2 else "",
    )


def corpus() -> list[Document]:
    """Forty documents, clause after clause and type after type."""
    kinds = [
        (clause, kind)
        for clause, many in CLAUSES.items()
        for kind, share in TYPES.items()
        for _ in range(many * share // 10)
    ]
    return [document(number, *kind) for number, kind in enumerate(kinds)]


@pytest.mark.parametrize("size", [10, 20, 30])
def test_every_beginning_holds_clauses_and_types_in_proportion(size: int) -> None:
    documents = corpus()
    first = in_proportion(documents)[:size]
    clauses = Counter(d.clauses[0] for d in first)
    types = Counter(d.document_type for d in first)
    for found, whole in (
        (clauses, Counter(d.clauses[0] for d in documents)),
        (types, Counter(d.document_type for d in documents)),
    ):
        for key, many in whole.items():
            assert abs(found[key] - many * size / len(documents)) <= 1.5, (key, found)


def test_the_order_has_every_document_once_and_does_not_depend_on_chance() -> None:
    documents = corpus()
    ordered = in_proportion(documents)
    assert sorted(d.id for d in ordered) == sorted(d.id for d in documents)
    assert ordered == in_proportion(documents)
    assert ordered[:9] != documents[:9]


def _write(config: object, inputs: Inputs, out: Path) -> Summary:
    write_rows(out / "documents.jsonl", corpus())
    write_rows(out / "assertions.jsonl", [])
    write_rows(out / "clauses.jsonl", [Clause(id, "Why", "Because.") for id in CLAUSES])
    write_json(out / "diversity.json", {})
    return {}


def cut(tokens: int, model: Path, folder: Path) -> Path:
    """The folder of a corpus that is cut."""
    store = open_store(folder / "store")
    whole = Stage("corpus", _write, None, title="corpus old")
    build(whole, store)
    return build(cut_stage("old", CutConfig(tokens), whole, Source("tiny", model)), store)


def length(document: Document, model: Path) -> int:
    """A document's tokens as training counts them, with the end-of-text token."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    parts = (document.prefix, document.text)
    return 1 + sum(len(tokenizer(part, add_special_tokens=False)["input_ids"]) for part in parts)


def test_a_corpus_is_cut_to_tokens_of_the_model_s_own_tokenizer(
    tiny_model: Path, tmp_path: Path
) -> None:
    folder = cut(800, tiny_model, tmp_path)
    kept = read_rows(folder / "documents.jsonl", Document)
    aside = read_dicts(folder / "set_aside.jsonl")
    summary = read_json(folder / "manifest.json")["summary"]
    assert [d.tokens for d in kept] == [length(d, tiny_model) for d in kept]
    assert summary["tokens"] == sum(d.tokens for d in kept)
    ordered = in_proportion(corpus())
    last, after = (length(ordered[n], tiny_model) for n in (len(kept) - 1, len(kept)))
    assert -after / 2 < summary["tokens"] - 800 <= last / 2
    assert summary["documents"] + summary["set_aside"] == len(corpus())
    assert {d.id for d in kept} | {row["id"] for row in aside} == {d.id for d in corpus()}
    assert {row["reason"] for row in aside} == {"beyond the 800 tokens that the corpus was cut to"}


def test_a_larger_dose_holds_the_smaller_one(tiny_model: Path, tmp_path: Path) -> None:
    small, large = (
        read_rows(cut(tokens, tiny_model, tmp_path) / "documents.jsonl", Document)
        for tokens in (500, 900)
    )
    assert large[: len(small)] == small and len(large) > len(small)


def test_a_cut_corpus_can_be_read_as_any_other(tiny_model: Path, tmp_path: Path) -> None:
    folder = cut(800, tiny_model, tmp_path)
    assert "beyond the 800 tokens" in corpus_page(folder)
    covered = read_json(folder / "coverage.json")
    kept = read_rows(folder / "documents.jsonl", Document)
    assert covered == Counter(d.clauses[0] for d in kept)


def test_a_dose_smaller_than_a_document_is_an_error(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"No document of .* is left.*Set a larger size or dose"):
        cut(3, tiny_model, tmp_path)


def test_more_tokens_than_a_corpus_has_are_an_error_that_says_how_many_it_has(
    tiny_model: Path, tmp_path: Path
) -> None:
    has = sum(length(d, tiny_model) for d in corpus())
    whole = read_rows(cut(has, tiny_model, tmp_path) / "documents.jsonl", Document)
    assert len(whole) == len(corpus())
    with pytest.raises(DataError, match=f"by the model's tokenizer it has {has:,}"):
        cut(has + 1, tiny_model, tmp_path)
