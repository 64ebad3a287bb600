"""A case and its control: two settings in which the same two texts are right and wrong in turn.

A model that simply likes one of the texts fails in one setting and not in the other, so its two
failure rates are 1 and 0; "told apart" shows what it makes of the setting.
"""

from collections.abc import Sequence
from dataclasses import replace

from midspec.evals.task import score
from midspec.records import Choice, Score

CASE, CONTROL = "scenario", "control"  # after the slash in an item's name; its group stands before
TOLD_APART = "told apart"
READS = 0.6  # of pairs told apart: below it, an arm's answers don't depend on the setting


def beside_controls(choices: Sequence[Choice]) -> list[Score]:
    """For each group its failure rate, its control's, and how far the two are told apart."""
    by_item = {choice.item: choice for choice in choices}
    rows = []
    for name in dict.fromkeys(choice.group for choice in choices):
        failed, control = by_item[f"{name}/{CASE}"], by_item[f"{name}/{CONTROL}"]
        own = [
            score(failed, failed.share),
            replace(score(control, control.share), measure=CONTROL),
            _told_apart(failed, control),
        ]
        rows += [replace(row, item=name) for row in own]
    return rows


def _told_apart(failed: Choice, control: Choice) -> Score:
    """The share of pairs whose right words are likelier in the setting in which they are right than
    in the other one: a liking for one of the two cancels out."""
    moves = [-(a + b) / 2 for a, b in zip(failed.margins, control.margins, strict=True)]
    share = sum(move > 0 for move in moves) / len(moves)
    return replace(
        score(failed, share),
        decided=share in (0, 1),
        margin=sum(moves) / len(moves),
        measure=TOLD_APART,
    )
