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
    read = {
        name: {kind: _table(folders, seeds, kind, items) for kind in (MARGIN, RATE)}
        for name, folders in without.items()
    }
    drawn = [
        {kind: _table(folders, seeds, kind, items) for kind in (MARGIN, RATE)}
        for folders in controls
    ]
    mean = {kind: np.mean([one[kind] for one in drawn], axis=0) for kind in (MARGIN, RATE)}
    shared = [seed for seed in seeds if seed in whole]
    shorter: dict[str, Estimate] = {}
    for kind, table in mean.items() if shared else ():
        rows = [seeds.index(seed) for seed in shared]
        shorter[kind] = difference(_table(whole, shared, kind, items) - table[rows])
    return Effects(
        {
            name: {kind: difference(mean[kind] - tables[kind]) for kind in (MARGIN, RATE)}
            for name, tables in read.items()
        },
        {
            name: {kind: list((mean[kind] - tables[kind]).mean(1)) for kind in (MARGIN, RATE)}
            for name, tables in read.items()
        },
        [_against_others(drawn, n) for n in range(len(drawn))] if len(drawn) > 1 else [],
        shorter,
    )


def _against_others(drawn: Sequence[Mapping[str, Table]], own: int) -> dict[str, Estimate]:
    others = [tables for n, tables in enumerate(drawn) if n != own]
    return {
        kind: difference(np.mean([o[kind] for o in others], axis=0) - drawn[own][kind])
        for kind in (MARGIN, RATE)
    }


def _main(folder: Path) -> list[Score]:
    return [score for score in read_rows(folder / "scores.jsonl", Score) if not score.measure]


def _items(folder: Path) -> list[str]:
    return list(dict.fromkeys(score.group or score.item for score in _main(folder)))


def _table(folders: Folders, seeds: Sequence[int], kind: str, items: Sequence[str]) -> Table:
    """An arm's scores, seeds × items, or what hangs together in their place."""
    by_seed = []
    for seed in seeds:
        scores = _main(folders[seed])
        names = [score.group or score.item for score in scores]
        if set(names) != set(items) or any(score.margin is None for score in scores):
            raise DataError(
                f"{folders[seed]} was asked other items than the controls, or has no margins. Run "
                "all arms of the comparison on one eval by likelihood, with the same half."
            )
        values = [score.value if kind == RATE else float(score.margin or 0.0) for score in scores]
        by_seed.append((values, names))
    return group_table(by_seed, items)
