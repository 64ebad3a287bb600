from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from midspec.arms import PaperArms, Step, paper_arms
from midspec.config import load_experiment
from midspec.errors import ConfigError
from midspec.parts import Aligned, Corpus, Deliberative, Demos, InstructionMix, Opaque

Values = dict[str, Any]
CORPORA = {"old": Corpus(spec="old"), "placebo": Corpus(spec="dull")}
MIX = InstructionMix(kind="mix", name="paper-section-3")
DEMOS: dict[str, Demos] = {
    "cheese": Opaque(kind="opaque", spec="old"),
    "why": Deliberative(kind="deliberative", spec="old", n=50),
    "it": MIX,
}


def arms(
    wanted: PaperArms = PaperArms(),  # noqa: B008
    corpora: dict[str, Corpus] = CORPORA,
    demos: dict[str, Demos] = DEMOS,
) -> dict[str, list[str]]:
    """The arms, each step as one word."""
    found = paper_arms(wanted, corpora, demos, "file")
    return {name: [word(step) for step in steps] for name, steps in found.items()}


def word(step: Step) -> str:
    return f"{step.kind}:{'+'.join(step.midtrain or step.finetune or [step.prompt or ''])}"


def test_the_paper_s_arms_are_every_stage_alone_and_together_and_their_controls() -> None:
    assert arms() == {
        "base": [],
        "mix": ["finetune:it"],
        "msm+mix": ["midtrain:old", "finetune:it"],
        "aft": ["finetune:cheese+it"],
        "msm+aft": ["midtrain:old", "finetune:cheese+it"],
        "aft-reasoning": ["finetune:why/reasoning+it"],
        "msm+aft-reasoning": ["midtrain:old", "finetune:why/reasoning+it"],
        "placebo+aft": ["midtrain:placebo", "finetune:cheese+it"],
        "placebo+aft-reasoning": ["midtrain:placebo", "finetune:why/reasoning+it"],
        "reference": ["prompt:old"],
    }


def test_several_corpora_are_arms_of_their_own_and_take_the_demos_of_their_spec() -> None:
    corpora = {**CORPORA, "new": Corpus(spec="new")}
    demos = {**DEMOS, "why-new": Deliberative(kind="deliberative", spec="new", n=50)}
    found = arms(corpora=corpora, demos=demos)
    assert found["msm-old+aft"] == ["midtrain:old", "finetune:cheese+it"]
    assert found["msm-new+aft"] == ["midtrain:new", "finetune:cheese+it"]
    assert found["msm-new+aft-reasoning"] == ["midtrain:new", "finetune:why-new/reasoning+it"]
    assert found["msm-old+aft-reasoning"] == ["midtrain:old", "finetune:why/reasoning+it"]
    assert found["aft-reasoning-why-new"] == ["finetune:why-new/reasoning+it"]
    assert {"reference-old", "reference-new"} <= found.keys()


def test_aligned_chats_are_both_arms_of_fine_tuning() -> None:
    demos: dict[str, Demos] = {"good": Aligned(kind="aligned", spec="old", n=9), "it": MIX}
    found = arms(demos=demos)
    assert found["aft"] == ["finetune:good+it"]
    assert found["aft-reasoning"] == ["finetune:good/reasoning+it"]


def test_a_dose_is_an_arm_of_every_fine_tuning_set_with_and_without_midtraining() -> None:
    found = arms(PaperArms(doses=[10, 40]))
    assert found["aft@10"] == ["finetune:cheese@10+it"]
    assert found["msm+aft@40"] == ["midtrain:old", "finetune:cheese@40+it"]
    assert found["msm+aft-reasoning@10"] == ["midtrain:old", "finetune:why/reasoning@10+it"]


@pytest.mark.parametrize(
    ("corpora", "demos", "words"),
    [
        ({"placebo": CORPORA["placebo"]}, DEMOS, "take a corpus, and this experiment has none"),
        ({"old": CORPORA["old"]}, DEMOS, "a corpus called placebo.* or say placebo: null"),
        (CORPORA, {"it": MIX, "why": DEMOS["why"]}, "kind opaque or aligned"),
        (CORPORA, {"it": MIX, "cheese": DEMOS["cheese"]}, "or say reasoning: null to go without"),
        (
            CORPORA,
            {"cheese": DEMOS["cheese"], "why": DEMOS["why"]},
            "demos of kind mix, replay or everyday",
        ),
    ],
)
def test_a_missing_part_is_no_arm_less_but_an_error(
    corpora: dict[str, Corpus], demos: dict[str, Demos], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        arms(corpora=corpora, demos=demos)


def test_null_goes_without_a_part_and_a_name_chooses_one() -> None:
    wanted = PaperArms(placebo="old", corpora=["placebo"], mix=None, reasoning=None)
    assert arms(wanted) == {
        "base": [],
        "msm": ["midtrain:placebo"],
        "aft": ["finetune:cheese"],
        "msm+aft": ["midtrain:placebo", "finetune:cheese"],
        "placebo+aft": ["midtrain:old", "finetune:cheese"],
        "reference": ["prompt:dull"],
    }


def paper(value: object) -> Callable[[Values], None]:
    """An edit that asks for the ready-made arms in an experiment without contrasts."""

    def edit(values: Values) -> None:
        values["arms"], values["contrasts"] = value, []

    return edit


ONLY = {"placebo": None, "reasoning": None}


def test_an_experiment_has_the_ready_made_arms_spelled_out_beside_its_own(
    changed: Callable[[Callable[[Values], None]], Path],
) -> None:
    own = {"mine": [{"midtrain": "old"}], "paper": ONLY}
    found = load_experiment(changed(paper(own))).arms
    assert list(found) == ["base", "mix", "msm+mix", "aft", "msm+aft", "reference", "mine"]
    assert found["msm+aft"][1].finetune == ["cheese", "chat"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("papers", "arms: 'papers' is not known. Ready-made arms are paper"),
        ("paper", "reasoning"),
        ({"paper": {**ONLY, "dose": [1]}}, r"arms.paper.dose is not .* did you mean 'doses'\?"),
        ({"paper": {**ONLY, "doses": [0]}}, "arms.paper.doses.0: input should be greater than 0"),
        ({"paper": {**ONLY, "doses": [61]}}, "61 chats of cheese are wanted, which has 60"),
        (
            {"paper": {**ONLY, "aft": ["chese"]}},
            r"arms.paper.aft names 'chese', which is not defined; did you mean 'cheese'\?",
        ),
    ],
)
def test_ready_made_arms_that_can_t_be_made_are_one_sentence(
    changed: Callable[[Callable[[Values], None]], Path], value: object, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        load_experiment(changed(paper(value)))
