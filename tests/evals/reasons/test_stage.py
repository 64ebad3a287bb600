"""The whole analysis: what it writes, that its counts add up, and what decides it."""

import json
from pathlib import Path
from typing import Any

import pytest

from midspec.errors import MidspecError
from midspec.evals.reasons.stage import ReasonsConfig, reasons_stage
from midspec.evals.reasons.taxonomy import read_taxonomy
from midspec.llm.ledger import Call
from midspec.llm.settings import Teacher
from midspec.run.stage import Source
from tests.corpus.fakes import FakeAsker
from tests.tiny import write_jsonl

from .conftest import MODEL, Analyse
from .fakes import REASONS, asked_text, found, group, verdicts

STAY, DUTY, REST = "I must stay in my post", "I owe it to the others", "It is theirs to decide"
QUOTES = {"cling": STAY, "duty": DUTY, "yield": REST}


def judge(call: Call) -> str:
    """Whatever is said is a driver; and duty always is, quoted wrongly where it isn't said."""
    text = asked_text(call)
    if "mumble" in text:
        return "Hm."
    quotes = {name: quote for name, quote in QUOTES.items() if quote in text}
    return verdicts(call, {"duty": "I made this up", **quotes} if "up" in text else quotes)


def arm(cling: int, rest: int, *more: str) -> list[tuple[str, str]]:
    """Transcripts of two conditions, the first of which holds what clings."""
    texts = [("murder", f"{STAY}, {n}.") for n in range(cling)]
    texts += [("leak", f"{REST}, {n}.") for n in range(rest)]
    return [*texts, *(("leak", text) for text in more)]


def test_shares_are_reported_by_reason_arm_and_condition(analyse: Analyse) -> None:
    made = analyse(FakeAsker({"classify": judge}), {"base": arm(6, 2), "msm": arm(2, 6, "Well.")})
    shares = {(s["reason"], s["arm"], s["group"]): s for s in made.results["shares"]}
    assert shares["cling", "base", "murder"]["share"] == 1
    assert shares["cling", "base", ""]["share"] == 0.5, "the mean of two conditions"
    assert shares["yield", "msm", "leak"]["driven"] == 6
    assert shares["yield", "msm", "leak"]["of"] == 7
    assert shares["duty", "msm", ""]["high"] > shares["duty", "msm", ""]["share"] == 0
    assert [reason["id"] for reason in made.results["reasons"]] == [
        "any misaligned", "cling", "duty", "yield",
    ]  # fmt: skip
    differences = {(d["reason"], d["arm"]): d for d in made.results["differences"]}
    assert differences["cling", "msm"]["difference"] == 0
    assert differences["yield", "msm"]["difference"] == pytest.approx((6 / 7 - 1) / 2)
    assert {d["against"] for d in made.results["differences"]} == {"base"}


def test_every_transcript_has_a_row_and_the_counts_add_up(analyse: Analyse) -> None:
    odd = ["mumble, mumble", "", "It was made up.", "<think> </think>"]
    made = analyse(FakeAsker({"classify": judge}), {"base": arm(6, 2, *odd), "msm": arm(1, 1)})
    rows = made.rows("verdicts")
    assert [(row["arm"], row["transcript"]) for row in rows] == [
        (row["arm"], row["id"]) for row in made.rows("transcripts")
    ]
    assert len(rows) == 14
    assert [row["problem"][:8] for row in rows[8:12]] == ["not JSON", "no text", "", "no text"]
    assert rows[10]["unfounded"] == {"duty": "I made this up"} and not rows[10]["drivers"]
    told = {"transcripts": 14, "classified": 11, "unreadable": 1, "empty": 2, "unfounded": 1}
    assert made.summary.items() >= told.items()
    assert made.summary["calls"] == 13  # twice for what couldn't be read, none for what is empty
    assert made.results["arms"][0] == {
        "arm": "base", "transcripts": 12, "classified": 9, "unreadable": 1, "empty": 2,
        "unfounded": 1, "conditions": 2,
    }  # fmt: skip
    assert read_taxonomy(made.folder / "taxonomy.yaml") == REASONS


def test_the_same_text_is_asked_about_once_and_counts_each_time(analyse: Analyse) -> None:
    asker = FakeAsker({"classify": judge})
    made = analyse(asker, {"base": [("murder", STAY)] * 3, "msm": [("murder", STAY)]})
    assert len({call.key for call in asker.calls}) == 1
    assert [s["driven"] for s in made.results["shares"] if s["reason"] == "cling"] == [3, 3, 1, 1]


