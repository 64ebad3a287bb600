from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from midspec.evals.answers import AnswersConfig
from midspec.pace import CORE_FLOPS, GPU_FLOPS, gpus_of, machine_seconds, parameters
from midspec.resources import Resources
from midspec.run.stage import Source, Stage
from midspec.train.settings import AdapterSettings, LoopSettings
from midspec.tune.stage import TuneConfig


def nothing(*_: Any) -> dict[str, object]:
    return {}


LORA = AdapterSettings()


def training(base: Source, adapter: AdapterSettings = LORA, gpus: int = 0) -> Stage:
    resources = Resources(device="cuda", processes=gpus) if gpus else Resources()
    config = TuneConfig(base.name, adapter, LoopSettings(), 0)
    return Stage("midtrain", nothing, config, {"base": base}, resources=resources)


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("Qwen/Qwen2.5-32B-Instruct", 32),
        ("Qwen/Qwen3-14B", 14),
        ("meta-llama/Llama-3.1-8B", 8),
        ("HuggingFaceTB/SmolLM2-135M-Instruct", 0.135),
        ("google/gemma-7b-it", 7),
        ("owner/Model-3.1", 0),
    ],
)
def test_a_model_that_isn_t_here_is_as_large_as_its_name_says(name: str, billions: float) -> None:
    assert parameters(Source(name, Path("not-here"), here=False)) == pytest.approx(billions * 1e9)


def test_a_model_that_isn_t_here_has_a_fingerprint_of_its_name_alone() -> None:
    one, same = (Source("a/b-8B", Path(place), here=False) for place in ("x", "y"))
    assert one.fingerprint() == same.fingerprint() != Source("a/c-8B", Path("x"), False).digest[:12]


def test_gpus_share_a_training_and_none_are_reckoned_where_none_are_named() -> None:
    large = Source("a/b-32B", Path("not-here"), here=False)
    one, four = (machine_seconds(training(large, gpus=n), 41_000_000) for n in (1, 4))
    assert one - 1 == pytest.approx(4 * (four - 1))
    assert (gpus_of(training(large, gpus=4)), gpus_of(training(large))) == (4, 0)


def test_a_large_model_s_training_takes_what_was_published() -> None:
    """10.7M tokens through a 32B model in 3.4 hours on two H100s; 9.5M through an 8B in 1.4."""
    for name, gpus, tokens, hours in (("a/b-32B", 2, 10.7e6, 3.4), ("a/b-8B", 1, 9.5e6, 1.4)):
        base = Source(name, Path("not-here"), here=False)
        found = machine_seconds(training(base, gpus=gpus), int(tokens)) / 3600
        assert found == pytest.approx(hours, rel=0.1)


def test_layers_below_the_first_one_that_is_trained_save_their_way_back(tiny_model: Path) -> None:
    base = Source("tiny", tiny_model)
    every, upper, full = (
        machine_seconds(training(base, adapter), 10**9) - 1
        for adapter in (LORA, AdapterSettings(first_layer=1), AdapterSettings(method="full"))
    )
    assert upper < every < full


def test_a_processor_is_as_fast_as_its_products_in_bf16(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, found = training(Source("tiny", tiny_model)), []
    for products in CORE_FLOPS:
        monkeypatch.setattr("midspec.pace.bf16_products", lambda products=products: products)
        found.append((machine_seconds(stage, 10**9) - 1) * CORE_FLOPS[products])
    assert found == pytest.approx([found[0]] * 3)


def test_vllm_answers_faster_than_one_token_after_the_other() -> None:
    base = Source("a/b-32B", Path("not-here"), here=False)
    config = AnswersConfig("manners", "all", None, 1, False, "hf", "", 1)
    resources = Resources(device="cuda")
    slow = Stage("answers", nothing, config, {"base": base}, resources=resources)
    quick = replace(slow, config=replace(config, engine="vllm"))
    assert machine_seconds(quick, 10**6) < machine_seconds(slow, 10**6) / 10
    assert machine_seconds(quick, 10**6) - 1 == pytest.approx(1.8 * 32e9 * 1e6 / GPU_FLOPS)
