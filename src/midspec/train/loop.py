"""The training loop: one for midtraining and fine-tuning, LoRA and full."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from midspec import progress
from midspec.errors import TrainingError
from midspec.files import write_rows
from midspec.train.attention import use_short_rows
from midspec.train.batches import IGNORED, Example, pad_batch, plan_batches
from midspec.train.checkpoint import load_checkpoint, save_checkpoint
from midspec.train.llama import fast_decoder
from midspec.train.loss import next_token_loss
from midspec.train.model import Trainable
from midspec.train.settings import LoopSettings

CHECKPOINT_SECONDS = 30.0  # what a kill costs at most; writing one takes a fraction of a second
LOGGED = ("step", "loss", "lr", "seconds")
MIN_UPDATES = 20  # fewer updates is no training: the usual cause of a false null


@dataclass(frozen=True)
class Trained:
    """What a run did: updates, tokens (without padding), loss at both ends, seconds."""

    updates: int
    tokens: int
    first_loss: float
    last_loss: float
    seconds: float


def learning_rate(step: int, steps: int, settings: LoopSettings) -> float:
    """Linear warm-up, then a cosine to zero."""
    warmup = max(1, round(steps * settings.warmup_fraction))
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


def check_updates(updates: int, tokens: int, settings: LoopSettings) -> None:
    """Refuse a run of fewer than 20 updates, saying what would make more."""
    if updates < MIN_UPDATES:
        raise TrainingError(
            f"This run would make {updates} updates ({tokens:,} tokens, "
            f"{settings.tokens_per_step:,} tokens_per_step, {settings.epochs} epochs); under "
            f"{MIN_UPDATES} nothing is learned and a null means nothing. Use more data, more "
            "epochs, or a smaller tokens_per_step."
        )


def train(
    trainable: Trainable,
    examples: Sequence[Example],
    settings: LoopSettings,
    seed: int,
    pad_id: int,
    work: Path,
) -> Trained:
    """Train in place, going on from `work/.checkpoint` where there is one.

    The loss of a step is the mean over its counted tokens. Gradients are bf16; AdamW updates the
    float32 masters, which are then rounded into the weights that compute.
    """
    lengths = [len(example.ids) for example in examples]
    batches = plan_batches(lengths, settings.tokens_per_step, settings.epochs, seed)
    check_updates(len(batches), sum(lengths) * settings.epochs, settings)
    optimizer = torch.optim.AdamW(
        trainable.masters, lr=0.0, weight_decay=settings.weight_decay, fused=True
    )
    start, log = _resume(work, optimizer, trainable)
    trainable.model.train()
    decode = _decoder(_causal(trainable.model), max(lengths))
    began = saved = time.monotonic()
    tokens = 0  # since this process began
    for step in range(start, len(batches)):
        started = time.monotonic()
        batch = [examples[row] for row in batches[step]]
        rate = learning_rate(step, len(batches), settings)
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = _gradients(trainable, decode, batch, pad_id, settings.max_gradient_norm)
        if not math.isfinite(loss):
            raise TrainingError(
                f"The loss is {loss} at step {step + 1} of {len(batches)}: training diverged. "
                f"Lower learning_rate (now {settings.learning_rate:g})."
            )
        optimizer.step()
        trainable.copy_from_masters()
        now = time.monotonic()
        log.append({"step": step, "loss": loss, "lr": rate, "seconds": now - started})
        if now - saved > CHECKPOINT_SECONDS:
            save_checkpoint(work / ".checkpoint", len(log), _state(optimizer, trainable, log))
            saved = now
        tokens += sum(len(example.ids) for example in batch)
        speed = tokens / (now - began)
        progress.report(step + 1, len(batches), f"loss {loss:.2f} · {speed:,.0f} tokens/s")
    trainable.model.eval()
    write_rows(work / "log.jsonl", log)
    tenth = max(1, len(log) // 10)
    return Trained(
        updates=len(batches),
        tokens=sum(lengths) * settings.epochs,
        first_loss=sum(row["loss"] for row in log[:tenth]) / tenth,
        last_loss=sum(row["loss"] for row in log[-tenth:]) / tenth,
        seconds=round(sum(row["seconds"] for row in log), 1),
    )


def _gradients(
    trainable: Trainable,
    decode: Callable[[torch.Tensor], torch.Tensor],
    batch: Sequence[Example],
    pad_id: int,
    max_norm: float,
) -> float:
    """One forward and backward pass; leaves clipped float32 gradients on the masters."""
    head = _causal(trainable.model).get_output_embeddings()
    device = trainable.parameters[0].device
    ids_BT, labels_BT = (tensor.to(device) for tensor in pad_batch(batch, pad_id))
    hidden_BTE = decode(ids_BT)
    counted = labels_BT != IGNORED
    labels_N = labels_BT[counted]
    loss = next_token_loss(hidden_BTE[counted], head, labels_N) / len(labels_N)
    loss.backward()  # type: ignore[no-untyped-call]
    for parameter, master in zip(trainable.parameters, trainable.masters, strict=True):
        master.grad = None if parameter.grad is None else parameter.grad.float()
        parameter.grad = None
    torch.nn.utils.clip_grad_norm_(trainable.masters, max_norm)
    return loss.item()


def _decoder(model: Any, longest: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """What turns token ids into the head's input: written out where that is faster."""
    if fast := fast_decoder(model, longest):
        return fast
    use_short_rows(model, longest)
    backbone = model.get_decoder()
    return lambda ids_BT: backbone(input_ids=ids_BT, use_cache=False).last_hidden_state


def _causal(model: Any) -> Any:
    """The transformers model inside an adapter, or the model itself."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _state(
    optimizer: torch.optim.Optimizer, trainable: Trainable, log: list[dict[str, float]]
) -> dict[str, torch.Tensor]:
    """All that decides the rest of the run, as named tensors."""
    state = {}
    for index, master in enumerate(trainable.masters):
        state[f"master.{index}"] = master
        for name, value in optimizer.state[master].items():
            state[f"optimizer.{index}.{name}"] = value
    for name in LOGGED:
        state[f"log.{name}"] = torch.tensor([row[name] for row in log], dtype=torch.float64)
    return state


def _resume(
    work: Path, optimizer: torch.optim.Optimizer, trainable: Trainable
) -> tuple[int, list[dict[str, float]]]:
    """Load the newest checkpoint into optimiser and weights; step 0 if there is none."""
    found = load_checkpoint(work / ".checkpoint")
    if found is None:
        return 0, []
    step, state = found
    for index, master in enumerate(trainable.masters):
        master.copy_(state[f"master.{index}"])
        optimizer.state[master] = {
            name: state[f"optimizer.{index}.{name}"] for name in ("step", "exp_avg", "exp_avg_sq")
        }
    trainable.copy_from_masters()
    columns = [state[f"log.{name}"].tolist() for name in LOGGED]
    return step, [dict(zip(LOGGED, row, strict=True)) for row in zip(*columns, strict=True)]
