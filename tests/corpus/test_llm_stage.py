"""A corpus by an LLM through the command, against the pretend teacher on a bad day."""

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from midspec.files import read_dicts, read_json, read_rows
from midspec.llm.ledger import UNREADABLE
from midspec.records import Assertion, Document
from tests import teacher_server
from tests.teacher_answers import text_digest
from tests.teacher_server import Server
from tests.tiny import Said, midspec, refused

from .fakes import PROSE

MODEL = "openai-api/fake/writer"
DOCUMENTS = 36
BAD_DAY = {
    "rate_limited": 0.1, "errors": 0.02, "truncated": 0.05, "refusals": 0.05, "malformed": 0.05,
}  # fmt: skip
WRITTEN = ("documents.jsonl", "set_aside.jsonl", "failed.jsonl", "verdicts.jsonl",
           "assertions.jsonl", "coverage.json", "diversity.json")  # fmt: skip
COMMON = ("--teacher", MODEL, "--judge", MODEL, "--document-tokens", "150", "--price", "3,15")


@dataclass(frozen=True)
class Place:
    """A spec, a store and a place for the corpus."""

    folder: Path

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def arguments(self) -> tuple[str, ...]:
        spec = self.folder / "old.md"
        self.folder.mkdir(exist_ok=True)
        spec.write_text(PROSE, encoding="utf-8")
        return ("corpus", str(spec), *COMMON, "--store", str(self.folder / "store"),
                "--out", str(self.out))  # fmt: skip

    def write(self, *more: object, documents: int = DOCUMENTS) -> Said:
        """Run the command in this process."""
        return midspec(*self.arguments, "--documents", documents, *more)

    def rows(self, name: str) -> list[dict[str, Any]]:
        return read_dicts(self.out / f"{name}.jsonl")

    @property
    def documents(self) -> list[Document]:
        return read_rows(self.out / "documents.jsonl", Document)

    @property
    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = read_json(self.out / "manifest.json")["summary"]
        return found

    def ledger(self) -> dict[str, dict[str, Any]]:
        """The answers by key."""
        paths = (self.folder / "store" / "ledger").glob("*.jsonl")
        return {row["key"]: row for path in paths for row in read_dicts(path)}

    def bytes(self) -> dict[str, bytes]:
        return {name: (self.out / name).read_bytes() for name in WRITTEN}

    def with_ledger_of(self, other: "Place") -> "Place":
        """This place after another's ledger was copied to it."""
        (self.folder / "store").mkdir(parents=True)
        subprocess.run(["cp", "-r", other.folder / "store" / "ledger", self.folder / "store"],
                       check=True)  # fmt: skip
        return self


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """The pretend teacher, under a name that Inspect knows."""
    with teacher_server.start(**BAD_DAY) as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("FAKE_BASE_URL", running.base_url)
        patch.setenv("FAKE_API_KEY", "none")
        yield running


@dataclass(frozen=True)
class Made:
    """A finished corpus, what the command printed, and what the server then knew."""

    place: Place
    said: Said
    stats: dict[str, Any]
    texts: Counter[str]


