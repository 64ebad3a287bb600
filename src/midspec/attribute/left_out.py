"""What leaving a group of documents out did: the controls' scores less those of the arm without."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from midspec.errors import DataError
from midspec.files import read_rows
from midspec.records import Score
from midspec.stats.intervals import Estimate, Table, difference, group_table

Folders = Mapping[int, Path]  # an arm's scored folders by seed
MARGIN, RATE = "margin", "rate"
KINDS = (MARGIN, RATE)


@dataclass(frozen=True)
class Effects:
    """How much lower the scores are without each group, seeds × groups of items, and as means with
    intervals. controls: how much lower each control is than the others."""

    lost: Mapping[str, Mapping[str, Estimate]]  # by group, then of margin and rate
    by_seed: Mapping[str, Mapping[str, Sequence[float]]]
    controls: Sequence[Mapping[str, Estimate]]
    shorter: Mapping[str, Estimate]  # the whole corpus less the controls


def effects(without: Mapping[str, Folders], controls: Sequence[Folders], whole: Folders) -> Effects:
    """The paired differences; arms that were asked different items are a DataError."""
    seeds = sorted(set.intersection(*(set(f) for f in (*without.values(), *controls))))
    if not seeds:
        raise DataError("The leave-out arms have no seed in common. Run the experiment to its end.")
    items = _items(next(iter(controls[0].values())))
    drawn = [_tables(folders, seeds, items) for folders in controls]
    mean = {kind: np.mean([one[kind] for one in drawn], axis=0) for kind in KINDS}
    lost = {}
    for name, folders in without.items():
        tables = _tables(folders, seeds, items)
        lost[name] = {kind: mean[kind] - tables[kind] for kind in KINDS}
    shared = [seed for seed in seeds if seed in whole]
    shorter: dict[str, Estimate] = {}
    if shared:
        rows = [seeds.index(seed) for seed in shared]
        tables = _tables(whole, shared, items)
        shorter = _differences({kind: tables[kind] - mean[kind][rows] for kind in KINDS})
    return Effects(
        {name: _differences(own) for name, own in lost.items()},
        {name: {kind: list(own[kind].mean(1)) for kind in KINDS} for name, own in lost.items()},
        [_against_others(drawn, n) for n in range(len(drawn))] if len(drawn) > 1 else [],
        shorter,
    )


def _against_others(drawn: Sequence[Mapping[str, Table]], own: int) -> dict[str, Estimate]:
    others = [tables for n, tables in enumerate(drawn) if n != own]
    return _differences(
        {kind: np.mean([o[kind] for o in others], axis=0) - drawn[own][kind] for kind in KINDS}
    )


def _differences(lost: Mapping[str, Table]) -> dict[str, Estimate]:
    """Of margins, and of rates, none of which can differ by more than 1."""
    return {MARGIN: difference(lost[MARGIN]), RATE: difference(lost[RATE], reach=1.0)}


def _main(folder: Path) -> list[Score]:
    return [score for score in read_rows(folder / "scores.jsonl", Score) if not score.measure]


def _items(folder: Path) -> list[str]:
    return list(dict.fromkeys(score.group or score.item for score in _main(folder)))


def _tables(folders: Folders, seeds: Sequence[int], items: Sequence[str]) -> dict[str, Table]:
    """An arm's margins and rates, seeds × items, or what hangs together in their place."""
    margins, rates = [], []
    for seed in seeds:
        scores = _main(folders[seed])
        names = [score.group or score.item for score in scores]
        if set(names) != set(items) or any(score.margin is None for score in scores):
            raise DataError(
                f"{folders[seed]} was asked other items than the controls, or has no margins. Run "
                "all arms of the comparison on one eval by likelihood, with the same half."
            )
        margins.append(([float(score.margin or 0.0) for score in scores], names))
        rates.append(([score.value for score in scores], names))
    return {MARGIN: group_table(margins, items), RATE: group_table(rates, items)}
