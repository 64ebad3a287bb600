"""The report's page: what it holds, how its sentences and numbers are worded, and its HTML."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan

from midspec.pages.html import count, environment
from midspec.records import Chat, Document
from midspec.report.tables import ALL, Difference, Result

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
    """One training stage: tokens without padding, mean loss at both ends."""

    title: str
    updates: int
    tokens: int
    first_loss: float
    last_loss: float
    seconds: float

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

    `headline` begins with the verdict, `rate_figures` has an SVG for each eval, `carriers` names
    the arms that carry an eval's value, and `cost` is in dollars.
    """

    name: str
    arms: Sequence[str]
    headline: Sequence[str]
    results: Sequence[Result]
    contrasts: Sequence[Difference]
    rate_figures: Sequence[str]
    difference_figure: str
    corpora: Sequence[Corpus]
    demos: Sequence[Demonstrations]
    answers: Sequence[Answers]
    training: Sequence[Training]
    config_yaml: str
    seconds: float
    cost: float
    commands: Sequence[str]
    notes: Sequence[str]
    power: str
    carriers: Mapping[str, Collection[str]]


def render(report: Report) -> str:
    """The page as one HTML text that loads nothing, so that it can be mailed, archived, printed."""
    templates = environment("midspec.report")
    templates.filters.update(
        number=number,
        signed=signed,
        interval=interval,
        duration=duration,
        count=count,
        measure=measure,
    )
    rows = pooled(report.results)
    evals = list(dict.fromkeys(row.eval for row in rows))
    return templates.get_template("report.html.j2").render(
        report=report,
        evals=evals,
        tiers={name: _tiers(rows, name) for name in evals},
        cells={(row.eval, row.tier, row.arm): row for row in rows},
        comparisons=_comparisons(report.contrasts),
        seeds=_seeds(report.results),
        by_seed={(r.eval, r.arm, r.seed): r for r in report.results if r.tier == ALL},
        measures=list(dict.fromkeys(key for c in report.corpora for key in c.diversity)),
        tier_meanings=TIERS,
    )


def headline(contrasts: Iterable[Difference]) -> list[str]:
    """The verdict, then a sentence for each paired difference over all tiers.

    The claim is that every difference is above zero, so it needs all of them: one that is not
    shown is enough to say that the claim is not.
    """
    rows = [row for row in contrasts if row.tier == ALL]
    return [_verdict(rows), *(_sentence(row) for row in rows)]


def pooled(rows: Iterable[Result]) -> list[Result]:
    """A row for each arm, eval and tier: the one over all seeds, or the only seed's."""
    found: dict[tuple[str, str, str], Result] = {}
    for row in rows:
        key = (row.arm, row.eval, row.tier)
        if key not in found or row.seed == ALL:
            found[key] = row
    return list(found.values())


def number(value: float, digits: int = 2) -> str:
    """A number with a true minus sign, which nothing else has: a dash stands for no number."""
    return "–" if isnan(value) else f"{value:z.{digits}f}".replace("-", "−")


def signed(value: float, digits: int = 2) -> str:
    """A difference with its sign; what rounds to nothing has none."""
    text = number(value, digits)
    return f"+{text}" if value > 0 and float(f"{value:.{digits}f}") else text


def measure(value: float) -> str:
    """A whole number with its thousands, a fraction to three digits: for what has no fixed unit."""
    return f"{value:,}" if isinstance(value, int) else number(value, 3)


def interval(row: Result | Difference) -> str:
    """The interval of a rate, or of a difference in rates."""
    return f"[{number(row.low)}, {number(row.high)}]"


def duration(seconds: float) -> str:
    """A length of time as a person says it: `14 min 20 s`."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def _verdict(rows: Sequence[Difference]) -> str:
    above = sum(row.above_zero for row in rows)
    if not rows:
        return "Nothing was compared: the experiment asks for no paired difference."
    if len(rows) == 1:
        return f"The claim is {'' if above else 'not '}shown: {_sentence(rows[0])}"
    if above == len(rows):
        return f"The claim is shown: all {above} paired differences are above zero."
    if above == 0:
        return f"The claim is not shown: none of {len(rows)} paired differences is above zero."
    verb = "is" if above == 1 else "are"
    return f"The claim is not shown: {above} of {len(rows)} paired differences {verb} above zero."


def _sentence(row: Difference) -> str:
    size = f"({count(row.n, 'item')}, {count(row.seeds, 'seed')})"
    where = f"On {row.eval}, "
    if isnan(row.difference):
        return f"{where}{row.arm} and {row.against} could not be compared {size}."
    if row.above_zero:
        by = f"{number(row.difference)} {interval(row)}"
        return f"{where}{row.arm} is above {row.against} by {by} {size}."
    if row.high < 0:
        by = f"{number(-row.difference)} [{number(-row.high)}, {number(-row.low)}]"
        return f"{where}{row.arm} is below {row.against} by {by} {size}."
    difference = f"{number(row.difference)} {interval(row)}"
    return (
        f"{where}no difference between {row.arm} and {row.against} is shown: {difference} {size}."
    )


def _tiers(rows: Sequence[Result], evaluation: str) -> list[str]:
    names = dict.fromkeys(row.tier for row in rows if row.eval == evaluation)
    return [name for name in names if name != ALL]


def _comparisons(rows: Sequence[Difference]) -> list[list[Difference]]:
    """The tiers of each comparison together, comparisons in the order of the claim."""
    found: dict[tuple[str, str, str], list[Difference]] = {}
    for row in rows:
        found.setdefault((row.eval, row.arm, row.against), []).append(row)
    return list(found.values())


def _seeds(rows: Sequence[Result]) -> list[int]:
    return sorted({row.seed for row in rows if isinstance(row.seed, int)})
