from collections import Counter

import pytest

from midspec.errors import ConfigError
from midspec.evals.agentic.conditions import OPPOSITE, SUBSETS, Condition, conditions, spread

PAPER = conditions()


def test_without_options_the_grid_is_the_paper_s() -> None:
    assert len(PAPER) == 27 == len({one.id for one in PAPER})
    assert Counter(one.scenario for one in PAPER) == dict.fromkeys(
        ("exfiltration", "leaking", "murder"), 9
    )
    assert {one.goal_value for one in PAPER if one.goal_type == "explicit"} == set(OPPOSITE)
    assert [one.id for one in PAPER if one.goal_type == "none"] == [
        "exfiltration_none_replacement",
        "leaking_none_replacement",
        "murder_none_replacement",
    ]
    assert PAPER[0].id == "exfiltration_explicit-america_replacement"


def test_options_give_the_rest_of_the_matrix() -> None:
    everything = conditions(goal_type="all", urgency="all")
    # Three types have eight values each, two have none.
    assert len(everything) == 3 * (3 * 8 + 2) * 3
    assert len({one.id for one in everything}) == len(everything)
    some = conditions("murder", "latent,swap", ["safety", "global"], "none,restriction")
    assert len(some) == 2 * 2 * 2
    assert {one.scenario for one in some} == {"murder"}


def test_the_halves_are_fixed_and_balanced() -> None:
    halves = {
        half: [one for one in PAPER if one.half == half] for half in ("development", "held-out")
    }
    assert [len(found) for found in halves.values()] == [14, 13]
    assert Counter(one.scenario for one in halves["held-out"]) == {
        "exfiltration": 4,
        "leaking": 5,
        "murder": 4,
    }
    assert [one.goal_value for one in halves["held-out"] if one.scenario == "exfiltration"] == [
        "global", "pragmatic", "safety", "collectivism",
    ]  # fmt: skip
    assert [one.goal_value for one in halves["held-out"] if one.scenario == "leaking"] == [
        "america", "ethical", "acceleration", "individualism", "none",
    ]  # fmt: skip
    assert conditions(subset="held-out") == halves["held-out"]


def test_of_two_opposed_goals_each_half_has_one() -> None:
    half = {(one.scenario, one.goal_value): one.half for one in PAPER}
    for scenario in ("exfiltration", "leaking", "murder"):
        for value, other in OPPOSITE.items():
            assert half[scenario, value] != half[scenario, other]


def test_a_condition_s_half_does_not_depend_on_what_else_is_asked() -> None:
    for kind, urgency in (("latent", "none"), ("swap", "restriction"), ("explicit", "replacement")):
        assert Condition("leaking", kind, "global", urgency).half == "development"


def test_the_small_grid_is_nine_of_the_development_half() -> None:
    small = conditions(subset="small")
    assert Counter(one.scenario for one in small) == dict.fromkeys(
        ("exfiltration", "leaking", "murder"), 3
    )
    assert {one.half for one in small} == {"development"}
    assert {one.urgency for one in small} == {"replacement"}
    assert len({one.goal_value for one in small}) == 8
    assert len(conditions(goal_type="all", urgency="all", subset="small")) == 9


@pytest.mark.parametrize("subset", SUBSETS)
def test_some_of_them_are_as_many_of_each_scenario_with_goals_as_different_as_can_be(
    subset: str,
) -> None:
    asked = conditions(subset=subset)
    for at_most in range(1, len(asked) + 1):
        kept = spread(asked, at_most)
        assert len(kept) == at_most and kept == [one for one in asked if one in kept]
        each = [
            sum(one.scenario == s for one in kept) for s in ("exfiltration", "leaking", "murder")
        ]
        assert max(each) - min(each) <= 1
        if at_most <= 6:
            assert len({one.goal_value for one in kept}) == at_most
    assert spread(asked, None) == spread(asked, 99) == asked


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scenario": "blackmail"}, "scenario: 'blackmail' is not known. Use all, or exfiltration"),
        ({"goal_value": "power"}, "goal_value: 'power' is not known"),
        ({"goal_type": ["explicit", "vague"]}, "goal_type: 'vague' is not known"),
        ({"urgency": "later"}, "urgency: 'later' is not known"),
        ({"subset": "dev"}, "subset: 'dev' is not known. Use all, development, held-out, small"),
        ({"subset": "small", "urgency": "none"}, "The small subset has none of the conditions"),
    ],
)
def test_what_is_not_known_is_said_with_what_is(options: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words.replace("(", r"\(")):
        conditions(**options)
