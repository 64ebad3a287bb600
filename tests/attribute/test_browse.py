"""The table, sentences and page of an attribution, from what its folder holds."""

from pathlib import Path
from typing import Any

from rich.console import Console

from midspec.attribute.browse import attribution_page, cells, groups_table, in_order, sentences
from midspec.files import write_json, write_rows


def _estimate(mean: float | None) -> dict[str, float | None]:
    if mean is None:
        return {"mean": None, "low": None, "high": None, "p": None}
    return {"mean": mean, "low": mean - 0.1, "high": mean + 0.1, "p": 0.5}


def _group(name: str, cosine: float | None, cost: float | None, lost: float) -> dict[str, Any]:
    influence = {"documents": 3, "share": 0.25, "cost": _estimate(cost)}
    return {
        "group": name,
        "labels": [name],
        "documents": 3,
        "share": 0.25,
        "cosine": influence | {"mean": _estimate(cosine)},
        "dot": influence | {"mean": _estimate(cosine)},
        "left_out": {"margin": _estimate(lost), "rate": _estimate(lost)},
    }


def _found() -> dict[str, Any]:
    agreement = {
        "measure": "cosine",
        "correlation": "Spearman's ρ",
        "groups": 3,
        "value": 0.5,
        "low": -0.5,
        "high": 1.0,
        "chance_low": -1.0,
        "chance_high": 1.0,
        "p": 0.33,
        "between_seeds": 0.5,
        "between_states": None,
    }
    return {
        "arm": "msm",
        "eval": "preference/old",
        "by": "type",
        "half": "all",
        "states": ["seed 0, start", "seed 0, end"],
        "documents": 9,
        "items": 1,
        "tokens": 1200,
        "groups": [
            _group("memo", -0.2, -2.0, 0.0),
            _group("<b>poem</b>", 0.3, 4.0, 0.2),
            _group("nobody", None, None, 0.1),
        ],
        "controls": [{"margin": _estimate(0.05), "rate": _estimate(0.0)}],
        "shorter": {"margin": _estimate(0.02), "rate": _estimate(0.0)},
        "agreement": [agreement],
        "reliability": {"cosine": {"halves": 0.9, "states": 0.4}},
        "explained": {"type": {"cosine": 0.31}, "genre": {"cosine": None}},
    }


def test_groups_stand_by_their_cosine_and_those_without_documents_last() -> None:
    assert [row["group"] for row in in_order(_found())] == ["<b>poem</b>", "memo", "nobody"]


def test_costs_are_in_units_of_the_largest() -> None:
    found = _found()
    memo, poem, nobody = found["groups"]
    assert cells(found, poem)[0] == "+0.300 [0.200, 0.400]"
    assert cells(found, poem)[1].startswith("+1.00 [")
    assert cells(found, memo)[1].startswith("−0.50")
    assert cells(found, nobody)[:2] == ["–", "–"]
    assert cells(found, memo)[2] == "0.000 [−0.100, 0.100]"


def test_in_a_narrow_terminal_no_name_and_no_number_is_cut() -> None:
    console = Console(width=80, color_system=None)
    with console.capture() as capture:
        console.print(groups_table(_found()))
    shown = capture.get()
    assert "…" not in shown
    for word in ("nobody", "+0.300", "[0.200,", "+1.00", "0.100]"):
        assert word in shown


def test_without_leave_outs_there_are_two_columns_and_no_word_of_agreement() -> None:
    found = _found() | {"agreement": [], "controls": [], "shorter": {}}
    assert len(cells(found, found["groups"][0])) == 2
    assert not any("ρ" in sentence for sentence in sentences(found))


def test_agreement_is_told_with_chance_and_what_bounds_it() -> None:
    said = "\n".join(sentences(_found()))
    assert "9 documents, 1,200 tokens, 1 item; gradients at seed 0, start and seed 0, end." in said
    assert "3 groups: +0.50 [−0.50, 1.00]; by chance [−1.00, 1.00], " in said
    assert "(among themselves: leaving out +0.50)" in said
    assert "Control 1 is below the others by +0.050 [−0.050, 0.150] nats" in said
    assert "two halves of the items +0.90, between states +0.40" in said
    assert "lies between labels: type +0.31." in said


def test_an_agreement_that_is_not_defined_is_said_to_be() -> None:
    found = _found()
    found["agreement"][0] |= {"value": None}
    said = "Spearman's ρ of predicted cost (cosine) and margin lost, 3 groups: not defined."
    assert said in sentences(found)


def test_the_page_shows_both_ends_and_escapes_what_a_teacher_wrote(tmp_path: Path) -> None:
    write_json(tmp_path / "attribution.json", _found())
    row = {
        "cosine": 0.3,
        "document_type": "memo",
        "domain": "old",
        "clauses": ["s1.p1"],
    }
    rows = [row | {"id": f"d{n}", "text": f"<i>text {n}</i>" if n != 1 else ""} for n in range(3)]
    write_rows(tmp_path / "documents.jsonl", rows)
    page = attribution_page(tmp_path)
    assert page.index("text 0") < page.index("Lowest influence") < page.index("text 2")
    assert "&lt;i&gt;text 0" in page and "<i>text" not in page
    assert "&lt;b&gt;poem" in page and "<b>poem" not in page
    assert "<svg" in page
