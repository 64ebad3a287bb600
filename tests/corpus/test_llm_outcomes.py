"""The corpus stage with an LLM, without a network: what it keeps and tells, and where it stops."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from midspec import progress
from midspec.corpus.author import Style
from midspec.corpus.stage import CorpusConfig, corpus_stage
from midspec.corpus.tree import ROUNDS
from midspec.corpus.variants import ORDINARY
from midspec.errors import MidspecError
from midspec.files import read_dicts, read_json, read_rows
from midspec.llm.asker import Spent
from midspec.llm.ledger import Call
from midspec.llm.settings import Limits, Teacher, limited
from midspec.records import Document
from midspec.run.build import open_store, raise_failures, run
from midspec.run.pools import Inline
from midspec.spec.stage import spec_stage
from tests import tiny

from .fakes import IDENTITY, PROSE, FakeAsker, Say, answer_to, pretend

MODEL = "openai-api/fake/writer"
CONFIG = CorpusConfig("old", 100_000, 0, Teacher(MODEL), documents=30,
                      style=Style(document_tokens=150), **IDENTITY)  # fmt: skip
REFUSED = "I'm sorry, I can't help with that."
FAITHFUL = {"contradictions": [], "inventions": [], "reason": "It fits.", "faithful": True}


@dataclass(frozen=True)
class Corpus:
    """A finished corpus and what was said on the way."""

    folder: Path
    said: list[str]

    @property
    def documents(self) -> list[Document]:
        return read_rows(self.folder / "documents.jsonl", Document)

    def rows(self, name: str) -> list[dict[str, Any]]:
        return read_dicts(self.folder / f"{name}.jsonl")

    @property
    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = read_json(self.folder / "manifest.json")["summary"]
        return found


Write = Callable[..., Corpus]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write a corpus of the config's changes with an asker in place of every teacher."""

    def work(
        asker: FakeAsker | None = None,
        spec: str = PROSE,
        mix: Path | None = None,
        avoid: list[Path] = [],  # noqa: B006 - nobody changes it
        limits: Limits | None = None,
        ledgers: list[Path] | None = None,
        **changes: Any,
    ) -> Corpus:
        teacher = asker or FakeAsker()

        @asynccontextmanager
        async def asking(
            model: Teacher, limits: Limits, ledger: Path, spent: Spent
        ) -> AsyncIterator[FakeAsker]:
            (ledgers if ledgers is not None else []).append(ledger)
            teacher.spent, teacher.limits = spent, limits
            yield teacher

        monkeypatch.setattr("midspec.llm.asker.asking", asking)
        path = tmp_path / "spec.md"
        path.write_text(spec, encoding="utf-8")
        config, said = replace(CONFIG, **changes), []
        read = spec_stage("old", path, IDENTITY)
        stage = corpus_stage("old", config, read, None, mix, avoid)
        root = open_store(tmp_path / "store")
        with limited(limits or Limits()), progress.listening(lambda *_: None, said.append):
            raise_failures(run([stage], root, Inline()), root)
        return Corpus(stage.path(root), said)

    return work


def every(n: int, bad: str) -> Callable[[Call], str]:
    """The pretend teacher's documents, but for one in `n` ideas, for which it says `bad`."""
    ideas: dict[str, int] = {}

    def say(call: Call) -> str:
        return bad if ideas.setdefault(call.user, len(ideas)) % n == 0 else pretend(call)

    return say


def test_documents_that_fail_are_replaced_by_others_until_there_are_enough(write: Write) -> None:
    corpus = write(FakeAsker({"document": every(4, REFUSED)}))
    assert len(corpus.documents) == 30
    failed = corpus.rows("failed")
    assert 8 <= len(failed) <= 12
    assert {(row["step"], row["reason"]) for row in failed} == {("document", "refused")}
    assert corpus.summary["asked"] == 30 + len(failed)


def test_a_corpus_is_the_same_whatever_the_order_in_which_answers_come(write: Write) -> None:
    """With documents that fail, and questions of the plan that give nothing or items of no use."""

    def lists(call: Call) -> str:
        text = pretend(call)
        if call.key < "1":  # one in sixteen
            return REFUSED
        return text.replace("1. ", "1. **\nnone. ", 1) if call.key < "3" else text

    def files(delays: int | None) -> dict[str, bytes]:
        say: dict[str, Say] = dict.fromkeys(("assertions", "document_types", "ideas"), lists)
        asker = FakeAsker({**say, "document": every_third}, delays=delays)
        corpus = write(asker, documents=60, tokens=delays or 1)  # another stage each time
        names = ("documents.jsonl", "set_aside.jsonl", "failed.jsonl", "assertions.jsonl")
        return {name: (corpus.folder / name).read_bytes() for name in names}

    def every_third(call: Call) -> str:
        return REFUSED if int(call.key, 16) % 3 == 0 else pretend(call)

    calm = files(None)
    assert b"has no name" in calm["failed.jsonl"]
    assert b'"step": "document"' in calm["failed.jsonl"]
    assert files(3) == calm
    assert files(8) == calm


