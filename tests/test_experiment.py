import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from midspec.experiment import Plan
from midspec.run.build import graph
from midspec.run.stage import Stage
from tests.plans import by_llm, names, trained

Values = dict[str, Any]
Change = Callable[[Callable[[Values], None]], Path]
Planned = Callable[..., Plan]


def chain(stage: Stage | None) -> list[str]:
    """The names of a stage and those that it goes on from, first trained first."""
    if stage is None:
        return []
    before = stage.inputs.get("previous")
    return [*chain(before if isinstance(before, Stage) else None), stage.name]


def test_the_graph_is_what_the_file_says(planned: Planned) -> None:
    assert names(planned()) == sorted(
        ["spec", "corpus", "demos", "replay", "leaks", "report", "midtrain", "finetune", "finetune"]
        + ["choices"] * 5
    )


def test_an_arm_is_the_chain_of_its_steps_in_any_order(planned: Planned) -> None:
    def edit(values: Values) -> None:
        aft, msm = {"finetune": "cheese"}, {"midtrain": "old"}
        values["arms"] |= {"a": [aft, msm], "b": [msm, msm, aft], "c": [msm, {"prompt": "old"}]}

    arms = planned(edit).arms
    assert chain(arms["base", 0]) == chain(arms["reference", 0]) == []
    assert chain(arms["msm+aft", 0]) == ["midtrain", "finetune"]
    assert chain(arms["a", 0]) == ["finetune", "midtrain"]
    assert chain(arms["b", 0]) == ["midtrain", "midtrain", "finetune"]
    assert arms["c", 0] is not None
    assert arms["c", 0].fingerprint() == trained(planned(edit))["msm", 0]


def test_only_a_reference_arm_s_evals_read_the_spec(planned: Planned) -> None:
    for (arm, _, _), stage in planned().evals.items():
        assert ("spec" in stage.inputs) == (arm == "reference")


def test_every_eval_waits_for_the_leak_check(planned: Planned) -> None:
    whole = planned()
    for stage in whole.evals.values():
        assert stage.inputs["leaks"].fingerprint() == whole.leaks.fingerprint()


def test_arms_that_train_have_every_seed_and_the_others_one(planned: Planned) -> None:
    def edit(values: Values) -> None:
        values["seeds"] = [4, 5, 6]

    arms = planned(edit).arms
    assert [seed for arm, seed in arms if arm == "msm"] == [4, 5, 6]
    assert [seed for arm, seed in arms if arm in ("base", "reference")] == [4, 4]
    prints = {stage.fingerprint() for (arm, _), stage in arms.items() if arm == "msm" and stage}
    assert len(prints) == 3


def test_a_new_arm_leaves_the_others_where_they_are(planned: Planned) -> None:
    def edit(values: Values) -> None:
        values["arms"]["more"] = [{"midtrain": "old"}, {"midtrain": "old"}]

    before, after = trained(planned()), trained(planned(edit))
    assert {key: after[key] for key in before} == before


@pytest.mark.parametrize(
    "edit",
    [
        lambda values: values.update(half="all"),
        lambda values: values.update(max_items=3),
        lambda values: values.update(samples=["Other?"]),
        lambda values: values.update(contrasts=[]),
        lambda values: values.update(name="another"),
    ],
)
def test_how_arms_are_asked_does_not_change_how_they_are_trained(
    planned: Planned, edit: Callable[[Values], None]
) -> None:
    assert trained(planned(edit)) == trained(planned())
    assert planned(edit).report.fingerprint() != planned().report.fingerprint()


@pytest.mark.parametrize(
    ("edit", "arms"),
    [
        (lambda values: values["midtrain"].update(epochs=2), {"msm", "msm+aft"}),
        (lambda values: values["finetune"].update(epochs=2), {"aft", "msm+aft"}),
        (lambda values: values["adapter"].update(rank=2), {"aft", "msm", "msm+aft"}),
        (lambda values: values["corpora"]["old"].update(draw=1), {"msm", "msm+aft"}),
        (lambda values: values["demos"]["chat"].update(n=3), {"aft", "msm+aft"}),
    ],
)
def test_a_change_retrains_the_arms_that_it_concerns(
    planned: Planned, edit: Callable[[Values], None], arms: set[str]
) -> None:
    before, after = trained(planned()), trained(planned(edit))
    assert {arm for arm, seed in before if before[arm, seed] != after[arm, seed]} == arms


