"""A finished experiment and its archives, made once for all tests of what becomes of them."""

from dataclasses import dataclass
from pathlib import Path

from tests import tiny
from tests.tiny import midspec


@dataclass(frozen=True)
class Shared:
    """An experiment that has run, and archives of it: without weights, and with all of them."""

    file: Path
    store: Path
    model: Path
    light: Path
    heavy: Path


def make_shared(folder: Path, model: Path) -> Shared:
    """Run and export in `folder`."""
    file = tiny.make_experiment(folder / "owner" / "experiment", model)
    store = folder / "owner" / "store"
    assert midspec("run", file, "--store", store).code == 0
    light, heavy = folder / "light.tar.gz", folder / "heavy.tar.gz"
    for out, adapters in ((light, "none"), (heavy, "all")):
        said = midspec("export", file, "--store", store, "--out", out, "--adapters", adapters)
        assert said.code == 0, said
    return Shared(file, store, model, light, heavy)
