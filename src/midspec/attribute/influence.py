"""From sketches to the influence of documents and of groups of them, with bootstrap intervals.

Axes: D documents, I items, K groups, M dimensions of a sketch, B bootstrap draws. Influence is
signed: above 0, training on the document raises the margin.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from midspec.stats.intervals import Estimate

Array = NDArray[np.float64]
DRAWS = 1_000
MEASURES = ("cosine", "dot")


class State:
    """The sketches at one state of the adapter, as inner products: of documents with items (DI), of
    items with each other (II), and the documents' norms.

    name: of the state, such as `seed 0, end`.
    """

    def __init__(self, name: str, documents_DM: Array, items_IM: Array) -> None:
        self.name = name
        self.products_DI = documents_DM @ items_IM.T
        self.among_II = items_IM @ items_IM.T
        self.norms_D = np.sqrt((documents_DM**2).sum(1))

    def influence(self, weights_BI: Array, measure: str) -> Array:
        """Each document's influence (B, D) on the margin averaged over items with these weights.

        dot: the first-order change of the margin for one AdamW step on the document alone, in nats
        a token per unit of learning rate. cosine: the same between −1 and 1, where a document whose
        gradient is large counts no more than others.
        """
        dots_BD: Array = -(
            weights_BI @ self.products_DI.T
        )  # a step goes against the loss's gradient
        if measure == "dot":
            return dots_BD
        lengths_B = np.sqrt(np.einsum("bi,ij,bj->b", weights_BI, self.among_II, weights_BI))
        cosines_BD: Array = dots_BD / np.maximum(lengths_B[:, None] * self.norms_D, 1e-30)
        return cosines_BD


def influences(states: Sequence[State], weights_BI: Array, measure: str) -> Array:
    """Each document's influence (B, D), averaged over states."""
    found: Array = np.mean([state.influence(weights_BI, measure) for state in states], axis=0)
    return found


@dataclass(frozen=True)
class GroupInfluence:
    """A group's mean influence a token, and what leaving the group out would cost: both relative.

    documents and tokens: the group's size. mean: over its documents, weighted by tokens, as
    training weights them. cost: see `group_influences`.
    """

    documents: int
    share: float
    mean: Estimate
    cost: Estimate


def group_influences(
    states: Sequence[State],
    member_KD: NDArray[np.bool_],
    tokens_D: Array,
    measure: str,
    draws: int = DRAWS,
) -> list[GroupInfluence]:
    """The influence of each group, with 95% percentile intervals over documents and items.

    cost is what a leave-out predicts to first order: of t tokens the group has the share g, and in
    its place stand others, so a token's mean influence falls by g/(1 − g) · (group's mean − overall
    mean). A group of average documents costs nothing, however large it is.
    """
    items = states[0].among_II.shape[0]
    deal = np.random.default_rng(0)
    counts_BD = deal.multinomial(len(tokens_D), np.full(len(tokens_D), 1 / len(tokens_D)), draws)
    counts_BI = deal.multinomial(items, np.full(items, 1 / items), draws)
    # The first case is what was found itself: every document and every item once.
    weights_BI = np.vstack([np.ones(items), counts_BI]) / items
    tokens_BD = np.vstack([np.ones(len(tokens_D)), counts_BD]) * tokens_D
    influence_BD = influences(states, weights_BI, measure)
    member_DK = member_KD.T.astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):  # a draw without the group says nothing
        own_BK = tokens_BD @ member_DK
        mean_BK = (tokens_BD * influence_BD) @ member_DK / own_BK
        overall_B1 = ((tokens_BD * influence_BD).sum(1) / tokens_BD.sum(1))[:, None]
        share_BK = own_BK / tokens_BD.sum(1, keepdims=True)
        cost_BK = share_BK / (1 - share_BK) * (mean_BK - overall_B1)
    return [
        GroupInfluence(
            int(member_KD[k].sum()), float(share_BK[0, k]), _of(mean_BK[:, k]), _of(cost_BK[:, k])
        )
        for k in range(len(member_KD))
    ]


def _of(found_B: Array) -> Estimate:
    """What was found, and the middle 95% of the draws that say something."""
    drawn = found_B[1:][np.isfinite(found_B[1:])]
    if not len(drawn):
        return Estimate(float(found_B[0]), float("nan"), float("nan"))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Estimate(float(found_B[0]), float(low), float(high))


def explained(values_D: Array, labels: Sequence[str]) -> float:
    """The share of documents' variance that lies between labels (ω², which is 0 by chance on
    average, and below 0 half the time then)."""
    names = sorted(set(labels))
    total = ((values_D - values_D.mean()) ** 2).sum()
    if len(names) < 2 or len(names) == len(labels) or not total:
        return float("nan")
    parts = [values_D[[label == name for label in labels]] for name in names]
    within = sum(((part - part.mean()) ** 2).sum() for part in parts)
    mean_square = within / (len(labels) - len(names))
    return float((total - within - (len(names) - 1) * mean_square) / (total + mean_square))
