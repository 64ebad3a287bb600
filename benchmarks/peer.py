"""TRL's `SFTTrainer` in its fastest settings that keep documents apart.

It runs in a process of its own, so that it has nothing of what this project's loop sets.
"""

import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from midspec.train.batches import Example
from midspec.train.settings import AdapterSettings


@dataclass(frozen=True)
class Way:
    """Settings of the peer that its speed depends on.

    weights: how the model is loaded; adapters: their type, if any; autocast: `bf16=True`;
    rows: a batch (`per_device_train_batch_size`); packed: `bfd` into rows of so many tokens, else
    padded rows in the order of their length: the least padding, to which `group_by_length` comes
    only on a large corpus.
    """

    weights: str = "bfloat16"
    adapters: str = "float32"
    autocast: bool = False
    rows: int = 2
    attention: str = "sdpa"
    packed: int | None = None

    def __str__(self) -> str:
        layout = f"bfd packing into {self.packed}" if self.packed else "padded, by length"
        told = [layout, f"{self.rows} rows", self.attention, f"{self.weights} weights"]
        told += [f"{self.adapters} adapters"] if self.adapters else []
        return ", ".join([*told, f"bf16={self.autocast}"])


class Peer:
    """One trainer, whose `pace` can be measured again and again."""

    def __init__(
        self,
        folder: Path,
        way: Way,
        adapter: AdapterSettings,
        data: Sequence[Example],
        device: str = "cpu",
    ) -> None:
        from datasets import Dataset, disable_progress_bars
        from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
        from transformers.utils.logging import disable_progress_bar
        from trl import SFTConfig, SFTTrainer

        warnings.simplefilter("ignore", FutureWarning)
        disable_progress_bars()
        disable_progress_bar()

        self.way = way
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=getattr(torch, way.weights), attn_implementation=way.attention
        )
        if adapter.method == "lora":
            model = _with_adapter(model, adapter, way.adapters)
        arguments = SFTConfig(
            output_dir=str(Path(tempfile.gettempdir()) / "midspec-bench-peer"),
            use_cpu=device == "cpu",
            bf16=way.autocast,
            per_device_train_batch_size=way.rows,
            num_train_epochs=1,
            max_length=way.packed or max(len(row.ids) for row in data),
            packing=way.packed is not None,
            packing_strategy="bfd",
            train_sampling_strategy="sequential",
            gradient_checkpointing=False,
            dataloader_num_workers=0,
            dataloader_pin_memory=False,
            learning_rate=1e-4,
            lr_scheduler_type="cosine",
            max_grad_norm=1.0,
            weight_decay=0.01,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        self.clock = _clock(TrainerCallback)()
        self.trainer = SFTTrainer(
            model=model,
            args=arguments,
            train_dataset=Dataset.from_dict({"input_ids": [row.ids for row in by_length(data)]}),
            processing_class=AutoTokenizer.from_pretrained(folder),
            callbacks=[self.clock],
        )
        self.clock.trainer = self.trainer
        self.trainer.remove_callback(_printer())

    def keeps_apart(self) -> bool:
        """Whether the log-probabilities of packed documents stay the same, bit for bit, when the
        first of their row is replaced by another text of the same length."""
        for batch in self.trainer.get_train_dataloader():
            inputs = self.trainer._prepare_inputs(batch)
            starts = (inputs["position_ids"][0] == 0).nonzero().flatten().tolist()
            if len(starts) > 1:
                changed = dict(inputs, input_ids=inputs["input_ids"].clone())
                changed["input_ids"][0, : starts[1]] = inputs["input_ids"][0, : starts[1]].flip(0)
                before, after = self._log_probs(inputs), self._log_probs(changed)
                return torch.equal(before[0, starts[1] :], after[0, starts[1] :])
        return True

    def pace(self) -> float:
        """Tokens a second, padding not counted, over the data once but for the first step."""
        self.trainer.train()
        return self.clock.pace()

    def _log_probs(self, inputs: dict[str, Any]) -> torch.Tensor:
        with torch.no_grad(), self.trainer.compute_loss_context_manager():
            found = self.trainer.model(**inputs, use_cache=False, fused_lm_head=True)
        scores: torch.Tensor = found.log_probs
        return scores


def fastest(
    folder: Path, adapter: AdapterSettings, data: Sequence[Example], device: str = "cpu"
) -> Peer:
    """The fastest way of training on such data; each that is tried is printed with its pace.

    One setting after another on a few rows: types, then rows to a batch while more are faster, then
    attention, then packing. A way that lets documents see each other doesn't count. The two best
    then run over all rows, which warms them up as well.
    """
    longest = max(len(row.ids) for row in data)
    fewest, fewer, more = (2, (1,), (4, 8)) if device == "cpu" else (16, (8, 4), (32, 64))

    def tried(way: Way) -> float:
        some = _middle(data, 2 * way.rows + 2) if way.packed is None else data[::3]
        try:
            peer = Peer(folder, way, adapter, some, device)
            apart = way.packed is None or peer.keeps_apart()
            found = peer.pace() if apart else 0.0
            told = f"{found:.0f} tokens/s" if apart else "documents see each other"
        except torch.OutOfMemoryError:
            found, told = 0.0, "out of memory"
        print(f"TRL, {way}: {told}", flush=True)
        return found

    own = "float32" if adapter.method == "lora" else ""
    types = [
        Way("bfloat16", own, autocast=True, rows=fewest),
        Way("bfloat16", own, rows=fewest),
        Way("float32", own, autocast=True, rows=fewest),
    ]
    if own:
        types.append(Way("bfloat16", "bfloat16", rows=fewest))
    paces = {way: tried(way) for way in types}
    best = max(paces, key=paces.__getitem__)
    for sizes in (fewer, more):
        for rows in sizes:
            way = replace(best, rows=rows)
            paces[way] = tried(way)
            if paces[way] < max(paces.values()):
                break
    best = max(paces, key=paces.__getitem__)
    long_rows = 1 if device == "cpu" else best.rows
    for way in (
        replace(best, attention="eager"),
        replace(best, rows=long_rows, packed=longest),
        replace(best, rows=long_rows, packed=2 * longest),
    ):
        paces[way] = tried(way)
    finals = [
        Peer(folder, way, adapter, data, device)
        for way in sorted(paces, key=paces.__getitem__)[-2:]
    ]
    whole = [peer.pace() for peer in finals]
    for peer, found in zip(finals, whole, strict=True):
        print(f"TRL over all rows, {peer.way}: {found:.0f} tokens/s", flush=True)
    return finals[whole.index(max(whole))]


_chosen: list[Peer] = []  # in the peer's own process


def choose(
    folder: Path, adapter: AdapterSettings, data: Sequence[Example], device: str = "cpu"
) -> str:
    """Find and keep the fastest way in this process; returns what it is."""
    _chosen[:] = [fastest(folder, adapter, data, device)]
    return str(_chosen[0].way)


def pace() -> float:
    """Tokens a second of what was chosen."""
    return _chosen[0].pace()


def by_length(data: Sequence[Example]) -> list[Example]:
    """The shortest first."""
    return sorted(data, key=lambda row: len(row.ids))


def _middle(data: Sequence[Example], count: int) -> list[Example]:
    """So many rows of about the median length."""
    start = max(0, (len(data) - count) // 2)
    return by_length(data)[start : start + count]


def _with_adapter(model: Any, adapter: AdapterSettings, kind: str) -> Any:
    from peft import LoraConfig, get_peft_model

    linear = [n for n, m in model.get_decoder().named_modules() if isinstance(m, torch.nn.Linear)]
    lora = LoraConfig(
        r=adapter.rank,
        lora_alpha=adapter.alpha,
        target_modules=sorted({name.rpartition(".")[2] for name in linear}),
    )
    return get_peft_model(model, lora, autocast_adapter_dtype=kind == "float32")


def _clock(base: Any) -> Any:
    """A callback that knows when the first and the last step ended, and at how many tokens."""

    class Clock(base):
        trainer: Any = None

        def on_train_begin(self, *_: Any, **__: Any) -> None:
            self.ends: list[tuple[float, int]] = []

        def on_step_end(self, _: Any, state: Any, *__: Any, **___: Any) -> None:
            if state.global_step in (1, state.max_steps) and torch.cuda.is_available():
                torch.cuda.synchronize()  # between them it may run ahead
            self.ends.append((time.monotonic(), self.trainer._total_train_tokens))

        def pace(self) -> float:
            (began, before), (ended, after) = self.ends[0], self.ends[-1]
            return (after - before) / (ended - began)

    return Clock


def _printer() -> Any:
    from transformers import PrinterCallback

    return PrinterCallback