@pytest.mark.parametrize(
    "how",
    [
        {"max_cost": 5.0},
        {"max_tokens": 1000},
        {"connections": 3},
        {"timeout": 1.0},
        {"batch": True},
        {"price": [3, 15]},
        {"min_yield": 0.0},
    ],
)
def test_how_a_teacher_is_asked_does_not_change_what_it_writes(
    planned: Planned, how: dict[str, object]
) -> None:
    assert trained(planned(by_llm(**how))) == trained(planned(by_llm()))


@pytest.mark.parametrize(
    "what",
    [
        {"model": "openai-api/fake/other"},
        {"temperature": 0.7},
        {"reasoning_effort": "low"},
        {"reasoning_tokens": 100},
    ],
)
def test_what_decides_a_teacher_s_answers_makes_another_corpus(
    planned: Planned, what: dict[str, object]
) -> None:
    before, after = trained(planned(by_llm())), trained(planned(by_llm(**what)))
    assert {arm for arm, seed in before if before[arm, seed] != after[arm, seed]} == {
        "msm",
        "msm+aft",
    }


@pytest.mark.parametrize(
    "change",
    [
        {"tokens": 900},
        {"documents": 9},
        {"document_tokens": 99},
        {"form": "qa"},
        {"framing": "humans"},
        {"framing": "other-model", "other_name": "Zed"},
        {"revise": 1},
        {"planner": "spec"},
        {"planner": "spec", "prompts": "small"},
        {"judge": "openai-api/fake/judge"},
        {"balance": True},
        {"attribution": "broken"},
        {"mix": {"file": "spec.md", "share": 0.1}},
        {"tag": "<spec>"},
        {"draw": 1},
    ],
    ids=" ".join,
)
def test_every_key_of_a_corpus_is_part_of_its_recipe(
    planned: Planned, change: dict[str, object]
) -> None:
    def edit(values: Values) -> None:
        by_llm()(values)
        values["corpora"]["old"].update(change)

    assert trained(planned(edit))["msm", 0] != trained(planned(by_llm()))["msm", 0]


def test_a_corpus_keeps_clear_of_the_items_of_every_eval(planned: Planned) -> None:
    whole = planned()
    (corpus,) = [stage for stage in graph([whole.report]).values() if stage.name == "corpus"]
    avoided = [source for key, source in corpus.inputs.items() if key.startswith("avoid")]
    assert [source.path(Path()).name for source in avoided] == ["items.jsonl"]


def test_a_model_is_known_by_what_it_holds_and_not_by_where_it_lies(
    planned: Planned, tiny_model: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "elsewhere" / tiny_model.name
    shutil.copytree(tiny_model, copy)

    def edit(values: Values) -> None:
        values["model"] = str(copy)

    assert trained(planned(edit, copy)) == trained(planned())


def test_a_corpus_and_demos_of_one_name_are_both_checked_for_leaks(planned: Planned) -> None:
    def edit(values: Values) -> None:
        values["demos"]["old"] = values["demos"].pop("cheese")
        values["arms"]["aft"] = [{"finetune": "old"}]
        values["arms"]["msm+aft"] = [{"midtrain": "old"}, {"finetune": "old"}]

    checked = [s.name for s in planned(edit).leaks.inputs.values() if isinstance(s, Stage)]
    assert sorted(checked) == ["corpus", "demos"]


def test_what_no_arm_trains_on_is_not_made(planned: Planned) -> None:
    def edit(values: Values) -> None:
        values["arms"] = {"base": [], "aft": [{"finetune": "cheese"}]}
        values["contrasts"] = []

    assert not {"corpus", "replay", "midtrain"} & set(names(planned(edit)))


def test_every_arm_that_carries_an_eval_s_value_is_marked(planned: Planned) -> None:
    def edit(values: Values) -> None:
        first = values["contrasts"][0]
        values["contrasts"].append({**first, "arm": "msm", "against": ["base"]})

    config: Any = planned(edit).report.config
    (carriers,) = config.corpora_of.values()
    assert set(carriers) == {"msm+aft", "msm"}


def test_the_report_knows_the_anchors_of_a_gap_and_what_arms_were_trained_for(
    planned: Planned,
) -> None:
    config: Any = planned().report.config
    assert config.base == "base"
    assert set(config.references.values()) == {"reference"}  # the only one there is
    assert config.values_of == {"aft": (), "msm": ("old",), "msm+aft": ("old",)}


def test_of_several_reference_arms_an_eval_has_the_one_with_its_spec(planned: Planned) -> None:
    def edit(values: Values) -> None:
        values["specs"]["america"] = values["specs"]["old"]
        values["arms"] |= {"other": [{"prompt": "america"}]}
        values["evals"] = ["preference/america", *values["evals"]]

    config: Any = planned(edit).report.config
    assert config.references == {"preference/america": "other"}
