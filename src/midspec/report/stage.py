"""The report as a stage: finished folders of every other stage in, one page and its numbers out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from midspec.errors import DataError
from midspec.files import read_dicts, read_json, read_rows, write_json, write_text
from midspec.pages.html import count
from midspec.records import Chat, Document, Score
from midspec.report.figures import difference_figure, rate_figure
from midspec.report.page import (
    Answers,
    Corpus,
    Demonstrations,
    Report,
    Training,
    headline,
    number,
    pooled,
    render,
)
from midspec.report.tables import ALL, Difference, Result, as_json, contrasts, results
from midspec.run.stage import Inputs, Summary
from midspec.stats import Estimate, detectable_difference

SAMPLES = 6  # rows shown of each corpus and set of demonstrations: enough to judge, quick to load
PROMPTS = 8
DECIDED_FLOOR = 0.5  # below it, the order of the options picks more answers than their content

Row = TypeVar("Row")
Evaluations = Mapping[tuple[str, str, int], Path]  # by arm, eval, seed


@dataclass(frozen=True)
class ReportConfig:
    """What to report: arms in the order to show them, and the paired differences of the claim.

    `contrasts` are (eval, arm, against); `corpora_of` names the arms that carry an eval's value;
    `half` is the half of the items that counts, or `all`; `command` is what makes it all again.
    """

    name: str
    arms: tuple[str, ...]
    contrasts: tuple[tuple[str, str, str], ...]
    config_yaml: str
    half: str
    corpora_of: Mapping[str, Sequence[str]]
    command: str


def report_stage(config: ReportConfig, inputs: Inputs, out: Path) -> Summary:
    """Write `report.html` for people and `results.json` for programs.

    Inputs are named `eval/<arm>/<eval>/<seed>`, `corpus/<name>`, `demos/<name>` and
    `train/<title>`. An input or a contrast that doesn't fit the experiment is a DataError.
    """
    evaluations = _evaluations(inputs, config.arms)
    scores = {
        key: _scores(folder / "scores.jsonl", config.half) for key, folder in evaluations.items()
    }
    for evaluation, arm, against in config.contrasts:
        for needed in (arm, against):
            if not any(key[:2] == (needed, evaluation) for key in evaluations):
                raise DataError(
                    f"The report compares {arm} with {against} on {evaluation}, but {needed} was "
                    "not evaluated on it. Add the arm and the eval to the experiment, or leave "
                    "this comparison out."
                )
    rows, differences = results(scores), contrasts(scores, config.contrasts)
    manifests = [read_json(folder / "manifest.json") for folder in dict.fromkeys(inputs.values())]
    seconds = sum(float(manifest["seconds"]) for manifest in manifests)
    corpora = [_corpus(name, folder) for name, folder in _named(inputs, "corpus")]
    training = [_training(name, folder) for name, folder in _named(inputs, "train")]
    report = Report(
        name=config.name,
        arms=config.arms,
        headline=headline(differences),
        results=rows,
        contrasts=differences,
        rate_figures=[
            rate_figure(rows, evaluation, config.arms, config.corpora_of.get(evaluation, ()))
            for evaluation in dict.fromkeys(row.eval for row in rows)
        ],
        difference_figure=difference_figure(differences) if differences else "",
        corpora=corpora,
        demos=[_demonstrations(name, folder) for name, folder in _named(inputs, "demos")],
        answers=_answers(evaluations),
        training=training,
        config_yaml=config.config_yaml,
        seconds=seconds,
        cost=sum(float((manifest["summary"] or {}).get("cost") or 0.0) for manifest in manifests),
        commands=config.command.splitlines(),
        notes=[*_notes(config.half, rows, corpora, training), *_tier_notes(differences)],
        power=_power(differences),
        carriers=config.corpora_of,
    )
    write_text(out / "report.html", render(report))
    write_json(out / "results.json", as_json(rows, differences, seconds))
    return {"rows": len(rows)}


def _evaluations(inputs: Inputs, arms: Sequence[str]) -> Evaluations:
    """The evaluated folders by the experiment's order; both an arm and an eval may hold slashes."""
    found = {}
    for key, folder in inputs.items():
        kind, _, rest = key.partition("/")
        if kind != "eval":
            continue
        arm = max((a for a in arms if rest.startswith(f"{a}/")), key=len, default=None)
        evaluation, _, seed = rest.removeprefix(f"{arm}/").rpartition("/")
        if arm is None or not evaluation or not seed.isdecimal():
            raise DataError(
                f"The report's input {key!r} is not eval/<arm>/<eval>/<seed> with an arm of the "
                f"experiment ({', '.join(arms)})."
            )
        found[arm, evaluation, int(seed)] = folder
    evals = list(dict.fromkeys(evaluation for _, evaluation, _ in found))
    order = {key: (arms.index(key[0]), evals.index(key[1]), key[2]) for key in found}
    return {key: found[key] for key in sorted(found, key=order.__getitem__)}


def _named(inputs: Inputs, kind: str) -> list[tuple[str, Path]]:
    """The inputs of one kind, each with its own name."""
    prefix = f"{kind}/"
    return [
        (key.removeprefix(prefix), folder)
        for key, folder in inputs.items()
        if key.startswith(prefix)
    ]


