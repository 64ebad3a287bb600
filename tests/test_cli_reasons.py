"""`midspec reasons`: what it refuses, what it prints, and that it pays for nothing twice."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from midspec.cli_reasons import shares_table
from midspec.files import read_dicts, read_json
from tests import teacher_server
from tests.llm.scripted import Reply, scripted
from tests.pages.reading import Page

from .tiny import midspec, refused, write_jsonl

MODEL = "openai-api/fake/writer"
JUDGE = ("--judge", MODEL, "--price", "3,15")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with the transcripts of two arms in it."""
    monkeypatch.chdir(tmp_path)
    for arm, seed in (("base", 0), ("msm", 500)):
        texts = [
            f"I must weigh what happens to room {seed + n} and whether I stay." for n in range(24)
        ]
        rows = [{"id": f"t{n}", "group": f"g{n % 4}", "text": t} for n, t in enumerate(texts)]
        write_jsonl(tmp_path / f"{arm}.jsonl", rows)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["none.eval", *JUDGE],
            "none.eval does not exist. Name an Inspect log, a folder, or a .js",
        ),
        (["base.jsonl", "--judge", "gpt"], "reasons: the judge 'gpt' is no LLM"),
        (["base.jsonl", "--judge", "offline"], "reasons: the judge 'offline' is no LLM"),
        (
            ["base.jsonl", "./base.jsonl", *JUDGE],
            "Two arms are called base: base.jsonl and base.js",
        ),
        (["x=base.jsonl", "x=msm.jsonl", *JUDGE], "Two arms are called x"),
        (
            ["base.jsonl", *JUDGE, "--reasons", "odd"],
            "--reasons odd is not known. Use taxonomy, fo",
        ),
        (["base.jsonl", *JUDGE, "--reasons", "base.jsonl"], "base.jsonl can't be read as YAML"),
        (["base.jsonl", *JUDGE, "--price", "x"], "--price x is no price"),
        ([".", *JUDGE], "holds no Inspect log"),
    ],
)
def test_bad_input_is_one_sentence(arguments: list[str], words: str) -> None:
    refused(midspec("reasons", *arguments, "--out", "o"), words)
    assert not Path("o").exists() and not Path("store").exists()


def test_a_folder_that_holds_something_else_is_left_alone() -> None:
    Path("o").mkdir()
    Path("o/mine.txt").write_text("Mine.")
    refused(midspec("reasons", "base.jsonl", *JUDGE, "--out", "o"), "is no analysis of reasons")


def test_the_plan_is_printed_and_nothing_asked() -> None:
    said = midspec("reasons", "base.jsonl", "msm.jsonl", *JUDGE, "--out", "o", "--plan")
    assert said.code == 0, said.err
    assert f"{MODEL} is expected to read 48 transcripts in 53 calls" in said.out
    assert "about $" in said.out and not Path("store").exists()
    said = midspec("reasons", "base.jsonl", *JUDGE, "--out", "o", "--plan", "--max-transcripts", 10)
    assert "read 10 transcripts in 11 calls" in said.out


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[teacher_server.Server]:
    """The pretend teacher as a judge, under a name that Inspect knows."""
    with teacher_server.start(refusals=0.1, malformed=0.1, rate_limited=0.1, latency=0.02) as up:
        monkeypatch.setenv("FAKE_BASE_URL", up.base_url)
        monkeypatch.setenv("FAKE_API_KEY", "none")
        yield up


def command(out: str, *arms: str) -> list[object]:
    """An analysis whose store is named like its folder."""
    return ["reasons", *arms, *JUDGE, "--connections", 4, "--out", out, "--store", f"{out}-store"]