def test_overlapping_reasons_are_merged_over_all_arms(analyse: Analyse) -> None:
    both = [("murder", f"{STAY}. {DUTY}, {n}.") for n in range(12)]
    asker = FakeAsker({"classify": judge})
    arms = {"base": both, "msm": arm(0, 2)}
    made = analyse(asker, arms)
    assert [tuple(r["parts"]) for r in made.results["reasons"]] == [("cling", "duty"), ("yield",)]
    assert made.rows("verdicts")[0]["drivers"] == {"cling": STAY, "duty": DUTY}, "kept apart"
    apart = analyse(asker, arms, merge_over=1.0)
    assert len(apart.results["reasons"]) == 4


def test_without_a_taxonomy_reasons_are_found_merged_and_classified(analyse: Analyse) -> None:
    def extract(call: Call) -> str:
        text = asked_text(call)
        if "mumble" in text:
            return "Hm."
        named = "clings" if STAY in text else "lets go"
        quote = STAY if STAY in text else REST
        return found((named, f"It {named}.", quote), ("lies", "It lies.", "I will lie to all"))

    def merge(call: Call) -> str:
        return json.dumps(
            {"reasons": [group("stays on", 1), group("steps back", 2, kind="aligned")]}
        )

    def classify(call: Call) -> str:
        name = "stays-on" if STAY in asked_text(call) else "steps-back"
        return verdicts(call, {name: STAY if name == "stays-on" else REST})

    asker = FakeAsker({"extract": extract, "merge": merge, "classify": classify})
    made = analyse(
        asker, {"base": arm(3, 3, "mumble"), "msm": arm(1, 4)}, reasons=None, extract_from=3
    )
    assert len(asker.of("extract")) == 6, "three of each arm"
    reasons = read_taxonomy(made.folder / "taxonomy.yaml")
    assert [(r.id, r.kind) for r in reasons] == [
        ("stays-on", "misaligned"),
        ("steps-back", "aligned"),
    ]
    assert made.summary["extracted_from"] == 6 and made.summary["extracted"] == 6
    assert [row["left_out"] for row in made.rows("canonical")] == ["", ""]
    assert made.rows("extracted")[0]["unfounded"][0]["name"] == "lies"
    assert {s["share"] for s in made.results["shares"] if s["group"] == "murder"} == {0, 1}


def test_reasons_that_are_nowhere_seen_twice_are_an_error(analyse: Analyse) -> None:
    asker = FakeAsker({"extract": lambda call: found()})
    with pytest.raises(MidspecError, match=r"No reason was seen in two of 3 transcripts or more"):
        analyse(asker, {"base": arm(2, 1)}, reasons=None, extract_from=9)


def test_an_arm_without_any_text_is_an_error_and_nothing_is_asked(analyse: Analyse) -> None:
    asker = FakeAsker({"classify": judge})
    with pytest.raises(MidspecError, match=r"msm\.jsonl has no transcript with text in it"):
        analyse(asker, {"base": arm(1, 1), "msm": [("leak", "")]})
    assert not asker.calls


def test_at_most_so_many_of_each_arm_are_read_spread_over_conditions(analyse: Analyse) -> None:
    asker = FakeAsker({"classify": judge})
    made = analyse(asker, {"base": arm(9, 9), "msm": arm(2, 9)}, max_transcripts=4)
    assert len(asker.calls) == 8 and made.summary["transcripts"] == 8
    assert [row["group"] for row in made.rows("verdicts")] == [
        "murder",
        "murder",
        "leak",
        "leak",
    ] * 2


def test_what_decides_the_verdicts_decides_the_stage(tmp_path: Path) -> None:
    log = write_jsonl(tmp_path / "a.jsonl", [{"id": "a", "text": "Hm."}])
    taxonomy = Source("t", write_jsonl(tmp_path / "t.yaml", []))

    def fingerprint(arms: tuple[str, ...] = ("base", "msm"), **changes: Any) -> str:
        config = ReasonsConfig(arms, **{"judge": Teacher(MODEL), **changes})
        sources = {name: Source(name, log) for name in arms}
        return reasons_stage("it", config, sources, taxonomy).fingerprint()

    plain = fingerprint()
    others = [
        fingerprint(("msm", "base")),
        fingerprint(judge=Teacher("other/model")),
        fingerprint(merge_over=0.5),
        fingerprint(per_call=1),
        fingerprint(prompt_version=99),
    ]
    assert len({plain, *others}) == 6
    log.write_text('{"id": "a", "text": "Ho."}\n')
    assert fingerprint() != plain
