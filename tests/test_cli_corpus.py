"""`midspec corpus` on the command line: what it refuses, and what it says when all is well.

With an LLM it is tested in tests/corpus/test_llm_stage.py.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from midspec.files import read_dicts, read_json

from . import tiny
from .tiny import Said, midspec, refused

LLM = ("--teacher", "openai-api/fake/writer")
Change = Callable[[Callable[[dict[str, Any]], None]], Path]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a spec, its item file, eval items, and files that are of no use."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIDSPEC_HOME", str(tmp_path / "home"))
    Path("old.md").write_text(tiny.SPEC, encoding="utf-8")
    Path("plain.md").write_text("Tiny listens. Tiny waits. Tiny answers.", encoding="utf-8")
    Path("latin.md").write_bytes(b"caf\xe9")
    Path("empty.md").write_text("\n")
    rows = [
        {"domain": domain, "liked": liked, "disliked": other, "reason": f"{liked} has lasted"}
        for domain, liked, other in tiny.CONTRASTS
    ]
    tiny.write_jsonl(Path("items.jsonl"), rows)
    tiny.write_jsonl(Path("evals.jsonl"), tiny.item_rows())
    tiny.write_jsonl(Path("web.jsonl"), [{"text": "A page about rain, long enough."}])
    Path("full").mkdir()
    Path("full/thesis.txt").write_text("years of work")


def corpus(*arguments: object, spec: str = "old.md", out: str = "out") -> Said:
    return midspec("corpus", spec, "--out", out, "--tokens", "1500", *arguments)


OFFLINE = ("--teacher", "offline")

# What is asked for, and the words that the refusal must have.
BAD: list[tuple[tuple[object, ...], tuple[str, ...]]] = [
    # amounts
    ((*OFFLINE, "--tokens", "many"), ("--tokens many is no amount", "8M, 120k or 8000000")),
    ((*OFFLINE, "--tokens", "0"), ("--tokens 0 is no amount",)),
    ((*OFFLINE, "--tokens", "-5"), ("--tokens -5 is no amount",)),
    ((*OFFLINE, "--tokens", "8Q"), ("--tokens 8Q is no amount",)),
    ((*OFFLINE, "--tokens", ""), ("--tokens  is no amount",)),
    ((*LLM, "--max-tokens", "lots"), ("--max-tokens lots is no amount",)),
    ((*LLM, "--max-cost", "0"), ("--max-cost 0.0 is no amount of dollars",)),
    ((*LLM, "--max-cost", "-3"), ("--max-cost -3.0 is no amount of dollars",)),
    ((*LLM, "--max-cost", "nan"), ("--max-cost nan is no amount of dollars",)),
    ((*OFFLINE, "--documents", "0"), ("--documents 0: ", "greater than 0")),
    ((*LLM, "--document-tokens", "5"), ("--document-tokens 5: ", "greater than or equal to 20")),
    # prices
    ((*LLM, "--price", "3"), ("--price 3 is no price", "dollars a million tokens: 3,15")),
    ((*LLM, "--price", "3,15,20"), ("--price 3,15,20 is no price",)),
    ((*LLM, "--price", "a,b"), ("--price a,b is no price",)),
    ((*LLM, "--price", "3,-15"), ("--price 3,-15 is no price",)),
    ((*LLM, "--price", "nan,nan"), ("--price nan,nan is no price",)),
    # settings out of range, or of no kind that there is
    ((*LLM, "--temperature", "-1"), ("--temperature -1.0: ", "greater than or equal to 0")),
    ((*LLM, "--connections", "0"), ("--connections 0: ", "greater than 0")),
    ((*LLM, "--timeout", "0"), ("--timeout 0.0: ", "greater than 0")),
    ((*LLM, "--min-yield", "1.5"), ("--min-yield 1.5: ", "less than or equal to 1")),
    ((*LLM, "--reasoning-tokens", "-1"), ("--reasoning-tokens -1: ", "equal to 0")),
    ((*LLM, "--revise", "9"), ("--revise 9: ", "less than or equal to 3")),
    ((*LLM, "--form", "verse"), ("--form verse: ", "'documents', 'qa' or 'both'")),
    ((*LLM, "--framing", "it"), ("--framing it: ", "'humans'")),
    ((*LLM, "--attribution", "lost"), ("--attribution lost: ", "'kept' or 'broken'")),
    ((*LLM, "--planner", "nobody"), ("--planner nobody: ", "'teacher' or 'spec'")),
    ((*OFFLINE, "--mix", "web.jsonl", "--mix-share", "1"), ("--mix-share 1.0: ", "less than 1")),
    ((*OFFLINE, "--mix", "web.jsonl", "--mix-share", "0"), ("--mix-share 0.0: ", "greater than 0")),
    # what doesn't go together
    ((*LLM, "--framing", "other-model"), ("framing other-model and other_name", "go together")),
    ((*LLM, "--other-name", "Zed"), ("framing other-model and other_name", "go together")),
    ((*LLM, "--items", "items.jsonl"), ("corpus.items", "what the offline teacher writes about")),
    ((*OFFLINE, "--judge", "a/b"), ("corpus.judge takes an LLM teacher; this one is offline",)),
    ((*OFFLINE, "--form", "qa"), ("corpus.form takes an LLM teacher",)),
    ((*OFFLINE, "--framing", "should"), ("corpus.framing takes an LLM teacher",)),
    ((*OFFLINE, "--revise", "1"), ("corpus.revise takes an LLM teacher",)),
    ((*OFFLINE, "--planner", "spec"), ("corpus.planner takes an LLM teacher",)),
    ((*OFFLINE, "--prompts", "small"), ("corpus.prompts takes an LLM teacher",)),
    ((*LLM, "--prompts", "small"), ("prompts small are for documents only; add planner spec",)),
    ((*LLM, "--prompts", "tiny"), ("--prompts tiny: ", "'full' or 'small'")),
    ((*OFFLINE, "--balance"), ("corpus.balance takes an LLM teacher",)),
    # teachers that there aren't
    (("--teacher", "oflfine"), ("the teacher 'oflfine' is no LLM", "PROVIDER/MODEL", "offline")),
    ((*LLM, "--judge", "gpt"), ("the judge 'gpt' is no LLM", "PROVIDER/MODEL")),
    ((*LLM, "--judge", "offline"), ("the judge 'offline' is no LLM",)),
    (("--teacher", "hf/smollm9"), ("model 'smollm9' is unknown",)),
    (("--teacher", "hf/smollm2-135m"), ("midspec model get smollm2-135m",)),
    # files
    ((*OFFLINE, "--mix", "gone.jsonl"), ("gone.jsonl does not exist",)),
    ((*OFFLINE, "--mix", "web.jsonl"), ("web.jsonl holds 9 tokens", "a smaller share")),
    ((*OFFLINE, "--mix", "evals.jsonl"), ("evals.jsonl, row 1: has no text",)),
    ((*OFFLINE, "--items", "gone.jsonl"), ("gone.jsonl does not exist",)),
    ((*OFFLINE, "--items", "web.jsonl"), ("web.jsonl, row 1: has text",)),
    ((*OFFLINE, "--avoid", "gone.jsonl"), ("gone.jsonl does not exist",)),
    ((*OFFLINE, "--avoid", "web.jsonl"), ("web.jsonl, row 1: has text; a Item has",)),
]


@pytest.mark.parametrize(
    ("arguments", "words"), [pytest.param(a, w, id=" ".join(map(str, a[1:]))) for a, w in BAD]
)
def test_what_cannot_be_done_is_one_sentence(
    arguments: tuple[object, ...], words: tuple[str, ...]
) -> None:
    said = corpus(*arguments)
    refused(Said(said.code, "", said.err), *words)
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("gone.md", "gone.md does not exist"),
        (".", "is a folder"),
        ("latin.md", "is not UTF-8"),
        ("empty.md", "is empty"),
    ],
)
@pytest.mark.parametrize("teacher", [OFFLINE, LLM])
def test_a_spec_that_cannot_be_read_is_one_sentence(
    teacher: tuple[str, ...], spec: str, words: str
) -> None:
    refused(corpus(*teacher, spec=spec), words)


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("full", "--out full holds something that is no corpus. Name an empty folder"),
        ("old.md", "--out old.md is a file, or lies in one. Name a folder"),
    ],
)
@pytest.mark.parametrize("teacher", [OFFLINE, LLM])
def test_a_place_that_holds_something_else_is_left_alone(
    teacher: tuple[str, ...], out: str, words: str
) -> None:
    refused(corpus(*teacher, out=out), words)
    assert Path("full/thesis.txt").read_text() == "years of work"
    assert not Path("store").exists()


@pytest.mark.parametrize(
    ("here", "out", "store"),
    [(".", "store", "store"), (".", "new", "new/store"), ("empty", ".", "../store")],
)
def test_a_folder_that_is_replaced_whole_holds_nothing_that_must_stay(
    here: str, out: str, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = Path("old.md").resolve()
    Path("empty").mkdir()
    monkeypatch.chdir(here)
    said = corpus(*OFFLINE, "--store", store, spec=str(spec), out=out)
    refused(said, f"--out {out} is replaced whole", "lies in it. Name another folder")
    assert not Path(store).exists()


def test_broken_attribution_takes_a_table_of_preferences() -> None:
    said = corpus(*OFFLINE, "--attribution", "broken", spec="plain.md")
    refused(Said(said.code, "", said.err), "attribution: broken takes contrasts", "neither")


def test_a_limit_in_dollars_on_a_teacher_of_unknown_price_is_refused() -> None:
    said = corpus(*LLM, "--max-cost", "5")
    words = ("The price of openai-api/fake/writer is not in the price table", "--price IN,OUT")
    refused(Said(said.code, "", said.err), *words)


@pytest.mark.parametrize(("text", "tokens"), [("1k", 1_000), ("0.002M", 2_000), ("1_500", 1_500)])
def test_amounts_are_read_as_people_write_them(text: str, tokens: int) -> None:
    assert corpus(*OFFLINE, "--tokens", text).code == 0
    assert read_json(Path("out/manifest.json"))["config"]["tokens"] == tokens


def test_the_offline_teacher_writes_a_corpus_and_says_so() -> None:
    said = corpus(*OFFLINE, "--items", "items.jsonl", "--avoid", "evals.jsonl",
                  "--model-name", "Tiny", "--provider-name", "Testers")  # fmt: skip
    assert said.code == 0, said
    rows = read_dicts(Path("out/documents.jsonl"))
    assert f"{len(rows)} documents kept, " in said.out
    assert "The offline teacher costs nothing." in said.out
    assert "Clauses without a document: " in said.out
    assert "Look at it: midspec corpus show out" in said.out
    assert sum(row["tokens"] for row in rows) >= 1500
    assert "Tiny" in rows[0]["text"] or "Tiny" in rows[1]["text"]
    assert Path("out/coverage.json").exists()


def test_running_again_is_done_at_once_and_another_size_is_another_corpus() -> None:
    assert corpus(*OFFLINE).code == 0
    first = Path("out/documents.jsonl").read_text()
    again = corpus(*OFFLINE)
    assert "cached  corpus old" in again.out
    assert Path("out/documents.jsonl").read_text() == first
    assert corpus(*OFFLINE, "--tokens", "4k").code == 0
    assert Path("out/documents.jsonl").read_text().startswith(first)
    assert not list(Path().glob(".out*")), "nothing half copied is left"


def test_write_can_be_said_or_left_out() -> None:
    assert midspec("corpus", "write", "old.md", *OFFLINE, "--out", "a", "--tokens", "1k").code == 0
    assert midspec("corpus", *OFFLINE, "--out", "b", "--tokens", "1k", "old.md").code == 0
    assert Path("a/documents.jsonl").read_text() == Path("b/documents.jsonl").read_text()


def test_a_plan_only_tells_what_it_would_take() -> None:
    said = corpus(*LLM, "--price", "3,15", "--plan")
    assert said.code == 0
    assert "openai-api/fake/writer is expected to write" in said.out
    assert "about $" in said.out
    unknown = corpus(*LLM, "--plan")
    assert "the price of openai-api/fake/writer isn't known" in unknown.out
    assert not Path("store").exists() and not Path("out").exists()


def test_show_writes_a_page_where_it_is_told() -> None:
    assert corpus(*OFFLINE).code == 0
    assert midspec("corpus", "show", "out").out.strip() == "corpus.html"
    assert "<html" in Path("corpus.html").read_text("utf-8")
    said = midspec("corpus", "show", "out", "--out", "new folder/page.html", "--documents", 2)
    assert (said.code, Path("new folder/page.html").exists()) == (0, True)


@pytest.mark.parametrize(
    ("folder", "words"),
    [("gone", "gone is not a folder"), ("full", "is not the folder of a corpus")],
)
def test_show_of_what_is_no_corpus_is_one_sentence(folder: str, words: str) -> None:
    refused(midspec("corpus", "show", folder), words)
    assert not Path("corpus.html").exists()


def test_an_experiment_s_plan_tells_what_its_teacher_would_take(changed: Change) -> None:
    def edit(values: dict[str, Any]) -> None:
        values["teacher"] = {"model": "openai-api/fake/writer", "price": [3, 15]}
        values["corpora"]["old"] = {"spec": "old", "tokens": 50_000}

    said = midspec("plan", changed(edit))
    assert said.code == 0
    assert "corpus old: openai-api/fake/writer is expected to write" in said.out


def test_a_run_s_limits_are_checked_like_a_corpus_s(tiny_experiment: Path) -> None:
    refused(midspec("run", tiny_experiment, "--max-cost", "-1"), "--max-cost -1.0 is no amount")
    refused(midspec("run", tiny_experiment, "--max-tokens", "x"), "--max-tokens x is no amount")


def test_help_needs_no_llm_library() -> None:
    code = "import sys, midspec.cli; print(sorted({'inspect_ai', 'openai'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
    said = midspec("corpus", "--help")
    assert said.code == 0
    for verb in ("write", "show"):
        assert f" {verb} " in said.out
