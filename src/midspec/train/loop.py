"""The training loop: one for midtraining and fine-tuning, LoRA and full."""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from midspec import progress
from midspec.errors import TrainingError
from midspec.interrupt import finishing_steps
from midspec.resources import given_resources
from midspec.train.batches import Example, plan_batches
from midspec.train.checkpoint import Checkpoints, Tensors
from midspec.train.device import most_at_once
from midspec.train.forward import SummedLoss
from midspec.train.guards import BAD_BATCH, diverged, hold_out, is_spike, reading_steps
from midspec.train.metrics import FILE, Metric, Metrics
from midspec.train.model import Trainable
from midspec.train.parallel import Team, count
from midspec.train.settings import LoopSettings
from midspec.train.state import digest_run, restore, state_of
from midspec.train.update import Updates

CHECKPOINT_SECONDS = 15.0  # about what a kill costs; writing one takes a fraction of a second
MIN_UPDATES = 20  # fewer updates is no training: the usual cause of a false null


@dataclass(frozen=True)
class Trained:
    """What a run did: updates, tokens (without padding), loss at both ends, seconds; how many
    losses were spikes, and the loss on rows that were held out, if any were."""

    updates: int
    tokens: int
    first_loss: float
    last_loss: float
    seconds: float
    spikes: int
    held_out_rows: int
    first_held_out_loss: float | None
    lowest_held_out_loss: float | None
    last_held_out_loss: float | None


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
    words: Callable[[list[int]], str] | None = None,
    team: Team | None = None,
) -> Trained:
    """Train in place, going on from `work/.checkpoint` where there is one.

    The loss of a step is the mean over its counted tokens. Gradients are bf16; AdamW updates the
    float32 masters, which are then rounded into the weights that compute. Each step leaves a row
    in `work/steps.jsonl`. `words` turns token ids into text, for who looks at a bad batch.
    Processes of a `team` train one model together; all must be given the same.
    """
    team = team or Team(given_resources())
    rows, held_out = hold_out(examples, settings.held_out, seed)
    lengths = [len(row.ids) for row in rows]
    batches = plan_batches(lengths, settings.tokens_per_step, settings.epochs, seed)
    check_updates(len(batches), sum(lengths) * settings.epochs, settings)
    summed_loss = SummedLoss(trainable.model, max(lengths), pad_id, team.resources)
    trainable = team.place(trainable, summed_loss)
    updates = Updates(trainable, settings.weight_decay)
    run = digest_run(settings, batches, rows, trainable.masters)
    checkpoints = team.checkpoints(work / ".checkpoint", run, CHECKPOINT_SECONDS)
    work = team.own(work)
    start, metrics = _resume(checkpoints, trainable, updates.optimizer, work)
    trainable.model.train()
    reads = reading_steps(len(batches)) if held_out else set()
    began = time.monotonic()
    tokens = 0  # since this process began
    with closing(metrics), finishing_steps() as told_to_stop:
        for step in range(start, len(batches)):
            started = time.monotonic()
            batch = [rows[index] for index in batches[step]]
            rate = learning_rate(step, len(batches), settings)
            loss = _gradients(updates, summed_loss, batch, team)
            norm = updates.clip(settings.max_gradient_norm)
            earlier = metrics.losses()
            row: Metric = {"step": step, "loss": loss, "learning_rate": rate, "gradient_norm": norm}
            if not (math.isfinite(loss) and math.isfinite(norm)):
                found = [_found(index, rows[index], words) for index in batches[step]]
                raise diverged(row, len(batches), earlier, found, work)
            updates.step(rate)
            now = time.monotonic()
            size = sum(len(example.ids) for example in batch)
            row |= {"spike": is_spike(loss, earlier), "tokens": size}
            row |= {"seconds": now - started, "tokens_per_second": size / (now - started)}
            if step in reads:
                row["held_out_loss"] = _held_out_loss(summed_loss, held_out, settings, team)
            metrics.add(row)
            stopping = team.any(told_to_stop())
            last = step + 1 == len(batches) and team.size > 1  # another process goes on from there
            if stopping or last or checkpoints.due():
                checkpoints.save(step + 1, lambda: _state(trainable, updates.optimizer, metrics))
            tokens += size
            speed = tokens / (time.monotonic() - began)
            progress.report(step + 1, len(batches), f"loss {loss:.2f} · {speed:,.0f} tokens/s")
            if stopping:
                raise KeyboardInterrupt
        metrics.sync()
    trainable.model.eval()
    return _summary(metrics.rows, sum(lengths) * settings.epochs, len(held_out))


