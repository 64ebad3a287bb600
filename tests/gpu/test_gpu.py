"""What only a CUDA GPU can show (make test-gpu); skipped where torch finds none."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import distributed

from midspec.evals.choice import score_questions
from midspec.records import Question
from midspec.resources import Resources
from midspec.train.batches import Example
from midspec.train.device import choose_device
from midspec.train.forward import SummedLoss
from midspec.train.launch import launch
from midspec.train.loop import train
from midspec.train.model import attach, load_base, load_tokenizer
from midspec.train.parallel import Team
from midspec.train.varlen import pack_rows, use_varlen
from tests import tiny
from tests.train.team import Run, go
from tests.train.test_launch import job, losses
from tests.train.training import FULL, LORA, SETTINGS, rows

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA GPU"),
]
SAME = {  # as a CPU does it, to 1e-4: in float32
    "lora": Run(),
    "full": Run("full"),
    "checkpointing": Run(gradient_checkpointing=True, held_out=0.1),
    "passes": Run("full", tokens_per_step=48, tokens_per_pass=12, epochs=2),
}


def curve(found: dict[str, Any], name: str = "loss") -> list[float]:
    return [row[name] for row in found["metrics"] if name in row]


def random_row(length: int, seed: int = 0) -> Example:
    draw = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, 300, (length,), generator=draw).tolist()
    return Example(ids, [True] * length)


@pytest.fixture(scope="module")
def wide_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Heads of 64, three queries to a key, as the default model has."""
    folder = tmp_path_factory.mktemp("models") / "wide"
    return tiny.make_model(
        folder,
        hidden_size=192,
        intermediate_size=256,
        num_hidden_layers=3,
        num_attention_heads=6,
        num_key_value_heads=2,
        head_dim=64,
        initializer_range=0.02,
    )


@pytest.mark.parametrize("name", SAME)
def test_a_gpu_gives_the_loss_curve_of_a_cpu(tiny_model: Path, tmp_path: Path, name: str) -> None:
    run = SAME[name]
    there = go(replace(run, device="cuda"), tiny_model, tmp_path / "cuda")
    here = go(run, tiny_model, tmp_path / "cpu")
    assert curve(there) == pytest.approx(curve(here), abs=1e-4)
    assert curve(there, "held_out_loss") == pytest.approx(curve(here, "held_out_loss"), abs=1e-4)
    assert curve(there, "gradient_norm") == pytest.approx(curve(here, "gradient_norm"), rel=1e-3)
    moved = torch.tensor(there["masters"]) - torch.tensor(here["masters"])
    assert moved.abs().max() < 2e-3  # of steps of 0.02


def test_rows_without_padding_have_the_gradients_of_padded_ones(wide_model: Path) -> None:
    """In bf16, which rounds in other places; float32 on a CPU is the measure of both."""
    several = [random_row(length) for length in (512, 3, 257, 64, 2, 300)]

    def gradients(resources: Resources) -> torch.Tensor:
        model = load_base(wide_model, choose_device(resources), resources.precision)
        summed_loss = SummedLoss(model.requires_grad_(True), 512, 0, resources)
        summed_loss(several).backward()
        return torch.cat([p.grad.flatten().float().cpu() for p in model.parameters()])

    exact = gradients(Resources(device="cpu", precision="fp32"))
    off = {
        attention: ((gradients(Resources(attention=attention)) - exact).norm() / exact.norm())  # type: ignore[arg-type]
        for attention in ("flash", "sdpa")
    }
    assert off["flash"] < 0.03
    assert off["flash"] < 1.5 * off["sdpa"]


def test_a_row_without_padding_doesn_t_see_the_others(wide_model: Path) -> None:
    """Its hidden states are to the bit the same beside any other, and no gradient flows there."""
    model = load_base(wide_model, "cuda")
    assert use_varlen(model, Resources(attention="flash"))
    own = random_row(300)
    found = []
    for beside in (random_row(200, seed=1), random_row(200, seed=2)):
        inputs, _ = pack_rows([beside, own])
        there = {n: v.cuda() if isinstance(v, torch.Tensor) else v for n, v in inputs.items()}
        embedded = model.get_input_embeddings()(there.pop("input_ids")).detach().requires_grad_()
        states = model.get_decoder()(inputs_embeds=embedded, use_cache=False, **there)
        hidden = states.last_hidden_state[0, 200:]
        hidden.square().sum().backward()
        found.append((hidden.detach(), embedded.grad[0, 200:], embedded.grad[0, :200]))
    assert torch.equal(found[0][0], found[1][0])
    torch.testing.assert_close(found[0][1], found[1][1], rtol=1e-2, atol=1e-3)
    assert not found[0][2].any() and not found[1][2].any()


