from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from midspec.arms import Step
from midspec.config import load_experiment
from midspec.errors import ConfigError
from midspec.grid_arms import Grid, grid_arms
from midspec.parts import Corpus, Demos, Everyday, Opaque
from midspec.portions import AnyCorpus
from tests.tiny import midspec as command
from tests.tiny import refused

Values = dict[str, Any]
CORPORA: dict[str, AnyCorpus] = {
    name: Corpus(spec="old", tokens=1_500) for name in ("rules", "values", "placebo")
}
SHOWN = Opaque(kind="opaque", spec="old", n=60)
DEMOS: dict[str, Demos] = {
    "cheese": SHOWN,
    "bread": SHOWN,
    "why": SHOWN,
    "everyday": Everyday(kind="everyday", n=9),
}


def arms(text: str) -> dict[str, str]:
    """The arms of a grid as YAML writes it, each step as one word."""
    grid = Grid.model_validate(yaml.safe_load(text))
    found = grid_arms(grid, CORPORA, DEMOS, "file: grid")
    return {name: " ".join(map(word, steps)) for name, steps in found.items()}


def word(step: Step) -> str:
    return f"{step.kind}:{'+'.join([*step.corpora, *step.demos]) or step.model}"


def test_a_grid_is_every_combination_named_as_the_paper_s_arms_are() -> None:
    assert arms("{msm: [none, rules, values], aft: [none, mix, cheese], with: [everyday]}") == {
        "base": "",
        "msm-rules": "midtrain:rules",
        "msm-values": "midtrain:values",
        "mix": "finetune:everyday",
        "msm-rules+mix": "midtrain:rules finetune:everyday",
        "msm-values+mix": "midtrain:values finetune:everyday",
        "aft": "finetune:cheese+everyday",
        "msm-rules+aft": "midtrain:rules finetune:cheese+everyday",
        "msm-values+aft": "midtrain:values finetune:cheese+everyday",
    }


def test_what_all_arms_have_alike_is_not_in_their_names() -> None:
    assert list(arms("{msm: rules, aft: [cheese, bread], dose: {msm: 900}}")) == [
        "msm+aft-cheese",
        "msm+aft-bread",
    ]


def test_chats_with_reasoning_and_a_placebo_are_called_so() -> None:
    found = arms("{msm: [rules, placebo], aft: [cheese, why/reasoning]}")
    assert list(found) == ["msm+aft", "placebo+aft", "msm+aft-reasoning", "placebo+aft-reasoning"]
    assert found["placebo+aft-reasoning"] == "midtrain:placebo finetune:why/reasoning"


def test_a_dose_is_an_axis_of_the_arms_that_have_what_it_is_of() -> None:
    found = arms("{msm: [none, rules], aft: cheese, dose: {msm: [500, all], aft: [20, 60]}}")
    assert found == {
        "aft@20": "finetune:cheese@20",
        "msm@500+aft@20": "midtrain:rules@500 finetune:cheese@20",
        "msm+aft@20": "midtrain:rules finetune:cheese@20",
        "aft@60": "finetune:cheese@60",
        "msm@500+aft@60": "midtrain:rules@500 finetune:cheese@60",
        "msm+aft@60": "midtrain:rules finetune:cheese@60",
    }


def test_a_set_may_have_its_own_dose() -> None:
    assert arms("{aft: [cheese@20, bread], dose: {aft: [30, 40]}}") == {
        "aft-cheese@20": "finetune:cheese@20",
        "aft-bread@30": "finetune:bread@30",
        "aft-bread@40": "finetune:bread@40",
    }


def test_an_order_is_an_axis_of_the_arms_that_have_both() -> None:
    found = arms("{msm: [none, rules], aft: cheese, order: [msm-aft, aft-msm, interleaved]}")
    assert found == {
        "aft": "finetune:cheese",
        "msm+aft": "midtrain:rules finetune:cheese",
        "aft+msm": "finetune:cheese midtrain:rules",
        "msm+aft:interleaved": "interleave:rules+cheese",
    }


def test_several_models_stand_behind_the_arms_names() -> None:
    assert arms("{msm: [none, rules], model: [smollm2-135m, Some/Model-1B]}") == {
        "base:smollm2-135m": "model:smollm2-135m",
        "msm:smollm2-135m": "model:smollm2-135m midtrain:rules",
        "base:Model-1B": "model:Some/Model-1B",
        "msm:Model-1B": "model:Some/Model-1B midtrain:rules",
    }


@pytest.mark.parametrize(
    ("row", "left"),
    [
        ("{msm: none, aft: none}", "msm aft@20 msm+aft@20 aft@60 msm+aft@60"),
        ("{aft: cheese, dose: {aft: 20}}", "base msm aft@60 msm+aft@60"),
        ("{msm: rules, dose: {aft: [20, 60]}}", "base msm aft@20 aft@60"),
        ("{order: msm-aft}", "base msm aft@20 aft@60"),
    ],
)
def test_a_row_of_exclude_takes_out_all_that_it_matches(row: str, left: str) -> None:
    text = f"{{msm: [none, rules], aft: [none, cheese], dose: {{aft: [20, 60]}}, exclude: [{row}]}}"
    assert list(arms(text)) == left.split()


