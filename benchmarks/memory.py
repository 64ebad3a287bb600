"""Peak resident memory of training against tokens per step, with LoRA and in full.

    python -m benchmarks.memory [--tokens 512,…,16384] [--row 512] [--method lora,full]
        [--tokens-per-pass N]

Each point is a process of its own that runs two steps of the loop: the second has the optimiser's
state from the first. Its peak is the kernel's (VmHWM), counted anew once the model is loaded. A
point that would by the growth so far take more than the machine has left is told, not run. A probe
of one small step then looks at every tensor that an operation makes, for how many rows of a table
with the vocabulary's width exist at once, and sums what is kept for the backward pass. Linux only.
Ends with one line of JSON.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from benchmarks.training import FULL, LORA, MIN_STEPS, Loop, open_loop
from midspec.resources import Resources, using
from midspec.train.batches import Example
from midspec.train.device import most_at_once
from midspec.train.settings import LoopSettings

POINTS = (512, 1_024, 2_048, 4_096, 8_192, 16_384)
METHODS = {"lora": LORA, "full": FULL}
PROBED = 2_048  # tokens of the probe's step: more than a chunk of the loss
BOUNDED = 0.1  # a step of more tokens that needs less than this share more is no growth
SPARE = 0.8  # of the memory that is there
MB = 2**20


class Tables(TorchDispatchMode):
    """Notes the most rows of any tensor that has the vocabulary's width, weights left out."""

    def __init__(self, words: int, width: int) -> None:
        super().__init__()
        self.words, self.weights = words, words * width
        self.rows = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        for value in tree_leaves(made):
            table = isinstance(value, torch.Tensor) and self.words in value.shape
            if table and value.numel() != self.weights:
                self.rows = max(self.rows, value.numel() // self.words)
        return made


class Kept:
    """Sums what autograd keeps for the backward pass, each piece of memory once."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
        self.bytes: dict[int, int] = {}

    def note(self, value: torch.Tensor) -> torch.Tensor:
        """Count a tensor that is kept."""
        storage = value.untyped_storage()
        if storage.data_ptr() not in self.weights:
            self.bytes[storage.data_ptr()] = storage.nbytes()
        return value


def rows_for(tokens: int, row: int) -> list[Example]:
    """Rows for as many full steps as the loop asks for; what they say has no part in the memory."""
    ids = list(range(100, 100 + row))
    return [Example(ids, [True] * row)] * (MIN_STEPS * (tokens // row))


def point(folder: Path, method: str, tokens: int, row: int, resources: Resources) -> dict[str, int]:
    """What one size of step takes, in bytes: the loaded model, and the peak."""
    limit = int(available() * SPARE) + 8 * 2**30  # address space is more than what is resident
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    loop = opened(folder, method, tokens, row)
    Path("/proc/self/clear_refs").write_text("5")
    loaded = status("VmRSS")
    with using(resources):
        loop.ends(rows_for(tokens, row), steps=2)
    return {"loaded": loaded, "peak": status("VmHWM")}


def probe(folder: Path, method: str, row: int) -> dict[str, int]:
    """The rows of the largest table of the vocabulary's width, and the bytes a token kept."""
    loop = opened(folder, method, PROBED, row)
    config = loop.trainable.model.config
    kept = Kept(loop.trainable.model)
    with (
        torch.autograd.graph.saved_tensors_hooks(kept.note, lambda value: value),
        Tables(config.vocab_size, config.hidden_size) as tables,
    ):
        loop.ends(rows_for(PROBED, row), steps=1)
    return {"table_rows": tables.rows, "kept": sum(kept.bytes.values()) // PROBED}


def opened(folder: Path, method: str, tokens: int, row: int) -> Loop:
    """The loop with steps of so many tokens."""
    settings = LoopSettings(tokens_per_step=tokens, max_tokens=row)
    return open_loop(folder, METHODS[method], settings)


def status(name: str) -> int:
    """A line of /proc/self/status, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1_024
    raise KeyError(name)


def available() -> int:
    """Bytes that a process could still take."""
    (line,) = (t for t in Path("/proc/meminfo").read_text().splitlines() if "MemAvailable" in t)
    return int(line.split()[1]) * 1_024


def expected(needs: Mapping[int, int], tokens: int) -> float:
    """What a larger step needs by the growth between the two largest so far."""
    if len(needs) < 2:
        return 0.0
    (fewer, less), (more, most) = sorted(needs.items())[-2:]
    return most + (tokens - more) * (most - less) / (more - fewer)


def summary(peaks: Mapping[int, int], needs: Mapping[int, int]) -> dict[str, Any]:
    """The peak by tokens per step; the growth a token at the end of what is needed above the loaded
    model, and whether that is bounded."""
    (fewer, less), (more, most) = sorted(needs.items())[-2:]
    return {
        "peak_mb": {str(tokens): round(peak / MB) for tokens, peak in sorted(peaks.items())},
        "growth_bytes_per_token": round((most - less) / (more - fewer)),
        "bounded": most < less * (1 + BOUNDED),
    }


def child(args: argparse.Namespace, *told: object) -> dict[str, int]:
    """Run this file for one point or one probe in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.memory", "--model", args.model, "--row", args.row]
    command += ["--tokens-per-pass", args.tokens_per_pass, "--child", *told]
    ran = subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE)
    found: dict[str, int] = json.loads(ran.stdout.splitlines()[-1])
    return found


def measured(args: argparse.Namespace, method: str, points: Sequence[int]) -> dict[str, Any]:
    """All points of a method, and the probe."""
    peaks: dict[int, int] = {}
    needs: dict[int, int] = {}
    for tokens in points:
        ahead = expected(needs, tokens)
        if ahead > available() * SPARE:
            print(f"{method:5} {tokens:7,}  would take {ahead / MB:,.0f} MB: not run", flush=True)
            break
        found = child(args, method, tokens)
        peaks[tokens], needs[tokens] = found["peak"], found["peak"] - found["loaded"]
        print(
            f"{method:5} {tokens:7,}  {found['peak'] / MB:8,.0f} MB, "
            f"{needs[tokens] / tokens / 1_024:6,.0f} KB a token above the model",
            flush=True,
        )
    seen = child(args, method, 0)
    print(f"{method:5} probe of {PROBED:,} tokens: {seen}", flush=True)
    return summary(peaks, needs) | {
        "kept_bytes_per_token": seen["kept"],
        "vocabulary_table_rows": seen["table_rows"],
        "vocabulary_table_whole": seen["table_rows"] >= PROBED - PROBED // args.row,
    }


def main() -> None:
    """Measure every point."""
    home = Path(os.environ.get("MIDSPEC_HOME", Path.home() / ".cache" / "midspec"))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tokens", default=",".join(map(str, POINTS)), help="per step")
    parser.add_argument("--row", type=int, default=512, help="tokens of a row")
    parser.add_argument("--method", default="lora,full")
    at_once = most_at_once(Resources(device="cpu"))
    parser.add_argument("--tokens-per-pass", type=int, default=at_once)
    parser.add_argument("--model", type=Path, default=home / "models" / "smollm2-135m")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        method, tokens = args.child[0], int(args.child[1])
        passes = Resources(tokens_per_pass=args.tokens_per_pass)
        found = (
            point(args.model, method, tokens, args.row, passes)
            if tokens
            else probe(args.model, method, args.row)
        )
        print(json.dumps(found))
        return
    points = [int(tokens) for tokens in args.tokens.split(",")]
    print(json.dumps({m: measured(args, m, points) for m in args.method.split(",")}))


if __name__ == "__main__":
    main()