def _gradients(
    updates: Updates, summed_loss: SummedLoss, batch: Sequence[Example], team: Team
) -> float:
    """Forward and backward over a batch, whose mean loss is returned."""
    counted, passes = count(batch), team.share(batch)
    mean = 0.0
    updates.begin(alone=len(passes) == 1 and team.size == 1)
    for rows in passes:
        loss = summed_loss(rows) / counted
        (loss * team.scale).backward()
        updates.take()
        mean += loss.item()
    return team.add_up(updates.trainable.masters, mean)


def _held_out_loss(
    summed_loss: SummedLoss, held_out: Sequence[Example], settings: LoopSettings, team: Team
) -> float:
    """The mean loss over the counted tokens of rows that aren't trained on."""
    lengths = [len(row.ids) for row in held_out]
    tokens = min(settings.tokens_per_step, most_at_once(team.resources))
    summed_loss.eval()
    with torch.no_grad():
        total: float = sum(
            summed_loss([held_out[index] for index in batch]).item()
            for batch in plan_batches(lengths, tokens, 1, seed=0)
        )
    summed_loss.train()
    return total / count(held_out)


def _summary(rows: Sequence[Metric], tokens: int, held_out_rows: int) -> Trained:
    losses = [row["loss"] for row in rows]
    tenth = max(1, len(losses) // 10)
    read = [row["held_out_loss"] for row in rows if "held_out_loss" in row]
    return Trained(
        updates=len(rows),
        tokens=tokens,
        first_loss=sum(losses[:tenth]) / tenth,
        last_loss=sum(losses[-tenth:]) / tenth,
        seconds=round(sum(row["seconds"] for row in rows), 1),
        spikes=sum(row["spike"] for row in rows),
        held_out_rows=held_out_rows,
        first_held_out_loss=read[0] if read else None,
        lowest_held_out_loss=min(read, default=None),
        last_held_out_loss=read[-1] if read else None,
    )


def _found(index: int, row: Example, words: Callable[[list[int]], str] | None) -> dict[str, object]:
    """A row of a bad batch for people: which one it is, its text, and what the model got."""
    text = words(row.ids) if words else ""
    return {"row": index, "text": text, "ids": row.ids, "counted": row.counted}


def _state(
    trainable: Trainable, optimizer: torch.optim.Optimizer, metrics: Metrics
) -> tuple[Tensors, dict[str, Any]]:
    """What a checkpoint holds; the metrics up to it are on the disk before it is."""
    tensors, values = state_of(trainable, optimizer)  # all processes gather before one may fail
    size = metrics.sync()
    return tensors, {**values, "metrics_bytes": size}


def _resume(
    checkpoints: Checkpoints, trainable: Trainable, optimizer: torch.optim.Optimizer, work: Path
) -> tuple[int, Metrics]:
    """Go to the newest checkpoint whose metrics are there; to step 0 if there is none."""
    (work / BAD_BATCH).unlink(missing_ok=True)  # of an earlier try, whose steps are done again
    path = work / FILE
    size = path.stat().st_size if path.exists() else 0
    found = checkpoints.load(lambda values: int(values["metrics_bytes"]) <= size)
    if found is None:
        return 0, Metrics(path)
    restore(trainable, optimizer, found.tensors, found.values)
    return found.step, Metrics(path, found.values["metrics_bytes"])
