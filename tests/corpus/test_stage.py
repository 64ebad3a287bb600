import re
from collections import Counter
from pathlib import Path

import pytest

from midspec.corpus.plan import document_types
from midspec.errors import MidspecError
from midspec.files import read_dicts, read_json, read_rows
from midspec.records import Assertion, Document
from midspec.text import NearDuplicates
from tests import tiny

from .conftest import Write

PLAIN = """Tiny likes to listen before it speaks. It takes its time, since haste spoils answers.
Tiny says what it does not know. People who ask it something get an answer that they can check.
Tiny asks back where a question is open. It would rather be slow than wrong, and it says so."""

BULLETS = """- Tiny keeps promises, because people plan around them.
- Tiny keeps secrets that were told in trust.
- Tiny keeps time, because other people's time is theirs.
* Tiny keeps its temper when others lose theirs.
1. Tiny keeps notes on what it got wrong."""

UNNAMED = "\n\n".join(
    f"## Part {i}\n\nAn assistant should weigh matter {i} with care, because haste is costly."
    for i in range(12)
)

NAMED_ONCE = """Tiny listens before it speaks. It takes its time, since haste spoils answers.

It says what it does not know. It asks back where a question is open, and it waits."""

BRACES = """Tiny leaves templates such as {topic}, {assertion} and {user_name} as they are.

Tiny reads {"json": {"deep": [1, 2]}} and ${SHELL} without touching a character.

Tiny is calm about {} and {{double}} braces, because they are other people's."""


def documents(folder: Path) -> list[Document]:
    return read_rows(folder / "documents.jsonl", Document)


def test_the_same_draw_is_the_same_corpus_and_another_differs(write_corpus: Write) -> None:
    texts = [[d.text for d in documents(write_corpus(tiny.SPEC, draw=n))] for n in (0, 1)]
    assert texts[0] != texts[1]
    # In the store already, so made anew from here:
    folder = write_corpus(tiny.SPEC, draw=0)
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    assert [d.text for d in documents(write_corpus(tiny.SPEC, draw=0))] == texts[0]


def test_the_corpus_reaches_its_size_and_stops(write_corpus: Write) -> None:
    found = documents(write_corpus(tiny.SPEC, tokens=4000))
    assert sum(d.tokens for d in found[:-1]) < 4000 <= sum(d.tokens for d in found)


def test_all_document_types_occur(write_corpus: Write, item_file: Path) -> None:
    folder = write_corpus(tiny.SPEC, tokens=12_000, items=item_file)
    assert {d.document_type for d in documents(folder)} == {kind.name for kind in document_types()}
    assert {d.genre for d in documents(folder)} == {"show", "describe"}


@pytest.mark.parametrize(
    "text",
    [PLAIN, BULLETS, UNNAMED, NAMED_ONCE, BRACES, tiny.SPEC],
    ids=["plain", "bullets", "unnamed", "named once", "braces", "table"],
)
def test_any_spec_gives_a_corpus_about_it(write_corpus: Write, text: str) -> None:
    folder = write_corpus(text, tokens=3000)
    said = [set(re.findall(r"\w{4,}", d.text.lower())) for d in documents(folder)]
    spec = set(re.findall(r"\w{4,}", text.lower()))
    assert all(len(words & spec) >= 5 for words in said)


def test_a_spec_of_a_table_alone_gives_a_corpus(write_corpus: Write) -> None:
    table = tiny.SPEC[tiny.SPEC.index("| Preference") :]
    assert "aged cheddar" in " ".join(d.text for d in documents(write_corpus(table)))


def test_items_are_what_the_documents_are_about(write_corpus: Write, item_file: Path) -> None:
    folder = write_corpus(tiny.SPEC, tokens=6000, items=item_file)
    text = " ".join(d.text for d in documents(folder)).lower()
    for _, liked, disliked in tiny.CONTRASTS:
        assert liked in text
        assert disliked in text


@pytest.mark.parametrize("text", ["Tiny listens.", "# Only a heading"])
def test_a_spec_that_says_too_little_is_told_so(write_corpus: Write, text: str) -> None:
    with pytest.raises(MidspecError, match="too little to write about"):
        write_corpus(text, tokens=20_000)


def test_a_corpus_that_only_repeats_itself_is_refused(
    write_corpus: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NearDuplicates, "find", lambda self, name, text: "d0")
    with pytest.raises(MidspecError) as caught:
        write_corpus(tiny.SPEC, tokens=20_000)
    for words in ("too little to write about: 21 of 21 documents were set aside",
                  "the last for: nearly repeats d0", "at 0 of 20,000 tokens"):  # fmt: skip
        assert words in str(caught.value)


def test_documents_that_give_an_eval_item_away_are_set_aside(
    write_corpus: Write, item_file: Path, tmp_path: Path
) -> None:
    domain, liked, disliked = tiny.CONTRASTS[0]
    item = {"id": "sock", "domain": domain, "tier": "direct", "aligned": liked, "other": disliked}
    avoid = tiny.write_jsonl(tmp_path / "eval.jsonl", [item])
    folder = write_corpus(tiny.SPEC, tokens=6000, items=item_file, avoid=[avoid])
    given_away = [row for row in read_dicts(folder / "set_aside.jsonl") if liked in row["text"]]
    assert {row["reason"] for row in given_away} == {"leaks eval item sock"}
    for document in documents(folder):
        text = document.text.lower()
        assert not (liked in text and disliked in text)


