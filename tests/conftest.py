"""What all tests share: a tiny model, a tiny experiment, and the command line in this process."""

import os

# Before anything imports torch: nothing here gains from threads, and nothing may use a network.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ["HF_HUB_OFFLINE"] = "1"

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import tiny


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a one-layer model with a chat template."""
    return tiny.make_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def tiny_experiment(tmp_path: Path, tiny_model: Path) -> Path:
    """An experiment file, with all that it names beside it."""
    return tiny.make_experiment(tmp_path / "experiment", tiny_model)


@pytest.fixture
def changed(tiny_experiment: Path) -> Callable[[Callable[[dict[str, Any]], None]], Path]:
    """The tiny experiment's file after a function has changed its values."""

    def change(edit: Callable[[dict[str, Any]], None]) -> Path:
        values = yaml.safe_load(tiny_experiment.read_text())
        edit(values)
        return tiny.write_experiment(tiny_experiment.parent, values)

    return change


@pytest.fixture
def midspec(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Said]:
    """Run the command line in this process: `midspec("plan", path)`."""
    from midspec.cli import main

    def call(*arguments: object, stdin: str = "") -> Said:
        monkeypatch.setattr(sys, "argv", ["midspec", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        monkeypatch.setenv("COLUMNS", "200")
        capsys.readouterr()
        code: Any = 0
        try:
            main()
        except SystemExit as left:
            code = left.code or 0
        out, err = capsys.readouterr()
        return Said(code, out, err)

    return call
