"""What an experiment will take, told before anything runs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from midspec.corpus.cut import CutConfig
from midspec.corpus.estimate import estimate
from midspec.corpus.portion import PortionConfig
from midspec.corpus.stage import CorpusConfig
from midspec.demos.blend import BlendConfig, counts
from midspec.demos.chats import ChatsConfig
from midspec.demos.estimate import estimate_chats, estimate_mix
from midspec.demos.mixes import MixConfig, find_mix
from midspec.demos.offline import ReasonedConfig
from midspec.demos.preferences import OPAQUE
from midspec.errors import StoreError
from midspec.evals.answers import AnswersConfig
from midspec.evals.estimate import answer_tokens, estimate_eval, read_tokens
from midspec.evals.judged import JudgedConfig
from midspec.evals.questions import QuestionsConfig
from midspec.evals.stage import ChoiceConfig
from midspec.files import read_json
from midspec.llm.settings import Teacher
from midspec.make import set_prices
from midspec.pace import machine_seconds
from midspec.parts import TeacherModel
from midspec.run.stage import Stage
from midspec.spec.read import clauses, read_spec
from midspec.tune.stage import TuneConfig
from midspec.write.estimate import Estimate, estimate_seconds

CHAT_TOKENS = 60  # a short demonstration with its template, measured
# A chat without and with its reasoning: of an LLM (paper A.2, §4: 5M and 8M tokens in 10,000), and
# of the offline teacher, measured.
LENGTHS: dict[type, tuple[int, int]] = {ChatsConfig: (500, 800), ReasonedConfig: (70, 155)}
TRAININGS = ("midtrain", "finetune", "interleave")


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


def _data_tokens(stage: Any, reasoning: bool = False, chats: int | None = None) -> int:
    """About how many tokens a corpus has, or so many chats of a set of demonstrations."""
    config = stage.config
    if isinstance(config, CutConfig):
        return config.tokens
    if isinstance(config, PortionConfig):  # how much labels hold is known once it is written
        whole = _data_tokens(stage.inputs["corpus"])
        return config.tokens or round(whole * (1 - config.drop))
    if isinstance(config, CorpusConfig):
        each = config.style.document_tokens
        return config.documents * each if config.documents else config.tokens
    if isinstance(config, MixConfig):
        mix = find_mix(config.name)
        return (chats or config.n or sum(mix.rows.values())) * mix.chat_tokens
    wanted: int = chats or config.n
    if isinstance(config, BlendConfig):
        parts = counts(wanted, dict(config.shares)).items()
        inputs = stage.inputs
        return sum(_data_tokens(inputs[f"part/{p}"], reasoning, n) for p, n in parts if n)
    long = getattr(config, "style", "") != OPAQUE and LENGTHS.get(type(config))
    length = long[reasoning] if long else CHAT_TOKENS
    return wanted * (length + getattr(config, "max_new_tokens", 0))


def stage_seconds(
    stage: Stage,
    tokens: int,
    store: Path,
    paces: Mapping[str, float],
    asks: Estimate | None,
    connections: int,
) -> float:
    """What a finished stage took, or what an unfinished one is likely to take."""
    if stage.done(store):
        return float(read_json(stage.path(store) / "manifest.json").get("seconds", 0))
    if pace := measured_pace(stage, paces):
        return tokens / pace
    if asks:
        return estimate_seconds(asks, connections)
    return machine_seconds(stage, tokens)


def measured_pace(stage: Stage, paces: Mapping[str, float]) -> float | None:
    """That at which its base model was trained before, of a stage that trains it."""
    trains = isinstance(stage.config, TuneConfig)
    return paces.get(stage.inputs["base"].fingerprint()) if trains else None


def measured_paces(store: Path) -> dict[str, float]:
    """Training tokens a second of each base model, by its fingerprint, from what this store has
    seen."""
    paces: dict[str, list[float]] = {}
    for manifest in store.glob("*/manifest.json"):
        try:
            found = read_json(manifest)
        except StoreError:
            continue
        if found["stage"] in TRAININGS:
            summary = found["summary"]
            pace = summary["tokens"] / max(summary["seconds"], 1e-9)
            paces.setdefault(found["inputs"]["base"], []).append(pace)
    return {base: sorted(seen)[len(seen) // 2] for base, seen in paces.items()}
