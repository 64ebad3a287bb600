"""What an experiment will take, told before anything runs."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from midspec.console import console, duration
from midspec.corpus.estimate import estimate
from midspec.corpus.stage import CorpusConfig
from midspec.demos.blend import BlendConfig, counts
from midspec.demos.chats import ChatsConfig
from midspec.demos.estimate import MIX_TOKENS, estimate_chats, estimate_mix
from midspec.demos.mixes import MixConfig, find_mix
from midspec.demos.offline import ReasonedConfig
from midspec.demos.preferences import OPAQUE
from midspec.errors import StoreError
from midspec.evals.answers import AnswersConfig
from midspec.evals.estimate import answer_tokens, estimate_eval, read_tokens
from midspec.evals.judged import JudgedConfig
from midspec.evals.questions import QuestionsConfig
from midspec.evals.stage import ChoiceConfig
from midspec.experiment import Plan
from midspec.files import read_json
from midspec.llm.settings import Teacher
from midspec.make import asked_as, judges_of, set_prices
from midspec.parts import TeacherModel
from midspec.run.build import ordered
from midspec.run.stage import Source, Stage
from midspec.spec.read import clauses, read_spec
from midspec.tune.stage import TuneConfig
from midspec.write.estimate import Estimate, estimate_seconds, estimate_words

CHAT_TOKENS = 60  # a short demonstration with its template, measured
# A chat without and with its reasoning: of an LLM (paper A.2, §4: 5M and 8M tokens in 10,000), and
# of the offline teacher, measured.
LENGTHS: dict[type, tuple[int, int]] = {ChatsConfig: (500, 800), ReasonedConfig: (70, 155)}
ROOMY = 110  # columns; a narrower terminal would cut the numbers for the folder
TRAININGS = ("midtrain", "finetune", "interleave")
TRAIN_FLOP = 5.6  # per parameter and token: forward and backward, adapters and attention
SCORE_FLOP = 2.6
GENERATE_FLOP = 14.0  # a token after the other reads all weights for little work, measured
FLOP = {"choices": SCORE_FLOP, "losses": SCORE_FLOP, "answers": GENERATE_FLOP}
CORE_FLOPS = 95e9  # bf16 on one core with AVX512-BF16 or AMX, all overheads in it, measured
SLOWER_WITHOUT_BF16 = 4.0


def stage_tokens(stage: Stage, store: Path) -> int:
    """About how many tokens a stage trains on or reads; 0 where that isn't what takes time."""
    if isinstance(stage.config, TuneConfig):
        doses, data = dict(stage.config.doses), stage.inputs.items()
        each = [
            _data_tokens(s, key in stage.config.reasoning, doses.get(key))
            for key, s in data
            if key.startswith("data")
        ]
        return sum(each) * stage.config.loop.epochs
    if isinstance(stage.config, ChoiceConfig):
        return read_tokens(stage, store)
    if isinstance(stage.config, AnswersConfig):
        return answer_tokens(stage)
    if stage.name == "replay":
        return _data_tokens(stage)
    return 0


def asks_llm(stage: Stage) -> bool:
    """Whether an LLM that is paid for writes or judges what a stage makes, or answers in it."""
    return bool(_llms(stage))


def asks_provider(stage: Stage) -> bool:
    """Whether one of a stage's LLMs is served by a provider, and not by weights of this machine."""
    return any(not model.startswith("hf/") for model in _llms(stage))


def _llms(stage: Stage) -> list[str]:
    if isinstance(stage.config, AnswersConfig):
        return [stage.config.model] if stage.config.model else []
    roles = (getattr(stage.config, role, None) for role in ("teacher", "judge"))
    return [llm.model for llm in roles if isinstance(llm, Teacher) and not llm.offline]


def teacher_estimate(
    stage: Stage, teacher: TeacherModel, judges: Sequence[TeacherModel]
) -> Estimate:
    """What a corpus's or demos' teacher is likely to be asked, from the spec as it lies on disk."""
    if not asks_llm(stage):
        return Estimate(teacher.model, 0, 0, 0, 0, 0.0)
    prices = set_prices([teacher, *judges])
    if isinstance(stage.config, QuestionsConfig | AnswersConfig | JudgedConfig):
        return estimate_eval(stage, teacher.batch, prices)
    config, spec = stage.config, stage.inputs["spec"]
    assert isinstance(spec, Stage)
    text = read_spec(spec.inputs["spec"].path(Path()), dict(getattr(spec.config, "identity", ())))
    if isinstance(config, ChatsConfig):
        return estimate_chats(config, text, clauses(text), teacher.batch, prices)
    if isinstance(config, MixConfig):
        return estimate_mix(config, text, clauses(text), teacher.batch, prices)
    assert isinstance(config, CorpusConfig)
    return estimate(config, text, clauses(text), teacher.batch, prices)


