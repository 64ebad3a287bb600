"""Which device computes: one choice for training, evals and whatever else loads weights."""

from __future__ import annotations

from midspec.errors import ConfigError
from midspec.resources import Resources, given_resources


def choose_device(resources: Resources | None = None) -> str:
    """The device of the stage that runs: `auto` is a CUDA GPU if there is one, else the CPU.

    Apple's GPU (mps) is taken only where it is asked for: its bf16 products differ by version, and
    none of this is tested there.
    """
    import torch

    wanted = (resources or given_resources()).device
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if wanted == "auto":
        return "cuda" if there["cuda"] else "cpu"
    if not there[wanted]:
        raise ConfigError(
            f"resources.device is {wanted}, and torch finds no such device here. Use auto or cpu, "
            "or install a torch that is built for it."
        )
    return wanted


def most_at_once(resources: Resources) -> int:
    """How many tokens a process takes in one pass.

    On two cores more than 2,048 aren't faster, and each takes 900 KB; an 8B model with adapters
    takes 67 GB of a GPU at 8,192 (docs/performance.md).
    """
    return resources.tokens_per_pass or (2_048 if choose_device(resources) == "cpu" else 8_192)


def check_processes(resources: Resources) -> None:
    """Refuse more processes than there are GPUs for, and several where the device is mps."""
    import torch

    device = choose_device(resources)
    if resources.together > 1 and device == "mps":
        raise ConfigError("resources.processes must be 1 where the device is mps.")
    if device == "cuda" and resources.processes > torch.cuda.device_count():
        raise ConfigError(
            f"resources.processes is {resources.processes}, a GPU each; torch finds "
            f"{torch.cuda.device_count()} here. Use as many processes as there are GPUs."
        )


def free_memory() -> None:
    """Give back what evals keep on a GPU, before other processes train there."""
    import torch

    from midspec.train.model import load_arm

    load_arm.cache_clear()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
