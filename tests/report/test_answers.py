"""The answers in the page: all scores packed, telling items first, long texts cut and sampled."""

import gzip
import json
from base64 import b64decode
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from midspec.records import Score
from midspec.report.answers import (
    LONGEST,
    NO_TEXTS,
    Asked,
    Said,
    Shelf,
    Texts,
    cut,
    shelves,
    telling,
)
from midspec.report.scores import Measured
from midspec.run.stage import Inputs

from .rows import AMERICA, RATE, measured

FOLDER = Path("store/choices-0123")
VALUES = {"aft": [[0.0, 0.5, 1.0, 0.5]], "msm": [[0.0, 0.5, 0.0, 1.0], [0.0, 0.5, 0.0, 1.0]]}


def shelf(one: Measured, texts: Texts = NO_TEXTS, pairs: tuple[str, str] = ("msm", "aft")) -> Shelf:
    folders = {(arm, one.eval, seed): FOLDER for arm, seed in one.scores}
    (found,) = shelves([one], folders, [(one.eval, *pairs)], texts, {})
    return found


def unpacked(found: Shelf) -> Any:
    return json.loads(gzip.decompress(b64decode(found.packed)))


def test_every_score_of_every_arm_and_seed_is_there() -> None:
    found = shelf(measured(VALUES, margin=0.1234))
    content = unpacked(found)
    assert (found.items, found.scores, found.said) == (4, 12, 0)
    assert content["items"]["id"] == ["i0", "i1", "i2", "i3"]
    columns = {(one["arm"], one["seed"]): one for one in content["columns"]}
    assert {key: one["values"] for key, one in columns.items()} == {
        ("aft", 0): [0, 0.5, 1, 0.5],
        ("msm", 0): [0, 0.5, 0, 1],
        ("msm", 1): [0, 0.5, 0, 1],
    }
    assert columns["aft", 0]["margins"] == [123] * 4
    assert columns["aft", 0]["folder"] == "../choices-0123"


def test_what_has_no_margin_no_answer_or_no_decision_is_told_as_such() -> None:
    scores = {
        ("aft", 0): [Score("a", "d", "", "", 1.0, decided=False), Score("b", "d", "", "", 2 / 3)],
        ("msm", 0): [Score("b", "d", "", "", float("nan"))],
    }
    aft, msm = unpacked(shelf(Measured(AMERICA, RATE, scores)))["columns"]
    assert (aft["values"], aft["undecided"]) == ([1, 0.667], [0])
    assert msm["values"] == [None, None]
    assert "margins" not in aft


def test_items_on_which_the_claim_s_arms_differ_come_in_turn_with_others_spread_evenly() -> None:
    one = measured({"aft": [[0.0] * 40], "msm": [[0.0] * 39 + [1.0]]})
    assert telling(one, [("msm", "aft")], 4) == ["i39", "i0", "i10", "i1"]
    assert telling(one, [], 3) == ["i0", "i13", "i26"]


def test_the_words_of_items_are_those_that_were_asked() -> None:
    def questions(evaluation: str, folder: Path, inputs: Inputs) -> Mapping[str, Asked]:
        assert (evaluation, folder) == (AMERICA, FOLDER)
        return {"i0": Asked("Which one?", "a quilt", "a rug")}

    found = shelf(measured(VALUES), Texts(questions, NO_TEXTS.answers))
    items = unpacked(found)["items"]
    assert items["question"] == ["Which one?", "", "", ""]
    assert (items["wanted"][0], items["other"][0]) == ("a quilt", "a rug")
    assert {one.item: one.asked.wanted for one in found.examples}["i0"] == "a quilt"


def test_answers_in_words_are_a_sample_with_their_verdicts_and_cut() -> None:
    wanted: list[Collection[str]] = []

    def answers(folder: Path, items: Collection[str]) -> tuple[list[Said], Mapping[str, Asked]]:
        wanted.append(items)
        verdicts = (("judge", "1.0", "It says so."),)
        said = [Said(item, "first", 1, "x" * (LONGEST + 5), verdicts) for item in items]
        return said, {item: Asked("Which?") for item in items}

    many = measured({"aft": [[0.0] * 500], "msm": [[1.0] * 500]})
    found = shelf(many, Texts(NO_TEXTS.questions, answers))
    content = unpacked(found)
    assert [len(items) for items in wanted] == [60, 60]
    assert found.said == len(content["said"]) == 120
    assert content["said"][0]["answer"] == "x" * LONGEST + "… (5 more characters)"
    assert content["said"][0]["verdicts"] == [["judge", "1.0", "It says so."]]
    assert sum(text == "Which?" for text in content["items"]["question"]) == 60


def test_examples_are_of_the_claim_s_arms_in_their_first_seed() -> None:
    first = shelf(measured({**VALUES, "base": [[1.0] * 4]}, margin=0.5)).examples[0]
    assert first.item == "i2"
    assert first.scores == {"aft": (1.0, 0.5), "msm": (0.0, 0.5)}
    assert first.about == "pets"


def test_a_short_text_is_whole() -> None:
    assert cut("short") == "short"
