"""Which states of which arms gradients are taken at."""

from collections.abc import Callable
from pathlib import Path

import pytest

from midspec.attribute.gradient_stage import GradientsConfig
from midspec.attribute.plan import Wanted, attribution
from midspec.errors import ConfigError
from midspec.experiment import Plan
from midspec.run.stage import Stage
from tests.plans import Values

Make = Callable[..., Plan]
EVAL = "preference/items.jsonl"


def _states(plan: Plan, arm: str, store: Path) -> dict[str, Stage]:
    stage = attribution(plan, Wanted(arm, EVAL, "type", (0,)), store)
    found = {k.rpartition(" ")[2]: s for k, s in stage.inputs.items() if k.startswith("gradients")}
    return {moment: one for moment, one in found.items() if isinstance(one, Stage)}


def _config(stage: Stage) -> GradientsConfig:
    assert isinstance(stage.config, GradientsConfig)
    return stage.config


def test_the_start_is_before_the_documents_and_the_end_is_the_arms(
    planned: Make, tmp_path: Path
) -> None:
    plan = planned()
    states = _states(plan, "msm+aft", tmp_path)
    assert "trained" not in states["start"].inputs
    assert states["end"].inputs["trained"] is plan.arms["msm+aft", 0]
    for stage in states.values():
        assert stage.inputs["data0"].fingerprint() == plan.training["corpus old"].fingerprint()
        assert _config(stage).half == "development"


def test_where_the_documents_come_second_the_start_is_what_came_before(
    planned: Make, tmp_path: Path
) -> None:
    def edit(values: Values) -> None:
        values["arms"]["aft+msm"] = [{"finetune": "cheese"}, {"midtrain": "old"}]

    plan = planned(edit)
    states = _states(plan, "aft+msm", tmp_path)
    last = plan.arms["aft+msm", 0]
    assert last
    assert states["start"].inputs["trained"] is last.inputs["previous"]
    assert states["end"].inputs["trained"] is last


def test_a_later_adapter_of_its_own_is_not_what_documents_trained(
    planned: Make, tmp_path: Path
) -> None:
    def edit(values: Values) -> None:
        values["arms"]["two"] = [{"midtrain": "old"}, {"finetune": "cheese", "adapter": "fresh"}]

    plan = planned(edit)
    last = plan.arms["two", 0]
    assert last
    states = _states(plan, "two", tmp_path)
    assert states["end"].inputs["trained"] is last.inputs["previous"]


def test_a_dose_reads_the_documents_that_it_trains_on(planned: Make, tmp_path: Path) -> None:
    def edit(values: Values) -> None:
        values["arms"]["some"] = [{"midtrain": "old@600"}]

    states = _states(planned(edit), "some", tmp_path)
    assert states["end"].inputs["data0"].title == "corpus old@600"


def test_whole_weights_are_refused(planned: Make, tmp_path: Path) -> None:
    def edit(values: Values) -> None:
        values["arms"]["full"] = [{"midtrain": "old", "method": "full"}]

    with pytest.raises(ConfigError, match="gradients are taken on an adapter"):
        _states(planned(edit), "full", tmp_path)
