"""Runs side by side: an eval's values of every arm in every run, and the differences."""

from collections.abc import Sequence
from dataclasses import dataclass

from midspec.compare.between import Between, between
from midspec.compare.match import match_arms
from midspec.compare.run import Run
from midspec.compare.settings import Setting, settings_apart, sources_apart
from midspec.errors import ConfigError
from midspec.records import Metric
from midspec.report.tables import Difference, Result
from midspec.stats.intervals import Estimate

Row = tuple[tuple[str | None, ...], tuple[bool, ...]]  # an arm's names, and where it is the same


@dataclass(frozen=True)
class Line:
    """An arm in every run: its name there, or None; whether it is the first run's very model; its
    result; and its difference from the first run's."""

    arms: tuple[str | None, ...]
    same: tuple[bool, ...]
    results: tuple[Result | None, ...]
    differences: tuple[Difference | None, ...]

    @property
    def arm(self) -> str:
        """Its name in the first run that has it."""
        return next(arm for arm in self.arms if arm)


@dataclass(frozen=True)
class Table:
    """One measure of an eval."""

    eval: str
    measure: str
    metric: Metric
    lines: Sequence[Line]


@dataclass(frozen=True)
class Claim:
    """A comparison within runs: what it found in each, how much the others' differ from the
    first's, and where it is one of the very same models."""

    eval: str
    arm: str
    against: str
    found: tuple[Difference | None, ...]
    changed: tuple[Estimate | None, ...]
    same: tuple[bool, ...]


@dataclass(frozen=True)
class Comparison:
    """All that is said of some runs; the first is what the others are compared with."""

    runs: Sequence[Run]
    settings: Sequence[Setting]
    sources: Sequence[str]
    tables: Sequence[Table]
    claims: Sequence[Claim]
    between: Sequence[Between]

    @property
    def notes(self) -> list[str]:
        """What isn't comparable, and what the rest rests on."""
        first, *others = self.runs
        lines = []
        for found, other in zip(self.between, others, strict=True):
            for name, why in found.apart.items():
                lines.append(
                    f"{name}: {other.label} and {first.label} can't be compared item by item: "
                    f"{why}."
                )
            lines += found.notes
            if not found.pairs:
                lines.append(f"{other.label} has no arm that {first.label} has.")
            if not set(first.evals) & set(other.evals):
                lines.append(f"{other.label} has no eval that {first.label} has.")
        return list(dict.fromkeys(lines))


def compare(runs: Sequence[Run]) -> Comparison:
    """Runs side by side; one alone is a ConfigError."""
    if len(runs) < 2:
        raise ConfigError("midspec compare takes two runs or more. Name another.")
    first, *others = runs
    found = [between(first, other, match_arms(first, other)) for other in others]
    rows = _rows(runs, found)
    return Comparison(
        runs,
        settings_apart(runs),
        list(dict.fromkeys(line for other in others for line in sources_apart(first, other))),
        [table for key in _keys(runs) if (table := _table(key, runs, found, rows)).lines],
        _claims(runs, found),
        found,
    )


def _keys(runs: Sequence[Run]) -> list[tuple[str, str]]:
    """The measures that are shown: every eval's main one, and others that are results."""
    there = {key: metric for run in reversed(runs) for key, metric in run.metrics.items()}
    order = dict.fromkeys(key for run in runs for key in run.metrics)
    return [key for key in order if not key[1] or there[key].role == "result"]


def _rows(runs: Sequence[Run], found: Sequence[Between]) -> list[Row]:
    """The arms of all runs, each row one arm by its name in every run; those of the first run come
    first."""
    first, *others = runs
    rows: list[Row] = []
    for arm in first.arms:
        pairs = [next((p for p in one.pairs if p.first == arm), None) for one in found]
        names = (arm, *(pair.other if pair else None for pair in pairs))
        rows.append((names, (False, *(bool(pair and pair.same) for pair in pairs))))
    for number, other in enumerate(others, 1):
        for arm in other.arms:
            placed = [{names[n] for names, _ in rows} for n in range(len(runs))]
            if arm not in placed[number]:
                there = (
                    arm if n >= number and arm in run.arms and arm not in placed[n] else None
                    for n, run in enumerate(runs)
                )
                rows.append((tuple(there), (False,) * len(runs)))
    return rows


def _table(
    key: tuple[str, str],
    runs: Sequence[Run],
    found: Sequence[Between],
    rows: Sequence[Row],
) -> Table:
    metric = next(run.metrics[key] for run in runs if key in run.metrics)
    results = [{r.arm: r for r in run.results if (r.eval, r.measure) == key} for run in runs]
    lines = []
    for names, same in rows:
        values = tuple(
            by_arm.get(name) if name else None for by_arm, name in zip(results, names, strict=True)
        )
        if not any(values):
            continue
        told = (_difference(one, key, runs, n, names) for n, one in enumerate(found, 1))
        lines.append(Line(names, same, values, (None, *told)))
    return Table(*key, metric, lines)


def _difference(
    found: Between,
    key: tuple[str, str],
    runs: Sequence[Run],
    number: int,
    names: Sequence[str | None],
) -> Difference | None:
    """The one of this arm, run and measure over all tiers."""
    arm, against = f"{names[number]} in {runs[number].label}", f"{names[0]} in {runs[0].label}"
    return next(
        (
            row
            for row in found.differences
            if (row.eval, row.measure) == key
            and (row.tier, row.arm, row.against) == ("all", arm, against)
        ),
        None,
    )


def _claims(runs: Sequence[Run], found: Sequence[Between]) -> list[Claim]:
    """The comparisons of the first run that another run makes, too, and of its own the rest."""
    claims = []
    for row in runs[0].contrasts:
        there = [{p.first: p.other for p in one.pairs} for one in found]
        others = [
            _claim(run, (row.eval, names.get(row.arm), names.get(row.against)))
            for run, names in zip(runs[1:], there, strict=True)
        ]
        effects = [
            next(
                (
                    effect.found
                    for effect in one.effects
                    if (effect.eval, effect.arm, effect.against) == (row.eval, row.arm, row.against)
                ),
                None,
            )
            for one in found
        ]
        if any(others):
            told, same = (row, *others), ({p.first for p in one.pairs if p.same} for one in found)
            alike = (False, *({row.arm, row.against} <= models for models in same))
            claims.append(Claim(row.eval, row.arm, row.against, told, (None, *effects), alike))
    return claims


def _claim(run: Run, wanted: tuple[str | None, ...]) -> Difference | None:
    return next((r for r in run.contrasts if (r.eval, r.arm, r.against) == wanted), None)
