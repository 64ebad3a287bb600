"""Tokens a second of this project's training loop, against TRL's `SFTTrainer` and the ceiling.

    python -m benchmarks.training [--rounds 3] [--tokens-per-step 1024] [--row 256-512] [--full]
        [--size 1B|3B|8B] [--checkpointing] [--alone]

All train the same model (bf16, LoRA rank 32 on every linear layer of every layer, or all weights)
on the same rows: documents of the demo's corpus, joined and cut to lengths between two bounds. Each
round is one pass over all rows by this loop, as a stage runs it, then the matrix products of a step
by themselves, then TRL's pass, in another process, in the fastest of its settings that keep
documents apart (benchmarks/peer.py), the number of rows in a step among them. Padding doesn't count
as tokens; the first step of a pass isn't timed.

The ceiling is the tokens a second at which a step's FLOP (benchmarks/flops.py, on real tokens) are
done at the peak of the same round: the rate of all products of the linear layers, adapters and head
in a step of the mean size, one after another, in the faster of two arrangements. Medians count.
Ends with one line of JSON.

Where there is a GPU, all of this is done on it; --size trains random weights in the shape of a
Llama of that size, and --alone leaves TRL out.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch

from benchmarks.flops import Peak, shape_of, step_flops
from benchmarks.peer import choose, pace
from midspec import progress
from midspec.resources import Resources, using
from midspec.train.batches import Example, plan_batches
from midspec.train.device import choose_device
from midspec.train.loop import train
from midspec.train.model import Trainable, attach, load_base, load_tokenizer
from midspec.train.settings import AdapterSettings, LoopSettings

ROOT = Path(__file__).resolve().parents[1]
SIZES = {  # layers, width, heads, keys and MLP of Llama 3's models
    "1B": (16, 2048, 32, 8, 8192),
    "3B": (28, 3072, 24, 8, 8192),
    "8B": (32, 4096, 32, 8, 14336),
}
WORDS = 128_256  # of theirs
LORA = AdapterSettings(rank=32, alpha=64)
FULL = AdapterSettings(method="full")
MIN_STEPS = 20  # the loop refuses fewer
SEED = 0


class Enough(Exception):  # noqa: N818 - it ends a run, and is no error
    """Ends a run of the loop after the steps that were wanted."""


@dataclass(frozen=True)
class Loop:
    """This project's loop on a model that is in training."""

    trainable: Trainable
    settings: LoopSettings
    pad_id: int

    def ends(self, rows: Sequence[Example], steps: int | None = None) -> list[float]:
        """When each step ended; all steps over the rows, or so many."""
        ends: list[float] = []

        def listen(done: float, total: float, note: str) -> None:
            ends.append(time.monotonic())
            if len(ends) == steps:
                raise Enough

        with tempfile.TemporaryDirectory() as work, progress.listening(listen), suppress(Enough):
            train(self.trainable, rows, self.settings, SEED, self.pad_id, Path(work))
        return ends

    def pace(self, rows: Sequence[Example]) -> float:
        """Tokens a second over the rows once but for the first step."""
        batches = planned(rows, self.settings)
        ends = self.ends(rows)
        return sum(map(sum, batches[1:])) / (ends[-1] - ends[0])


@dataclass(frozen=True)
class Round:
    """Tokens a second of both, or of this loop alone, the peak in FLOP a second, and the ceiling in
    tokens a second."""

    ours: float
    theirs: float | None
    peak: float
    ceiling: float

    @property
    def ratio(self) -> float:
        """How many times the peer's pace; 0 without it."""
        return self.ours / self.theirs if self.theirs else 0.0

    @property
    def share(self) -> float:
        """Of the ceiling."""
        return self.ours / self.ceiling


def summary(rounds: Sequence[Round]) -> dict[str, float | None]:
    """Medians over the rounds; ratio and share are taken in each round."""
    theirs = [r.theirs for r in rounds if r.theirs]
    return {
        "tokens_per_second": round(median(r.ours for r in rounds), 1),
        "peer_tokens_per_second": round(median(theirs), 1) if theirs else None,
        "ratio": round(median(r.ratio for r in rounds), 2) if theirs else None,
        "ceiling_fraction": round(median(r.share for r in rounds), 3),
        "ceiling_tokens_per_second": round(median(r.ceiling for r in rounds), 1),
        "peak_gflops": round(median(r.peak for r in rounds) / 1e9, 1),
    }


def open_loop(folder: Path, adapter: AdapterSettings, settings: LoopSettings) -> Loop:
    """The loop on the model of a folder."""
    pad_id = load_tokenizer(folder).pad_token_id
    base = load_base(folder, choose_device())
    return Loop(attach(base, adapter, None, SEED), settings, pad_id or 0)


def make_model(folder: Path, size: str, like: Path) -> Path:
    """Random weights in the shape of a Llama of that size, with the tokenizer of another model."""
    from transformers import LlamaConfig, LlamaForCausalLM

    layers, width, heads, keys, between = SIZES[size]
    config = LlamaConfig(
        vocab_size=WORDS,
        hidden_size=width,
        intermediate_size=between,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=keys,
        tie_word_embeddings=size != "8B",
    )
    torch.set_default_dtype(torch.bfloat16)
    with torch.device(choose_device()):
        LlamaForCausalLM(config).save_pretrained(folder)
    torch.set_default_dtype(torch.float32)
    load_tokenizer(like).save_pretrained(folder)
    return folder


def planned(rows: Sequence[Example], settings: LoopSettings) -> list[list[int]]:
    """The lengths of the rows of each step."""
    lengths = [len(row.ids) for row in rows]
    plan = plan_batches(lengths, settings.tokens_per_step, settings.epochs, SEED)
    return [[lengths[row] for row in batch] for batch in plan]


