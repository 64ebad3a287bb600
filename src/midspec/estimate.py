"""What an experiment will take, told before anything runs."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from midspec.console import duration
from midspec.corpus.estimate import estimate
from midspec.corpus.stage import CorpusConfig
from midspec.demos.chats import ChatsConfig
from midspec.demos.estimate import estimate_chats
from midspec.demos.mixes import MixConfig, find_mix
from midspec.errors import StoreError
from midspec.evals.stage import PreferenceConfig, asked_items
from midspec.experiment import Plan, judges_of, set_prices
from midspec.files import read_json
from midspec.llm.settings import OFFLINE
from midspec.parts import TeacherModel
from midspec.run.build import ordered
from midspec.run.stage import Source, Stage
from midspec.spec.read import clauses, read_spec
from midspec.tune.stage import TuneConfig
from midspec.write.estimate import Estimate, estimate_seconds, estimate_words

CHAT_TOKENS = 60  # a short demonstration with its template, measured
MIX_TOKENS = 200  # a chat of an instruction mix: 2M tokens in 10,000 (paper B.3)
ITEM_TOKENS = 90  # both orders of an item: questions after the shared prefix, and options
TRAININGS = ("midtrain", "finetune")
TRAIN_FLOP = 5.6  # per parameter and token: forward and backward, adapters and attention
SCORE_FLOP = 2.6
CORE_FLOPS = 95e9  # bf16 on one core with AVX512-BF16 or AMX, all overheads in it, measured
SLOWER_WITHOUT_BF16 = 4.0


def stage_tokens(stage: Stage, store: Path) -> int:
    """About how many tokens a stage trains on or reads; 0 where that isn't what takes time."""
    if isinstance(stage.config, TuneConfig):
        data = [s for key, s in stage.inputs.items() if key.startswith("data")]
        return sum(_data_tokens(s) for s in data) * stage.config.loop.epochs
    if isinstance(stage.config, PreferenceConfig):
        asked, _ = asked_items(stage.config, stage.inputs["items"].path(store))
        return len(asked) * ITEM_TOKENS
    if stage.name == "replay":
        return _data_tokens(stage)
    return 0


def teacher_estimate(
    stage: Stage, teacher: TeacherModel, judges: Sequence[TeacherModel]
) -> Estimate:
    """What a corpus's or demos' teacher is likely to be asked, from the spec as it lies on disk."""
    config, spec = stage.config, stage.inputs["spec"]
    assert isinstance(spec, Stage)
    text = read_spec(spec.inputs["spec"].path(Path()), dict(getattr(spec.config, "identity", ())))
    prices = set_prices([teacher, *judges])
    if isinstance(config, ChatsConfig):
        return estimate_chats(config, text, clauses(text), teacher.batch, prices)
    assert isinstance(config, CorpusConfig)
    return estimate(config, text, clauses(text), teacher.batch, prices)


def plan_table(planned: Plan, store: Path) -> Table:
    """Every stage in the order in which it would run: done or not, tokens, time."""
    title = f"Experiment {escape(planned.experiment.name)}"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("stage", no_wrap=True, min_width=24)
    table.add_column("state", no_wrap=True)
    table.add_column("tokens", justify="right", no_wrap=True)
    table.add_column("time", justify="right", no_wrap=True)
    table.add_column("folder", style="dim", no_wrap=True)
    pace = _pace(planned, store)
    for stage in ordered([planned.report]):
        tokens = stage_tokens(stage, store)
        table.add_row(
            escape(stage.title),
            "done" if stage.done(store) else "to do",
            f"{tokens:,}" if tokens else "",
            duration(_seconds(stage, planned, store, pace)),
            stage.path(store).name,
        )
    return table


def plan_totals(planned: Plan, store: Path) -> str:
    """What is left to do, and what it costs."""
    stages = ordered([planned.report])
    todo = [stage for stage in stages if not stage.done(store)]
    pace = _pace(planned, store)
    seconds = sum(_seconds(stage, planned, store, pace) for stage in todo)
    tokens = sum(stage_tokens(stage, store) for stage in todo if stage.name != "preference")
    how = "measured in this store" if pace else f"estimated for {os.cpu_count()} cores"
    lines = [
        f"{len(todo)} of {len(stages)} stages to do: {tokens:,} tokens to train on or write, about "
        f"{duration(seconds)} ({how})."
    ]
    teacher = planned.experiment.teacher
    written = [s for s in todo if isinstance(s.config, CorpusConfig | ChatsConfig)]
    if teacher.model == OFFLINE or not written:
        return f"{lines[0]} Teacher {teacher.model}: nothing to pay."
    judges = judges_of(planned.experiment)
    found = {stage.title: teacher_estimate(stage, teacher, judges) for stage in written}
    lines += [f"{title}: {estimate_words(one)}" for title, one in found.items()]
    cost = [one.cost for one in found.values()]
    if len(found) > 1 and all(one is not None for one in cost):
        lines.append(f"All of it together: about ${sum(one or 0 for one in cost):,.2f}.")
    return "\n".join(lines)


def _data_tokens(stage: Any) -> int:
    config = stage.config
    if isinstance(config, MixConfig):
        return (config.n or sum(find_mix(config.name).rows.values())) * MIX_TOKENS
    if hasattr(config, "tokens"):
        return int(config.tokens)
    answer = getattr(config, "max_new_tokens", 0)
    return int(config.n) * (CHAT_TOKENS + answer)


def _seconds(stage: Stage, planned: Plan, store: Path, pace: float | None) -> float:
    """What a finished stage took, or what an unfinished one is likely to take."""
    if stage.done(store):
        return float(read_json(stage.path(store) / "manifest.json").get("seconds", 0))
    tokens = stage_tokens(stage, store)
    if isinstance(stage.config, TuneConfig) and pace:
        return tokens / pace
    written = stage.config if isinstance(stage.config, CorpusConfig | ChatsConfig) else None
    if written and not written.teacher.offline:
        teacher = planned.experiment.teacher
        return estimate_seconds(teacher_estimate(stage, teacher, ()), teacher.connections)
    flop = SCORE_FLOP if stage.name == "preference" else TRAIN_FLOP
    return 1 + tokens * flop * _parameters(stage) / _machine_flops() if tokens else 1


def _pace(planned: Plan, store: Path) -> float | None:
    """Training tokens a second of this experiment's model, from what this store has seen."""
    paces = []
    base = next(iter(planned.evals.values())).inputs["base"]
    for manifest in store.glob("*/manifest.json"):
        try:
            found = read_json(manifest)
        except StoreError:
            continue
        if found["stage"] in TRAININGS and found["inputs"]["base"] == base.fingerprint():
            summary = found["summary"]
            paces.append(summary["tokens"] / max(summary["seconds"], 1e-9))
    return sorted(paces)[len(paces) // 2] if paces else None


def _parameters(stage: Stage) -> float:
    """The base model's parameters, from the size of its bf16 weights."""
    base = stage.inputs.get("base")
    if not isinstance(base, Source):
        return 0.0
    return sum(file.stat().st_size for file in base.location.glob("*.safetensors")) / 2


def _machine_flops() -> float:
    cores = os.cpu_count() or 1
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        flags = "bf16"
    return cores * CORE_FLOPS / (1 if "bf16" in flags else SLOWER_WITHOUT_BF16)
