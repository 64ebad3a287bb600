"""--engine and --store: the same experiment on a cluster, and with its store at a URL."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from midspec.cli_engine import Engine, build_stages, find_store
from midspec.corpus.stage import CorpusConfig
from midspec.errors import StoreError
from midspec.estimate import asks_llm, asks_provider
from midspec.llm.settings import Limits, Purse, Teacher
from midspec.run import ray_pool
from midspec.run.remote import find_remote
from midspec.run.stage import Stage, Summary

from . import teacher_server
from .plans import by_llm
from .tiny import midspec, refused

Change = Callable[[Callable[[dict[str, Any]], None]], Path]
KEY = "sk-canary-5309"
ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Paid:
    """What a stage says that it cost."""

    cost: float


def paid(config: Paid, inputs: Mapping[str, Path], out: Path) -> Summary:
    """A stage that has cost something."""
    return {"cost": config.cost}


def smaller(values: dict[str, Any]) -> None:
    """Two arms, of which one is trained."""
    values["arms"] = {"base": [], "msm": [{"midtrain": "old"}]}
    values["demos"] = {}
    values["contrasts"] = []


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Be another machine: one with another folder for what it keeps."""
    return lambda name: monkeypatch.setenv("MIDSPEC_HOME", str(tmp_path / name))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--engine", "slurm"], "--engine slurm is not known. Use local or ray."),
        (["--address", "auto"], "--address and --cores are for --engine ray"),
        (["--cores", "4"], "--address and --cores are for --engine ray"),
        (["--engine", "ray", "--cores", "0"], "--cores 0 is too few"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    tiny_experiment: Path, tmp_path: Path, options: list[str], words: str
) -> None:
    refused(midspec("run", tiny_experiment, "--store", tmp_path / "store", *options), words)
    assert not (tmp_path / "store").exists()


def test_without_ray_the_extra_is_named(
    tiny_experiment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_pool, "find_spec", lambda name: None)
    said = midspec("run", tiny_experiment, "--store", tmp_path / "store", "--engine", "ray")
    refused(said, "pip install 'midspec[ray]'")


@pytest.mark.parametrize("verb", ["run", "plan", "show"])
def test_an_address_that_cannot_be_used_is_refused(
    tiny_experiment: Path, home: Callable[[str], None], verb: str
) -> None:
    home("one")
    refused(midspec(verb, tiny_experiment, "--store", "nowhere://x"), "nowhere://x can't be used")


def test_a_path_is_a_store_and_a_url_has_a_mirror(home: Callable[[str], None]) -> None:
    home("one")
    assert find_store("some/store") == Path("some/store")
    remote = find_remote(find_store("memory://lab/msm/"))
    assert remote and remote.url == "memory://lab/msm"


@pytest.mark.parametrize(
    ("model", "llm", "provider"),
    [
        ("offline", False, False),
        ("hf/some-model", True, False),
        ("anthropic/claude-sonnet-4-5", True, True),
        ("vllm/some-model", True, True),
    ],
)
def test_stages_that_ask_a_provider_are_known(model: str, llm: bool, provider: bool) -> None:
    for role in ("teacher", "judge"):
        corpus = CorpusConfig("old", 100, 0, Teacher(), "Tiny", "Testers")
        config = replace(corpus, **{role: Teacher(model)})  # type: ignore[arg-type]
        stage = Stage("corpus", print, config)  # type: ignore[arg-type]
        assert (asks_llm(stage), asks_provider(stage)) == (llm, provider)


def test_a_store_at_a_url_serves_every_verb_on_another_machine(
    changed: Change, home: Callable[[str], None]
) -> None:
    experiment, url = changed(smaller), f"memory://{uuid4().hex}/store"
    home("one")
    ran = midspec("run", experiment, "--store", url)
    assert ran.code == 0, ran
    home("two")
    planned = midspec("plan", experiment, "--store", url)
    assert "0 of 7 stages to do" in planned.out, planned
    shown = midspec("show", experiment, "--store", url)
    assert shown.code == 0 and "msm" in shown.out
    said = midspec("chat", "msm", "-e", experiment, "--store", url, stdin="Old or new?\n")
    assert said.code == 0, said
    again = midspec("run", experiment, "--store", url)
    assert again.out.count("cached") == 7
    home("three")
    report = midspec("report", experiment, "--store", url)
    assert report.code == 0 and f"msm, seed 0: {url}/midtrain-" in report.out


