from midspec.evals.forms import both_orders, each_wording
from midspec.records import Item

ITEMS = [
    Item("a", "pets", "direct", "an old cat", "a new cat", "Which cat"),
    Item("b", "boats", "implicit", "an old boat", "a new boat", "Which boat"),
]
SPLIT = {"a": "development", "b": "held-out"}


def test_both_orders_name_the_options_once_each_way_round() -> None:
    asked = both_orders(ITEMS, SPLIT, lambda i, x, y: f"{i.question}, {x} or {y}?", "I take")
    assert [(q.item, q.form, q.half) for q in asked] == [
        ("a", "wanted first", "development"),
        ("a", "wanted last", "development"),
        ("b", "wanted first", "held-out"),
        ("b", "wanted last", "held-out"),
    ]
    assert [q.messages for q in asked[:2]] == [
        [{"role": "user", "content": "Which cat, an old cat or a new cat?"}],
        [{"role": "user", "content": "Which cat, a new cat or an old cat?"}],
    ]
    assert {(q.stem, q.wanted, q.other) for q in asked[:2]} == {
        ("I take", "an old cat", "a new cat")
    }
    assert [(q.domain, q.tier) for q in asked[::2]] == [("pets", "direct"), ("boats", "implicit")]


def test_wordings_don_t_name_the_options_and_begin_the_answer_each_in_its_way() -> None:
    wordings = {
        "plain": lambda item: (f"{item.question}?", "This:"),
        "brief": lambda item: (f"{item.question}? Be brief.", "It is"),
    }
    asked = each_wording(ITEMS[:1], SPLIT, wordings)
    assert [(q.form, q.messages[0]["content"], q.stem) for q in asked] == [
        ("plain", "Which cat?", "This:"),
        ("brief", "Which cat? Be brief.", "It is"),
    ]
    assert {q.wanted for q in asked} == {"an old cat"}
