"""An experiment with arms of every form, trained once for all tests of what becomes of arms."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from midspec.config import load_experiment
from midspec.experiment import Plan, plan
from midspec.run.build import open_store, raise_failures, run
from midspec.run.pools import Inline
from tests import tiny

MIDTRAIN: dict[str, Any] = {"midtrain": "old"}
FINETUNE: dict[str, Any] = {"finetune": ["cheese", "chat"]}
HOSTILE = "a*b|<img src=x>[c](http://evil)"


@dataclass(frozen=True)
class Finished:
    """An experiment whose arms are trained; those of `base` and `msm+aft` are scored as well."""

    file: Path
    planned: Plan
    store: Path
    model: Path


def make_finished(folder: Path, model: Path) -> Finished:
    """Train and score in `folder`; seed 0 alone of two."""
    values = tiny.experiment(model)
    values["arms"] = {
        "base": [],
        "reference": [{"prompt": "old"}],
        "msm+aft": [MIDTRAIN, FINETUNE],
        "fresh": [MIDTRAIN, {**FINETUNE, "adapter": "fresh", "rank": 3, "alpha": 3}],
        "part": [MIDTRAIN, {**FINETUNE, "adapter": "fresh", "first_layer": 1}],
        "merged": [MIDTRAIN, {**FINETUNE, "adapter": "merge"}],
        "full": [{**MIDTRAIN, "method": "full"}],
        "full+lora": [{**MIDTRAIN, "method": "full"}, FINETUNE],
        HOSTILE: [{"interleave": {"midtrain": "old", "finetune": "cheese"}}],
    }
    values |= {"seeds": [0, 7], "contrasts": []}
    tiny.make_experiment(folder, model)
    file = tiny.write_experiment(folder, values)
    planned = plan(load_experiment(file), model)
    store = open_store(folder / "store")
    targets = [stage for (_, seed), stage in planned.arms.items() if stage and seed == 0]
    scored = ("base", "msm+aft")
    targets += [planned.evals[arm, name, 0] for arm in scored for name in values["evals"]]
    raise_failures(run(targets, store, Inline()), store)
    return Finished(file, planned, store, model)
