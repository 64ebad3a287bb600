"""What a step trains, by its own settings and those of the experiment, and what may follow what."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from midspec.arms import Step
from midspec.chains import Link, links
from midspec.config import load_experiment
from midspec.errors import ConfigError
from midspec.train.settings import AdapterSettings, LoopSettings

ADAPTER = AdapterSettings(rank=4, alpha=8)
LOOPS = {
    "midtrain": LoopSettings(learning_rate=0.1),
    "finetune": LoopSettings(learning_rate=0.2),
    "interleave": LoopSettings(learning_rate=0.3),
}
Values = dict[str, Any]
MIDTRAIN: Values = {"midtrain": "old"}
FINETUNE: Values = {"finetune": ["cheese", "chat@2"]}
Change = Callable[[Callable[[Values], None]], Path]


def chain(*steps: Values, adapter: AdapterSettings = ADAPTER) -> list[Link]:
    return links([Step.model_validate(step) for step in steps], adapter, LOOPS, "arms.x")


def test_a_step_that_sets_nothing_trains_as_the_experiment_does_and_continues() -> None:
    first, second = chain(MIDTRAIN, FINETUNE)
    assert (first.adapter, first.loop, first.start, first.begun) == (
        ADAPTER,
        LOOPS["midtrain"],
        "continue",
        0,
    )
    assert (second.adapter, second.loop, second.start, second.begun) == (
        ADAPTER,
        LOOPS["finetune"],
        "continue",
        0,
    )


def test_a_step_s_own_settings_hold_for_it_alone() -> None:
    own = {"method": "full", "learning_rate": "2e-5", "epochs": 3}
    first, second = chain({**MIDTRAIN, **own}, FINETUNE)
    assert first.adapter.method == "full"
    assert (first.loop.learning_rate, first.loop.epochs) == (2e-5, 3)
    assert second.adapter == ADAPTER
    assert second.loop == LOOPS["finetune"]


def test_every_setting_of_adapter_and_loop_can_stand_in_a_step() -> None:
    own = {"rank": 2, "alpha": 3, "first_layer": 1, "tokens_per_step": 7, "max_tokens": 9}
    (link,) = chain({**MIDTRAIN, **own, "warmup_fraction": 0.5, "max_gradient_norm": 2})
    assert link.adapter == AdapterSettings(rank=2, alpha=3, first_layer=1)
    assert (link.loop.tokens_per_step, link.loop.max_tokens) == (7, 9)
    assert (link.loop.warmup_fraction, link.loop.max_gradient_norm) == (0.5, 2)


def test_an_adapter_that_is_continued_keeps_its_own_shape() -> None:
    first, second, third = chain({**MIDTRAIN, "rank": 2}, FINETUNE, {**FINETUNE, "rank": 2})
    assert first.adapter == second.adapter == third.adapter == AdapterSettings(rank=2, alpha=8)


def test_each_new_adapter_of_a_chain_begins_differently() -> None:
    fresh, merge = {**FINETUNE, "adapter": "fresh"}, {**FINETUNE, "adapter": "merge"}
    found = chain(MIDTRAIN, fresh, FINETUNE, merge, {**FINETUNE, "rank": 4})
    assert [link.start for link in found] == ["continue", "fresh", "continue", "merge", "continue"]
    assert [link.begun for link in found] == [0, 1, 1, 2, 2]


def test_full_and_lora_may_follow_each_other_in_any_order() -> None:
    full = {**MIDTRAIN, "method": "full"}
    found = chain(full, FINETUNE, full, {**FINETUNE, "rank": 16}, FINETUNE)
    assert [link.adapter.method for link in found] == ["full", "lora", "full", "lora", "lora"]
    assert [link.begun for link in found] == [0, 0, 0, 1, 1]
    assert found[-1].adapter.rank == 16


def test_documents_and_chats_in_one_step_train_as_documents_do() -> None:
    (link,) = chain({"interleave": {"midtrain": "old", "finetune": ["cheese/reasoning@9", "chat"]}})
    assert link.loop == LOOPS["interleave"]
    assert link.step.corpora == ["old"]
    assert [use.name for use in link.step.uses()] == ["cheese", "chat"]
    assert link.step.uses()[0].dose == 9
    assert link.title == "interleave old+cheese/reasoning@9+chat"


def test_a_title_says_what_a_step_sets_itself() -> None:
    _, second = chain(MIDTRAIN, {**FINETUNE, "adapter": "fresh", "rank": 2, "learning_rate": 1e-3})
    assert second.title == "finetune cheese+chat@2 (fresh, rank 2, learning_rate 0.001)"
    (full,) = chain({**MIDTRAIN, "method": "full"})
    assert full.title == "midtrain old (full)"


def arm(*steps: Values) -> Callable[[Values], None]:
    return lambda values: values["arms"].update(odd=list(steps))


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([{**MIDTRAIN, "adapter": "fresh"}], "step 1: adapter: fresh .*this is the first step"),
        (
            [{**MIDTRAIN, "method": "full"}, {**FINETUNE, "adapter": "continue"}],
            "step 2: adapter: continue is about an adapter that an earlier step trained, and none "
            "did. Leave it out",
        ),
        (
            [MIDTRAIN, {**FINETUNE, "method": "full", "adapter": "merge"}],
            "step 2: method full .*Leave adapter: merge out, or set method: lora",
        ),
        ([{**MIDTRAIN, "method": "full", "rank": 4}], "step 1: rank is an adapter's"),
        (
            [MIDTRAIN, {**FINETUNE, "rank": 5}],
            "step 2: rank is 5, .*whose rank is 4. Leave it out, or set adapter: fresh",
        ),
        ([{"prompt": "old", "rank": 4}], "step 1: a prompt trains nothing, so it takes no rank"),
        ([{**MIDTRAIN, **FINETUNE}], "step 1 must be one of midtrain, finetune, int"),
        ([{"rank": 4}], "step 1 must be one of"),
        ([{**MIDTRAIN, "rnk": 4}], "0.rnk is not a known key; did you mean 'rank'"),
        ([{**MIDTRAIN, "rank": 0}], "0.rank: input should be greater than 0, got '0'"),
        ([{**MIDTRAIN, "method": "qlora"}], "0.method: input should be 'lora' or 'full'"),
        ([MIDTRAIN, {**FINETUNE, "adapter": "new"}], "'continue', 'fresh' or 'merge', got 'new'"),
        ([{**MIDTRAIN, "adapter": {"rank": 4}}], "settings stand beside it, such as {finetune"),
        ([{"interleave": {"midtrain": "old"}}], "0.interleave.finetune is missing"),
        (
            [{"interleave": {"midtran": "old", "finetune": "chat"}}],
            "interleave.midtran is not a known key; did you mean 'midtrain'",
        ),
        ([{"interleave": {"midtrain": "odl", "finetune": "chat"}}], "corpus 'odl', .*mean 'old'"),
        ([{"interleave": {"midtrain": "old", "finetune": "chat@3"}}], "3 chats of chat are wanted"),
        ([{"interleave": {"midtrain": "old", "finetune": "chat/reasoning"}}], "has no reasoning"),
    ],
)  # fmt: skip
def test_a_chain_that_can_t_be_is_refused_when_the_file_is_read(
    changed: Change, steps: list[Values], words: str
) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        load_experiment(changed(arm(*steps)))
    assert "arms.odd" in str(caught.value)


def test_every_training_stage_has_a_name_of_its_own_in_the_report(
    planned: Callable[..., Any],
) -> None:
    """The same data after the same data is another stage if it is trained in another way."""

    def edit(values: Values) -> None:
        more = [{}, {"adapter": "fresh"}, {"adapter": "merge"}, {"learning_rate": 0.5}]
        values["arms"] |= {
            f"odd-{number}": [MIDTRAIN, {"finetune": "cheese", **own}]
            for number, own in enumerate(more)
        }

    found = planned(edit)
    trained = {stage.fingerprint() for stage in found.arms.values() if stage}
    told = [s.fingerprint() for key, s in found.report.inputs.items() if key.startswith("train/")]
    assert len(told) == len({*told})
    assert trained <= {*told}
    assert len(trained) == 3 + 4


def test_a_chain_that_sets_nothing_has_the_recipe_that_it_always_had(
    planned: Callable[..., Any],
) -> None:
    recipe = planned().arms["msm+aft", 0].recipe
    assert set(recipe["config"]) == {"model", "adapter", "loop", "seed"}
    assert set(recipe["inputs"]) == {"base", "data0", "data1", "previous"}


def test_a_method_of_the_experiment_can_be_left_for_one_step(changed: Change) -> None:
    def edit(values: Values) -> None:
        values["adapter"] = {"method": "full"}
        arm(MIDTRAIN, {**FINETUNE, "finetune": "cheese", "method": "lora", "rank": 3})(values)

    experiment = load_experiment(changed(edit))
    first, second = links(experiment.arms["odd"], experiment.adapter, experiment.loops, "arms.odd")
    assert (first.adapter.method, second.adapter.method) == ("full", "lora")
    assert second.adapter.rank == 3
