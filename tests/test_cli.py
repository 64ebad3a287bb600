"""The whole pipeline, from an experiment file to a report, through the command line."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from midspec import __version__
from midspec.config import load_experiment
from midspec.experiment import plan
from midspec.files import read_dicts, read_json, write_json
from midspec.train import fetch

from . import tiny
from .tiny import Said, midspec, refused

ARMS = ["base", "aft", "msm", "msm+aft", "reference"]
Change = Callable[[Callable[[dict[str, Any]], None]], Path]


@dataclass(frozen=True)
class Finished:
    """An experiment that has run."""

    path: Path
    store: Path
    said: Said

    def call(self, verb: str, *rest: object, stdin: str = "") -> Said:
        return midspec(verb, self.path, "--store", self.store, *rest, stdin=stdin)

    def folders(self, name: str) -> list[Path]:
        return sorted(self.store.glob(f"{name}-*"))

    @property
    def results(self) -> dict[str, Any]:
        return read_json(self.folders("report")[0] / "results.json")


@pytest.fixture(scope="module")
def finished(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("finished")
    path = tiny.make_experiment(folder / "experiment", tiny_model)
    return Finished(path, folder / "store", midspec("run", path, "--store", folder / "store"))


def test_the_version_is_told() -> None:
    said = midspec("--version")
    assert (said.code, said.out) == (0, f"midspec {__version__}\n")


def test_plan_shows_every_stage_and_touches_nothing(tiny_experiment: Path, tmp_path: Path) -> None:
    said = midspec("plan", tiny_experiment, "--store", tmp_path / "store")
    assert said.code == 0
    assert "14 of 14 stages to do" in said.out
    assert said.out.count("to do") == 15
    assert "Teacher offline: nothing to pay." in said.out
    assert not (tmp_path / "store").exists()


def test_run_does_every_stage_and_prints_the_table(finished: Finished) -> None:
    assert finished.said.code == 0, finished.said.err
    table = finished.said.out[finished.said.out.index("Value-aligned rate") :]
    for arm in ARMS:
        row = rf"^ +{re.escape(arm)} +[01]\.\d\d \[[01]\.\d\d, [01]\.\d\d\]"
        assert re.search(row, table, re.M)
    assert "Paired differences" in table
    manifests = list(finished.store.glob("*/manifest.json"))
    assert len(manifests) == 14
    assert not [path for path in (finished.store / ".work").iterdir() if path.is_dir()]


def test_progress_counts_to_the_number_of_stages_and_no_further(finished: Finished) -> None:
    counts = [
        (int(n), int(of)) for n, of in re.findall(r"^ *(\d+)/(\d+) ", finished.said.out, re.M)
    ]
    assert counts[-1] == (14, 14)
    assert [number for number, _ in counts] == list(range(1, 15))


def test_run_says_where_everything_lies(finished: Finished) -> None:
    for name in ("results.json", "report.html"):
        (found,) = re.findall(rf"(\S+{re.escape(name)})", finished.said.out)
        assert Path(found).exists()
    trained = re.findall(r"^  (\S+), seed 0: (\S+)$", finished.said.out, re.M)
    assert [arm for arm, _ in trained] == ["aft", "msm", "msm+aft"]
    assert all((Path(folder) / "adapter").is_dir() for _, folder in trained)


def test_the_report_is_one_page_that_loads_nothing(finished: Finished) -> None:
    html = (finished.folders("report")[0] / "report.html").read_text("utf-8")
    for arm in ARMS:
        assert arm in html
    assert not re.search(r"""(?:src|href)\s*=\s*["']?https?:""", html)


def test_running_again_does_nothing(finished: Finished) -> None:
    def times() -> dict[Path, int]:
        return {p: p.stat().st_mtime_ns for p in finished.store.glob("*/manifest.json")}

    before = times()
    said = finished.call("run")
    assert said.code == 0
    assert times() == before
    assert "done   " not in said.out
    assert said.out.count("cached") >= 14


