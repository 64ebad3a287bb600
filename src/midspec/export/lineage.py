"""Where an arm comes from: base model, specs, data, training and scores, as a store knows it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

from midspec import __version__
from midspec.arms import model_of
from midspec.experiment import Plan
from midspec.files import read_json, read_rows
from midspec.records import Metric, Score
from midspec.reported import untrained_arm
from midspec.run.build import ordered
from midspec.run.remote import bring
from midspec.run.stage import Source, Stage
from midspec.stats.intervals import group_table, rate
from midspec.train.fetch import ALIASES

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class Base:
    """The base model: its name, its id on the Hub if it is there, which files it came from, the
    sha256 of its folder, and its licence by the Hub's word for it. What isn't known is ""."""

    name: str
    hub_id: str
    origin: str
    digest: str
    license: str


@dataclass(frozen=True)
class Made:
    """A stage that an arm rests on, as its manifest tells it; where that is gone, its recipe alone.

    sources: the sha256 of each input from outside the store.
    """

    title: str
    stage: str
    fingerprint: str
    config: dict[str, Any]
    inputs: dict[str, str]
    sources: dict[str, str] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)
    commit: str | None = None

    @property
    def trains(self) -> bool:
        """Whether it trained the model."""
        return "loop" in self.config


@dataclass(frozen=True)
class Told:
    """A score of the arm: its mean over n items with a 95% interval, and that of the base model."""

    eval: str
    metric: str
    role: str
    mean: float
    low: float | None
    high: float | None
    n: int
    base: float | None


@dataclass(frozen=True)
class Lineage:
    """All that a model card is written from; `prompt` is the spec that stood in the system prompt
    when the arm was scored, `thinking` whether it was fine-tuned to think before it answers."""

    experiment: str
    arm: str
    seed: int
    base: Base
    stages: list[Made]
    scores: list[Told]
    prompt: str
    thinking: bool
    midspec: str = __version__


def find_lineage(planned: Plan, arm: str, seed: int, store: Path) -> Lineage:
    """The lineage of a trained arm; its names are the experiment's, never paths of this machine."""
    trained, asked = planned.arms[arm, seed], planned.asked[arm, seed]
    assert trained and asked.base
    chain = ordered([trained])
    model = model_of(planned.experiment.arms[arm])
    untrained = untrained_arm(planned.experiment, model)
    scored = [
        one
        for (name, _, of), one in planned.evals.items()
        if name == untrained or (name, of) == (arm, seed)
    ]
    bring([*chain, *scored], store)
    beside = _means(planned, untrained, store) if untrained is not None else {}
    return Lineage(
        experiment=planned.experiment.name,
        arm=arm,
        seed=seed,
        base=describe_base(asked.base, model or planned.experiment.model),
        stages=[describe_stage(stage, store, seed) for stage in chain],
        scores=[
            Told(name, metric.name, metric.role, *found, beside.get((name, metric.measure)))
            for (name, metric), found in _scores(planned, arm, seed, store)
        ],
        prompt=asked.prompt.title.removeprefix("spec ") if asked.prompt else "",
        thinking=asked.thinking,
    )


def hub_id(model: str) -> str:
    """The Hub id of an experiment's model; "" for a folder."""
    if model in ALIASES:
        return ALIASES[model].hub_id
    return model if HUB_ID.fullmatch(model) and not Path(model).is_dir() else ""


def describe_base(base: Source, model: str) -> Base:
    """A base model and where its files came from, as its folder tells it."""
    known, folder = hub_id(model), base.location
    origin = f"{known}@{folder.name}" if known and folder.parent.name == "snapshots" else ""
    if (folder / "midspec.json").exists():
        origin = str(read_json(folder / "midspec.json").get("origin", ""))
    alias = ALIASES.get(model)
    license = alias.license if alias else _license(folder)
    return Base(base.name, known, origin, base.digest, license)


def _license(folder: Path) -> str:
    """The licence in the front matter of a model folder's own card, if it has one."""
    card = folder / "README.md"
    text = card.read_text(encoding="utf-8", errors="replace") if card.is_file() else ""
    front = re.match(r"---\n(.*?)\n---", text, re.DOTALL)
    found = re.search(r"^license:\s*([\w.-]+)\s*$", front[1], re.MULTILINE) if front else None
    return found[1] if found else ""


def describe_stage(stage: Stage, store: Path, seed: int = 0) -> Made:
    """A stage of a store; of one that isn't there, what its recipe says."""
    manifest = read_json(stage.path(store) / "manifest.json") if stage.done(store) else {}
    title = stage.title.removesuffix(f", seed {seed}")
    return made_by({**stage.recipe, **manifest, "title": title}, stage.fingerprint())


def made_by(manifest: dict[str, Any], fingerprint: str) -> Made:
    """A stage as its manifest, or else its recipe, tells it."""
    kept = ("title", "stage", "config", "inputs", "sources", "summary", "packages", "commit")
    return Made(fingerprint=fingerprint, **{key: manifest[key] for key in kept if key in manifest})


def _scores(
    planned: Plan, arm: str, seed: int, store: Path
) -> Iterator[tuple[tuple[str, Metric], tuple[float, float | None, float | None, int]]]:
    """What the experiment's evals say of an arm, by eval and metric, where they are done; no
    interval where there is one item."""
    for name in planned.experiment.evals:
        stage = planned.evals[arm, name, seed]
        if not stage.done(store):
            continue
        folder = stage.path(store)
        scores = read_rows(folder / "scores.jsonl", Score)
        for metric in read_rows(folder / "metrics.jsonl", Metric):
            own = [score for score in scores if score.measure == metric.measure]
            if not own:
                continue
            groups = [score.group or score.item for score in own]
            values = [score.value for score in own]
            table = group_table([(values, groups)], list(dict.fromkeys(groups)))
            found = rate(table, metric.low, metric.high)
            low, high = (end if isfinite(end) else None for end in (found.low, found.high))
            yield (_public(name), metric), (found.mean, low, high, len(own))


def _means(planned: Plan, arm: str, store: Path) -> dict[tuple[str, str], float]:
    seed = next(seed for name, seed in planned.arms if name == arm)
    found = _scores(planned, arm, seed, store)
    return {(name, metric.measure): mean for (name, metric), (mean, *_) in found}


def _public(name: str) -> str:
    """An eval's name; of a file that it asks about its name, never its path."""
    kind, _, rest = name.partition("/")
    return f"{kind}/{Path(rest).name}" if rest else kind
