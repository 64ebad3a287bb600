"""Runs as they lie in a store, with scores that a test chooses."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

from midspec.records import Metric, Score
from midspec.report.scores import read_measured
from midspec.report.tables import as_json, contrasts, results
from tests.tiny import write_jsonl

EVAL = "preference/old.jsonl"
RATE = Metric("value-aligned rate", better="")
Values = Mapping[str, Mapping[int, Sequence[float]]]  # by arm and seed, a score for each item
ASKED: dict[str, Any] = {
    "eval": EVAL,
    "half": "held-out",
    "max_items": None,
    "version": 2,
    "items": "11112222aaaa",
    "about": "",
    "identity": [],
    "metric": RATE,
    "judge": None,
    "first": 0,
}


def write_run(
    store: Path,
    name: str,
    values: Values,
    models: Mapping[str, str] | None = None,
    settings: Mapping[str, Any] | None = None,
    wanted: Sequence[tuple[str, str, str]] = (),
    **asked: Any,
) -> Path:
    """A finished run; returns its report's folder. models: what an arm's training is known by, its
    own name and its run's where it isn't said, "" for none. `asked` changes how the eval is
    asked."""
    how = {**ASKED, **asked}
    models = models or {}
    folders, inputs = {}, {}
    for arm, seeds in values.items():
        for seed, scores in seeds.items():
            trained = models.get(arm, f"{name}/{arm}")
            folder = _write_eval(store, how, scores, f"{trained}/{seed}" if trained else "")
            folders[arm, how["eval"], seed] = folder
            inputs[f"eval/{arm}/{how['eval']}/{seed}"] = folder.name.rpartition("-")[2]
    told = {
        "name": name,
        "evals": [how["eval"]],
        "seeds": sorted({seed for seeds in values.values() for seed in seeds}),
        "contrasts": [{"eval": e, "arm": a, "against": [b]} for e, a, b in wanted],
        **(settings or {}),
    }
    config = {
        "name": name,
        "arms": list(values),
        "base": "base",
        "half": how["half"],
        "contrasts": [list(row) for row in wanted],
        "corpora_of": {},
        "values_of": {},
        "config_yaml": yaml.safe_dump(told, sort_keys=False),
    }
    report = _folder(store, "report", {"config": config, "inputs": inputs})
    measured = read_measured(folders, how["half"])
    rows: dict[str, Any] = {
        "metrics": [{"eval": one.eval, **asdict(one.metric)} for one in measured],
        "results": results(measured, {}, {}),
        "contrasts": contrasts(measured, wanted, {}),
        "guardrails": [],
        "power": [],
    }
    (report / "results.json").write_text(json.dumps(as_json(rows, 1.0)))
    return report


def _write_eval(store: Path, how: dict[str, Any], values: Sequence[float], trained: str) -> Path:
    config = {key: how[key] for key in ("eval", "half", "max_items", "identity")}
    inputs = {"base": "basebasebase", "trained": trained, "items": how["items"]}
    inputs |= {"about": how["about"]} if how["about"] else {}
    recipe = {
        "config": config | ({"judge": {"model": how["judge"]}} if how["judge"] else {}),
        "inputs": {key: value for key, value in inputs.items() if value},
        "version": how["version"],
        "values": list(values),
        "first": how["first"],
    }
    folder = _folder(store, "choices", recipe)
    metrics = [asdict(how["metric"])]
    write_jsonl(folder / "metrics.jsonl", metrics)
    score = Score("", "pets", "", how["half"], 0.0)
    rows = [replace(score, item=f"i{how['first'] + n}", value=v) for n, v in enumerate(values)]
    write_jsonl(folder / "scores.jsonl", [asdict(row) for row in rows])
    return folder


def _folder(store: Path, stage: str, recipe: Mapping[str, Any]) -> Path:
    fingerprint = sha256(json.dumps(recipe, sort_keys=True, default=str).encode()).hexdigest()[:12]
    folder = store / f"{stage}-{fingerprint}"
    folder.mkdir(parents=True, exist_ok=True)
    packages = {"midspec": "0.1.0", "torch": "2.13.0+cpu"}
    manifest = {"stage": stage, "title": stage, "version": 2, "packages": packages, **recipe}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder
