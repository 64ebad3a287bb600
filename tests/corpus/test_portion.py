"""A corpus with documents left out: what goes, what stays, and that nothing vanishes."""

from pathlib import Path
from typing import Any

import pytest

from midspec.corpus.browse import corpus_page
from midspec.corpus.portion import PortionConfig, filter_corpus
from midspec.corpus.variants import ORDINARY
from midspec.errors import DataError
from midspec.files import read_dicts, read_rows, write_json, write_rows
from midspec.records import Clause, Document
from tests.planted import documents

TYPES = ("letter", "weather", "recipe", "sport")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    write_rows(folder / "documents.jsonl", documents())
    for name in ("assertions", "failed", "set_aside"):
        write_rows(folder / f"{name}.jsonl", [])
    ids = ["s1.p1", "s2.p1", "s2.p2", "s3.p1"]
    write_rows(folder / "clauses.jsonl", [Clause(name, "", "words") for name in ids])
    verdicts = [{"document": d.id, "faithful": True} for d in documents()]
    write_rows(folder / "verdicts.jsonl", verdicts)
    write_json(folder / "diversity.json", {})
    write_json(folder / "coverage.json", {})
    return folder


def _filter(corpus: Path, **config: Any) -> tuple[list[Document], dict[str, Any]]:
    wanted: dict[str, Any] = {"without": (), "tokens": None, "drop": 0.0, "matched": (), "draw": 0}
    out = corpus.parent / f"out{len(list(corpus.parent.iterdir()))}"
    out.mkdir()
    summary = filter_corpus(PortionConfig(**wanted | config), {"corpus": corpus}, out)
    kept = read_rows(out / "documents.jsonl", Document)
    aside = read_dicts(out / "set_aside.jsonl")
    whole = read_rows(corpus / "documents.jsonl", Document)
    assert sorted([d.id for d in kept] + [d["id"] for d in aside]) == sorted(d.id for d in whole)
    assert all(row["reason"] for row in aside)
    assert {row["document"] for row in read_dicts(out / "verdicts.jsonl")} <= {d.id for d in kept}
    corpus_page(out)  # it can be looked through like any other
    return kept, summary | {"reasons": [row["reason"] for row in aside]}


def test_a_type_is_left_out_and_all_else_stays(corpus: Path) -> None:
    kept, told = _filter(corpus, without=(("type", ("letter",)),))
    assert {d.document_type for d in kept} == {"weather", "recipe", "sport"}
    assert len(kept) == told["documents"] == 48
    assert told["left_out"] == told["set_aside"] == 16
    assert set(told["reasons"]) == {"left out: type letter"}


def test_a_clause_takes_every_document_along_that_discusses_it(corpus: Path) -> None:
    kept, _ = _filter(corpus, without=(("clause", ("s1.p1",)),))
    assert {d.document_type for d in kept} == {"recipe", "sport"}


def test_a_section_is_all_its_clauses(corpus: Path) -> None:
    kept, _ = _filter(corpus, without=(("section", ("s2",)),))
    assert {d.document_type for d in kept} == {"weather", "sport"}


def test_matched_leave_outs_and_their_control_have_one_size(corpus: Path) -> None:
    # Letters are longer than the rest, so that without cutting the four would differ.
    matched = tuple((("type", (kind,)),) for kind in TYPES)
    sizes = []
    for without in (*matched, ()):
        kept, told = _filter(corpus, without=without, matched=matched)
        sizes.append(told["tokens"])
        assert not without or without[0][1][0] not in {d.document_type for d in kept}
    shortest = min(d.tokens for d in documents())
    assert max(sizes) - min(sizes) < shortest
    assert max(sizes) < sum(d.tokens for d in documents()) * 3 / 4


def test_leave_outs_share_what_they_keep_and_controls_differ_by_draw(corpus: Path) -> None:
    matched = tuple((("type", (kind,)),) for kind in TYPES)

    def kept(without: Any, draw: int) -> set[str]:
        return {d.id for d in _filter(corpus, without=without, matched=matched, draw=draw)[0]}

    assert kept((), 1) != kept((), 2)
    assert kept((), 1) == kept((), 1)
    one, other, drawn_anew = kept(matched[2], 0), kept(matched[3], 0), kept(matched[3], 1)
    rest = {d.id for d in documents() if d.document_type in ("letter", "weather")}
    assert len((one ^ other) & rest) <= 4 < len((one ^ drawn_anew) & rest)


def test_a_share_or_a_size_is_dropped_at_random(corpus: Path) -> None:
    total = sum(d.tokens for d in documents())
    _, tenth = _filter(corpus, drop=0.25)
    _, sized = _filter(corpus, tokens=500)
    assert 0.7 * total < tenth["tokens"] <= 0.75 * total
    assert 500 - min(d.tokens for d in documents()) < sized["tokens"] <= 500
    assert set(sized["reasons"]) == {"drawn at random, to 500 tokens"}


def test_ordinary_text_that_is_mixed_in_stays(corpus: Path) -> None:
    from dataclasses import replace

    extra = replace(documents()[0], id="o1", document_type=ORDINARY, domain=ORDINARY, clauses=[])
    write_rows(corpus / "documents.jsonl", [*documents(), extra])
    kept, told = _filter(corpus, drop=0.9)
    assert "o1" in {d.id for d in kept}
    assert told["ordinary"] == 1


def test_a_label_that_no_document_has_is_an_error_with_those_there_are(corpus: Path) -> None:
    with pytest.raises(DataError, match=r"has the type 'leter'.*letter, recipe, sport, weather"):
        _filter(corpus, without=(("type", ("letter", "leter")),))
    with pytest.raises(DataError, match=r"has the clause 's9\.p9'"):
        _filter(corpus, matched=((("clause", ("s9.p9",)),),))


def test_a_clause_of_the_spec_that_no_document_discusses_leaves_nothing_out(corpus: Path) -> None:
    kept, told = _filter(corpus, without=(("clause", ("s3.p1",)),))
    assert len(kept) == 64
    assert told["left_out"] == 0


def test_a_size_smaller_than_a_document_is_an_error(corpus: Path) -> None:
    with pytest.raises(DataError, match=r"No document of .* is left.*Set a larger size or dose"):
        _filter(corpus, tokens=3)


def test_a_control_of_leave_outs_of_which_one_leaves_nothing_is_an_error(corpus: Path) -> None:
    with pytest.raises(DataError, match=r"No document of .* is left.*leave less out"):
        _filter(corpus, matched=((("genre", ("show",)),),))


def test_too_little_left_is_an_error_that_says_how_much(corpus: Path) -> None:
    with pytest.raises(DataError, match="1,000,000 are wanted"):
        _filter(corpus, without=(("type", ("letter",)),), tokens=1_000_000)
