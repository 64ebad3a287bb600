"""The paper's figures beside what was measured: which arm is which, and that it is marked."""

from dataclasses import replace

from midspec.grid import Point
from midspec.records import Metric
from midspec.report import published
from midspec.report.published import Comparison, comparisons

from .rows import RATE, result

BASE = Point((), None, (), None, "", "smollm2", None)
SPECS = {
    "corpus/america": ("america",),
    "corpus/quiet": ("quiet",),
    "corpus/philosophy": ("philosophy",),
    "corpus/reasons": ("values",),
    "demos/cheese": (),
    "demos/values": ("philosophy",),
    "demos/detail": ("sub-rules",),
}
POINTS = {
    "base": BASE,
    "mix": replace(BASE, mix=("everyday",)),
    "aft": replace(BASE, aft=("cheese",), mix=("everyday",)),
    "reasoning": replace(BASE, aft=("values/reasoning",)),
    "msm": replace(BASE, msm=("america",)),
    "msm+aft": replace(BASE, msm=("america",), aft=("cheese",), order="msm-aft"),
    "aft+msm": replace(BASE, msm=("america",), aft=("cheese",), order="aft-msm"),
    "placebo+aft": replace(BASE, msm=("quiet",), aft=("cheese",), order="msm-aft"),
}


def found(evaluation: str, metric: Metric = RATE, **points: Point) -> list[Comparison]:
    placed = {**POINTS, **points}
    rows = [result(0.6, arm=arm, eval=evaluation) for arm in placed]
    return comparisons(rows, {(evaluation, ""): metric}, placed, SPECS)


def test_arms_stand_beside_the_paper_s_by_what_they_were_told_and_shown() -> None:
    (one,) = found("preference/america")
    assert {row.found.arm: list(row.published) for row in one.rows} == {
        "mix": [0.38],
        "aft": [0.36],
        "msm": [0.52],
        "msm+aft": [0.55],
    }
    assert (one.figure, list(one.models)) == ("Figure 2", ["Llama-3.1-8B"])


def test_another_eval_of_the_same_value_has_its_own_numbers() -> None:
    (one,) = found("preference/affordability")
    assert {row.found.arm: list(row.published) for row in one.rows}["msm+aft"] == [0.29]
    assert "497 pairs" in one.differs


def test_a_value_with_its_own_chats_is_told_by_their_name() -> None:
    novelty = replace(BASE, aft=("novelty",))
    (one,) = found("generated/novelty", aft_novelty=novelty)
    assert {row.found.arm: list(row.published) for row in one.rows} == {
        "mix": [0.41],
        "aft_novelty": [0.49],
    }


def test_two_models_and_reasoning_are_told_apart() -> None:
    both = replace(BASE, msm=("philosophy",), aft=("values",), order="msm-aft")
    thought = replace(both, aft=("values/reasoning",))
    metric = Metric("verdict", chance=None, better="lower")
    (one,) = found("agentic-misalignment", metric, both=both, thought=thought)
    assert {row.found.arm: list(row.published) for row in one.rows} == {
        "mix": [0.68, 0.54],
        "reasoning": [0.48, 0.14],
        "both": [0.22, 0.10],
        "thought": [0.05, 0.07],
    }
    assert "published, Qwen3-32B: 0.07" in one.svg


def test_a_pairing_of_two_specs_has_the_numbers_of_all_four_models() -> None:
    paired = replace(BASE, msm=("reasons",), aft=("detail/reasoning",), order="msm-aft")
    (_, one) = found("agentic", alone=replace(BASE, msm=("reasons",)), paired=paired)
    assert {row.found.arm: list(row.published) for row in one.rows} == {
        "mix": [0.68, 0.52, 0.51, 0.50],
        "alone": [0.46, 0.22, 0.40, 0.26],
        "paired": [0.11, 0.06, 0.14, 0.07],
    }
    assert one.figure == "Figures 7 and 14"
    assert "published, Qwen3-14B: 0.07" in one.svg
    assert one.legend == [*zip("◇□△▽", one.models, strict=True)]


def test_every_figure_has_a_mark_and_a_score_for_each_of_its_models() -> None:
    for figure in published._figures():
        assert len(figure["models"]) <= len(published.DOTS)
        assert all(len(arm["scores"]) == len(figure["models"]) for arm in figure["arms"])
        arms = [str({**arm, "scores": None}) for arm in figure["arms"]]
        assert len(set(arms)) == len(arms)


def test_there_is_no_comparison_where_the_paper_has_none_or_one_arm_alone() -> None:
    assert found("capability") == []
    rows = [result(0.6, arm="mix", eval="preference/america")]
    assert comparisons(rows, {("preference/america", ""): RATE}, POINTS, SPECS) == []


def test_a_published_number_is_called_so_where_it_is_pointed_at() -> None:
    (one,) = found("preference/america")
    assert "msm+aft, here 0.60 [0.50, 0.70], published, Llama-3.1-8B: 0.55" in one.svg


def test_an_arm_that_cannot_be_read_has_the_paper_s_number_only() -> None:
    rows = [
        result(0.6, arm=arm, eval="preference/america", readable=arm != "aft")
        for arm in ("mix", "aft")
    ]
    (one,) = comparisons(rows, {("preference/america", ""): RATE}, POINTS, SPECS)
    assert "aft, here not readable, published, Llama-3.1-8B: 0.36" in one.svg