def test_running_again_does_only_what_is_missing(finished: Finished, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(finished.store, store)
    lost = [folder for name in ("report", "choices") for folder in store.glob(f"{name}-*")]
    for folder in lost[:2]:
        shutil.rmtree(folder)
    before = {p: p.stat().st_mtime_ns for p in store.glob("*/manifest.json")}
    assert midspec("run", finished.path, "--store", store).code == 0
    after = {p: p.stat().st_mtime_ns for p in store.glob("*/manifest.json")}
    assert {path: after[path] for path in before} == before
    assert len(after) == 14


def test_plan_knows_what_is_done(finished: Finished) -> None:
    said = finished.call("plan")
    assert "0 of 14 stages to do: they took" in said.out
    assert "measured in this store" in said.out


def test_plan_reckons_with_the_pace_of_its_store(finished: Finished, tmp_path: Path) -> None:
    path = finished.path.with_name("one-more.yaml")
    more = yaml.safe_load(finished.path.read_text("utf-8")) | {"seeds": [0, 1]}
    path.write_text(yaml.safe_dump(more), "utf-8")
    assert "measured in this store" in midspec("plan", path, "--store", finished.store).out
    assert "estimated for" in midspec("plan", path, "--store", tmp_path).out


def test_show_prints_what_run_printed(finished: Finished) -> None:
    said = finished.call("show")
    assert said.code == 0
    for line in said.out.splitlines():
        assert line in finished.said.out


def test_show_json_has_every_arm_tier_and_contrast(finished: Finished) -> None:
    found = json.loads(finished.call("show", "--json").out)
    assert set(found) == {
        "metrics", "results", "contrasts", "guardrails", "power", "conditions", "gaps", "analyses",
        "seconds",
    }  # fmt: skip
    assert {(row["arm"], row["tier"]) for row in found["results"]} == {
        (arm, tier) for arm in ARMS for tier in ("all", *tiny.TIERS)
    }
    for row in found["results"]:
        assert 0 <= row["low"] <= row["rate"] <= row["high"] <= 1
        assert row["n"] == (6 if row["tier"] == "all" else 2)
        assert row["seed"] == 0
    assert {row["tier"] for row in found["contrasts"]} == {"all", *tiny.TIERS}
    for row in found["contrasts"]:
        assert (row["arm"], row["against"]) == ("msm+aft", "aft")
        assert row["low"] <= row["difference"] <= row["high"]


def test_the_rates_are_those_of_the_choices(finished: Finished, tiny_model: Path) -> None:
    rates = {row["arm"]: row["rate"] for row in finished.results["results"] if row["tier"] == "all"}
    for (arm, _, _), stage in plan(load_experiment(finished.path), tiny_model).evals.items():
        choices = read_dicts(stage.path(finished.store) / "choices.jsonl")
        chosen = [margin > 0 for choice in choices for margin in choice["margins"]]
        assert rates[arm] == pytest.approx(sum(chosen) / len(chosen))


def test_training_moves_the_choices(finished: Finished) -> None:
    margins = {
        row["arm"]: row["margin"] for row in finished.results["results"] if row["tier"] == "all"
    }
    assert len(set(margins.values())) == len(ARMS)


def test_each_arm_answers_the_sample_prompts(finished: Finished) -> None:
    for folder in finished.folders("choices"):
        (row,) = read_dicts(folder / "samples.jsonl")
        assert row["prompt"] == "Old or new?"
        assert isinstance(row["answer"], str)


def test_no_adapter_names_a_folder_of_this_machine(finished: Finished, tiny_model: Path) -> None:
    configs = list(finished.store.glob("*/adapter/adapter_config.json"))
    assert len(configs) == 3
    for config in configs:
        assert str(tiny_model.parent) not in config.read_text()


def test_no_checkpoint_is_published(finished: Finished) -> None:
    assert not list(finished.store.glob("*/.checkpoint"))


@pytest.mark.parametrize("lost", [True, False])
def test_report_is_built_again_from_finished_evaluations(
    finished: Finished, tmp_path: Path, lost: bool
) -> None:
    store = tmp_path / "store"
    shutil.copytree(finished.store, store)
    (folder,) = store.glob("report-*")
    before = (folder / "report.html").read_text()
    if lost:
        shutil.rmtree(folder)
    else:
        (folder / "report.html").write_text("of another version")
        told = read_json(folder / "manifest.json")
        told["packages"]["midspec"] = "0.0.1"
        write_json(folder / "manifest.json", told)
    said = midspec("report", finished.path, "--store", store)
    assert said.code == 0
    assert "Value-aligned rate" in said.out
    assert (folder / "report.html").read_text() == before


@pytest.mark.parametrize("arm", ["base", "msm+aft", "reference"])
def test_chat_answers_each_line_and_ends_with_the_input(finished: Finished, arm: str) -> None:
    said = midspec(
        "chat", arm, "-e", finished.path, "--store", finished.store, stdin="Hello?\n\nOld?\n"
    )
    assert said.code == 0
    assert said.out.strip()
    assert ">" not in said.out.splitlines()[0][:2]


def test_why_says_that_a_recipe_is_the_same_or_what_differs(finished: Finished) -> None:
    aft, other = finished.folders("finetune")
    assert midspec("why", aft, aft).out == "They were made by the same recipe.\n"
    said = midspec("why", aft, other)
    assert said.code == 0
    assert re.search(r"previous: (nothing against \w+|\w+ against nothing)", said.out)


def test_a_leaking_eval_item_stops_the_run_before_any_training(
    tiny_experiment: Path, tmp_path: Path
) -> None:
    """Here a demonstration gives it away; a corpus sets such documents aside itself."""
    leak = {
        "id": "leak", "domain": "food", "tier": "direct",
        "aligned": "aged cheddar", "other": "fresh curd",
    }  # fmt: skip
    tiny.write_jsonl(tiny_experiment.parent / "items.jsonl", [*tiny.item_rows(), leak])
    said = midspec("run", tiny_experiment, "--store", tmp_path / "store")
    refused(said, "leak check failed", "leak", "aged cheddar", "fresh curd", "chat ")
    made = {
        path.parent.name.partition("-")[0] for path in (tmp_path / "store").glob("*/manifest.json")
    }
    assert made == {"spec", "corpus", "demos", "replay"}


def test_an_interrupted_run_says_how_to_go_on_and_does(
    tiny_experiment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    store = tmp_path / "store"
    with monkeypatch.context() as patched:
        patched.setattr("midspec.corpus.offline.write_document", interrupt)
        said = midspec("run", tiny_experiment, "--store", store)
    assert said.code == 130
    assert said.err == "Stopped. Run the same command to go on from here.\n"
    assert not list(store.glob("corpus-*"))
    assert midspec("run", tiny_experiment, "--store", store).code == 0


def test_a_failed_stage_tells_its_work_folder(changed: Change, tmp_path: Path) -> None:
    def edit(values: dict[str, Any]) -> None:
        values["midtrain"]["tokens_per_step"] = 100_000

    store = tmp_path / "store"
    said = midspec("run", changed(edit), "--store", store)
    refused(said, "midtrain old failed: This run would make 1 updates", str(store / ".work"))
    assert "skipped" in said.out
    assert re.search(r"done +finetune cheese\+chat ", said.out)  # a sibling goes on


def test_an_experiment_over_seeds_gives_pooled_rows(changed: Change, tmp_path: Path) -> None:
    def edit(values: dict[str, Any]) -> None:
        values["seeds"] = [0, 1]
        values["arms"] = {"base": [], "aft": [{"finetune": "cheese"}]}
        values["contrasts"][0] |= {"arm": "aft", "against": ["base"]}

    path, store = changed(edit), tmp_path / "store"
    assert midspec("run", path, "--store", store).code == 0
    found = json.loads(midspec("show", path, "--store", store, "--json").out)
    seeds = [(row["arm"], row["seed"]) for row in found["results"] if row["tier"] == "all"]
    assert seeds == [("base", 0), ("aft", 0), ("aft", 1), ("aft", "all")]
    assert {row["seeds"] for row in found["contrasts"]} == {2}


def test_the_demo_fetches_the_default_model_and_then_runs(
    monkeypatch: pytest.MonkeyPatch, tiny_model: Path, tmp_path: Path
) -> None:
    """Its stages are replaced by none: what is tested is the verb, not the experiment."""
    asked: list[str] = []

    def get(name: str, home: Path) -> Path:
        asked.append(name)
        return tiny_model

    monkeypatch.setattr(fetch, "get_model", get)
    monkeypatch.setattr(
        "midspec.cli._execute", lambda planned, store: print(planned.experiment.name)
    )
    assert midspec("demo", "--quick", "--store", tmp_path / "store").out == "cheese-quick\n"
    assert midspec("demo", "--store", tmp_path / "store").out == "cheese\n"
    assert asked == ["smollm2-135m"] * 2


def test_help_needs_no_heavy_library() -> None:
    """What takes seconds to import is imported by what needs it, so --help is at once."""
    heavy = "{'torch', 'transformers', 'peft', 'numpy', 'matplotlib', 'pydantic'}"
    code = f"import sys, midspec.cli; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_help_lists_every_verb() -> None:
    said = midspec("--help")
    for verb in ("run", "plan", "demo", "report", "show", "chat", "why", "model", "corpus"):
        assert re.search(rf"^ +{verb} ", said.out, re.M)


def test_the_stored_config_is_an_experiment_with_every_default(finished: Finished) -> None:
    config = read_json(finished.folders("report")[0] / "manifest.json")["config"]["config_yaml"]
    assert yaml.safe_load(config)["half"] == "held-out"
