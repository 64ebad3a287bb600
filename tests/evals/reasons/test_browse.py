"""The page of an analysis: its shares, the transcripts behind them, and that it stays text."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from midspec.errors import ConfigError
from midspec.evals.reasons.browse import reasons_page
from midspec.evals.reasons.classify import Classified
from midspec.evals.reasons.stage import EMPTY
from midspec.evals.reasons.taxonomy import Reason
from midspec.files import read_dicts, write_json, write_rows
from midspec.llm.ledger import Call
from tests.corpus.fakes import FakeAsker
from tests.pages.reading import ATTACK, Page

from .conftest import Analyse
from .fakes import REASONS, asked_text, verdicts

STAY, REST = "I must stay in my post", "It is theirs to decide"


def judge(call: Call) -> str:
    text = asked_text(call)
    if "mumble" in text:
        return "Hm."
    quotes = {"cling": STAY} if STAY in text else {"yield": REST} if REST in text else {}
    return verdicts(call, quotes | ({"duty": "I made it up"} if "Well" in text else {}))


@pytest.fixture
def folder(analyse: Analyse) -> Path:
    """An analysis of two arms and two conditions."""
    base = [("murder", f"<think>So {STAY}, {n}.</think>I act.") for n in range(3)]
    base += [("leak", f"{REST}, {n}.") for n in range(3)]
    msm = [("murder", f"{REST}."), ("leak", "Well."), ("leak", "mumble"), ("leak", "")]
    return analyse(FakeAsker({"classify": judge}), {"base": base, "msm": msm}).folder


def test_the_shares_of_both_arms_lead_to_their_transcripts(folder: Path) -> None:
    page = Page(reasons_page(folder))
    assert (
        "judge openai-api/fake/writer 2 arms 8 transcripts classified 2 without a verdict"
        in page.text
    )
    assert "Reason base msm Misaligned any misaligned reason 50% [0, 100] 0% [0, 99]" in page.text
    assert "Aligned leave it to people 50% [0, 100] 50% [0, 100]" in page.text
    links = [attrs["href"] for tag, attrs in page.elements if tag == "a"]
    assert "#arm=base&driver=cling" in links and "#arm=base&driver=any%20misaligned" in links
    assert "#arm=msm&driver=yield&condition=murder" in links
    assert page.filters == ["arm", "driver", "condition", "verdict"]
    assert page.options("driver") == ["", "any misaligned", "cling", "duty", "yield"]


def test_differences_conditions_and_definitions_are_told(folder: Path) -> None:
    text = Page(reasons_page(folder)).text
    assert "leave it to people msm +0 [−100, +100] 1.000 2" in text
    assert "Condition base msm murder 100% [44, 100] 0% [0, 79]" in text
    assert "call it duty It calls the act a duty." in text


def test_what_has_no_verdict_and_what_was_quoted_wrongly_is_counted(folder: Path) -> None:
    text = Page(reasons_page(folder)).text
    assert "msm 4 2 1 1 1 2" in text
    assert (
        "Why a transcript has no verdict Transcripts no text 1 not JSON (Expecting value) 1" in text
    )


def test_a_transcript_is_read_with_its_quotes_marked_and_what_it_led_to(folder: Path) -> None:
    rows = {row["id"]: row for row in Page(reasons_page(folder)).data["rows"]}
    first = rows["base/t0"]
    assert first["passages"] == [["So ", []], [STAY, ["cling"]], [", 0.", []]]
    assert (first["outcome"], first["condition"]) == ("I act.", "murder")
    assert first["drivers"] == ["any misaligned", "cling"]
    assert rows["base/t3"]["outcome"] == ""
    assert rows["msm/t1"]["unfounded"] == {"duty": "I made it up"}
    assert (rows["msm/t3"]["verdict"], rows["msm/t3"]["reason"]) == ("failed", EMPTY)
    names = Page(reasons_page(folder)).data["reasons"]
    assert names == {reason.id: reason.name for reason in REASONS}


def test_each_transcript_its_own_condition_is_no_condition_to_look_at(analyse: Analyse) -> None:
    listed = [(f"g{n}", f"{STAY}, {n}.") for n in range(4)]
    page = Page(reasons_page(analyse(FakeAsker({"classify": judge}), {"base": listed}).folder))
    assert page.filters == ["arm", "driver", "verdict"]
    assert "by condition" not in page.text and "resamples conditions" not in page.text
    assert "Differences" not in page.text


def test_hostile_text_is_inert_wherever_it_comes_from(analyse: Analyse) -> None:
    bad = [Reason(ATTACK, ATTACK, kind, ATTACK, ATTACK) for kind in ("misaligned",)]
    made = analyse(
        FakeAsker({"classify": lambda call: verdicts(call, {ATTACK: ATTACK})}),
        {"base": [(ATTACK, f"{ATTACK} {n}") for n in range(2)]},
        reasons=bad,
    )
    page = Page(reasons_page(made.folder))
    page.check_inert()
    page.check_sealed()
    assert page.data["rows"][0]["passages"][0][0] == ATTACK


def test_a_large_analysis_is_sampled_over_reasons_and_says_so(folder: Path) -> None:
    page = Page(reasons_page(folder, 4))
    assert "this page holds a sample of 4, spread evenly over arms and reasons" in page.text
    assert len(page.data["rows"]) == 4


def test_a_folder_of_something_else_is_named(tmp_path: Path) -> None:
    write_json(tmp_path / "reasons.json", {})
    with pytest.raises(ConfigError, match=r"not the folder of an analysis of reasons: transcripts"):
        reasons_page(tmp_path)


def test_merged_reasons_have_the_transcripts_of_all_their_parts(folder: Path) -> None:
    rows: list[Any] = read_dicts(folder / "verdicts.jsonl")
    rows[3] = asdict(Classified("t3", "base", "leak", {"duty": REST}))
    write_rows(folder / "verdicts.jsonl", rows)
    found = {"arms": [{"arm": "base"}], "shares": [], "differences": []}
    both = {
        "id": "cling",
        "name": "both",
        "kind": "misaligned",
        "definition": "",
        "parts": ["cling", "duty"],
    }
    counts = dict.fromkeys(
        ("transcripts", "classified", "unreadable", "empty", "unfounded", "conditions"), 0
    )
    found["arms"][0] |= counts
    write_json(folder / "reasons.json", found | {"reasons": [both]})
    shown = {row["id"]: row for row in Page(reasons_page(folder)).data["rows"]}
    assert shown["base/t0"]["drivers"] == shown["base/t3"]["drivers"] == ["cling"]