def _scores(path: Path, half: str) -> list[Score]:
    chosen = [score for score in read_rows(path, Score) if half in (ALL, score.half)]
    if not chosen:
        raise DataError(f"{path} holds no item of the {half} half, so there is nothing to report.")
    return chosen


def _corpus(name: str, folder: Path) -> Corpus:
    documents = read_rows(folder / "documents.jsonl", Document)
    aside = read_dicts(folder / "set_aside.jsonl")
    return Corpus(
        name=name,
        documents=len(documents),
        tokens=sum(document.tokens for document in documents),
        set_aside=len(aside),
        reasons=dict(Counter(str(row["reason"]) for row in aside if "reason" in row).most_common()),
        diversity=read_json(folder / "diversity.json"),
        samples=_spread(documents, SAMPLES),
    )


def _demonstrations(name: str, folder: Path) -> Demonstrations:
    chats = read_rows(folder / "chats.jsonl", Chat)
    return Demonstrations(name, len(chats), _spread(chats, SAMPLES))


def _training(name: str, folder: Path) -> Training:
    manifest = read_json(folder / "manifest.json")
    summary: dict[str, Any] = manifest["summary"]
    return Training(
        title=manifest["title"] or name,
        updates=summary["updates"],
        tokens=summary["tokens"],
        first_loss=summary["first_loss"],
        last_loss=summary["last_loss"],
        seconds=summary["seconds"],
    )


def _answers(evaluations: Evaluations) -> list[Answers]:
    """Each prompt's answers by arm, from the first seed that has one; prompts as first met."""
    by_prompt: dict[str, dict[str, str]] = {}
    for (arm, _, _), folder in evaluations.items():
        path = folder / "samples.jsonl"
        for row in read_dicts(path) if path.exists() else []:
            by_prompt.setdefault(row["prompt"], {}).setdefault(arm, row["answer"])
    return _spread([Answers(prompt, arms) for prompt, arms in by_prompt.items()], PROMPTS)


def _spread(rows: Sequence[Row], most: int) -> list[Row]:
    """At most `most` rows at even distances, so that nobody picks the ones that look best."""
    step = max(1.0, len(rows) / most)
    return [rows[int(i * step)] for i in range(min(most, len(rows)))]


def _power(differences: Sequence[Difference]) -> str:
    """What the least certain comparison could have shown, without which a null can't be read."""
    rows = [row for row in differences if row.tier == ALL]
    if not rows:
        return ""
    widest = max(rows, key=lambda row: row.high - row.low)
    least = detectable_difference(Estimate(widest.difference, widest.low, widest.high))
    return (
        f"With {count(widest.n, 'item')} and {count(widest.seeds, 'seed')}, a true difference of "
        f"{number(least)} would be shown four times out of five; a smaller one may well be missed."
    )


def _tier_notes(differences: Sequence[Difference]) -> list[str]:
    """The tiers that don't carry the claim: a pooled rate can hide that one is a null."""
    notes = []
    for tier in dict.fromkeys(row.tier for row in differences if row.tier != ALL):
        rows = [row for row in differences if row.tier == tier]
        above = sum(row.above_zero for row in rows)
        if above < len(rows):
            notes.append(
                f"On the {tier} items alone, {above} of {len(rows)} paired differences are above "
                "zero: what is shown on all tiers together is not shown there."
            )
    return notes


def _notes(
    half: str, rows: Sequence[Result], corpora: Sequence[Corpus], training: Sequence[Training]
) -> list[str]:
    """What a reader should hold against the numbers."""
    notes = [
        {
            "held-out": "Rates are over the held-out half of the items; recipes were tuned on the "
            "development half only.",
            "development": "Rates are over the development half of the items, on which recipes "
            "are tuned: they are no evidence of how the arms do on new items.",
        }.get(half, "Rates are over all items, also those on which recipes were tuned.")
    ]
    trained = {row.seed for row in rows if row.seed != ALL}
    if len(trained) < 2:
        notes.append(
            "There is one seed: the intervals say how the items vary, and nothing of how another "
            "training run would have come out."
        )
    else:
        notes.append(
            f"The intervals resample items and {count(len(trained), 'seed')}; so few seeds say "
            "little of how training runs vary. An arm that isn't trained is asked once."
        )
    if corpora and all(d.teacher == "offline" for c in corpora for d in c.samples):
        notes.append(
            "The offline teacher wrote the corpora by filling templates; documents that an LLM "
            "writes are more varied."
        )
    weak = [row for row in pooled(rows) if row.tier == ALL and row.decided < DECIDED_FLOOR]
    notes += [
        f"On {row.eval}, {row.arm} decided only {number(row.decided)} of the items: on the rest "
        "it chose by the order of the options, which pulls its rate towards 0.50."
        for row in weak
    ]
    notes += [
        f"{stage.title}: the loss did not fall ({number(stage.first_loss)} to "
        f"{number(stage.last_loss)}), so this stage taught nothing that its loss can show."
        for stage in training
        if not stage.last_loss < stage.first_loss
    ]
    return notes
