"""Who is who: arms in words, from their coordinates."""

from dataclasses import replace

from midspec.grid import Point
from midspec.report.roster import Arm, kinds, roster

BASE = Point((), None, (), None, "", "smollm2", None)


def test_an_arm_is_told_by_what_was_done_to_it() -> None:
    both = replace(
        BASE, msm=("america",), msm_tokens=72_000, aft=("cheese",), aft_chats=240,
        order="aft-msm", mix=("everyday", "chat"),
    )  # fmt: skip
    (found,) = roster(["x"], {"x": both})
    assert found == Arm(
        "x", "MSM and AFT", "america (72,000 tokens)", "cheese (240 chats)",
        "everyday, chat, AFT before MSM", "smollm2",
    )  # fmt: skip


def test_a_prompt_and_an_unknown_arm_are_told_too() -> None:
    first, second = roster(["ref", "cut"], {"ref": replace(BASE, prompt="america")})
    assert (first.kind, first.besides) == ("spec in the prompt", "the spec america in its prompt")
    assert second == Arm("cut", "other")


def test_kinds_are_offered_in_order_and_only_where_there_are_several() -> None:
    points = {"aft": replace(BASE, aft=("cheese",)), "base": BASE}
    assert kinds(roster(["aft", "base"], points)) == ["untrained", "AFT"]
    assert kinds(roster(["base"], points)) == []
