"""The answers behind every number, packed for the page: all scores, and of long texts a sample."""

import gzip
import json
from base64 import b64encode
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from statistics import fmean
from typing import Any, TypeVar

from midspec.records import Score
from midspec.report.scores import Evaluations, Measured, decimals
from midspec.run.stage import Inputs

SAID = 1_200  # answers in words that the page holds of each eval; an item's forms count as one
FEWEST, MOST = 4, 60  # items that these are to
LONGEST = 3_000  # characters of a text; the store has all of it
EXAMPLES = 6  # items of each eval that are there without JavaScript, too

Row = TypeVar("Row")


@dataclass(frozen=True)
class Asked:
    """An item as it was put: the question, and the two ways to answer where there are two."""

    question: str
    wanted: str = ""
    other: str = ""


@dataclass(frozen=True)
class Said:
    """What an arm wrote, and what each scorer made of it: its name, its verdict, and why."""

    item: str
    form: str
    repeat: int
    answer: str
    verdicts: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Texts:
    """How the report reads what evals asked and what arms wrote, which it can't know by itself.

    questions: of an evaluated folder, what was asked, by item; answers: of such a folder and some
    items, what an arm wrote to them and what was asked there.
    """

    questions: Callable[[str, Path, Inputs], Mapping[str, Asked]]
    answers: Callable[[Path, Collection[str]], tuple[list[Said], Mapping[str, Asked]]]


NO_TEXTS = Texts(lambda evaluation, folder, inputs: {}, lambda folder, items: ([], {}))


@dataclass(frozen=True)
class Example:
    """An item that the page shows as it is, and the scores and margins of some arms on it."""

    item: str
    about: str
    asked: Asked
    scores: Mapping[str, tuple[float, float | None]]


@dataclass(frozen=True)
class Shelf:
    """An eval's answers: how many scores there are of how many items, the same packed, a few of
    them as they are, how many answers in words are among them, and a folder that holds them all."""

    eval: str
    items: int
    scores: int
    said: int
    packed: str
    examples: Sequence[Example]
    digits: int
    folder: str


def shelves(
    measured: Sequence[Measured],
    evaluations: Evaluations,
    contrasts: Sequence[tuple[str, str, str]],
    texts: Texts,
    inputs: Inputs,
) -> list[Shelf]:
    """A shelf for each eval, in the experiment's order."""
    evals = dict.fromkeys(one.eval for one in measured)
    return [
        _shelf(
            [one for one in measured if one.eval == name],
            {key: folder for key, folder in evaluations.items() if key[1] == name},
            [pair for evaluation, *pair in contrasts if evaluation == name],
            texts,
            inputs,
        )
        for name in evals
    ]


