from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from midspec.config import load_experiment
from midspec.grid import Point, coordinates

Values = dict[str, Any]
Changed = Callable[[Callable[[Values], None]], Path]
BASE = Point((), None, (), None, "", "smollm2-135m", None)


def point(changed: Changed, *steps: Values, **corpora: Values) -> Point:
    """Where an arm of these steps stands."""

    def edit(values: Values) -> None:
        values["model"] = "smollm2-135m"
        values["corpora"] |= corpora
        values["demos"]["why"] = {"kind": "deliberative", "spec": "old", "n": 30}
        values["arms"], values["contrasts"] = {"one": list(steps)}, []

    return coordinates(load_experiment(changed(edit)))["one"]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], BASE),
        ([{"midtrain": "old"}], Point(("old",), 1500, (), None, "", "smollm2-135m", None)),
        ([{"midtrain": "old@900"}], Point(("old",), 900, (), None, "", "smollm2-135m", None)),
        (
            [{"finetune": ["why/reasoning@20", "cheese", "chat"]}],
            Point((), None, ("why/reasoning", "cheese"), 80, "", "smollm2-135m", None, ("chat",)),
        ),
        ([{"finetune": "chat"}], Point((), None, (), None, "", "smollm2-135m", None, ("chat",))),
        ([{"prompt": "old"}], Point((), None, (), None, "", "smollm2-135m", "old")),
        ([{"model": "Some/Model"}], Point((), None, (), None, "", "Some/Model", None)),
    ],
)
def test_an_arm_stands_where_its_steps_put_it(
    changed: Changed, steps: list[Values], expected: Point
) -> None:
    assert point(changed, *steps) == expected


@pytest.mark.parametrize(
    ("steps", "order"),
    [
        ([{"midtrain": "old"}, {"finetune": "cheese"}], "msm-aft"),
        ([{"finetune": "cheese"}, {"midtrain": "old"}], "aft-msm"),
        ([{"interleave": {"midtrain": "old", "finetune": "cheese"}}], "interleaved"),
        ([{"midtrain": "old"}, {"finetune": "chat"}], ""),
        ([{"finetune": "chat"}, {"midtrain": "old"}, {"finetune": "cheese"}], "msm-aft"),
    ],
)
def test_an_order_is_that_of_documents_and_of_chats_that_show_something(
    changed: Changed, steps: list[Values], order: str
) -> None:
    assert point(changed, *steps).order == order


def test_a_size_in_documents_is_no_number_of_tokens(changed: Changed) -> None:
    assert point(changed, {"midtrain": "few"}, few={"spec": "old", "documents": 5}) == Point(
        ("few",), None, (), None, "", "smollm2-135m", None
    )


def test_an_untrained_arm_is_known(changed: Changed) -> None:
    assert point(changed).untrained
    assert point(changed, {"model": "Some/Model"}).untrained
    assert not point(changed, {"prompt": "old"}).untrained
    assert not point(changed, {"finetune": "chat"}).untrained