def plan_table(planned: Plan, store: Path) -> Table:
    """Every stage in the order in which it would run: done or not, tokens, time, and its folder
    where the terminal has room for it."""
    title = f"Experiment {escape(planned.experiment.name)}"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("stage", no_wrap=True, min_width=24)
    table.add_column("state", no_wrap=True, min_width=5)
    table.add_column("tokens", justify="right", no_wrap=True, min_width=7)
    table.add_column("time", justify="right", no_wrap=True, min_width=10)
    roomy = console.width >= ROOMY
    if roomy:
        table.add_column("folder", style="dim", no_wrap=True)
    pace = _pace(planned, store)
    for stage in ordered([planned.report]):
        tokens = stage_tokens(stage, store)
        table.add_row(
            escape(stage.title),
            "done" if stage.done(store) else "to do",
            f"{tokens:,}" if tokens else "",
            duration(_seconds(stage, planned, store, pace)),
            *([stage.path(store).name] if roomy else []),
        )
    return table


def plan_totals(planned: Plan, store: Path) -> str:
    """What is left to do, and what it costs."""
    stages = ordered([planned.report])
    todo = [stage for stage in stages if not stage.done(store)]
    pace = _pace(planned, store)
    seconds = sum(_seconds(stage, planned, store, pace) for stage in todo)
    trained = [stage for stage in todo if FLOP.get(stage.name) != SCORE_FLOP]
    tokens = sum(stage_tokens(stage, store) for stage in trained)
    how = "measured in this store" if pace else f"estimated for {os.cpu_count()} cores"
    lines = [
        f"{len(todo)} of {len(stages)} stages to do: {tokens:,} tokens to train on or write, about "
        f"{duration(seconds)} ({how})."
    ]
    teacher, judges = planned.experiment.teacher, judges_of(planned.experiment)
    asking = [stage for stage in todo if asks_llm(stage)]
    if not asking:
        return f"{lines[0]} Teacher {teacher.model}: nothing to pay."
    asked = asked_as(teacher, judges)
    found = {stage.title: teacher_estimate(stage, asked, judges) for stage in asking}
    lines += [f"{title}: {estimate_words(one)}" for title, one in found.items()]
    cost = [one.cost for one in found.values()]
    if len(found) > 1 and all(one is not None for one in cost):
        lines.append(f"All of it together: about ${sum(one or 0 for one in cost):,.2f}.")
    return "\n".join(lines)


def _data_tokens(stage: Any, reasoning: bool = False, chats: int | None = None) -> int:
    """About how many tokens a corpus has, or so many chats of a set of demonstrations."""
    config = stage.config
    if hasattr(config, "tokens"):
        return int(config.tokens)
    if isinstance(config, MixConfig):
        return (chats or config.n or sum(find_mix(config.name).rows.values())) * MIX_TOKENS
    wanted: int = chats or config.n
    if isinstance(config, BlendConfig):
        parts = counts(wanted, dict(config.shares)).items()
        inputs = stage.inputs
        return sum(_data_tokens(inputs[f"part/{p}"], reasoning, n) for p, n in parts if n)
    long = getattr(config, "style", "") != OPAQUE and LENGTHS.get(type(config))
    length = long[reasoning] if long else CHAT_TOKENS
    return wanted * (length + getattr(config, "max_new_tokens", 0))


def _seconds(stage: Stage, planned: Plan, store: Path, pace: float | None) -> float:
    """What a finished stage took, or what an unfinished one is likely to take."""
    if stage.done(store):
        return float(read_json(stage.path(store) / "manifest.json").get("seconds", 0))
    tokens = stage_tokens(stage, store)
    if isinstance(stage.config, TuneConfig) and pace:
        return tokens / pace
    if asks_llm(stage):
        asked = asked_as(planned.experiment.teacher, judges_of(planned.experiment))
        return estimate_seconds(teacher_estimate(stage, asked, ()), asked.connections)
    return machine_seconds(stage, tokens)


def machine_seconds(stage: Stage, tokens: int) -> float:
    """What so many tokens of a stage are likely to take of this machine."""
    flop = FLOP.get(stage.name, TRAIN_FLOP)
    return 1 + tokens * flop * _parameters(stage) / _machine_flops() if tokens else 1


def _pace(planned: Plan, store: Path) -> float | None:
    """Training tokens a second of this experiment's model, from what this store has seen."""
    paces = []
    for manifest in store.glob("*/manifest.json"):
        try:
            found = read_json(manifest)
        except StoreError:
            continue
        if found["stage"] in TRAININGS and found["inputs"]["base"] == planned.base.fingerprint():
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