def test_a_corpus_that_another_machine_has_written_is_put_in_place(
    home: Callable[[str], None], tiny_experiment: Path, tmp_path: Path
) -> None:
    folder, url = tiny_experiment.parent, f"memory://{uuid4().hex}/store"
    for name in ("one", "two"):
        home(name)
        words = ["corpus", folder / "spec.md", "--items", folder / "contrasts.jsonl"]
        words += ["--teacher", "offline", "--tokens", 1500, "--store", url]
        said = midspec(*words, "--out", tmp_path / f"out-{name}")
        assert said.code == 0, said
    one, two = (tmp_path / f"out-{name}/documents.jsonl" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    assert "cached" in said.out


@pytest.mark.parametrize("at_url", [True, False])
def test_what_finished_stages_cost_is_paid_from_the_budget_of_a_run(
    home: Callable[[str], None], tmp_path: Path, at_url: bool
) -> None:
    home("one")
    place = f"memory://{uuid4().hex}/store" if at_url else str(tmp_path / "store")
    first, second = (Stage("paid", paid, Paid(cost)) for cost in (2.0, 3.0))
    for targets, known in (([first], 0.0), ([first, second], 2.0), ([second], 3.0)):
        limits = Limits(purse=Purse(10.0))
        build_stages(targets, find_store(place), limits, Engine())
        assert limits.purse and limits.purse.spent == known


def test_a_failed_stage_tells_where_its_work_lies(
    changed: Change, home: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise StoreError("out of luck")

    home("one")
    experiment, url = changed(smaller), f"memory://{uuid4().hex}/store"
    monkeypatch.setattr("midspec.spec.stage.write_json", fail)
    refused(midspec("run", experiment, "--store", url), "out of luck", f"{url}/.work/spec-")


DEADLY = """
import sys, time
from pathlib import Path
from midspec.cli_engine import Engine, build_stages
from midspec.llm.settings import Limits
from midspec.run.stage import Stage
from tests.run.recipe import Config, kill_itself
folder = Path(sys.argv[1])
stage = Stage("deadly", kill_itself, Config("once", str(folder / "diary")), title="an arm")
try:
    build_stages([stage], folder / "store", Limits(), Engine("ray"))
finally:
    time.sleep(3)  # what Ray has to say comes late
"""


def test_of_a_dead_worker_midspec_tells_and_ray_does_not(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="ray isn't installed")
    environment = {**os.environ, "RAY_AUTH_TOKEN": uuid4().hex}
    command = [sys.executable, "-c", DEADLY, str(tmp_path)]
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    said = " ".join(ended.stdout.split())
    assert said.count("The worker of an arm died; it is run again. Ray says: The worker died") == 2
    assert "raylet" not in ended.stdout + ended.stderr, ended
    assert "MidspecError: an arm failed: 3 workers died over it." in ended.stderr


@pytest.mark.slow
def test_a_cluster_runs_an_experiment_and_no_key_is_written_down(
    changed: Change, tmp_path: Path
) -> None:
    """The whole pipeline by Ray with an LLM teacher and a store at a URL, stopped by Ctrl-C and run
    again, which asks for nothing twice."""

    def edit(values: dict[str, Any]) -> None:
        smaller(values)
        by_llm(price=[3, 15], max_cost=5)(values)
        values["corpora"]["old"] |= {"tokens": 2000, "document_tokens": 100}

    experiment, place = changed(edit), tmp_path / "bucket"
    command = [sys.executable, "-m", "midspec.cli", "run", str(experiment), "--engine", "ray"]
    command += ["--store", f"file://{place}"]
    with teacher_server.start() as server:
        environment = {
            **os.environ,
            "FAKE_BASE_URL": server.base_url,
            "FAKE_API_KEY": KEY,
            "MIDSPEC_HOME": str(tmp_path / "home"),
            "RAY_AUTH_TOKEN": uuid4().hex,  # or Ray would write one into the home folder
        }
        running = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        while not list(place.glob("corpus-*/manifest.json")) and running.poll() is None:
            time.sleep(0.1)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate()
        assert running.returncode == 130, err
        assert err.strip() == "Stopped. Run the same command to go on from here."
        asked = server.stats()["answered"]
        ended = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        assert asked and server.stats()["answered"] == asked
    assert "cached  corpus old" in ended.stdout
    assert "done    report" in ended.stdout
    assert len(list(place.glob("ledger/*/corpus-*.jsonl"))) == 1
    for folder in (place, tmp_path / "home"):
        for file in folder.rglob("*"):
            assert not file.is_file() or KEY.encode() not in file.read_bytes(), file
