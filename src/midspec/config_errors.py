"""What is wrong with the values of an experiment file, a sentence each."""

import re
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from midspec.arms import Both, Comparison, Step
from midspec.errors import ConfigError, known
from midspec.grid_arms import Grid
from midspec.parts import (
    Aligned,
    Anti,
    Blend,
    Deliberative,
    Everyday,
    Identity,
    InstructionMix,
    Opaque,
    OpenQuestions,
    OrdinaryText,
    Replay,
    Strict,
    TeacherModel,
)
from midspec.placement import StageResources
from midspec.portions import KEYS, LeaveOut, Without
from midspec.resources import Resources
from midspec.train.settings import AdapterSettings, LoopSettings

Read = TypeVar("Read", bound=BaseModel)
KINDS: dict[str, type[Strict]] = {
    "opaque": Opaque,
    "replay": Replay,
    "everyday": Everyday,
    "mix": InstructionMix,
    "aligned": Aligned,
    "deliberative": Deliberative,
    "anti": Anti,
    "blend": Blend,
}
# What pydantic calls the types that a value may have, in the place where it stands.
KEY = "[key]"  # of a mapping, what pydantic adds to where a wrong name stands
CHOICE = re.compile(r"constrained-\w+|(literal|dict|list)\[.*\]")


def read_values(kind: type[Read], values: object, path: Path, *place: str) -> Read:
    """Plain values as a model, of the whole file or of a `place` in it; whatever is wrong with them
    is a ConfigError."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        told = dict.fromkeys(_explain(kind, e, path, place) for e in error.errors())
        raise ConfigError("\n".join(told)) from error


def _explain(kind: type[BaseModel], error: Any, path: Path, place: Sequence[str]) -> str:
    """One validation error: where, what, what to do."""
    steps = [step for step in map(str, error["loc"]) if not (CHOICE.fullmatch(step) or step == KEY)]
    if not place and steps[0] in ("demos", "corpora"):
        del steps[2:3]  # pydantic names the kind there
    if not place and steps[0] == "resources":
        del steps[1:-1]  # what is set for all is wrong in every kind
    where = " ".join(".".join((*place, *steps)).split())  # a wrong name may hold anything
    if error["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        keys = _keys(steps[:-1]) if steps[:-1] else list(kind.model_fields)
        return f"{path}: {where} is not a known key" + known(steps[-1], keys)
    if error["type"] == "missing":
        return f"{path}: {where} is missing."
    if error["type"].startswith("union_tag"):
        return f"{path}: {where}: kind must be one of {', '.join(KINDS)}."
    if error["type"] == "value_error":  # in the words of this package
        wrong = str(error["ctx"]["error"])
    else:
        wrong = re.sub(r" or (an )?instance of .*", "", error["msg"]).lower()
    return f"{path}: {where}: {wrong}, got {str(error['input'])[:60]!r}."


def _keys(steps: Sequence[str]) -> list[str]:
    """The keys that could stand below a place in the experiment file."""
    tables: dict[str, Any] = {
        "identity": Identity,
        "teacher": TeacherModel,
        "judge": TeacherModel,
        "questions": OpenQuestions,
        "leave_out": LeaveOut,
        "arms": Step,
        "contrasts": Comparison,
        "grid": Grid,
        "adapter": AdapterSettings,
        "midtrain": LoopSettings,
        "finetune": LoopSettings,
    }
    if steps[0] == "resources":
        return [*(field.name for field in fields(Resources)), *StageResources.model_fields]
    if steps[0] == "demos" and steps[2:] != ["judge"]:
        return list(dict.fromkeys(key for kind in KINDS.values() for key in kind.model_fields))
    if steps[0] == "corpora" and len(steps) == 2:
        return KEYS
    within: dict[str, Any] = {"judge": TeacherModel, "mix": OrdinaryText, "interleave": Both}
    within |= {"without": Without, "matched": Without}
    table = next((within[step] for step in steps[2:4] if step in within), tables.get(steps[0]))
    return list(getattr(table, "model_fields", getattr(table, "__dataclass_fields__", {})))
