"""From sketches to influence: signs, what leaving out is predicted to cost, and intervals."""

import numpy as np
import pytest

from midspec.attribute.influence import State, explained, group_influences, influences

D, I, M = 40, 30, 64  # noqa: E741


def _planted(effect: float = 1.0) -> tuple[State, np.ndarray]:
    """The first ten documents' loss gradients point against the items' margins: training on them
    raises the margin. The others' are noise."""
    deal = np.random.default_rng(0)
    margin_M = deal.normal(size=M)
    items_IM = margin_M + 0.5 * deal.normal(size=(I, M))
    documents_DM = 0.5 * deal.normal(size=(D, M))
    documents_DM[:10] -= effect * margin_M
    member_KD = np.zeros((2, D), dtype=bool)
    member_KD[0, :10] = member_KD[1, 10:] = True
    return State("one", documents_DM, items_IM), member_KD


EVEN = np.full((1, I), 1 / I)


@pytest.mark.parametrize("measure", ["cosine", "dot"])
def test_a_document_whose_loss_falls_as_the_margin_rises_has_influence_above_0(
    measure: str,
) -> None:
    state, _ = _planted()
    values_D = influences([state], EVEN, measure)[0]
    assert values_D[:10].min() > values_D[10:].max()
    assert values_D[:10].min() > 0


def test_a_cosine_is_one_where_a_documents_gradient_is_the_margins_turned_round() -> None:
    items_IM = np.array([[1.0, 0.0], [0.0, 1.0]])
    documents_DM = np.array([[-3.0, -3.0], [0.1, 0.1], [1.0, -1.0]])
    found = influences([State("one", documents_DM, items_IM)], np.full((1, 2), 0.5), "cosine")
    assert found[0] == pytest.approx([1.0, -1.0, 0.0])


def test_the_predicted_cost_is_that_of_the_tokens_that_stand_in_the_groups_place() -> None:
    # Two groups of influences 2 and −1; the first has 30 of 100 tokens. Without it every token's
    # mean influence is −1 in place of −.1, so .9 are lost a token.
    items_IM = np.array([[1.0]])
    state = State("one", np.array([[-2.0], [1.0]]), items_IM)
    member_KD = np.eye(2, dtype=bool)
    found = group_influences([state], member_KD, np.array([30.0, 70.0]), "dot", draws=10)
    assert [g.share for g in found] == pytest.approx([0.3, 0.7])
    assert [g.mean.mean for g in found] == pytest.approx([2.0, -1.0])
    assert found[0].cost.mean == pytest.approx(-0.1 - (-1.0))
    assert found[1].cost.mean == pytest.approx(-0.1 - 2.0)


def test_intervals_hold_the_value_and_widen_with_fewer_documents() -> None:
    state, member_KD = _planted()
    both = group_influences([state], member_KD, np.ones(D), "cosine", draws=300)
    few = np.zeros((1, D), dtype=bool)
    few[0, :3] = True
    (three,) = group_influences([state], few, np.ones(D), "cosine", draws=300)
    for one in (*both, three):
        assert one.mean.low < one.mean.mean < one.mean.high
    assert both[0].mean.low > 0
    assert three.mean.high - three.mean.low > both[0].mean.high - both[0].mean.low


def test_a_group_without_documents_has_no_influence_rather_than_none_at_all() -> None:
    state, _ = _planted()
    nobody = np.zeros((1, D), dtype=bool)
    (found,) = group_influences([state], nobody, np.ones(D), "dot", draws=5)
    assert found.documents == 0
    assert np.isnan(found.mean.mean)


def test_states_are_averaged() -> None:
    state, _ = _planted()
    other, _ = _planted(effect=-1.0)
    mean = influences([state, other], EVEN, "dot")
    single = [influences([one], EVEN, "dot") for one in (state, other)]
    assert mean == pytest.approx((single[0] + single[1]) / 2)


def test_what_lies_between_labels_is_all_nothing_or_in_between() -> None:
    labels = ["a"] * 50 + ["b"] * 50
    apart = np.array([0.0] * 50 + [1.0] * 50)
    noise = np.random.default_rng(0).normal(size=100)
    assert explained(apart, labels) == pytest.approx(1.0)
    assert abs(explained(noise, labels)) < 0.05
    assert 0.1 < explained(apart + noise, labels) < 0.35  # .2 in truth
    assert np.isnan(explained(noise, ["a"] * 100))
