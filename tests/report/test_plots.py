"""Curves, heat maps and points: text and the page's colours, nothing to load, numbers spoken."""

import re
from xml.etree import ElementTree

from midspec.report.plots import Curve, Tile, curves, heat_map, scatter
from midspec.stats.intervals import Estimate

HOSTILE = '<script>alert("1")</script> $\\frac$'
LOW, HIGH = Estimate(0.3, 0.2, 0.4), Estimate(0.7, 0.6, 0.8)


def words(svg: str) -> list[str]:
    return [e.text or "" for e in ElementTree.fromstring(svg).iter() if e.tag.endswith("}text")]


def spots(svg: str) -> list[str]:
    """What can be pointed at, as a screen reader says it."""
    groups = ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}g")
    return [group.get("aria-label") or "" for group in groups if group.get("class") == "spot"]


def all_of(label: str) -> list[str]:
    ends = (0.0, 1.0)
    return [
        curves(label, [Curve(label, (0, 125, 2000), (LOW, LOW, HIGH), True)], "chats", ends, 0.5),
        heat_map(label, [label], [label, "b"], {(0, 0): Tile("+0.10", 0.5, own=True)}),
        scatter(label, [(LOW, HIGH)], [label], label, "agentic", (ends, ends)),
    ]


def test_doses_stand_on_a_logarithmic_axis_in_short_and_the_key_names_each_curve() -> None:
    told = words(all_of("MSM a")[0])
    assert told[:3] == ["0", "125", "2k"]
    assert told[-1] == "MSM a"
    assert spots(all_of("MSM a")[0]) == [
        "MSM a, 0 chats: 0.30 [0.20, 0.40]",
        "MSM a, 125 chats: 0.30 [0.20, 0.40]",
        "MSM a, 2,000 chats: 0.70 [0.60, 0.80]",
    ]


def test_a_cell_is_told_in_words_and_in_one_of_two_colours() -> None:
    tiles = {(0, 0): Tile("+0.10", 0.5, more=["[0, 1]"]), (0, 1): Tile("−0.30", -1.0, strong=True)}
    svg = heat_map("change", ["msm"], ["one", "two"], tiles)
    assert "var(--accent" in svg and "var(--alert" in svg
    assert spots(svg) == ["msm, one, +0.10, [0, 1]", "msm, two, −0.30"]
    assert {"1", "2", "1  one", "2  two"} <= set(words(svg))


def test_points_are_numbered_as_the_table_is() -> None:
    svg = scatter("k", [(LOW, HIGH), (HIGH, LOW)], ["a", "b"], "known", "done", ((0, 1), (0, 1)))
    assert words(svg)[-2:] == ["1", "2"]
    assert spots(svg) == [
        "a, known 0.30 [0.20, 0.40], done 0.70 [0.60, 0.80]",
        "b, known 0.70 [0.60, 0.80], done 0.30 [0.20, 0.40]",
    ]


def test_hostile_names_are_text_and_every_colour_is_the_page_s() -> None:
    for svg in all_of(HOSTILE):
        assert "<script" not in svg
        assert any(HOSTILE[:20] in word for word in words(svg))
        assert not re.search(r"<style|<metadata|<\?xml|#0102", svg)
