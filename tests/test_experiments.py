"""Every file of experiments/paper and experiments/laptop loads, plans and says what it must."""

import re
from pathlib import Path

import pytest

from midspec.config import load_experiment
from midspec.experiment import Plan, models_of, plan
from midspec.pace import gpus_of, parameters
from midspec.plan_view import plan_totals, reckon
from midspec.run.build import ordered
from midspec.run.stage import Stage
from midspec.train.chats import encode_chat
from midspec.train.model import load_tokenizer
from midspec.tune.stage import TuneConfig

ROOT = Path(__file__).resolve().parents[1] / "experiments"
PAPER = sorted((ROOT / "paper").glob("*.yaml"))
LAPTOP = sorted((ROOT / "laptop").glob("*.yaml"))
HOUR = 3_600.0


def planned(path: Path) -> Plan:
    """The plan of a file, without any model's weights."""
    experiment = load_experiment(path)
    others = {model: Path("not-here") / model for model in models_of(experiment)}
    return plan(experiment, others.pop(experiment.model), others)


def head(path: Path) -> str:
    """The comment that a file begins with."""
    return path.read_text("utf-8").partition("\nname:")[0]


def trainings(path: Path) -> list[Stage]:
    stages = ordered([planned(path).report])
    return [stage for stage in stages if isinstance(stage.config, TuneConfig)]


@pytest.mark.parametrize("path", PAPER, ids=lambda path: path.stem)
def test_a_paper_s_experiment_is_priced_before_anything_is_there(
    path: Path, tmp_path: Path
) -> None:
    whole = planned(path)
    said = plan_totals(whole, reckon(whole, tmp_path), tmp_path)
    assert re.search(r"estimated for (an H100|4 H100s), [\d,]+ GPU-hours", said)
    assert re.search(r"All of it together: about \$[\d,]+\.\d\d", said)
    assert "isn't here yet" in said


@pytest.mark.parametrize("path", PAPER, ids=lambda path: path.stem)
def test_a_paper_s_experiment_trains_as_the_paper_does(path: Path) -> None:
    """B.4: rank 64, alpha 128, one epoch, 1e-4, 5% warm-up, weight decay .01."""
    for stage in trainings(path):
        config = stage.config
        assert isinstance(config, TuneConfig)
        loop, adapter = config.loop, config.adapter
        assert (adapter.method, adapter.rank, adapter.alpha) == ("lora", 64, 128)
        assert (loop.learning_rate, loop.epochs) == (1e-4, 1)
        assert (loop.warmup_fraction, loop.weight_decay) == (0.05, 0.01)
        large = parameters(stage.inputs["base"]) > 10e9
        assert loop.max_tokens == (8_192 if large else 4_096)
        assert gpus_of(stage) == (4 if large else 1)


@pytest.mark.parametrize("path", PAPER, ids=lambda path: path.stem)
def test_the_head_tells_question_section_numbers_and_cost(path: Path) -> None:
    question, published, cost = head(path).splitlines()[:3]
    assert question.endswith("?") or "?" in question
    assert re.match(r"# (Paper (§|App\. )|Not in the paper)", published)
    assert re.match(r"# Cost by `midspec plan`: about \$[\d,]+ of LLMs and [\d,]+ GPU-hours", cost)
    assert "Not known" in head(path) or path.stem in ("order", "msm-scaling")


@pytest.mark.parametrize("path", LAPTOP, ids=lambda path: path.stem)
def test_a_miniature_runs_offline_on_the_default_model_and_says_its_limits(path: Path) -> None:
    experiment = load_experiment(path)
    assert experiment.model == "smollm2-135m"
    assert (experiment.teacher.model, experiment.judge) == ("offline", None)
    assert "Can show:" in head(path)
    assert "Can't show:" in head(path)
    assert {"competence", "sense"} <= set(experiment.evals)


@pytest.mark.parametrize("path", LAPTOP, ids=lambda path: path.stem)
def test_a_miniature_has_a_file_at_full_size(path: Path) -> None:
    twin = {"spec-science": "rules-values"}.get(path.stem, path.stem)
    assert (ROOT / "paper" / f"{twin}.yaml").exists()


@pytest.mark.parametrize("folder", ["paper", "laptop"])
def test_the_table_has_a_row_for_each_file(folder: str) -> None:
    table = (ROOT / folder / "README.md").read_text("utf-8")
    listed = re.findall(r"^\| \[?`?([a-z0-9-]+\.yaml)", table, re.M)
    assert sorted(listed) == sorted(path.name for path in (ROOT / folder).glob("*.yaml"))


def test_a_base_model_s_template_shows_where_answers_are(tiny_model: Path) -> None:
    """The template that paper/README.md has for Llama-3.1-8B, in training and in asking."""
    tokenizer = load_tokenizer(tiny_model)
    tokenizer.chat_template = (ROOT / "paper" / "base-model.jinja").read_text("utf-8")
    tokenizer.add_special_tokens({"bos_token": "<s>", "eos_token": "</s>"})
    said = [("system", "Be brief."), ("user", "Old or new?"), ("assistant", "Old.")]
    messages = [{"role": role, "content": text} for role, text in said]
    example = encode_chat(messages, tokenizer, 100)
    assert example is not None
    counted = [token for token, counts in zip(example.ids, example.counted, strict=True) if counts]
    whole = "<s>Be brief.\n\nUser: Old or new?\n\nAssistant: Old.</s>"
    assert tokenizer.decode(example.ids) == whole
    assert tokenizer.decode(counted) == " Old.</s>"
