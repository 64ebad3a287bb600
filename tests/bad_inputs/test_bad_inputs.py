"""Whatever a user gets wrong is told in one sentence, with exit code 2, and changes nothing."""

import errno
import os
import shlex
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import pytest

from tests import tiny
from tests.bad_inputs import commands, experiments, stores
from tests.bad_inputs.row import Row, experiment, lay_out
from tests.tiny import Said, midspec

ROWS = [*experiments.ROWS, *commands.ROWS, *stores.ROWS]


@pytest.fixture(scope="module")
def finished(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of the experiment that rows are about, with its report."""
    folder = tmp_path_factory.mktemp("finished")
    tiny.make_experiment(folder, tiny_model)
    path = tiny.write_experiment(folder, experiment(tiny_model))
    said = midspec("run", path, "--store", folder / "store")
    assert said.code == 0, said.err
    return folder / "store"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, and no model at home."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MIDSPEC_HOME", str(tmp_path / "home"))
    return folder


def files(folder: Path) -> dict[str, int]:
    """What lies in a folder, and how large each is."""
    return {str(path): path.stat().st_size for path in sorted(folder.rglob("*"))}


def arguments(row: Row, model: Path) -> list[str]:
    return [part.replace("MODEL", str(model)) for part in shlex.split(row.command)]


def is_refused(said: Said, row: Row) -> None:
    """One error of one line that says what it must, on stderr alone."""
    assert said.code == 2, said
    assert said.out == ""
    assert said.err.startswith("Error: ")
    assert said.err.count("\n") == 1
    assert said.err.endswith("\n")
    assert len(said.err) < 1_000
    for words in row.says:
        assert words in said.err


def test_there_are_many_of_many_kinds() -> None:
    assert len(ROWS) > 240
    assert len({row.command.split()[0] for row in ROWS}) >= 18


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_bad_input_is_one_sentence_and_changes_nothing(
    row: Row, here: Path, tiny_model: Path, finished: Path
) -> None:
    lay_out(row, here, tiny_model, finished)
    before = files(here)
    is_refused(midspec(*arguments(row, tiny_model)), row)
    assert files(here) == before


@pytest.mark.parametrize(
    "row",
    [experiments.VALUES[1], commands.COMMAND_LINE[3], stores.NO_STORES[1]],
    ids=lambda row: row.name,
)
def test_in_a_process_of_its_own_it_is_the_same(
    row: Row, here: Path, tiny_model: Path, finished: Path
) -> None:
    lay_out(row, here, tiny_model, finished)
    command = [sys.executable, "-m", "midspec.cli", *arguments(row, tiny_model)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    is_refused(Said(ran.returncode, ran.stdout, ran.stderr), row)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "The disk is full: "),
        (errno.EROFS, "No permission to write "),
        (errno.EACCES, "No permission to write "),
    ],
)
def test_a_disk_that_takes_nothing_is_told_of(
    number: int, words: str, here: Path, tiny_model: Path, finished: Path
) -> None:
    row = Row("spec variants spec.md --out new", (words, "new"))
    lay_out(row, here, tiny_model, finished)
    with patch("os.fsync", side_effect=OSError(number, os.strerror(number))):
        is_refused(midspec(*arguments(row, tiny_model)), row)
    assert not (here / "new").exists()