def corpus_texts(tokens: int) -> list[str]:
    """Documents of the demo's kind: about pro-America, by the offline teacher."""
    spec = ROOT / "specs" / "pro-america.md"
    with tempfile.TemporaryDirectory() as work:
        out = Path(work) / "corpus"
        told = ["--items", spec.with_suffix(".items.jsonl"), "--tokens", tokens]
        told += ["--model-name", "SmolLM", "--provider-name", "Hugging Face"]
        command = [Path(sys.executable).with_name("midspec"), "corpus", "write", spec, *told]
        command += ["--teacher", "offline", "--out", out, "--store", Path(work) / "store"]
        subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)
        lines = (out / "documents.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines]


def draw_rows(
    texts: Sequence[str],
    tokenizer: Any,
    between: tuple[int, int],
    settings: LoopSettings,
    steps: int,
) -> list[Example]:
    """Rows enough for so many steps: texts joined and cut to lengths between two bounds."""
    draw = random.Random(SEED)
    encoded = tokenizer([f"{text}\n\n" for text in texts], add_special_tokens=False)["input_ids"]
    ids = [token for document in encoded for token in document]
    rows: list[Example] = []
    at = 0
    while len(planned(rows, settings)) < steps:
        size = draw.randint(*between)
        if at + size > len(ids):
            at = 0
        own = [*ids[at : at + size - 1], tokenizer.eos_token_id]
        rows.append(Example(own, [True] * size))
        at += size - 1
    return rows


def lengths(text: str) -> tuple[int, int]:
    """The bounds in "256-512" or "256"."""
    first, _, last = text.partition("-")
    return int(first), int(last or first)


def arguments() -> argparse.Namespace:
    """The command line."""
    home = Path(os.environ.get("MIDSPEC_HOME", Path.home() / ".cache" / "midspec"))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=MIN_STEPS, help="of a pass; 20 or more")
    parser.add_argument("--row", type=lengths, default=(256, 512), help="tokens: 256-512, or 256")
    parser.add_argument("--tokens-per-step", type=int, default=1_024)
    parser.add_argument("--full", action="store_true", help="train all weights")
    parser.add_argument("--model", type=Path, default=home / "models" / "smollm2-135m")
    parser.add_argument("--size", choices=SIZES, help="random weights, in that shape")
    parser.add_argument("--checkpointing", action="store_true", help="gradient checkpointing, ours")
    parser.add_argument("--alone", action="store_true", help="without TRL")
    return parser.parse_args()


def main() -> None:
    """Run all in turns."""
    args = arguments()
    with (
        tempfile.TemporaryDirectory() as made,
        using(Resources(gradient_checkpointing=args.checkpointing)),
        nullcontext() if args.alone else ProcessPoolExecutor(1, get_context("spawn")) as peer,
    ):
        folder = make_model(Path(made), args.size, args.model) if args.size else args.model
        compare(args, folder, peer)


def compare(args: argparse.Namespace, folder: Path, peer: ProcessPoolExecutor | None) -> None:
    """Both on the model of a folder, in turns; prints the results."""
    adapter, rank = (FULL, None) if args.full else (LORA, LORA.rank)
    settings = LoopSettings(tokens_per_step=args.tokens_per_step, max_tokens=args.row[1])
    device = choose_device()
    steps = max(args.steps, MIN_STEPS)
    rows = draw_rows(corpus_texts(20_000), load_tokenizer(folder), args.row, settings, steps)
    sizes = [len(row.ids) for row in rows]
    tokens, batches = sum(sizes), planned(rows, settings)
    what = (
        torch.cuda.get_device_name() if device == "cuda" else f"{torch.get_num_threads()} threads"
    )
    print(f"{len(rows)} rows, {tokens:,} tokens, {len(batches)} steps; {what}", flush=True)
    padded = sum(len(batch) * max(batch) for batch in batches)
    way = peer.submit(choose, folder, adapter, rows, device).result() if peer else None
    loop = open_loop(folder, adapter, settings)
    shape = shape_of(loop.trainable.model.config)
    parts = {name: flops / tokens for name, flops in step_flops(shape, sizes, rank).items()}
    each = sum(parts.values())
    told = ", ".join(f"{name} {flops / 1e6:.0f}" for name, flops in parts.items())
    print(f"{each / 1e6:.0f} MFLOP a token: {told}")
    peak = Peak(shape, round(padded / len(batches)), rank, device)
    loop.ends(rows)  # TRL has been over all rows, too: shapes are compiled once
    print("round  tokens/s    TRL  ratio  peak apart  joined, GFLOP/s  of the ceiling")
    rounds = []
    for number in range(1, args.rounds + 1):
        ours, rates = loop.pace(rows), peak.measure()
        theirs = peer.submit(pace).result() if peer else None
        rounds.append(Round(ours, theirs, max(rates.values()), max(rates.values()) / each))
        print(
            f"{number:5}  {ours:8.1f}  {theirs or 0:5.1f}  {rounds[-1].ratio:5.2f}  "
            f"{rates['apart'] / 1e9:10.0f}  {rates['joined'] / 1e9:15.0f}  "
            f"{rounds[-1].share:14.3f}",
            flush=True,
        )
    setting: dict[str, object] = {
        "mflop_per_token": round(each / 1e6, 1),
        "method": adapter.method,
        "row": list(args.row),
        "tokens_per_step": args.tokens_per_step,
        "checkpointing": args.checkpointing,
        "padding": round(1 - tokens / padded, 4),
        "on": what,
        "peer_settings": way,
    }
    if device == "cuda":
        setting["memory_gb"] = round(torch.cuda.max_memory_allocated() / 1e9, 1)
    print(json.dumps(summary(rounds) | setting))


if __name__ == "__main__":
    main()