@pytest.fixture(scope="module")
def made(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Made:
    place = Place(tmp_path_factory.mktemp("made"))
    said = place.write()
    assert said.code == 0, said
    return Made(place, said, server.stats(), server.texts())


def test_all_that_was_asked_for_is_kept_set_aside_or_failed(made: Made) -> None:
    place, summary = made.place, made.place.summary
    failed = [row for row in place.rows("failed") if row["step"] == "document"]
    counts = len(place.documents), len(place.rows("set_aside")), len(failed)
    assert (summary["documents"], summary["set_aside"], summary["failed"]) == counts
    assert sum(counts) == summary["asked"]
    assert counts[0] == DOCUMENTS
    ids = [d.id for d in place.documents] + [r["id"] for r in place.rows("set_aside") + failed]
    assert len(set(ids)) == len(ids)
    assert f"{DOCUMENTS} documents kept, {counts[1]} set aside, {counts[2]} failed" in made.said.out


def test_the_bad_day_took_place(made: Made) -> None:
    """Else nothing above would have been tested."""
    for fault in ("rate_limited", "truncated", "refusals", "malformed"):
        assert made.stats["faults"][fault] > 0


def test_every_answer_that_the_server_gave_is_in_the_ledger_once(made: Made) -> None:
    rows = made.place.ledger().values()
    readable = Counter(text_digest(r["text"]) for r in rows if r["stop_reason"] != UNREADABLE)
    assert readable == made.texts
    assert (made.stats["answered"], made.stats["repeated"]) == (readable.total(), 0)
    assert len(rows) - readable.total() == made.stats["unreadable"] > 0
    assert made.stats["unreadable_repeated"] == 0


def test_the_cost_is_the_price_of_the_tokens(made: Made) -> None:
    summary = made.place.summary
    dollars = (summary["input_tokens"] * 3 + summary["output_tokens"] * 15) / 1e6
    assert summary["cost"] == pytest.approx(dollars, abs=1e-4)
    assert f"${dollars:,.2f}" in made.said.out
    assert "projected for the whole" in made.said.out


def test_a_document_s_lineage_leads_to_its_answer(made: Made) -> None:
    ledger, place = made.place.ledger(), made.place
    known = {row.id: row for row in read_rows(place.out / "assertions.jsonl", Assertion)}
    clauses = {row["id"] for row in place.rows("clauses")}
    for document in place.documents:
        assert document.text in ledger[document.call]["text"]
        assert ledger[document.call]["step"] == "document"
        assert set(document.assertions) <= set(known)
        assert document.clauses == sorted({known[name].clause for name in document.assertions})
        assert set(document.clauses) <= clauses
        assert (document.teacher, document.framing) == (MODEL, "does")
        assert all([document.idea, document.viewpoint, document.domain, document.subdomain])


def test_what_the_judge_objects_to_is_set_aside(made: Made) -> None:
    verdicts = {row["document"]: row for row in made.place.rows("verdicts")}
    objected = {name for name, row in verdicts.items() if not row["faithful"]}
    reasons = {row["id"]: row["reason"] for row in made.place.rows("set_aside")}
    assert objected
    assert objected == {name for name, why in reasons.items() if why.startswith("judge: ")}
    assert {document.id for document in made.place.documents} <= verdicts.keys() - objected
    contradicted = [n for n in objected if verdicts[n]["contradictions"]]
    for name in contradicted:
        quoted = verdicts[name]["contradictions"][0]
        assert reasons[name] == f"judge: contradicts the spec: {quoted}"


def test_a_failed_document_has_its_idea_and_its_reasons(made: Made) -> None:
    for row in made.place.rows("failed"):
        assert row["id"] and row["step"] and row["reason"]
        assert row["step"] != "document" or row["idea"]


def test_a_rerun_from_the_ledger_asks_nothing_and_is_the_same(
    made: Made, server: Server, tmp_path: Path
) -> None:
    again = Place(tmp_path).with_ledger_of(made.place)
    before = server.stats()["requests"]
    assert again.write().code == 0
    assert again.bytes() == made.place.bytes()
    assert again.summary["calls"] == made.place.summary["calls"]
    assert again.summary["calls_in_this_run"] == 0
    assert server.stats()["requests"] == before


def test_a_larger_corpus_begins_with_the_smaller_one(
    made: Made, server: Server, tmp_path: Path
) -> None:
    larger = Place(tmp_path).with_ledger_of(made.place)
    assert larger.write(documents=DOCUMENTS + 20).code == 0
    for name in ("documents.jsonl", "set_aside.jsonl"):
        small, large = made.place.bytes()[name], larger.bytes()[name]
        assert large.startswith(small) and len(large) > len(small)
    assert set(made.place.ledger()) < set(larger.ledger())
    assert server.stats()["repeated"] == 0


def test_a_budget_stops_with_words_and_more_of_it_goes_on(
    made: Made, server: Server, tmp_path: Path
) -> None:
    place = Place(tmp_path)
    server.reset()
    half = (made.place.summary["input_tokens"] + made.place.summary["output_tokens"]) // 2
    stopped = place.write("--max-tokens", half)
    assert stopped.code == 2
    for words in ("corpus old failed: The budget is used up: ", f"of {half:,} tokens",
                  "Every answer is kept", "--max-tokens"):  # fmt: skip
        assert words in stopped.err
    assert not place.out.exists()
    paid = len(place.ledger())
    assert 0 < paid < made.place.summary["calls"]
    assert place.write("--max-tokens", "10M").code == 0
    assert place.bytes() == made.place.bytes()
    assert server.stats()["repeated"] == 0


def test_show_writes_a_page_about_the_corpus(made: Made, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    said = midspec("corpus", "show", made.place.out, "--out", page)
    assert (said.code, said.out.strip()) == (0, str(page))
    text = " ".join(re.sub(r"<[^>]+>", " ", page.read_text("utf-8")).split())
    assert f"{DOCUMENTS} documents kept" in text
    assert made.place.documents[0].idea[:40] in page.read_text("utf-8")


def test_a_plan_asks_nothing_and_writes_nothing(server: Server, tmp_path: Path) -> None:
    before, place = server.stats()["requests"], Place(tmp_path)
    said = place.write("--plan")
    assert said.code == 0
    for words in (f"{MODEL} is expected to write 40 documents", "tokens in", "about $"):
        assert words in said.out
    assert server.stats()["requests"] == before
    assert {path.name for path in tmp_path.iterdir()} == {"old.md"}


def killed(place: Place, server: Server, answers: int) -> bool:
    """Run the command until the server has given so many answers, and kill it; False if it was
    done before."""
    process = subprocess.Popen(
        [sys.executable, "-m", "midspec.cli", *place.arguments, "--documents", "12",
         "--connections", "4"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ},
    )  # fmt: skip
    while process.poll() is None and server.stats()["answered"] < answers:
        time.sleep(0.01)
    process.kill()
    return process.wait() < 0


def test_a_killed_run_goes_on_where_it_was_and_no_answer_is_paid_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGKILL ends the command; the process that calls outlives it and writes down what comes."""
    calm, torn = Place(tmp_path / "calm"), Place(tmp_path / "torn")
    with teacher_server.start(latency=0.1) as server:
        monkeypatch.setenv("FAKE_BASE_URL", server.base_url)
        monkeypatch.setenv("FAKE_API_KEY", "none")
        assert killed(torn, server, 6)
        assert killed(torn, server, 25)
        assert not torn.out.exists()
        assert torn.write("--connections", 4, documents=12).code == 0
        stats, texts = server.stats(), server.texts()
        server.reset()
        assert calm.write(documents=12).code == 0
    assert torn.bytes() == calm.bytes()
    assert torn.summary["calls"] == calm.summary["calls"]
    assert (stats["repeated"], stats["answered"]) == (0, stats["distinct"])
    assert texts == Counter(text_digest(row["text"]) for row in torn.ledger().values())


def test_an_out_folder_that_is_a_corpus_is_replaced_whole(made: Made, tmp_path: Path) -> None:
    place = Place(tmp_path).with_ledger_of(made.place)
    place.out.mkdir()
    (place.out / "coverage.json").write_text("{}")
    (place.out / "old file").write_text("")
    assert place.write().code == 0
    assert not (place.out / "old file").exists()
    assert place.bytes() == made.place.bytes()
    assert json.loads((place.out / "manifest.json").read_text())["title"] == "corpus old"


def test_a_teacher_that_is_not_there_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOWHERE_API_KEY", raising=False)
    said = Place(tmp_path).write("--teacher", "openai-api/nowhere/writer")
    refused_with(said, "openai-api/nowhere/writer can't be used", "NOWHERE_API_KEY")


def refused_with(said: Said, *words: str) -> None:
    """Like `refused`, though the command has told its estimate and its progress before."""
    refused(Said(said.code, "", said.err), *words)