def _shelf(
    measures: Sequence[Measured],
    folders: Evaluations,
    pairs: Sequence[Sequence[str]],
    texts: Texts,
    inputs: Inputs,
) -> Shelf:
    main = measures[0]
    items: dict[str, Score] = {}
    for one in measures:
        for rows in one.scores.values():
            for score in rows:
                items.setdefault(score.item, score)
    most = min(MOST, max(FEWEST, SAID // max(1, len(folders))))
    told = telling(main, pairs, most)
    first = next(iter(folders.values()))
    asked = dict(texts.questions(main.eval, first, inputs))
    said: list[dict[str, Any]] = []
    places = {item: place for place, item in enumerate(items)}
    for (arm, _, seed), folder in folders.items() if not asked else []:
        found, more = texts.answers(folder, told)
        asked = {**more, **asked}
        said += [
            {
                "item": places[row.item], "arm": arm, "seed": seed, "form": row.form,
                "repeat": row.repeat, "answer": cut(row.answer),
                "verdicts": [[name, value, cut(why)] for name, value, why in row.verdicts],
            }
            for row in found
        ]  # fmt: skip
    columns = [
        _column(number, arm, seed, rows, places, folders[arm, main.eval, seed])
        for number, one in enumerate(measures)
        for (arm, seed), rows in one.scores.items()
    ]
    nothing = Asked("")
    content = {
        "items": {
            "id": list(items),
            **{key: [getattr(s, key) for s in items.values()] for key in ("domain", "tier")},
            "group": [s.group if s.group != s.item else "" for s in items.values()],
            **{
                key: [cut(getattr(asked.get(item, nothing), key)) for item in items]
                for key in ("question", "wanted", "other")
            },
        },
        "measures": [
            {"name": one.metric.name, "digits": decimals(one.reach), "change": one.metric.low < 0}
            for one in measures
        ],
        "columns": columns,
        "telling": [places[item] for item in told],
        "said": said,
    }
    return Shelf(
        eval=main.eval,
        items=len(items),
        scores=sum(len(rows) for one in measures for rows in one.scores.values()),
        said=len(said),
        packed=pack(content),
        examples=_examples(main, told[:EXAMPLES], pairs, asked, items),
        digits=decimals(main.reach),
        folder=beside(first),
    )


def beside(folder: Path) -> str:
    """A folder of the store as it is seen from the report's."""
    return f"../{folder.name}"


def cut(text: str) -> str:
    """A text as long as the page holds it, and how much more there is."""
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}… ({len(text) - LONGEST:,} more characters)"


def pack(content: object) -> str:
    """A value as JSON, compressed, in letters that no markup hides in; equal values look alike."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return b64encode(gzip.compress(text.encode("utf-8"), 6, mtime=0)).decode("ascii")


def spread(rows: Sequence[Row], most: int) -> list[Row]:
    """At most `most` rows at even distances, so that nobody picks the ones that look best."""
    step = max(1.0, len(rows) / most)
    return [rows[int(i * step)] for i in range(min(most, len(rows)))]


def telling(main: Measured, pairs: Sequence[Sequence[str]], most: int) -> list[str]:
    """At most so many items: first those on which the arms of the claims differ most, then others
    at even distances, in turn; so nobody picks what looks best, and nobody misses what decides."""
    means = {arm: _means(main, arm) for pair in pairs for arm in pair if arm in main.arms}
    gaps: dict[str, float] = {}
    for arm, against in pairs:
        ours, theirs = means.get(arm, {}), means.get(against, {})
        for item in ours.keys() & theirs.keys():
            gaps[item] = max(gaps.get(item, 0.0), abs(ours[item] - theirs[item]))
    items = list(dict.fromkeys(score.item for rows in main.scores.values() for score in rows))
    order = {item: place for place, item in enumerate(items)}
    even = spread(items, most)
    far = sorted(gaps, key=lambda item: (-gaps[item], order[item]))[:most]
    turns = [item for n in range(most) for kind in (far, even) for item in kind[n : n + 1]]
    return list(dict.fromkeys(turns))[:most]


def _means(main: Measured, arm: str) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for seed in main.seeds(arm):
        for score in main.scores[arm, seed]:
            found.setdefault(score.item, []).append(score.value)
    return {item: fmean(values) for item, values in found.items()}


def _column(
    measure: int,
    arm: str,
    seed: int,
    rows: Sequence[Score],
    places: Mapping[str, int],
    folder: Path,
) -> dict[str, Any]:
    """One arm's scores in one seed, in the order of the items; margins in thousandths of a nat."""
    values: list[float | None] = [None] * len(places)
    margins: list[int | None] = [None] * len(places)
    undecided = []
    for score in rows:
        place = places[score.item]
        values[place] = _short(score.value)
        if score.margin is not None and isfinite(score.margin):
            margins[place] = round(1000 * score.margin)
        if not score.decided:
            undecided.append(place)
    column = {"measure": measure, "arm": arm, "seed": seed, "values": values}
    return {
        **column,
        **({"margins": margins} if any(one is not None for one in margins) else {}),
        "undecided": undecided,
        "folder": beside(folder),
    }


def _short(value: float) -> float | None:
    if not isfinite(value):
        return None
    return int(value) if value == int(value) else round(value, 3)


def _examples(
    main: Measured,
    items: Sequence[str],
    pairs: Sequence[Sequence[str]],
    asked: Mapping[str, Asked],
    about: Mapping[str, Score],
) -> list[Example]:
    """Items as the page shows them without JavaScript: the claims' arms in their first seed."""
    claimed = dict.fromkeys(arm for pair in pairs for arm in pair if arm in main.arms)
    arms = [arm for arm in main.arms if arm in claimed] or main.arms[:EXAMPLES]
    by_arm = {
        arm: {score.item: score for score in main.scores[arm, main.seeds(arm)[0]]} for arm in arms
    }
    return [
        Example(
            item,
            " · ".join(filter(None, (about[item].domain, about[item].tier))),
            asked.get(item, Asked("")),
            {
                arm: (found[item].value, found[item].margin)
                for arm, found in by_arm.items()
                if item in found
            },
        )
        for item in items
    ]
