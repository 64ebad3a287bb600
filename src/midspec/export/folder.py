"""An arm as a folder for other programs: its weights, where it comes from, and a card."""

import shutil
from dataclasses import asdict
from pathlib import Path

from midspec.errors import ConfigError
from midspec.experiment import Plan, find_arm
from midspec.export.card import card
from midspec.export.lineage import find_lineage
from midspec.export.weights import Dtype, write_adapter, write_merged
from midspec.files import write_json, write_text

MARK = "lineage.json"


def write_arm(
    planned: Plan,
    arm: str,
    seed: int | None,
    store: Path,
    adapter_only: bool,
    dtype: Dtype,
    made: Path,
) -> None:
    """Fill the empty folder `made` with a trained arm, whole or its adapter alone; an arm that
    isn't trained, or trains nothing, is a ConfigError."""
    chosen, asked = find_arm(planned, arm, seed, store)
    trained = planned.arms[arm, chosen]
    assert asked.base
    if trained is None:
        raise ConfigError(
            f"The arm {arm} trains nothing, so there is nothing to export: its weights are those "
            f"of {asked.base.name}."
        )
    lineage = find_lineage(planned, arm, chosen, store)
    base, folder = asked.base.path(store), trained.path(store)
    if adapter_only:
        name = lineage.base.hub_id or lineage.base.name
        write_adapter(base, folder, name, dtype, arm, made)
    else:
        write_merged(base, folder, dtype, made)
    write_json(made / MARK, asdict(lineage))
    write_text(made / "README.md", card(lineage, adapter_only, dtype))
    for file in made.glob("*.safetensors"):  # written for the owner's eyes alone
        shutil.copymode(made / MARK, file)
