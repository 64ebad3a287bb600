"""How large a first experiment may be: sizes from a budget, by the estimates of `midspec plan`."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from midspec.begin.budget import Budget
from midspec.begin.draft import draft
from midspec.begin.wanted import Sizes, Wanted
from midspec.config import check, parse
from midspec.demos.chats import ChatsConfig
from midspec.errors import ConfigError, DataError
from midspec.estimate import LENGTHS, asks_llm, teacher_estimate
from midspec.experiment import Plan, models_of, plan
from midspec.llm.prices import price_of
from midspec.pace import parameters
from midspec.plan_view import reckon
from midspec.run.build import Failure, open_store, run
from midspec.run.pools import Inline
from midspec.train.fetch import find_known_model

STEPS = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)  # round numbers: the largest that fits is taken
TOKENS = [round(step * 10**power) for power in (3, 4, 5, 6) for step in STEPS]
CHATS = [20, 50, *(round(step * 10**power) for power in (2, 3) for step in STEPS), 10_000]
LEAST_TOKENS = 4_000  # of a corpus; fewer make too few updates
# Tokens beyond which the offline teacher's corpora repeat themselves: the demo's 520 reasons make
# 72,000 (docs/specs.md), and a spec without an item file gives only its own sentences.
MOST_WITH_ITEMS, MOST_OFFLINE = 120_000, 60_000
HEADROOM = 0.8  # of an LLM's stage's dollars that its estimate may take


def planned(wanted: Wanted, sizes: Sizes, home: Path) -> Plan:
    """The stages of the experiment that would be written; the base model needn't be here."""
    here = replace(wanted, out=Path(wanted.out.name))  # its own folder needn't be there yet
    experiment = check(parse(yaml.safe_load(draft(here, sizes)), here.out), here.out)
    folders = {model: find_known_model(model, home) for model in models_of(experiment)}
    return plan(experiment, folders[experiment.model])


def fit(wanted: Wanted, home: Path, store: Path) -> Sizes:
    """The sizes that the budget allows and, without an LLM, the spec has enough to say for."""
    match wanted.budget.unit:
        case "dollars":
            return _by_dollars(wanted, home)
        case "tokens":
            sizes = _of_tokens(wanted, round(wanted.budget.amount))
        case "seconds":
            sizes = _by_time(wanted, home, store)
    return writable(wanted, sizes, home) if wanted.offline else sizes


