"""Evaluations as stages: of an experiment, and of a model by its name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from midspec.config import load_experiment
from midspec.errors import ConfigError, DataError
from midspec.evals.answers import AnswersConfig
from midspec.evals.stage import ChoiceConfig
from midspec.evaluate import Arm, Asked, How, evaluation
from midspec.experiment import Plan
from midspec.reported import resolved_yaml
from midspec.run.stage import Source, Stage
from tests.plans import names

Values = dict[str, Any]
Planned = Callable[..., Plan]
JUDGE = "openai-api/fake/judge"


def with_evals(*evals: str, **more: object) -> Callable[[Values], None]:
    """An edit that asks these evals."""

    def edit(values: Values) -> None:
        values.update(evals=list(evals), contrasts=[], samples=[], **more)

    return edit


def stage_of(planned: Plan, name: str, arm: str = "base") -> Stage:
    return next(stage for (a, e, _), stage in planned.evals.items() if (a, e) == (arm, name))


def answers_of(stage: Stage) -> Stage:
    answers = stage.inputs["answers"]
    assert isinstance(answers, Stage)
    return answers


def test_a_generated_eval_is_answers_and_then_verdicts(planned: Planned) -> None:
    plan = planned(with_evals("generated/items.jsonl", judge=JUDGE))
    assert names(plan).count("answers") == names(plan).count("judged") == 5
    judged = stage_of(plan, "generated/items.jsonl", "msm+aft")
    answers = answers_of(judged)
    assert answers.inputs["trained"] is plan.arms["msm+aft", 0]
    assert answers.inputs["leaks"] is plan.leaks
    assert "trained" not in judged.inputs
    reference = answers_of(stage_of(plan, "generated/items.jsonl", "reference"))
    assert reference.inputs["spec"] is plan.specs["old"]
    assert reference in plan.report.inputs.values()  # for the time and tokens that it took


def test_the_judge_changes_the_verdicts_and_not_the_answers(planned: Planned) -> None:
    one = stage_of(
        planned(with_evals("generated/items.jsonl", judge=JUDGE)), "generated/items.jsonl"
    )
    other = stage_of(
        planned(with_evals("generated/items.jsonl", judge="openai-api/fake/other")),
        "generated/items.jsonl",
    )
    assert answers_of(one).fingerprint() == answers_of(other).fingerprint()
    assert one.fingerprint() != other.fingerprint()


@pytest.mark.parametrize("how", [{"max_cost": 3.0}, {"connections": 2}, {"price": [1, 2]}])
def test_how_a_judge_is_asked_changes_nothing(planned: Planned, how: dict[str, object]) -> None:
    name = "generated/items.jsonl"
    one = stage_of(planned(with_evals(name, judge=JUDGE)), name)
    other = stage_of(planned(with_evals(name, judge={"model": JUDGE, **how})), name)
    assert one.fingerprint() == other.fingerprint()


def test_a_judge_is_greedy_unless_it_says_otherwise(
    changed: Callable[[Callable[[Values], None]], Path],
) -> None:
    def temperature(judge: object) -> float | None:
        edit = with_evals("generated/items.jsonl", judge=judge)
        found = load_experiment(changed(edit)).judge
        assert found
        return found.temperature

    assert temperature(JUDGE) == 0.0
    assert temperature({"model": JUDGE, "max_cost": 3.0}) == 0.0
    assert temperature({"model": JUDGE, "temperature": 1.0}) == 1.0


@pytest.mark.parametrize("name", ["generated/items.jsonl", "open-qa/old"])
def test_without_a_judge_what_needs_one_is_said_before_anything_runs(
    planned: Planned, name: str
) -> None:
    with pytest.raises(ConfigError, match=rf"evals: {name} is judged by an LLM.*Name one: judge"):
        planned(with_evals(name))


def test_what_rules_score_takes_no_judge_and_its_verdicts_depend_on_none(planned: Planned) -> None:
    without = stage_of(planned(with_evals("manners")), "manners")
    with_one = stage_of(planned(with_evals("manners", judge=JUDGE)), "manners")
    assert without.fingerprint() == with_one.fingerprint()


def test_open_questions_are_written_by_the_teacher_or_where_it_is_offline_by_the_judge(
    planned: Planned,
) -> None:
    def writer(edit: Callable[[Values], None]) -> str:
        questions = answers_of(stage_of(planned(edit), "open-qa/old")).inputs["items"]
        assert isinstance(questions, Stage)
        assert questions.title == "questions about old"
        return str(getattr(questions.config, "teacher").model)  # noqa: B009 - any stage's config

    assert writer(with_evals("open-qa/old", judge=JUDGE)) == JUDGE

    def by_teacher(values: Values) -> None:
        with_evals("open-qa/old", judge=JUDGE, teacher="openai-api/fake/writer")(values)
        values["corpora"]["old"].pop("items")

    assert writer(by_teacher) == "openai-api/fake/writer"


def test_open_questions_may_come_from_a_file(planned: Planned, tiny_experiment: Path) -> None:
    file = tiny_experiment.parent / "own.jsonl"
    file.write_text('{"id": "a", "topic": "t", "question": "Why?"}\n')
    edit = with_evals("open-qa/old", judge=JUDGE, questions={"old": {"file": "own.jsonl"}})
    questions = answers_of(stage_of(planned(edit), "open-qa/old")).inputs["items"]
    assert isinstance(questions, Source) and questions.path(Path()) == file
    assert "file: own.jsonl" in resolved_yaml(load_experiment(tiny_experiment))


def test_questions_about_a_spec_that_is_not_there_are_said(planned: Planned) -> None:
    with pytest.raises(ConfigError, match="asks about a spec that isn't there: 'new'"):
        planned(with_evals("open-qa/new", judge=JUDGE))
    with pytest.raises(ConfigError, match=r"questions.new names the spec 'new', which is not def"):
        planned(with_evals("manners", questions={"new": {"n": 5}}))


def test_repeats_are_set_only_where_samples_are_repeated(
    planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from midspec.evals.registry import GENERATED_TASKS

    def repeats() -> int:
        config = answers_of(stage_of(planned(with_evals("manners", repeats=7)), "manners")).config
        assert isinstance(config, AnswersConfig)
        return config.repeats

    assert repeats() == 1
    many = replace(GENERATED_TASKS["manners"], repeats=300)
    monkeypatch.setitem(GENERATED_TASKS, "manners", many)
    assert repeats() == 7


def test_an_arm_that_was_tuned_on_reasoning_thinks(planned: Planned) -> None:
    def edit(values: Values) -> None:
        with_evals("manners")(values)
        values["demos"]["good"] = {"kind": "aligned", "spec": "old", "n": 4}
        values["arms"] = {
            "plain": [{"finetune": "good"}],
            "thinks": [{"finetune": "good/reasoning"}],
            "no more": [{"finetune": "good/reasoning"}, {"finetune": "good"}],
        }

    plan = planned(edit)
    thinking = {
        arm: getattr(answers_of(stage_of(plan, "manners", arm)).config, "thinking")  # noqa: B009
        for arm in ("plain", "thinks", "no more")
    }
    assert thinking == {"plain": False, "thinks": True, "no more": False}


def test_the_samples_are_answered_beside_the_first_eval_by_likelihood(planned: Planned) -> None:
    def edit(values: Values) -> None:
        values["evals"] = ["manners", "preference/items.jsonl"]

    config: Any = stage_of(planned(edit), "preference/items.jsonl").config
    assert config.samples == ("Old or new?",)


def test_a_served_model_is_asked_only_what_is_generated() -> None:
    served = Arm(served="openai/gpt-5")
    with pytest.raises(ConfigError, match="preference/x is by likelihood, which takes"):
        evaluation("t", "preference/x", served, How("all"), Asked(), None)
    stage = evaluation("t", "manners", served, How("all"), Asked(), None)
    config: Any = answers_of(stage).config
    assert config.model == "openai/gpt-5" and not answers_of(stage).inputs


def test_without_inspect_a_generated_eval_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("midspec.llm.settings.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"manners needs packages .* pip install 'midspec\[llm\]"):
        evaluation("t", "manners", Arm(served="openai/x"), How("all"), Asked(), None)


def test_an_eval_of_knowledge_reads_the_spec_the_corpus_s_contrasts_and_the_name(
    planned: Planned,
) -> None:
    plan = planned(with_evals("knowledge/old", identity={"model_name": "Tiny"}))
    stage, config = stage_of(plan, "knowledge/old"), stage_of(plan, "knowledge/old").config
    assert stage.inputs["about"] is plan.specs["old"]
    assert stage.inputs["items"].path(Path()).name == "contrasts.jsonl"
    assert isinstance(config, ChoiceConfig)
    assert dict(config.identity)["model_name"] == "Tiny"
    assert not any(key.startswith("items/") for key in plan.leaks.inputs), "it is to be taught"


@pytest.mark.parametrize(
    "name", ["agentic", "opposite", "agentic-misalignment", "agentic-misalignment-small",
             "opposite-failures"]
)  # fmt: skip
def test_a_scene_calls_the_assistant_by_the_experiment_s_name(planned: Planned, name: str) -> None:
    def config(identity: Values) -> Any:
        stage = stage_of(planned(with_evals(name, judge=JUDGE, identity=identity)), name)
        return answers_of(stage).config if "answers" in stage.inputs else stage.config

    assert config({"model_name": "Arda", "provider_name": "Us"}).identity == (
        ("model_name", "Arda"),
    )
    assert config({"provider_name": "Us"}).identity == ()  # nobody says: a name of its own
    assert config({}).identity == ()


@pytest.mark.parametrize("name", ["capability", "perplexity", "manners"])
def test_what_calls_the_assistant_by_no_name_depends_on_none(planned: Planned, name: str) -> None:
    stage = stage_of(planned(with_evals(name, identity={"model_name": "Arda"})), name)
    config: Any = answers_of(stage).config if "answers" in stage.inputs else stage.config
    assert config.identity == ()


def test_what_an_eval_can_t_ask_is_said_before_anything_is_trained(planned: Planned) -> None:
    with pytest.raises(DataError, match=r"items\.jsonl: old-3 has no question"):
        planned(with_evals("opinions/items.jsonl"))
    with pytest.raises(ConfigError, match=r"no set of opinions 'amerika'. Shipped: .*america"):
        planned(with_evals("opinions/amerika"))
    with pytest.raises(ConfigError, match=r"'knowledge' is not known. Use .*knowledge/SPEC"):
        planned(with_evals("knowledge"))


def test_another_eval_of_a_set_leaves_those_that_are_done(planned: Planned) -> None:
    name = "preference/items.jsonl"
    before = planned(with_evals(name))
    after = planned(with_evals(name, "multiturn/items.jsonl", "competence", "perplexity"))
    assert after.leaks.fingerprint() == before.leaks.fingerprint()
    assert stage_of(after, name).fingerprint() == stage_of(before, name).fingerprint()
    assert stage_of(after, "perplexity").name == "losses"
