"""How long tokens take: of this machine's cores, or of the GPUs that an experiment names."""

import re
from functools import lru_cache

from midspec.evals.answers import AnswersConfig
from midspec.files import read_json
from midspec.machine import bf16_products, usable_cores
from midspec.run.stage import Source, Stage
from midspec.tune.stage import TuneConfig

# FLOP per parameter and token. Training (docs/performance.md: 637M a token for 134.5M parameters):
# forward and attention, then backward and adapters in the layers that are trained.
FORWARD_FLOP = 2.2
BACKWARD_FLOP = 2.5
FULL_FLOP = 2.0  # gradients of all weights
SCORE_FLOP = 1.3  # measured; under 2, since what questions share is read once
GENERATE_FLOP = 30.0  # a token after the other reads all weights for little work, measured
FLOP = {"choices": SCORE_FLOP, "losses": SCORE_FLOP, "answers": GENERATE_FLOP}
# A second on one core, all overheads in it, measured: Intel's with AMX, AMD's with AVX512-BF16.
CORE_FLOPS = {"tiles": 204e9, "vectors": 128e9, "none": 51e9}
# Of one H100, from what others published and not from runs of this project: LoRA of a 32B model
# on two took 3.4 h for 10.7M tokens (67e12 each), of an 8B model on one 1.4 h for 9.5M (71e12);
# another report has 6,100 tokens a second at 8B (230e12).
GPU_FLOPS = 67e12
# vLLM, in these terms: Qwen3-32B with its defaults on one H100 did 2,353 tokens a second of
# ShareGPT (GPUStack's performance lab), of which about half are written.
VLLM_FLOP = 1.8
SIZE = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)(B|M)(?![a-zA-Z])", re.IGNORECASE)


def machine_seconds(stage: Stage, tokens: int) -> float:
    """What so many tokens of a stage are likely to take of this machine, or of its GPUs."""
    if not tokens:
        return 1
    gpus = gpus_of(stage)
    flops = gpus * GPU_FLOPS if gpus else _cpu_flops()
    return 1 + tokens * _flop(stage, gpus) * parameters(stage.inputs.get("base")) / flops


def gpus_of(stage: Stage) -> int:
    """How many GPUs a stage takes; 0 where its experiment doesn't say `device: cuda`."""
    resources = stage.resources
    return resources.together if resources and resources.device == "cuda" else 0


@lru_cache(maxsize=64)
def parameters(base: Stage | Source | None) -> float:
    """A base model's parameters: from the size of its bf16 weights, or if they aren't here from its
    name (Qwen2.5-32B); 0 where neither tells."""
    if not isinstance(base, Source):
        return 0.0
    if base.here:
        return sum(file.stat().st_size for file in base.location.glob("*.safetensors")) / 2
    found = SIZE.findall(base.name)
    return float(found[-1][0]) * (1e9 if found[-1][1] in "bB" else 1e6) if found else 0.0


def _flop(stage: Stage, gpus: int) -> float:
    config = stage.config
    if isinstance(config, TuneConfig):
        below = config.adapter.first_layer
        share = 1 - below / _layers(stage.inputs.get("base")) if below else 1.0
        full = FULL_FLOP if config.adapter.method == "full" else 0.0
        return FORWARD_FLOP + BACKWARD_FLOP * share + full
    if gpus and isinstance(config, AnswersConfig) and config.engine == "vllm":
        return VLLM_FLOP
    return FLOP.get(stage.name, GENERATE_FLOP)


@lru_cache(maxsize=64)
def _layers(base: Stage | Source | None) -> float:
    """A base model's layers; without end where it isn't here to tell."""
    if not isinstance(base, Source) or not base.here:
        return float("inf")
    return float(read_json(base.location / "config.json").get("num_hidden_layers", "inf"))


def _cpu_flops() -> float:
    return usable_cores() * CORE_FLOPS[bf16_products()]