def _of_tokens(wanted: Wanted, tokens: int) -> Sizes:
    """Sizes with so many tokens a corpus; an LLM's chats in proportion, the paper's 1 to 8."""
    if wanted.offline:
        return Sizes(tokens)
    return Sizes(tokens, min(CHATS[-1], max(100, tokens // (8 * LENGTHS[ChatsConfig][0]))))


def _by_time(wanted: Wanted, home: Path, store: Path) -> Sizes:
    """The largest corpora with which the whole run takes no longer, by its plan."""

    base = planned(wanted, _of_tokens(wanted, LEAST_TOKENS), home).base
    if base and not parameters(base):
        raise ConfigError(
            f"--budget {wanted.budget.said}: how large {base.name} is isn't known, so no time can "
            f"be told. Fetch it first (midspec model get {base.name}), or give a budget such as "
            "200k tokens."
        )

    def seconds(tokens: int) -> float:
        found = planned(wanted, _of_tokens(wanted, tokens), home)
        return sum(one.seconds for one in reckon(found, store))

    most = MOST_WITH_ITEMS if wanted.with_items else MOST_OFFLINE
    choices = [n for n in TOKENS if not wanted.offline or n <= most]
    return _of_tokens(wanted, _largest(seconds, wanted.budget, choices))


def _largest(seconds: Callable[[int], float], budget: Budget, choices: Sequence[int]) -> int:
    """The largest size that fits; none at all is a ConfigError."""
    sizes = [n for n in choices if n >= LEAST_TOKENS]
    least = seconds(sizes[0])
    if least > budget.amount:
        minutes = -(-least // 60)
        raise ConfigError(
            f"--budget {budget.said} is too little: with the smallest corpora the plan takes about "
            f"{minutes:.0f} min. Give that, or fewer specs, or --no-placebo."
        )
    return _most(sizes, lambda n: seconds(n) <= budget.amount)


def _by_dollars(wanted: Wanted, home: Path) -> Sizes:
    """Corpora and demonstrations of which each may cost the same share of the dollars."""
    if wanted.offline:
        raise ConfigError(
            f"--budget {wanted.budget.said}: the teacher offline costs nothing. Give time, such as "
            "15 min, or tokens, such as 60k tokens."
        )
    price = wanted.price or price_of(wanted.teacher)
    if price is None:
        raise ConfigError(
            f"--budget {wanted.budget.said}: the price of {wanted.teacher} isn't known. Give it in "
            "dollars a million tokens (--price 3,15), or a budget in tokens, such as 200k tokens."
        )
    if not any(price):
        raise ConfigError(
            f"--budget {wanted.budget.said}: nobody is paid for {wanted.teacher}. Give time or "
            "tokens, such as 2 h or 200k tokens."
        )

    def costs(sizes: Sizes) -> dict[str, list[float]]:
        """What each corpus and each set costs."""
        found = planned(wanted, sizes, home)
        told: dict[str, list[float]] = {"corpus": [], "demos": []}
        for title, stage in found.training.items():
            if asks_llm(stage):
                asked = teacher_estimate(stage, found.experiment.teacher, [])
                told[title.partition(" ")[0]].append(asked.cost or 0.0)
        return told

    least = costs(Sizes(LEAST_TOKENS, CHATS[0]))
    stages = sum(map(len, least.values()))
    share = wanted.budget.amount / stages
    needed = max(max(each) for each in least.values() if each) * stages / HEADROOM
    if needed > wanted.budget.amount:
        raise ConfigError(
            f"--budget {wanted.budget.said} is too little for {stages} sets that "
            f"{wanted.teacher} writes: it takes ${needed:,.2f}. Give that, or a cheaper teacher."
        )
    tokens = [n for n in TOKENS if n >= LEAST_TOKENS]
    found = _most(tokens, lambda n: max(costs(Sizes(n, CHATS[0]))["corpus"]) <= share * HEADROOM)
    chats = _most(CHATS, lambda n: max(costs(Sizes(tokens[0], n))["demos"]) <= share * HEADROOM)
    return Sizes(found, chats, round(share, 2))


def _most(choices: Sequence[int], fits: Callable[[int], bool]) -> int:
    """The largest of rising numbers that fits, by bisection; the first one does."""
    low, high = 0, len(choices)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(choices[middle]) else (low, middle)
    return choices[low]


def writable(wanted: Wanted, sizes: Sizes, home: Path) -> Sizes:
    """Sizes that the offline teacher can really write, halved until it can; it is tried, which
    takes a second. A spec that says too little for any is a ConfigError."""
    with TemporaryDirectory() as folder:
        root = open_store(Path(folder))
        while True:
            found = planned(wanted, sizes, home)
            written = [stage for stage in found.training.values() if stage.name != "replay"]
            failures = run(written, root, Inline())
            if not failures:
                return sizes
            sizes = _smaller(sizes, failures[0])


def _smaller(sizes: Sizes, failure: Failure) -> Sizes:
    if not isinstance(failure.error, DataError):
        raise failure.error
    corpus = failure.stage.name == "corpus"
    smaller = Sizes(
        sizes.tokens // 2 if corpus else sizes.tokens, sizes.chats if corpus else sizes.chats // 2
    )
    if smaller.tokens < LEAST_TOKENS // 2 or smaller.chats < 20:
        raise ConfigError(str(failure.error))
    return smaller
