"""Sets of demonstrations as stages: what decides their recipe, and which of them an arm reads."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from midspec.config import load_experiment
from midspec.errors import ConfigError
from midspec.experiment import Plan, plan
from midspec.make import judges_of, make_demos
from midspec.parts import Identity, InstructionMix, TeacherModel
from midspec.reported import resolved_yaml
from midspec.run.stage import Stage
from midspec.tune.stage import TuneConfig
from tests.plans import by_llm, names, trained

Values = dict[str, Any]
Change = Callable[[Callable[[Values], None]], Path]
Planned = Callable[..., Plan]


def test_an_instruction_mix_is_a_kind_of_demos(
    changed: Change,
) -> None:
    def edit(values: Values) -> None:
        values["identity"] = {"model_name": "Tiny", "provider_name": "Lab"}
        values["demos"]["it"] = {"kind": "mix", "name": "paper-section-4", "n": 20, "folder": "it"}

    path = changed(edit)
    (path.parent / "it").mkdir()
    (path.parent / "it" / "lima.jsonl").write_text("{}\n")
    experiment = load_experiment(path)
    assert experiment.demos["it"].folder == path.parent.resolve() / "it"
    assert "folder: it\n" in resolved_yaml(experiment)
    stage = make_demos(
        "it", experiment.demos["it"], experiment.identity, experiment.teacher, {}, None, ()
    )  # type: ignore[arg-type]
    assert stage.name == "mix"
    assert stage.recipe["config"]["n"] == 20  # type: ignore[index]


def test_an_unknown_mix_is_an_error_that_names_those_that_are() -> None:
    unknown = InstructionMix(kind="mix", name="paper-section-9")
    with pytest.raises(ConfigError, match=r"no mix 'paper-section-9'.*paper-section-3"):
        make_demos(
            "it",
            unknown,
            Identity(model_name="Tiny", provider_name="Lab"),
            TeacherModel(),
            {},
            None,
            (),
        )  # type: ignore[arg-type]


ANSWERED: list[Values] = [
    {"kind": "aligned"},
    {"kind": "aligned", "style": "rule"},
    {"kind": "deliberative"},
    {"kind": "anti"},
    {"kind": "opaque", "by": "table"},
    {"kind": "opaque", "by": "teacher"},
    {"kind": "opaque", "by": "teacher", "domain": "bread"},
]


def answered(finetune: list[str], **values: object) -> Callable[[Values], None]:
    """An edit after which an LLM writes chats named good, and one arm trains on `finetune`."""

    def edit(found: Values) -> None:
        by_llm()(found)
        found["demos"]["good"] = {"kind": "aligned", "spec": "old", "n": 5, **values}
        found["arms"] = {"base": [], "plain": [{"finetune": "good"}]}
        found["arms"]["tried"] = [{"finetune": finetune}]
        found["contrasts"] = []

    return edit


def tuned(whole: Plan, arm: str) -> tuple[Stage, TuneConfig]:
    """The training stage of an arm with one step, and its config."""
    stage = whole.arms[arm, 0]
    assert stage and isinstance(stage.config, TuneConfig)
    return stage, stage.config


def test_an_arm_trains_on_reasoning_where_it_says_so(planned: Planned) -> None:
    whole = planned(answered(["cheese", "good/reasoning"]))
    (plain, without), (tried, thought) = tuned(whole, "plain"), tuned(whole, "tried")
    assert (without.reasoning, thought.reasoning) == ((), ("data1",))
    assert tried.inputs["data1"] is plain.inputs["data0"]
    assert "finetune cheese+good/reasoning" in tried.title


def test_with_and_without_reasoning_are_two_arms_of_one_set_of_chats(planned: Planned) -> None:
    whole = planned(answered(["good/reasoning"]))
    assert names(whole).count("demos") == 1
    assert names(whole).count("finetune") == 2
    checked = [key for key in whole.leaks.inputs if key.startswith("data/")]
    assert checked == ["data/demos good"]


@pytest.mark.parametrize("values", ANSWERED, ids=lambda values: " ".join(values.values()))
def test_every_kind_and_style_of_chats_has_a_recipe_of_its_own(
    planned: Planned, values: Values
) -> None:
    prints = [trained(planned(answered(["good"], **other)))["plain", 0] for other in ANSWERED]
    assert len(set(prints)) == len(ANSWERED)
    assert trained(planned(answered(["good"], **values)))["plain", 0] in prints


@pytest.mark.parametrize(
    "change",
    [{"n": 6}, {"judge": "openai-api/fake/judge"}, {"query_kinds": ["plain"]}, {"draw": 1}],
    ids=" ".join,
)
def test_every_key_of_chats_is_part_of_their_recipe(
    planned: Planned, change: dict[str, object]
) -> None:
    before = trained(planned(answered(["good"])))
    assert trained(planned(answered(["good"], **change)))["plain", 0] != before["plain", 0]


def test_the_judge_of_chats_is_their_teacher_unless_one_is_named(planned: Planned) -> None:
    def config(**values: object) -> Any:
        stage, _ = tuned(planned(answered(["good"], **values)), "plain")
        demos = stage.inputs["data0"]
        assert isinstance(demos, Stage)
        return demos.config

    assert config().judge == config().teacher
    assert config(judge="openai-api/fake/judge").judge.model == "openai-api/fake/judge"
    assert config().best_of == 1
    assert config(kind="deliberative").best_of == 4
    assert config(query_kinds=["role", "plain", "role"]).query_kinds == ("role", "plain")


def test_preferences_take_a_table_in_the_spec_or_a_domain(
    changed: Change, tiny_model: Path
) -> None:
    def planned(**values: object) -> Plan:
        def edit(found: Values) -> None:
            answered(["good"], kind="opaque", by="teacher", **values)(found)
            found["specs"]["old"] = "bare.md"

        path = changed(edit)
        (path.parent / "bare.md").write_text("# Old things\n\nOld things have lasted.\n")
        return plan(load_experiment(path), tiny_model)

    with pytest.raises(ConfigError, match=r"demos\.good: bare\.md has no table of preferences\. N"):
        planned()
    assert planned(domain="bread")


def test_the_judge_of_preferences_is_priced_and_its_path_is_no_part_of_the_results(
    changed: Change, tmp_path: Path
) -> None:
    (tmp_path / "weights").mkdir()
    judge = {"model": f"hf/{tmp_path}/weights", "price": [0, 0]}
    edit = answered(["good"], kind="opaque", by="teacher", judge=judge)
    experiment = load_experiment(changed(edit))
    assert [model.model for model in judges_of(experiment)] == [judge["model"]]
    assert str(tmp_path) not in resolved_yaml(experiment)


def test_chats_keep_clear_of_the_items_of_every_eval(planned: Planned) -> None:
    stage, _ = tuned(planned(answered(["good"])), "plain")
    demos = stage.inputs["data0"]
    assert isinstance(demos, Stage)
    assert "avoid0" in demos.inputs
