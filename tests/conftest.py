"""What all tests share: a tiny model and a tiny experiment."""

import os

# Before anything imports torch: nothing here gains from threads, and nothing may use a network.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.update(
    HF_HUB_OFFLINE="1", HF_HUB_DISABLE_PROGRESS_BARS="1", TOKENIZERS_PARALLELISM="false"
)
if "MIDSPEC_TEST_GPU" not in os.environ:  # make test-gpu sets it; the others are of a CPU
    os.environ["CUDA_VISIBLE_DEVICES"] = ""

import signal
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests import tiny

if TYPE_CHECKING:
    from tests.arms import Finished
    from tests.shared import Shared

# Its conftest imports Playwright, which only the extra "browser" installs (make test-browser).
collect_ignore = [] if find_spec("playwright") else ["browser"]


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a two-layer model with a chat template."""
    return tiny.make_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> "Finished":
    """An experiment with arms of every form, trained once."""
    from tests.arms import make_finished

    return make_finished(tmp_path_factory.mktemp("finished"), tiny_model)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> "Shared":
    """The tiny experiment, run once, and archives of it."""
    from tests.shared import make_shared

    return make_shared(tmp_path_factory.mktemp("shared"), tiny_model)


@pytest.fixture
def tiny_experiment(tmp_path: Path, tiny_model: Path) -> Path:
    """An experiment file, with all that it names beside it."""
    return tiny.make_experiment(tmp_path / "experiment", tiny_model)


@pytest.fixture
def changed(tiny_experiment: Path) -> Callable[[Callable[[dict[str, Any]], None]], Path]:
    """The tiny experiment's file after a function has changed its original values."""
    original = tiny_experiment.read_text()

    def change(edit: Callable[[dict[str, Any]], None]) -> Path:
        values = yaml.safe_load(original)
        edit(values)
        return tiny.write_experiment(tiny_experiment.parent, values)

    return change


@pytest.fixture
def planned(
    changed: Callable[[Callable[[dict[str, Any]], None]], Path], tiny_model: Path
) -> Callable[..., Any]:
    """The plan of the tiny experiment after an edit of its values."""
    from midspec.config import load_experiment
    from midspec.experiment import plan

    def make(
        edit: Callable[[dict[str, Any]], None] = lambda values: None, model: Path = tiny_model
    ) -> Any:
        return plan(load_experiment(changed(edit)), model)

    return make


@pytest.fixture
def heard_signals() -> Iterator[None]:
    """Ctrl-C and SIGTERM do what they usually do, also where a job's shell had them ignored."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
