"""What is watched while a model trains: numbers that are none, spikes, and held-out rows."""

import math
import random
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from statistics import median

from midspec.errors import DataError, TrainingError
from midspec.files import write_rows
from midspec.train.batches import Example
from midspec.train.metrics import FILE, LOSSES, Metric

BAD_BATCH = "bad_batch.jsonl"

SPIKE_LEAST = 20  # fewer of them say too little of how losses scatter
SPIKE_SIGMAS = 5.0  # of the 2,700 steps of 32 runs of the demo the farthest lay at 2.6
SPIKE_RISE = 0.1  # of the median, at least: memorised rows scatter by next to nothing
SIGMA = 1.4826  # standard deviations in a median absolute deviation, for normal scatter

HELD_OUT_ROWS = 32  # at most; more would cost time and tell no more
HELD_OUT_POINTS = 5  # times that they are read after the first step


def is_spike(loss: float, before: Sequence[float]) -> bool:
    """Whether a loss lies over 5 standard deviations, and a tenth, above the 50 before it.

    Both the middle and the scatter are medians, so that one spike doesn't hide the next.
    """
    window = before[-LOSSES:]
    if len(window) < SPIKE_LEAST:
        return False
    middle = median(window)
    scatter = SIGMA * median(abs(other - middle) for other in window)
    return loss - middle > max(SPIKE_SIGMAS * scatter, SPIKE_RISE * middle)


def diverged(
    row: Metric,
    steps: int,
    losses: Sequence[float],
    batch: Sequence[dict[str, object]],
    work: Path,
) -> TrainingError:
    """The error of a step whose loss or gradient is no number.

    The rows of its batch go to `work/bad_batch.jsonl`; the losses before it are in the metrics.
    """
    write_rows(work / BAD_BATCH, batch)
    name = "gradient_norm" if math.isfinite(row["loss"]) else "loss"
    after = f", after a loss of {losses[-1]:.3g}" if losses else ""
    return TrainingError(
        f"The {name.replace('_', ' ')} is {row[name]} at step {row['step'] + 1} of {steps}{after}: "
        f"training diverged. Its rows are in {work / BAD_BATCH}, the losses before them in {FILE}. "
        f"If the rows look sound, lower learning_rate (now {row['learning_rate']:g})."
    )


def hold_out(
    examples: Sequence[Example], share: float, seed: int
) -> tuple[list[Example], list[Example]]:
    """The rows to train on, and those held out: a share of the texts drawn by seed, whole.

    A text that is there twice is never held out, since its twin would be trained on. If none can
    be, that is a DataError.
    """
    if not share:
        return list(examples), []
    texts = list(accumulate(int(example.begins) for example in examples))
    copies = Counter(tuple(example.ids) for example in examples)
    twins = {n for n, e in zip(texts, examples, strict=True) if copies[tuple(e.ids)] > 1}
    sizes = Counter(texts)  # rows of each text
    wanted = min(math.ceil(share * len(sizes)), HELD_OUT_ROWS)
    drawn = random.Random(f"held out/{seed}").sample(list(sizes), len(sizes))
    held: set[int] = set()
    rows = 0
    for number in drawn:
        if len(held) < wanted and number not in twins and rows + sizes[number] <= HELD_OUT_ROWS:
            held.add(number)
            rows += sizes[number]
    if not held:
        raise DataError(
            f"None of {len(sizes):,} texts can be held out: each is there twice, or has more than "
            f"{HELD_OUT_ROWS} rows. Leave held_out out."
        )
    pairs = list(zip(texts, examples, strict=True))
    return [e for n, e in pairs if n not in held], [e for n, e in pairs if n in held]


def reading_steps(steps: int) -> set[int]:
    """The steps after which held-out rows are read: the first one, and five to the last."""
    return {0, *(math.ceil(steps * n / HELD_OUT_POINTS) - 1 for n in range(1, HELD_OUT_POINTS + 1))}