def test_a_row_of_include_is_a_small_grid_of_its_own() -> None:
    found = arms(
        "{msm: [none, rules], aft: cheese,"
        " include: [{msm: values, aft: [cheese, bread], dose: {aft: 20}}]}"
    )
    assert found == {
        "aft-cheese": "finetune:cheese",
        "msm-rules+aft-cheese": "midtrain:rules finetune:cheese",
        "msm-values+aft-cheese@20": "midtrain:values finetune:cheese@20",
        "msm-values+aft-bread@20": "midtrain:values finetune:bread@20",
    }


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        ("{msm: rulez}", r"grid.msm names the corpus 'rulez', .* did you mean 'rules'\?"),
        ("{aft: [none, cheez]}", r"grid.aft names the demos 'cheez', .* did you mean 'cheese'\?"),
        ("{aft: cheese, with: [each]}", "grid.with names the demos 'each', which is not defined"),
        ("{}", "grid is empty. Name corpora under msm, fine-tuning sets under aft"),
        ("{msm: rules, exclude: [{msm: rules}]}", "exclude leaves no arm"),
        ("{msm: rules, exclude: [{}]}", r"exclude\[0\] names no axis, so it would match every arm"),
        (
            "{msm: [none, rules], exclude: [{msm: rulse}]}",
            r"grid.exclude\[0\].msm: 'rulse' is in no arm of the grid; did you mean 'rules'\?",
        ),
        (
            "{aft: cheese, dose: {aft: [20, 60]}, exclude: [{dose: {aft: 50}}]}",
            r"grid.exclude\[0\].dose.aft: 50 is in no arm of the grid",
        ),
        (
            "{msm: [none, rules], aft: [none, cheese], exclude: "
            "[{msm: none, aft: none}, {msm: none, aft: none}]}",
            r"grid.exclude\[1\] matches no arm",
        ),
        ("{msm: rules, include: [{msm: rules}]}", r"grid.include\[0\] adds no arm: the grid has"),
        ("{msm: rules, include: [{msm: values, aft: cheez}]}", r"include\[0\].aft names the demos"),
        ("{aft: [mix, cheese]}", "grid.aft: mix is the sets under with: alone, and there are none"),
        (
            "{msm: rules, model: [a/same, b/same]}",
            "two arms would be called 'msm:same': msm rules, none, a/same; and msm rules, none, b",
        ),
    ],
)
def test_a_grid_that_can_t_be_meant_is_one_sentence(grid: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as found:
        arms(grid)
    assert str(found.value).startswith("file: grid")


def test_words_that_a_grid_uses_are_no_names() -> None:
    grid = Grid.model_validate({"msm": ["none"], "aft": ["cheese"]})
    with pytest.raises(ConfigError, match="'none' has a meaning of its own in a grid"):
        grid_arms(grid, {"none": CORPORA["rules"]}, DEMOS, "file: grid")


Changed = Callable[[Callable[[Values], None]], Path]


def gridded(changed: Changed, text: str, **values: Any) -> Path:
    """The tiny experiment with a grid in place of its arms, or beside the ones given."""

    def edit(found: Values) -> None:
        del found["arms"]
        found["contrasts"] = []
        found["grid"] = yaml.safe_load(text)
        found |= values

    return changed(edit)


def test_an_experiment_has_its_grid_spelled_out_before_its_own_arms(changed: Changed) -> None:
    text = "{msm: [none, old], aft: [cheese], with: [chat]}"
    path = gridded(changed, text, arms={"reference": [{"prompt": "old"}]})
    found = load_experiment(path)
    assert list(found.arms) == ["aft", "msm+aft", "reference"]
    assert found.arms["msm+aft"][1].finetune == ["cheese", "chat"]
    assert list(load_experiment(gridded(changed, text)).arms) == ["aft", "msm+aft"]


def test_a_grid_of_models_needs_no_other_and_its_first_one_is_the_experiment_s_own(
    changed: Changed,
) -> None:
    path = gridded(changed, "{msm: [none, old], model: [smollm2-135m, Some/Model]}", model=None)
    values = yaml.safe_load(path.read_text())
    del values["model"]
    path.write_text(yaml.safe_dump(values))
    found = load_experiment(path)
    assert found.model == "smollm2-135m"
    assert found.arms["base:smollm2-135m"] == []
    assert found.arms["base:Model"] == [Step(model="Some/Model")]


@pytest.mark.parametrize(
    ("grid", "arms", "words"),
    [
        ("{msm: old}", {"msm": []}, "arms.msm and an arm of the grid have one name and differ"),
        ("{}", None, "grid is empty"),
        ("{msm: old, dose: {msm: true}}", None, "grid.dose.msm.0: input should be a valid integer"),
        ("{msm: []}", None, "grid.msm: list should have at least 1 item"),
        ("{msn: old}", None, "grid.msn is not a known key; did you mean 'msm'?"),
        ("{msm: old, dose: {msn: 5}}", None, "dose.msn is not a known key; did you mean 'msm'?"),
        ("{msm: old, order: [msm]}", None, "grid.order.0"),
        ("{msm: old, dose: {msm: 1501}}", None, "1,501 tokens of old are wanted, which is to have"),
        ("{aft: cheese, dose: {aft: 61}}", None, "61 chats of cheese are wanted, which has 60"),
        ("{msm: old, with: {chat: 5}}", None, "grid.with: input should be a valid list"),
    ],
)
def test_a_grid_that_can_t_be_used_leaves_with_code_2(
    changed: Changed, grid: str, arms: Values | None, words: str
) -> None:
    path = gridded(changed, grid, **({"arms": arms} if arms else {}))
    refused(command("plan", path), words)
