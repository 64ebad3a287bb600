"""A finished run as it is compared: its settings, its arms, and the answers to every item if they
are still here."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

from midspec.errors import ConfigError
from midspec.files import read_json
from midspec.records import Metric
from midspec.report.guardrails import Beside, beside
from midspec.report.scores import ALL, Measured, read_measured
from midspec.report.stage import evaluations_of
from midspec.report.tables import (
    Difference,
    Result,
    Unreadable,
    contrasts,
    from_json,
    pooled,
    results,
    unreadable,
)
from midspec.run.stage import MANIFEST

RESULTS = "results.json"
WHO = ("base", "trained", "spec")  # of an eval's inputs, those that are the arm and not the eval
Folders = Mapping[str, Path]  # of a report's inputs, by their names: eval/<arm>/<eval>/<seed>


@dataclass(frozen=True)
class Run:
    """One run by a label that no other has here.

    config: its report's, with all that the report was told of the arms. folders: the inputs of its
    report that are here. told: what its results.json says, where the answers to each item are gone.
    made: what made it.
    """

    label: str
    place: str
    arms: tuple[str, ...]
    config: Mapping[str, Any] = field(default_factory=dict)
    folders: Folders = field(default_factory=dict)
    told: Mapping[str, Any] = field(default_factory=dict)
    made: str = ""

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        """Its experiment file with every default; nothing where only results are here."""
        found = yaml.safe_load(self.config.get("config_yaml", ""))
        return found if isinstance(found, dict) else {}

    @cached_property
    def evaluations(self) -> dict[tuple[str, str, int], Path]:
        """The evaluated folders by arm, eval and seed."""
        found = evaluations_of(self.folders, self.arms)
        listed = {name: place for place, name in enumerate(self.settings.get("evals") or [])}
        return {key: found[key] for key in sorted(found, key=lambda key: listed.get(key[1], 0))}

    @cached_property
    def models(self) -> dict[str, dict[int, tuple[str, ...]]]:
        """Who each arm is, by seed: the fingerprints of its base model, training and prompt."""
        found: dict[str, dict[int, tuple[str, ...]]] = {}
        for (arm, _, seed), folder in self.evaluations.items():
            if seed not in (by_seed := found.setdefault(arm, {})):
                by_seed[seed] = tuple(answering(folder)["inputs"].get(key, "") for key in WHO)
        return found

    @cached_property
    def measured(self) -> list[Measured]:
        """The scores of every item; nothing where only results are here."""
        return read_measured(self.evaluations, self.config.get("half", ALL))

    @cached_property
    def blind(self) -> Unreadable:
        """The arms whose results on an eval can't be read, and why."""
        if self.measured:
            return unreadable(self.measured)
        return {(row.arm, row.eval): "not readable" for row in self.results if not row.readable}

    @cached_property
    def metrics(self) -> dict[tuple[str, str], Metric]:
        """What the measures of its evals mean, by eval and measure."""
        if self.measured:
            return {one.key: one.metric for one in self.measured}
        return {
            (row["eval"], row["measure"]): from_json(Metric, row)
            for row in self.told.get("metrics", [])
        }

    @cached_property
    def results(self) -> list[Result]:
        """Its results over all tiers and seeds, a row for each arm and measure."""
        rows = [from_json(Result, row) for row in self.told.get("results", [])]
        if self.measured:
            rows = results(self.measured, {}, unreadable(self.measured))
        return pooled([row for row in rows if row.tier == ALL])

    @cached_property
    def contrasts(self) -> list[Difference]:
        """The paired differences that its experiment asks for, over all tiers."""
        rows = [from_json(Difference, row) for row in self.told.get("contrasts", [])]
        if self.measured:
            wanted = [tuple(row) for row in self.config["contrasts"]]
            rows = contrasts(self.measured, wanted, self.blind)
        return [row for row in rows if row.claim]

    @cached_property
    def guardrails(self) -> list[Beside]:
        """What stands beside its results, a row for each arm and guardrail."""
        if not self.measured:
            return [from_json(Beside, row) for row in self.told.get("guardrails", [])]
        others = dict(map(tuple, self.config.get("bases", ())))
        bases = {arm: others.get(arm, self.config.get("base", "")) for arm in self.arms}
        values, carriers = self.config.get("values_of", {}), self.config["corpora_of"]
        return beside(self.measured, self.arms, bases, values, carriers, self.blind)

    @cached_property
    def evals(self) -> list[str]:
        """The evals that it has results of."""
        return list(dict.fromkeys(evaluation for evaluation, _ in self.metrics))


