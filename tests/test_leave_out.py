"""Leave-out sets: `leave_out` in an experiment becomes corpora and arms like any other."""

from collections.abc import Callable
from typing import Any

import pytest

from midspec.errors import ConfigError
from midspec.experiment import Plan
from midspec.leave_out import find_left_out
from midspec.run.build import graph
from tests.plans import Values, by_llm, trained

Make = Callable[..., Plan]


def _by(by: str, **more: Any) -> Callable[[Values], None]:
    def edit(values: Values) -> None:
        values["leave_out"] = {"set": {"arm": "msm+aft", "by": by, **more}}

    return edit


def test_each_group_has_an_arm_without_it_and_the_controls_one_each(planned: Make) -> None:
    plan = planned(_by("genre", controls=3))
    arms = list(plan.experiment.arms)
    assert arms[-5:] == [
        "msm+aft-without-genre-show",
        "msm+aft-without-genre-describe",
        "msm+aft-control-genre-1",
        "msm+aft-control-genre-2",
        "msm+aft-control-genre-3",
    ]
    portions = [s for s in graph([plan.report]).values() if s.name == "portion"]
    assert len(portions) == 5
    assert len({tuple(map(str, [s.config.matched])) for s in portions}) == 1
    assert sorted(s.config.draw for s in portions) == [0, 0, 1, 2, 3]


def test_the_arms_differ_in_the_corpus_alone(planned: Make) -> None:
    plan = planned(_by("genre"))
    whole, without = (
        plan.experiment.arms[arm] for arm in ("msm+aft", "msm+aft-without-genre-show")
    )
    assert without[0].midtrain == ["old-without-genre-show"]
    assert without[1:] == whole[1:]


def test_other_arms_are_the_same_stages_as_without_the_set(planned: Make) -> None:
    before, after = planned(), planned(_by("genre"))
    assert trained(before).items() <= trained(after).items()
    for key, stage in before.evals.items():
        assert stage.fingerprint() == after.evals[key].fingerprint()


def test_a_dose_of_the_corpus_is_one_of_its_portions(planned: Make) -> None:
    def edit(values: Values) -> None:
        values["arms"]["msm"] = [{"midtrain": "old@600"}]
        values["leave_out"] = {"set": {"arm": "msm", "by": "genre"}}

    steps = planned(edit).experiment.arms["msm-without-genre-show"]
    assert steps[0].midtrain == ["old-without-genre-show@600"]


def test_clauses_and_sections_are_those_of_the_spec(planned: Make) -> None:
    by_clause = find_left_out(planned(_by("clause")).experiment, "set")
    assert list(by_clause.groups) == ["s1.p1", "s2.p1", "s2.p2"]
    by_section = find_left_out(planned(_by("section")).experiment, "set")
    assert by_section.groups == {"s1": ("s1",), "s2": ("s2",)}


def test_domains_and_types_are_those_that_the_offline_teacher_writes(planned: Make) -> None:
    domains = find_left_out(planned(_by("domain")).experiment, "set").groups
    assert list(domains) == ["clothes", "tools", "books", "matters of taste"]
    assert len(find_left_out(planned(_by("type")).experiment, "set").groups) > 30


def test_many_labels_go_into_as_many_groups_as_are_wanted(planned: Make) -> None:
    found = find_left_out(planned(_by("domain", groups=2)).experiment, "set")
    assert found.groups == {
        "clothes to tools": ("clothes", "tools"),
        "books to matters of taste": ("books", "matters of taste"),
    }
    assert next(iter(found.arms.values())) == "msm+aft-without-domain-clothes-to-tools"


def test_groups_can_be_named(planned: Make) -> None:
    groups = {"worn": ["clothes"], "the rest": ["tools", "books"]}
    plan = planned(_by("domain", groups=groups))
    portion = plan.experiment.corpora["old-without-domain-the-rest"]
    assert portion.without.domains == ["tools", "books"]
    assert portion.spec == "old"


def test_what_an_llm_writes_must_be_named(planned: Make) -> None:
    def edit(values: Values) -> None:
        by_llm()(values)
        _by("type")(values)

    with pytest.raises(ConfigError, match=r"leave_out\.set: which types an LLM writes"):
        planned(edit)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"arm": "msn"}, "names the arm 'msn', which is not defined; did you mean 'msm'"),
        ({"arm": "aft"}, "the arm aft is trained on no corpus"),
        ({"corpus": "new"}, "isn't trained on 'new'"),
        ({"by": "genre", "groups": 3}, "3 groups are wanted, but old has 2 genres"),
        ({"by": "kind"}, "leave_out.set.by"),
        ({"groups": {"a b": ["x"], "a-b": ["y"]}}, "two groups would have one name"),
    ],
)
def test_what_a_set_cannot_be_made_of_is_told(
    planned: Make, change: dict[str, Any], words: str
) -> None:
    def edit(values: Values) -> None:
        values["leave_out"] = {"set": {"arm": "msm", "by": "domain"} | change}

    with pytest.raises(ConfigError) as error:
        planned(edit)
    assert words in str(error.value)


def test_a_name_that_is_taken_by_another_arm_is_refused(planned: Make) -> None:
    def edit(values: Values) -> None:
        values["arms"]["msm+aft-without-genre-show"] = []
        _by("genre")(values)

    with pytest.raises(ConfigError, match="there is another one of that name"):
        planned(edit)


def test_the_experiment_as_it_is_stored_can_be_read_again(planned: Make) -> None:
    from pathlib import Path

    import yaml

    from midspec.config import parse
    from midspec.reported import resolved_yaml

    plan = planned(_by("genre"))
    stored = yaml.safe_load(resolved_yaml(plan.experiment))
    assert stored["corpora"]["old-without-genre-show"]["from"] == "old"
    again = parse(stored, Path("experiment.yaml"))
    assert again.arms == plan.experiment.arms
    assert "leave_out" not in yaml.safe_load(resolved_yaml(planned().experiment))
