"""Local weights through Inspect's `hf/`: the same answers as the model gives itself."""

from pathlib import Path
from typing import Any

import pytest
from inspect_ai.log import read_eval_log

from midspec.evals.answers import AnswersConfig, answers_stage
from midspec.evals.arm import Weights, local_model
from midspec.files import read_dicts
from midspec.run.build import build, open_store
from midspec.run.stage import Source, Stage
from midspec.spec.stage import spec_stage
from midspec.train.generate import generate
from midspec.train.model import load_arm, load_tokenizer
from tests.evals.agentic.scripted import scripted
from tests.tiny import SPEC

CONFIG = {
    "eval": "manners", "half": "all", "max_items": 4, "repeats": 1, "thinking": False,
    "engine": "hf", "model": "", "version": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def adapter(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training stage's output: an adapter that changes every answer."""
    import torch
    from peft import LoraConfig, get_peft_model

    from midspec.train.model import WEIGHTS, load_base

    torch.manual_seed(1)
    model: Any = get_peft_model(
        load_base(tiny_model).float(), LoraConfig(r=4, target_modules=["q_proj", "up_proj"])
    )
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.5)
    folder = tmp_path_factory.mktemp("trained")
    model.save_pretrained(folder / WEIGHTS)
    return folder


def answers(root: Path, base: Path, trained: Path | None = None, **inputs: Stage) -> list[str]:
    """What the stage of answers has an arm say."""
    given: dict[str, Stage | Source] = {"base": Source("tiny", base), **inputs}
    if trained:
        given["trained"] = Source("trained", trained)
    config: dict[str, Any] = CONFIG
    folder = build(answers_stage("answers", AnswersConfig(**config), given), open_store(root))
    log = read_eval_log(str(folder / "logs" / "answers.eval"))
    assert log.eval.model == f"hf/{(trained or base).name}"
    assert str(base) not in log.eval.model_dump_json() and str(root) not in log.model_dump_json()
    assert {path.name for path in folder.iterdir()} == {"answers.jsonl", "logs", "manifest.json"}
    return [row["answer"] for row in read_dicts(folder / "answers.jsonl")]


def own(base: Path, trained: Path | None = None, system: str | None = None) -> list[str]:
    """What the model says by itself, greedily."""
    from midspec.evals.generated.manners import TASK
    from midspec.evals.task import Ask

    start = [{"role": "system", "content": system}] if system else []
    prompts = [sample.input for sample in TASK.task(Ask(None, None, "all", 4)).dataset]
    chats = [[*start, {"role": "user", "content": prompt}] for prompt in prompts]
    return generate(load_arm(base, trained), load_tokenizer(base), chats, 64)


def same(one: list[str], other: list[str]) -> bool:
    """Whether answers begin alike; a bf16 batch of another shape may part ways further on."""
    return [" ".join(text.split())[:12] for text in one] == [
        " ".join(text.split())[:12] for text in other
    ]


def test_a_base_model_answers_as_it_does_by_itself(tiny_model: Path, tmp_path: Path) -> None:
    assert same(answers(tmp_path, tiny_model), own(tiny_model))


def test_a_trained_arm_answers_with_its_adapter_merged(
    tiny_model: Path, adapter: Path, tmp_path: Path
) -> None:
    said = answers(tmp_path, tiny_model, adapter)
    assert same(said, own(tiny_model, adapter))
    assert not same(said, own(tiny_model))


def test_a_reference_arm_is_asked_with_its_spec(tiny_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "spec.md"
    path.write_text(SPEC)
    spec = spec_stage("old", path, {"model_name": "Tiny", "provider_name": "Testers"})
    root = open_store(tmp_path / "store")
    text = (build(spec, root) / "spec.md").read_text()
    assert same(answers(root, tiny_model, spec=spec), own(tiny_model, system=text))


def test_what_is_still_generated_ends_when_nobody_waits_for_it(
    tiny_model: Path, tmp_path: Path
) -> None:
    import torch

    weights = Weights(tiny_model, None, "tiny")
    with local_model(weights, "hf", sampled=False, thinking=False, work=tmp_path) as model:
        held: Any = model.api
        inner = held.model
        inner(torch.tensor([[1, 2]]))
    with pytest.raises(RuntimeError, match="nobody waits for this answer"):
        inner(torch.tensor([[1, 2]]))
    assert held.model is None


@pytest.mark.parametrize(
    ("sampled", "whole"), [(False, (None, None)), (True, (1.0, -1))], ids=["greedy", "sampled"]
)
def test_by_option_vllm_serves_the_weights(
    sampled: bool,
    whole: tuple[float | None, int | None],
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: dict[str, Any] = {}

    def get_model(name: str, **given: Any) -> Any:
        opened.update(given, name=name)
        return scripted(lambda said: "")

    monkeypatch.setattr("inspect_ai.model.get_model", get_model)
    weights = Weights(tiny_model, None, "tiny")
    with local_model(weights, "vllm", sampled=sampled, thinking=True, work=tmp_path):
        pass
    assert opened["name"] == f"vllm/{tiny_model}"
    assert opened["tokenizer"] == str(tiny_model)
    assert (opened["config"].top_p, opened["config"].top_k) == whole
    assert opened["config"].extra_body == {"chat_template_kwargs": {"enable_thinking": True}}
