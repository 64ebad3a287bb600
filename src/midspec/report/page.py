"""The report's page: what it holds, and its HTML."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from midspec.pages.html import count, environment
from midspec.records import Chat, Document, Metric
from midspec.report import wording
from midspec.report.analyses.section import Section
from midspec.report.guardrails import Beside
from midspec.report.scores import ALL, decimals
from midspec.report.tables import Condition, Difference, Result, Unreadable, pooled

TIERS = {
    "direct": "the options name what the value is about",
    "implicit": "the options only hint at it",
    "revealed": "seeing it takes knowledge of the world",
}


@dataclass(frozen=True)
class Corpus:
    """A corpus in numbers, with a few of its documents."""

    name: str
    documents: int
    tokens: int
    set_aside: int
    reasons: Mapping[str, int]  # why documents were set aside, and how many for each reason
    diversity: Mapping[str, float]
    samples: Sequence[Document]


@dataclass(frozen=True)
class Demonstrations:
    """A set of demonstrations: how many there are, and a few of them."""

    name: str
    chats: int
    samples: Sequence[Chat]


@dataclass(frozen=True)
class Training:
    """One training stage: tokens without padding, mean loss at both ends; how many steps' losses
    stood out; and the first, lowest and last loss on rows that were held out, if any were."""

    title: str
    updates: int
    tokens: int
    first_loss: float
    last_loss: float
    seconds: float
    spikes: int = 0
    held_out: tuple[float, float, float] | None = None

    @property
    def tokens_per_second(self) -> float:
        """The rate over the whole stage; nan when it took no time."""
        return self.tokens / self.seconds if self.seconds else float("nan")


@dataclass(frozen=True)
class Answers:
    """What each arm wrote to one prompt."""

    prompt: str
    by_arm: Mapping[str, str]


@dataclass(frozen=True)
class Report:
    """All that the page shows; it is written from this alone, so the same report is the same page.

    `metrics` say what an eval's measures mean, main ones first; `headline` begins with the verdict,
    `rate_figures` has an SVG for each eval of results, `carriers` names the arms that carry an
    eval's value, `blind` why an arm's results on an eval can't be read, `gaps` the evals whose gap
    from the base arm to a reference arm is told, and `cost` is in dollars.
    """

    name: str
    arms: Sequence[str]
    metrics: Mapping[tuple[str, str], Metric]
    headline: Sequence[str]
    results: Sequence[Result]
    contrasts: Sequence[Difference]
    conditions: Sequence[Condition]
    beside: Sequence[Beside]
    blind: Unreadable
    rate_figures: Mapping[str, str]
    difference_figures: Sequence[str]
    corpora: Sequence[Corpus]
    demos: Sequence[Demonstrations]
    answers: Sequence[Answers]
    training: Sequence[Training]
    config_yaml: str
    seconds: float
    cost: float
    commands: Sequence[str]
    notes: Sequence[str]
    power: Sequence[str]
    analyses: Sequence[Section]
    carriers: Mapping[str, Collection[str]]
    gaps: Mapping[str, tuple[str, str]]


def render(report: Report) -> str:
    """The page as one HTML text that loads nothing, so that it can be mailed, archived, printed."""
    templates = environment("midspec.report")
    templates.filters.update(
        number=wording.number,
        signed=wording.signed,
        score=wording.score,
        p_value=wording.p_value,
        duration=wording.duration,
        measure=wording.measure,
        count=count,
        capfirst=lambda text: text[:1].upper() + text[1:],
    )
    templates.globals.update(interval=wording.interval, size=wording.size, decimals=decimals)
    rows = pooled(report.results)
    evals = list(report.rate_figures)
    tiers = {name: _tiers(rows, name) for name in evals}
    return templates.get_template("report.html.j2").render(
        report=report,
        evals=evals,
        measured=len({evaluation for evaluation, _ in report.metrics}),
        measures={name: _measures(report, name) for name in evals},
        tiers=tiers,
        with_tiers=[name for name in evals if tiers[name]],
        known_tiers={tier for names in tiers.values() for tier in names},
        cells={(row.eval, row.measure, row.tier, row.arm): row for row in rows},
        comparisons=_comparisons(report.contrasts),
        claims=sum(row.claim for row in report.contrasts),
        seeds=_seeds(report.results),
        by_seed={
            (r.eval, r.arm, r.seed): r for r in report.results if r.tier == ALL and not r.measure
        },
        guardrails=_guardrails(report.beside),
        beside={(cell.eval, cell.name, cell.arm): cell for cell in report.beside},
        by_condition=_by_condition(report.conditions),
        figures=list(dict.fromkeys(key for c in report.corpora for key in c.diversity)),
        tier_meanings=TIERS,
    )


def _measures(report: Report, evaluation: str) -> list[tuple[str, Metric]]:
    """The measures of an eval of results beside its main one: results, then what controls it."""
    found = [
        (measure, metric)
        for (name, measure), metric in report.metrics.items()
        if name == evaluation and measure
    ]
    return sorted(found, key=lambda pair: pair[1].role != "result")


def _tiers(rows: Sequence[Result], evaluation: str) -> list[str]:
    names = dict.fromkeys(row.tier for row in rows if row.eval == evaluation)
    return [name for name in names if name != ALL]


def _comparisons(rows: Sequence[Difference]) -> list[list[Difference]]:
    """What belongs to one comparison together, comparisons in the order of the claim."""
    found: dict[tuple[str, str, str], list[Difference]] = {}
    for row in rows:
        found.setdefault((row.eval, row.arm, row.against), []).append(row)
    return list(found.values())


def _seeds(rows: Sequence[Result]) -> list[int]:
    return sorted({row.seed for row in rows if isinstance(row.seed, int)})


def _guardrails(cells: Sequence[Beside]) -> dict[str, list[str]]:
    """The guardrails of each eval, in the order of the experiment."""
    found: dict[str, list[str]] = {}
    for cell in cells:
        names = found.setdefault(cell.eval, [])
        if cell.name not in names:
            names.append(cell.name)
    return found


def _by_condition(
    rows: Sequence[Condition],
) -> dict[tuple[str, str], dict[str, dict[str, Condition]]]:
    """By eval and measure: each condition's row of arms."""
    found: dict[tuple[str, str], dict[str, dict[str, Condition]]] = {}
    for row in rows:
        found.setdefault((row.eval, row.measure), {}).setdefault(row.group, {})[row.arm] = row
    return found
