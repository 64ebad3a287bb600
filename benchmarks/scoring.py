"""Forced choices a second: this project's scorer against lm-eval's `hf` backend.

    python -m benchmarks.scoring [--items 60] [--rounds 3] [--model FOLDER]

Both score the same items (both orders of the options) from the same folder in bf16 with the chat
template, in turns in one process; medians count. lm-eval gets the fastest of its batch sizes.
Ends with one line of JSON.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from midspec.evals.choice import _prompt, score_margins
from midspec.evals.items import item_file
from midspec.evals.task import Ask
from midspec.evals.tasks.preference import questions
from midspec.records import Question
from midspec.train.model import load_base, load_tokenizer

BATCH_SIZES = (4, 8, 16, 32, 64)
NEAR_TIE = 0.02  # nats a token: bf16 sums in another order differ by this much


def peer(folder: Path, batch_size: int) -> Any:
    """lm-eval's model."""
    from lm_eval.models.huggingface import HFLM

    return HFLM(pretrained=str(folder), dtype="bfloat16", device="cpu", batch_size=batch_size)


def peer_margins(lm: Any, asked: list[Question], tokenizer: Any) -> list[float]:
    """The margins by lm-eval's log-likelihoods, a mean over tokens as ours."""
    from lm_eval.api.instance import Instance

    requests = [
        Instance("loglikelihood", {}, (_prompt(q.messages, q.stem, tokenizer), f" {option}"), n)
        for n, (q, option) in enumerate((q, o) for q in asked for o in (q.wanted, q.other))
    ]
    found = [sums[0] for sums in lm.loglikelihood(requests, disable_tqdm=True)]
    means = [
        total / len(tokenizer(request.args[1], add_special_tokens=False)["input_ids"])
        for total, request in zip(found, requests, strict=True)
    ]
    return [first - second for first, second in zip(means[::2], means[1::2], strict=True)]


def timed(work: Callable[[], list[float]]) -> tuple[float, list[float]]:
    """Seconds, and what came of it."""
    started = time.monotonic()
    found = work()
    return time.monotonic() - started, found


def main() -> None:
    """Run both in turns."""
    home = Path(os.environ.get("MIDSPEC_HOME", Path.home() / ".cache" / "midspec"))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", type=Path, default=home / "models" / "smollm2-135m")
    args = parser.parse_args()
    tokenizer, model = load_tokenizer(args.model), load_base(args.model)
    ask = Ask(item_file("america", Path()), None, "all", args.items)
    asked = questions(ask)
    sizes = {}
    for size in BATCH_SIZES:
        lm = peer(args.model, size)
        peer_margins(lm, asked[:4], tokenizer)
        sizes[size] = timed(lambda lm=lm: peer_margins(lm, asked[:40], tokenizer))[0]
        print(f"lm-eval, batches of {size}: {sizes[size]:.1f} s for 20 items", flush=True)
    best = min(sizes, key=sizes.__getitem__)
    lm = peer(args.model, best)
    score_margins(model, tokenizer, asked[:4])
    ours, theirs = [], []
    for number in range(args.rounds):
        seconds, margins = timed(lambda: score_margins(model, tokenizer, asked))
        ours.append(args.items / seconds)
        seconds, peers = timed(lambda: peer_margins(lm, asked, tokenizer))
        theirs.append(args.items / seconds)
        print(f"round {number + 1}: {ours[-1]:.1f} items/s, lm-eval {theirs[-1]:.1f}", flush=True)
    clear = [pair for pair in zip(margins, peers, strict=True) if abs(pair[1]) > NEAR_TIE]
    same = sum((a > 0) == (b > 0) for a, b in clear)
    apart = max(abs(a - b) for a, b in zip(margins, peers, strict=True))
    told = {
        "items_per_second": round(median(ours), 2),
        "peer_items_per_second": round(median(theirs), 2),
        "ratio": round(median(o / t for o, t in zip(ours, theirs, strict=True)), 2),
        "agreement": round(same / len(clear), 4),
        "near_ties": len(margins) - len(clear),
        "largest_difference": round(apart, 4),
        "peer_batch_size": best,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