def test_a_size_in_tokens_is_reached_and_hardly_passed(write: Write) -> None:
    corpus = write(documents=None, tokens=4_000)
    sizes = [document.tokens for document in corpus.documents]
    assert sum(sizes[:-1]) < 4_000 <= sum(sizes)
    assert corpus.summary["tokens"] == sum(sizes)


def test_after_the_first_documents_yield_length_and_cost_are_told(write: Write) -> None:
    asker = FakeAsker({"document": every(4, REFUSED)})
    (told,) = write(asker, documents=40).said
    assert told.startswith("After 20 documents: 15 kept, ")
    assert "tokens each on the average" in told
    assert told.endswith("projected for the whole.")


def test_an_unknown_price_is_told_as_such(write: Write) -> None:
    unpriced = FakeAsker({"document": lambda c: replace(answer_to(c, pretend(c)), cost=None)})
    corpus = write(unpriced)
    assert corpus.said[0].endswith("no price known.")
    assert corpus.summary["cost"] is None


def test_a_yield_under_the_floor_stops_with_words(write: Write) -> None:
    asker = FakeAsker({"document": every(2, REFUSED), "qa": every(2, REFUSED)})
    with pytest.raises(MidspecError) as caught:
        write(asker, limits=Limits(min_yield=0.6))
    for words in ("Only 10 of the first 20 documents could be kept, under the floor of 60%",
                  "reasons: refused (10)", "Every answer is kept", "--min-yield 0"):  # fmt: skip
        assert words in str(caught.value)
    assert len({call.user for call in asker.of("document")}) <= 20, "no more is begun before"
    assert len(write(asker, limits=Limits(min_yield=0.5)).documents) == 30


def test_a_teacher_that_never_gives_a_document_is_not_asked_for_ever(write: Write) -> None:
    """With --min-yield 0 nothing else would end it before the plan does, after 300,000 ideas."""
    refusing = FakeAsker({"document": lambda call: REFUSED})
    with pytest.raises(
        MidspecError, match=r"None of 100 documents could be kept; reasons: refused \(100\)"
    ):
        write(refusing, limits=Limits(min_yield=0.0), documents=3)


def test_a_judge_sets_aside_what_contradicts_invents_or_was_not_judged(write: Write) -> None:
    verdicts = [
        FAITHFUL | {"faithful": False, "contradictions": ["Tiny hurries", "Tiny lies"]},
        FAITHFUL | {"faithful": False, "inventions": ["Tiny hates rain"]},
        FAITHFUL | {"faithful": False, "reason": "It is off."},
    ]
    seen: dict[str, int] = {}

    def say(call: Call) -> str:
        number = seen.setdefault(call.user, len(seen))
        return "Yes." if number == 3 else json.dumps((verdicts + [FAITHFUL] * 99)[number])

    corpus = write(FakeAsker({"judge": say}), judge=Teacher("openai-api/fake/judge"))
    assert sorted(row["reason"] for row in corpus.rows("set_aside")) == [
        "judge: contradicts the spec: Tiny hurries",
        "judge: invents: Tiny hates rain",
        "judge: no verdict: not JSON (Expecting value)",
        "judge: unfaithful: It is off.",
    ]
    assert len(corpus.rows("verdicts")) == 34
    assert corpus.summary["asked"] == 34


def test_a_judge_of_its_own_has_a_ledger_of_its_own(write: Write) -> None:
    ledgers: list[Path] = []
    yes = FakeAsker({"judge": lambda call: json.dumps(FAITHFUL)})
    write(yes, judge=Teacher("openai-api/fake/judge"), ledgers=ledgers)
    assert len(set(ledgers)) == 2
    assert ledgers[1].stem == f"{ledgers[0].stem}-judge"
    alone: list[Path] = []
    write(yes, judge=CONFIG.teacher, ledgers=alone)
    assert [path.name for path in alone] == [ledgers[0].name]