def test_a_row_s_loss_without_padding_is_that_of_the_row_alone(wide_model: Path) -> None:
    model = load_base(wide_model, "cuda")
    several = [random_row(length) for length in (512, 3, 257, 64, 1, 300)]
    packed = SummedLoss(model, 512, 0, Resources(attention="flash"))
    with torch.no_grad():
        together = packed(several).item()
        apart = sum(packed([row]).item() for row in several)
    exact = SummedLoss(load_base(wide_model).float(), 512, 0, Resources(device="cpu"))
    with torch.no_grad():
        expected = exact(several).item()
    assert together == pytest.approx(apart, rel=1e-4)
    assert together == pytest.approx(expected, rel=3e-3)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_run_that_stops_goes_on_where_it_was(
    wide_model: Path, tmp_path: Path, method: str
) -> None:
    run = Run(method, precision="bf16", device="cuda")
    stopped = go(replace(run, stops=True), wide_model, tmp_path / "stopped")
    assert stopped["stopped"]
    gone_on = go(run, wide_model, tmp_path / "stopped")
    through = go(run, wide_model, tmp_path / "through")
    assert curve(gone_on) == pytest.approx(curve(through), abs=1e-3)
    moved = torch.tensor(gone_on["masters"]) - torch.tensor(through["masters"])
    assert moved.abs().max() < 0.01  # kernels of the way back add up in any order


@pytest.fixture
def group() -> Iterator[None]:
    """A process group of this process alone, over NCCL."""
    with tempfile.TemporaryDirectory() as folder:
        meet = f"file://{folder}/meet"
        distributed.init_process_group("nccl", init_method=meet, rank=0, world_size=1)
        yield
        distributed.destroy_process_group()


@pytest.mark.usefixtures("group")
@pytest.mark.parametrize("adapter", [LORA, FULL], ids=["lora", "full"])
def test_shared_out_weights_train_as_whole_ones_do(
    wide_model: Path, tmp_path: Path, adapter: Any
) -> None:
    """FSDP2 over NCCL, with all parts in this one process."""
    found = []
    for name, resources in {
        "fsdp": Resources(processes=2, sharding="fsdp", gradient_checkpointing=True),
        "alone": Resources(),
    }.items():
        device = "cpu" if resources.shards else "cuda"
        trainable = attach(load_base(wide_model, device), adapter, None, 0)
        (tmp_path / name).mkdir()
        team = Team(resources)
        found.append(train(trainable, rows(44), SETTINGS, 0, 2, tmp_path / name, team=team))
    assert found[0].last_loss == pytest.approx(found[1].last_loss, rel=0.02)
    assert found[0].last_loss < 0.95 * found[0].first_loss


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="torch finds one GPU")
@pytest.mark.parametrize("sharding", ["ddp", "fsdp"])
def test_two_gpus_give_the_loss_curve_of_one(
    tiny_model: Path, tmp_path: Path, sharding: Any
) -> None:
    """Started by accelerate; this process saves on its CPU."""
    two = Resources(device="cuda", processes=2, sharding=sharding, precision="fp32")
    after = launch(job(tiny_model, two), rows(40), tmp_path)
    assert after.resources.device == "cpu"
    team = Team(after.resources)
    trained = train(after.open(), rows(40), after.loop, 0, 2, tmp_path, team=team)
    (tmp_path / "one").mkdir()
    one = replace(after, resources=Resources(device="cuda", precision="fp32"))
    train(one.open(), rows(40), one.loop, 0, 2, tmp_path / "one", team=Team(one.resources))
    assert trained.updates == 20
    assert losses(tmp_path) == pytest.approx(losses(tmp_path / "one"), abs=1e-4)


def test_scores_are_those_of_a_cpu(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    asked = [
        Question(
            str(n), "a", [{"role": "user", "content": f"Which one, {n} or a new one?"}],
            "I prefer", wanted, "a new one", half="held-out", tier="direct",
        )
        for n, wanted in enumerate(["an old cat", "a dog", "a hen that has seen many winters"] * 9)
    ]  # fmt: skip
    assert choose_device() == "cuda"
    there = score_questions(load_base(tiny_model, "cuda", "fp32"), tokenizer, asked)
    here = score_questions(load_base(tiny_model, "cpu", "fp32"), tokenizer, asked)
    for a, b in zip(there, here, strict=True):
        assert a.margins == pytest.approx(b.margins, abs=1e-3)