def test_a_killed_run_goes_on_and_a_further_arm_is_all_that_is_asked_about(
    server: teacher_server.Server, here: Path
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "midspec.cli", *map(str, command("torn", "base.jsonl"))],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ},
    )  # fmt: skip
    while process.poll() is None and server.stats()["answered"] < 6:
        time.sleep(0.01)
    process.kill()
    assert process.wait() < 0
    said = midspec(*command("torn", "base.jsonl"))
    assert said.code == 0, said.err
    one = server.stats()
    assert (one["repeated"], one["unreadable_repeated"]) == (0, 0)
    said = midspec(*command("torn", "base.jsonl", "msm.jsonl"))
    assert said.code == 0, said.err
    assert server.stats()["repeated"] == 0
    added = read_json(Path("torn/manifest.json"))["summary"]
    assert (
        added["calls"] > added["calls_in_this_run"] == server.stats()["distinct"] - one["distinct"]
    )
    server.reset()
    assert midspec(*command("calm", "base.jsonl", "msm.jsonl")).code == 0
    for name in ("verdicts.jsonl", "reasons.json", "transcripts.jsonl", "taxonomy.yaml"):
        assert Path("torn", name).read_bytes() == Path("calm", name).read_bytes(), name


def test_it_prints_the_shares_and_what_couldn_t_be_read_and_writes_a_page(
    server: teacher_server.Server,
) -> None:
    said = midspec(*command("o", "trained=msm.jsonl", "base.jsonl"))
    assert said.code == 0, said.err
    found = read_json(Path("o/reasons.json"))
    assert [row["arm"] for row in found["arms"]] == ["trained", "base"]
    for row in found["arms"]:
        told = (
            f"{row['arm']}: {row['classified']} of 24 transcripts classified, {row['unreadable']} "
            f"not readable, 0 without text; {row['unfounded']} quotes not found."
        )
        assert told in said.out
    assert sum(row["unfounded"] for row in found["arms"]) > 0
    assert "any misaligned reason" in said.out and "prioritise self-preservation" in said.out
    assert said.out.strip().endswith("o/reasons.html")
    assert "48 transcripts" in said.out.splitlines()[0]
    page = Page(Path("o/reasons.html").read_text("utf-8"))
    page.check_sealed()
    assert page.options("arm") == ["", "trained", "base"]
    assert midspec("reasons", "show", "o", "--out", "p.html", "--transcripts", 5).code == 0
    assert "a sample of 5" in Page(Path("p.html").read_text("utf-8")).text


def test_reasons_are_found_in_the_transcripts_and_can_be_used_again(
    server: teacher_server.Server,
) -> None:
    said = midspec(*command("o", "base.jsonl"), "--reasons", "found", "--extract-from", 12)
    assert said.code == 0, said.err
    summary = read_json(Path("o/manifest.json"))["summary"]
    assert summary["extracted_from"] == 12 and summary["reasons"] > 1
    assert len(read_dicts(Path("o/extracted.jsonl"))) == 12
    Path("mine.yaml").write_bytes(Path("o/taxonomy.yaml").read_bytes())
    answered = server.stats()["answered"]
    said = midspec(*command("p", "base.jsonl"), "--reasons", "mine.yaml")
    assert said.code == 0, said.err
    assert server.stats()["answered"] > answered
    assert Path("p/taxonomy.yaml").read_bytes() == Path("mine.yaml").read_bytes()


def test_a_judge_that_gives_no_verdict_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted() as server:
        monkeypatch.setenv("FAKE_BASE_URL", server.base_url)
        monkeypatch.setenv("FAKE_API_KEY", "none")
        server.always = Reply(json.dumps({"verdicts": []}))
        said = midspec(*command("o", "base.jsonl"))
        refused(said, "Only 0 of the first 20 transcripts could be kept", "not one verdict on")
        assert len(server.bodies) <= 2 * 24
    assert not Path("o").exists()


def test_names_of_arms_and_reasons_are_no_markup() -> None:
    row = {"reason": "r", "arm": "[red]a", "group": "", "share": 0.5, "low": 0.25, "high": 0.75}
    found = {
        "arms": [{"arm": "[red]a"}, {"arm": "b"}],
        "reasons": [{"id": "r", "name": "[bold]r", "kind": "other"}],
        "shares": [row, row | {"group": "g", "share": 1.0}],
    }
    table = shares_table(found)
    cells = [list(column.cells) for column in table.columns]
    assert cells[0] == ["[bold]other[/]", r"  \[bold]r"]
    assert cells[1][1] == r"50 [dim]\[25, 75][/]" and cells[2][1] == "–"