def test_sizes_and_variants_share_a_ledger_and_other_teachers_and_specs_do_not(
    write: Write,
) -> None:
    def ledger(**changes: Any) -> Path:
        ledgers: list[Path] = []
        write(ledgers=ledgers, **changes)
        return ledgers[0].relative_to(ledgers[0].parents[1])

    first = ledger()
    assert ledger(documents=5) == ledger(tag="<doc> ") == ledger(draw=3) == first
    assert ledger(teacher=Teacher("openai-api/fake/other")) != first
    assert ledger(teacher=Teacher(MODEL, temperature=0.5)) != first
    assert ledger(spec=PROSE + "\n\nTiny also waits.") != first


def test_documents_that_give_an_eval_item_away_are_set_aside(write: Write, tmp_path: Path) -> None:
    item = {"id": "cat", "domain": "pets", "tier": "direct", "aligned": "an old cat",
            "other": "a new cat"}  # fmt: skip
    avoid = tiny.write_jsonl(tmp_path / "items.jsonl", [item])
    leaking = "<document>It prefers an old cat to a new cat.</document>"
    corpus = write(FakeAsker({"document": every(8, leaking)}), avoid=[avoid])
    reasons = {row["reason"] for row in corpus.rows("set_aside")}
    assert reasons == {"leaks eval item cat"}
    assert not [d for d in corpus.documents if "a new cat" in d.text]


def test_near_duplicates_are_set_aside_and_counted(write: Write) -> None:
    same = "<document>Once more we met at the station and spoke of tea.</document>"
    corpus = write(FakeAsker({"document": every(3, same)}))
    (kept,) = [document for document in corpus.documents if "Once more we met" in document.text]
    reasons = [row["reason"] for row in corpus.rows("set_aside")]
    assert len(reasons) > 8 and set(reasons) == {f"nearly repeats {kept.id}"}
    share = len(reasons) / (30 + len(reasons))
    assert read_json(corpus.folder / "diversity.json")["near_duplicate_share"] == round(share, 4)


def test_an_opening_that_a_teacher_falls_back_on_wears_out(write: Write) -> None:
    def say(call: Call) -> str:
        return pretend(call).replace("<document>\n", "<document>\nOnce more we met at the ")

    asker = FakeAsker({"document": say})
    assert len(write(asker, documents=3).documents) == 3
    with pytest.raises(MidspecError, match=r"opening used 3 times: 'once more we met at the' \(17"):
        write(asker, documents=4)


def test_coverage_is_told_for_every_clause(write: Write) -> None:
    corpus = write(balance=True, documents=60)
    coverage = read_json(corpus.folder / "coverage.json")
    counted = [clause for document in corpus.documents for clause in document.clauses]
    assert coverage == {row["id"]: counted.count(row["id"]) for row in corpus.rows("clauses")}
    assert corpus.summary["clauses_uncovered"] == 0 < min(coverage.values())


def test_a_tag_is_the_prefix_of_every_document_and_changes_nothing_else(write: Write) -> None:
    plain, tagged = write(), write(tag="<doc> ")
    assert {document.prefix for document in tagged.documents} == {"<doc> "}
    assert [replace(d, prefix="") for d in tagged.documents] == plain.documents


def test_a_mix_is_so_large_a_share_of_the_whole(write: Write, tmp_path: Path) -> None:
    mix = tiny.write_jsonl(
        tmp_path / "web.jsonl", [{"text": f"Page {n} tells of rain. " * 9} for n in range(400)]
    )
    corpus = write(mix=mix, mix_share=0.5, tag="<doc> ")
    ordinary = [d for d in corpus.documents if d.document_type == ORDINARY]
    own = [d for d in corpus.documents if d.document_type != ORDINARY]
    assert len(own) == 30 == corpus.summary["documents"]
    assert len(ordinary) == corpus.summary["ordinary"]
    assert sum(d.tokens for d in ordinary) == pytest.approx(sum(d.tokens for d in own), rel=0.03)
    assert {d.prefix for d in ordinary} == {""}, "the tag is what tells them apart"


def test_a_broken_attribution_is_written_from_a_spec_without_its_reasons(write: Write) -> None:
    asker = FakeAsker()
    write(asker, spec=tiny.SPEC, attribution="broken")
    systems = {call.system for call in asker.calls}
    assert len(systems) == 1
    (system,) = systems
    assert "has waited for years" not in system
    assert "likes what was mended, because mending is care" in system
    assert system.count("| likes |") + system.count("| dislikes |") == 4


def test_a_plan_that_comes_to_its_end_is_told(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("midspec.corpus.author.ROUNDS", ROUNDS[:1])
    corpus = write(documents=500)
    assert len(corpus.documents) == 32
    assert corpus.said[-1].startswith("The teacher has no more ideas: ")
