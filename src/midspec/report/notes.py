"""What a reader should hold against the numbers, a sentence or two each."""

from collections.abc import Mapping, Sequence
from math import isfinite

from midspec.pages.html import count
from midspec.report.guardrails import Beside
from midspec.report.material import Corpus, Training
from midspec.report.scores import ALL, Measured
from midspec.report.tables import Difference, Result, Unreadable, chooses, pooled
from midspec.report.wording import number

DECIDED_FLOOR = 0.5  # below it, the form of a question picks more answers than its content
MEMORISED = 1.02  # a rise in loss on the same rows, read again; less is the noise of last steps
TOO_SIMPLE = " A model that fails so simple a question in this form chooses by the form."
EXTREME = 0.1  # a rate this near an end, over a few conditions, has an interval that is too short

HALVES: Mapping[str, str] = {
    "held-out": "Rates are over the held-out half of the items; recipes were tuned on the "
    "development half only.",
    "development": "Rates are over the development half of the items, on which recipes are tuned: "
    "they are no evidence of how the arms do on new items.",
}


def notes(
    half: str,
    measured: Sequence[Measured],
    rows: Sequence[Result],
    differences: Sequence[Difference],
    beside: Sequence[Beside],
    blind: Unreadable,
    corpora: Sequence[Corpus],
    training: Sequence[Training],
) -> list[str]:
    """All of them, what concerns everything first."""
    return [
        HALVES.get(half, "Rates are over all items, also those on which recipes were tuned."),
        *_other_half(half, measured),
        *_no_halves(half, measured),
        *_seeds(rows),
        *_blind(blind),
        *_broken(beside),
        *_extreme(measured, rows),
        *_undecided(rows),
        *_tiers(differences),
        *_corpora(corpora),
        *_losses(training),
        *_memorised(training),
    ]


def _other_half(half: str, measured: Sequence[Measured]) -> list[str]:
    found: dict[str, set[str]] = {}
    for one in measured:
        if one.other_half:
            found.setdefault(one.eval, set()).update(one.halves)
    return [
        f"{name} has no {half} half: what is reported is its development half, on which recipes "
        "are tuned, so it is no evidence of how the arms do on new items."
        if "development" in halves
        else f"{name} has no {half} half; it is reported whole."
        for name, halves in found.items()
    ]


def _no_halves(half: str, measured: Sequence[Measured]) -> list[str]:
    main = [one for one in measured if one.metric.role == "result" and not one.metric.measure]
    whole = [one.eval for one in main if one.halves == {""}] if half in HALVES else []
    if not whole:
        return []
    has, its = ("has", "its") if len(whole) == 1 else ("have", "their")
    return [f"{', '.join(whole)} {has} no halves: {its} rates are over all items."]


def _seeds(rows: Sequence[Result]) -> list[str]:
    trained = {row.seed for row in rows if row.seed != ALL}
    if len(trained) < 2:
        return [
            "There is one seed: the intervals say how the items vary, and nothing of how another "
            "training run would have come out."
        ]
    found = [
        f"The intervals count how items vary and how {count(len(trained), 'seed')} do; so few "
        "seeds say little of how training runs vary, which makes them wide. An arm that isn’t "
        "trained is asked once."
    ]
    if len(trained) == 2:
        found.append("With two seeds an interval of 95% covers 92 to 98%; three are enough for 95.")
    return found


def _blind(blind: Unreadable) -> list[str]:
    """One sentence for the evals on which the same arms can't be read, with why for each arm."""
    evals: dict[str, dict[str, str]] = {}
    for (arm, evaluation), reason in blind.items():
        evals.setdefault(evaluation, {})[arm] = reason
    alike: dict[str, tuple[list[str], dict[str, str]]] = {}
    for evaluation, by_arm in evals.items():
        alike.setdefault(str(by_arm), ([], by_arm))[0].append(evaluation)
    return [
        f"Not readable on {', '.join(names)}: "
        f"{'; '.join(f'{arm} ({reason})' for arm, reason in by_arm.items())}."
        f"{TOO_SIMPLE if all(map(chooses, names)) else ''}"
        for names, by_arm in alike.values()
    ]


def _broken(beside: Sequence[Beside]) -> list[str]:
    arms = [cell.arm for cell in beside if cell.kind == "broken" and cell.worse]
    return [
        f"{arm} is broken: its answers loop, are stock replies or are empty. What other evals say "
        "of it is about that."
        for arm in arms
    ]


def _extreme(measured: Sequence[Measured], rows: Sequence[Result]) -> list[str]:
    grouped = {one.key for one in measured if one.grouped and one.metric.role == "result"}
    far = [
        row
        for row in pooled(rows)
        if (row.eval, row.measure) in grouped and not EXTREME <= row.rate <= 1 - EXTREME
    ]
    if not far:
        return []
    return [
        "Where a rate over few conditions is under 0.10 or over 0.90, a few of them hold all that "
        "happens, and its interval of 95% covers 91 to 94%."
    ]


def _undecided(rows: Sequence[Result]) -> list[str]:
    found: dict[str, list[Result]] = {}
    for row in pooled(rows):
        main = row.tier == ALL and not row.measure and row.role == "result"
        if main and row.readable and row.has_margin and row.decided < DECIDED_FLOOR:
            found.setdefault(row.eval, []).append(row)
    return [
        f"On {evaluation} less than half of the items are decided by "
        f"{', '.join(f'{row.arm} ({number(row.decided)})' for row in weak)}: on the rest the "
        f"answer goes with {'the order of the options' if chooses(evaluation) else 'the wording'}, "
        "not with what they say."
        for evaluation, weak in found.items()
    ]


def _tiers(differences: Sequence[Difference]) -> list[str]:
    """What is shown over all tiers and not in one of them: a pooled rate can hide a null."""
    shown = {(row.eval, row.arm, row.against) for row in differences if row.claim and row.shown}
    found: dict[str, list[Difference]] = {}
    for row in differences:
        side = row.tier != ALL and not row.measure and isfinite(row.low)
        if side and (row.eval, row.arm, row.against) in shown:
            found.setdefault(row.tier, []).append(row)
    return [
        f"On the {tier} items alone ({', '.join(dict.fromkeys(row.eval for row in rows))}), "
        f"{len(lost)} of {count(len(rows), 'paired difference')} shown over all tiers "
        f"{'is' if len(lost) == 1 else 'are'} not shown; a tier has fewer items, and shows less."
        for tier, rows in found.items()
        if (lost := [row for row in rows if not row.shown])
    ]


def _corpora(corpora: Sequence[Corpus]) -> list[str]:
    if not corpora or any(d.teacher != "offline" for c in corpora for d in c.samples):
        return []
    return [
        "The offline teacher wrote the corpora by filling templates; documents that an LLM writes "
        "are more varied."
    ]


def _losses(training: Sequence[Training]) -> list[str]:
    return [
        f"{stage.title}: the loss did not fall ({number(stage.first_loss)} to "
        f"{number(stage.last_loss)}), so this stage taught nothing that its loss can show."
        for stage in training
        if not stage.last_loss < stage.first_loss
    ]


def _memorised(training: Sequence[Training]) -> list[str]:
    """Stages whose loss on texts that were held out rose again, while that on the others fell."""
    return [
        f"{stage.title}: the loss on texts that were held out rose from {number(lowest)} to "
        f"{number(last)} in the end: the stage went on learning its own by heart."
        for stage in training
        if stage.held_out and stage.last_loss < stage.first_loss
        for _, lowest, last in [stage.held_out]
        if last > MEMORISED * lowest
    ]