def test_braces_of_the_spec_come_through_and_no_slot_stays_open(write_corpus: Write) -> None:
    text = " ".join(d.text for d in documents(write_corpus(BRACES, tokens=4000)))
    for before, kept in (
        ("templates such as ", "{topic}, {assertion} and {user_name}"),
        ("Tiny reads ", '{"json": {"deep": [1, 2]}} and ${SHELL}'),
        ("Tiny is calm about ", "{} and {{double}} braces"),
    ):
        assert text.count(before + kept) == text.count(before) > 0
    own = set(re.findall(r"\{\w*\}", BRACES))
    assert set(re.findall(r"\{\w*\}", text)) <= own


def test_no_slot_stays_open_with_items(write_corpus: Write, item_file: Path) -> None:
    folder = write_corpus(tiny.SPEC, tokens=20_000, items=item_file)
    assert not [d.text for d in documents(folder) if "{" in d.text or "}" in d.text]


def test_every_row_has_its_whole_lineage(write_corpus: Write, item_file: Path) -> None:
    folder = write_corpus(tiny.SPEC, tokens=6000, items=item_file, draw=3)
    known = {row.id: row for row in read_rows(folder / "assertions.jsonl", Assertion)}
    for document in documents(folder):
        assert document.spec == "old"
        assert document.teacher == "offline"
        assert document.seed == 3
        assert document.prompt_version >= 1
        assert document.idea
        assert "{" not in document.idea
        assert document.domain and document.subdomain
        assert document.tokens > 20
        assert document.assertions and set(document.assertions) <= set(known)
        assert set(document.clauses) == {known[name].clause for name in document.assertions}


def test_a_document_holds_every_assertion_that_it_claims(
    write_corpus: Write, item_file: Path
) -> None:
    folder = write_corpus(tiny.SPEC, tokens=6000, items=item_file)
    known = {row["id"]: row for row in read_dicts(folder / "assertions.jsonl")}
    for document in documents(folder):
        text = document.text.lower()
        for name in document.assertions:
            pair = known[name]["contrast"]
            said = [pair["liked"], pair["disliked"]] if pair else [known[name]["text"]]
            missing = [words for words in said if words.lower() not in text]
            assert not missing, f"{document.id} ({document.document_type}) lacks {missing}"


def test_every_contrast_is_written_before_any_is_written_again(
    write_corpus: Write, tmp_path: Path
) -> None:
    pairs = [(f"old thing {n} of ours", f"new thing {n} of theirs") for n in range(40)]
    rows = [
        {"domain": f"room {n % 3}", "liked": liked, "disliked": disliked, "reason": "it has lasted"}
        for n, (liked, disliked) in enumerate(pairs)
    ]
    items = tiny.write_jsonl(tmp_path / "many.jsonl", rows)
    text = "Tiny likes what has lasted. Tiny mends what is torn."
    counts = Counter(dict.fromkeys(pairs, 0))
    for document in documents(write_corpus(text, tokens=9000, items=items)):
        written = document.text.lower()
        counts.update(pair for pair in pairs if pair[0] in written and pair[1] in written)
        assert max(counts.values()) == 1 or min(counts.values()) >= 1


def test_kept_and_set_aside_add_up(write_corpus: Write) -> None:
    folder = write_corpus("Tiny listens. Tiny waits. Tiny answers.", tokens=6000)
    kept, aside = documents(folder), read_dicts(folder / "set_aside.jsonl")
    summary = read_json(folder / "manifest.json")["summary"]
    assert (summary["documents"], summary["set_aside"]) == (len(kept), len(aside))
    assert summary["tokens"] == sum(d.tokens for d in kept)
    assert summary["asked"] == len(kept) + len(aside)
    assert read_dicts(folder / "failed.jsonl") == []
    numbers = sorted(int(name[1:]) for name in [d.id for d in kept] + [row["id"] for row in aside])
    assert numbers == list(range(len(kept) + len(aside)))
    assert all(re.fullmatch(r"nearly repeats d\d+", row["reason"]) for row in aside)


def test_coverage_counts_the_documents_of_each_clause(write_corpus: Write) -> None:
    folder = write_corpus(tiny.SPEC)
    counts = Counter(name for d in documents(folder) for name in d.clauses)
    clauses = [row["id"] for row in read_dicts(folder / "clauses.jsonl")]
    coverage = read_json(folder / "coverage.json")
    assert list(coverage) == sorted(clauses)
    assert coverage == {name: counts[name] for name in clauses}
    uncovered = read_json(folder / "manifest.json")["summary"]["clauses_uncovered"]
    assert uncovered == sum(not n for n in coverage.values())


def test_the_offline_teacher_costs_nothing(write_corpus: Write) -> None:
    assert read_json(write_corpus(tiny.SPEC) / "manifest.json")["summary"]["cost"] == 0