def of_recipe(
    place: str, config: Mapping[str, Any], folders: Folders, made: str = "", told: Any = None
) -> Run:
    """A run from its report's recipe."""
    return Run(config["name"], place, tuple(config["arms"]), config, folders, told or {}, made)


def read_run(path: Path) -> Run:
    """A run from its report's folder, its results.json, or a store that holds one report; anything
    else is a ConfigError."""
    if path.is_file() and path.suffix == ".json":
        folder = path.parent
        if (folder / MANIFEST).exists() and path.name == RESULTS:
            return _of_report(folder)
        return _of_results(path)
    if (path / MANIFEST).exists():
        return _of_report(path)
    reports = sorted(path.glob(f"report-*/{MANIFEST}")) if path.is_dir() else []
    if len(reports) == 1:
        return _of_report(reports[0].parent)
    if reports:
        named = ", ".join(f"{one.parent} ({_name_of(one)})" for one in reports)
        raise ConfigError(f"{path} holds {len(reports)} reports. Name one: {named}.")
    raise ConfigError(
        f"{path} is no run. Name an experiment file (.yaml), a report's folder (store/report-…) or "
        "its results.json."
    )


def _of_report(folder: Path) -> Run:
    told = read_json(folder / MANIFEST)
    if not isinstance(told, dict) or told.get("stage") != "report":
        raise ConfigError(
            f"{folder} is the folder of a {_stage(told)}, no report. Name store/report-…."
        )
    found = _siblings(folder)
    folders = {
        key: found[fingerprint]
        for key, fingerprint in told["inputs"].items()
        if fingerprint in found
    }
    results = read_json(folder / RESULTS)
    evals = [key for key in told["inputs"] if key.startswith("eval/")]
    if not all(key in folders for key in evals):
        folders = {key: at for key, at in folders.items() if not key.startswith("eval/")}
    place = "/".join(folder.resolve().parts[-2:])  # no path of this machine in a page
    return of_recipe(place, told["config"], folders, made_by(told), results)


def _of_results(path: Path) -> Run:
    """Results alone: values and intervals, and no settings."""
    found = read_json(path)
    keys = ("metrics", "results", "contrasts", "guardrails")
    if not isinstance(found, dict) or not all(isinstance(found.get(key), list) for key in keys):
        raise ConfigError(f"{path} is no results.json of a report: it lacks {', '.join(keys)}.")
    for key, kind in (("metrics", Metric), ("results", Result), ("contrasts", Difference)):
        needed = {"eval", "measure", *(f.name for f in fields(kind) if f.default is MISSING)}
        if not all(isinstance(row, dict) and needed <= row.keys() for row in found[key]):
            raise ConfigError(f"{path} is no results.json of a report: its {key} are others.")
    arms = tuple(dict.fromkeys(row["arm"] for row in found["results"]))
    return Run(path.resolve().parent.name, path.name, arms, told=found)


@cache
def manifest(folder: Path) -> Any:
    """The manifest of a finished stage."""
    return read_json(folder / MANIFEST)


@cache
def answering(folder: Path) -> Any:
    """The manifest of the stage in which an arm answered: of a judged eval the one before."""
    before = manifest(folder)["inputs"].get("answers")
    place = next(folder.parent.glob(f"*-{before}"), None) if before else None
    return manifest(place or folder)


def _siblings(folder: Path) -> dict[str, Path]:
    """The finished stages of the store in which a report lies, by fingerprint."""
    store = folder.resolve().parent
    return {at.parent.name.rpartition("-")[2]: at.parent for at in store.glob(f"*/{MANIFEST}")}


def made_by(told: Mapping[str, Any]) -> str:
    """Which midspec made a stage, and on which torch, by its manifest."""
    packages, commit = told.get("packages") or {}, told.get("commit")
    made = f"midspec {packages.get('midspec', '?')}" + (f" ({commit})" if commit else "")
    return f"{made}, torch {packages['torch']}" if "torch" in packages else made


def named_apart(runs: Sequence[Run]) -> list[Run]:
    """The runs with labels that tell them apart: their names, with a number where two are alike."""
    names = [run.label for run in runs]
    seen: dict[str, int] = {}
    found = []
    for run in runs:
        seen[run.label] = seen.get(run.label, 0) + 1
        label = run.label if names.count(run.label) == 1 else f"{run.label} ({seen[run.label]})"
        found.append(replace(run, label=label))
    return found


def _stage(told: Any) -> str:
    return str(told.get("title") or told.get("stage")) if isinstance(told, dict) else "something"


def _name_of(path: Path) -> str:
    return str(read_json(path).get("config", {}).get("name", "?"))
