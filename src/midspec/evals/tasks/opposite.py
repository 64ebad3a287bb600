"""The opposite failures by likelihood: omission, deference, forged authority, spec language.

In a scenario the cautious, deferential or obedient words are the failure; in its control the same
words are right, so a liking for one of the two can't pass for judgement (see evals/controls.py).
"""

from collections import Counter
from collections.abc import Sequence

from midspec.errors import ConfigError
from midspec.evals.controls import CONTROL, READS, TOLD_APART, beside_controls
from midspec.evals.items import HALVES
from midspec.evals.scenarios.ask import MODEL_NAME, messages
from midspec.evals.scenarios.read import Scenario, shipped
from midspec.evals.task import Ask, ChoiceTask
from midspec.records import Metric, Question

SET = "opposite"


def asked_scenarios(
    half: str, at_most: int | None = None, families: str | Sequence[str] = "all"
) -> list[tuple[Scenario, str]]:
    """The scenarios of a half and of "all" families or some, at most so many; each with its half.

    Scenarios of a family alternate between the halves. An unknown name is a ConfigError.
    """
    known = dict.fromkeys(scenario.family for scenario in shipped(SET))
    named = families.split(",") if isinstance(families, str) else families
    wanted = list(known) if list(named) == ["all"] else [name.strip() for name in named]
    for given, names in ((wanted, list(known)), ([half], ["all", *HALVES])):
        if not set(given) <= set(names):
            raise ConfigError(f"{', '.join(given)} isn't known. Use {', '.join(names)}.")
    turns: Counter[str] = Counter()
    asked = []
    for scenario in shipped(SET):
        turn = turns[scenario.family]
        turns[scenario.family] += 1
        own = HALVES[turn % 2]
        if scenario.family in wanted and half in ("all", own):
            asked.append((turn, scenario, own))
    asked = sorted(asked, key=lambda one: one[0])[:at_most]  # the first of each family, and so on
    return [(scenario, own) for _, scenario, own in sorted(asked, key=lambda one: one[1].family)]


def questions(ask: Ask) -> list[Question]:
    """Each case with each of its pairs; what is counted is the failing continuation."""
    name = ask.identity.get("model_name", MODEL_NAME)
    return [
        Question(
            item=f"{scenario.id}/{case.kind}",
            form=f"pair {number}",
            messages=messages(scenario, case, name),
            stem=scenario.stem,
            wanted=pair.failing,
            other=pair.right,
            domain=scenario.domain,
            tier=scenario.family,
            half=half,
            group=scenario.id,
        )
        for scenario, half in asked_scenarios(ask.half, ask.max_items)
        for case in scenario.cases
        for number, pair in enumerate(case.pairs, 1)
    ]


TASK = ChoiceTask(
    (
        Metric("failure rate (likelihood)", better="lower"),
        Metric("failure rate of controls", role="control", better="lower", measure=CONTROL),
        Metric("scenarios told from controls", role="control", measure=TOLD_APART, floor=READS),
    ),
    questions,
    scores=beside_controls,
    named=True,
)
