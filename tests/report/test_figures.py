"""The figures are SVG that a page can hold: text, colours of the page, nothing to load."""

import re
from xml.etree import ElementTree

from midspec.report.figures import difference_figure, rate_figure
from midspec.report.tables import Difference, Result

HOSTILE = '<script>alert("1")</script> $\\frac$ -->'


def result(
    arm: str, rate: float, seed: int | str = 0, evaluation: str = "preference/america"
) -> Result:
    return Result(arm, evaluation, "all", seed, 10, rate, 0.1, rate - 0.1, rate + 0.1, 0.9, rate)


def contrast(low: float, difference: float, high: float) -> Difference:
    return Difference(
        "preference/america", "all", "msm+aft", "aft", 126, 3,
        difference, low, high, 0.1, 0.05, 0.15,
    )  # fmt: skip


def words(svg: str) -> list[str]:
    """The text of the drawing, from top to bottom as it was drawn."""
    return [e.text or "" for e in ElementTree.fromstring(svg).iter() if e.tag.endswith("}text")]


def test_the_figure_names_each_arm_in_order_with_its_rate() -> None:
    rows = [result("aft", 0.5), result("base", 0.25), result("aft", 0.9, evaluation="other")]
    found = words(rate_figure(rows, "preference/america", ["base", "aft"], {"aft"}))
    assert found[-4:] == ["base", "0.25", "aft", "0.50"]


def test_the_rate_over_all_seeds_is_drawn() -> None:
    rows = [result("aft", 0.1, 0), result("aft", 0.3, 1), result("aft", 0.2, "all")]
    assert words(rate_figure(rows, "preference/america", ["aft"], ()))[-1] == "0.20"


def test_arms_that_carry_the_value_are_in_the_accent_s_colour() -> None:
    rows = [result("aft", 0.5)]
    assert "var(--accent" in rate_figure(rows, "preference/america", ["aft"], {"aft"})
    assert "var(--accent" not in rate_figure(rows, "preference/america", ["aft"], ())


def test_only_a_difference_above_zero_is_in_the_accent_s_colour() -> None:
    assert "var(--accent" in difference_figure([contrast(0.1, 0.2, 0.3)])
    assert "var(--accent" not in difference_figure([contrast(-0.1, 0.2, 0.3)])
    assert "+0.20 [−0.10, 0.30]" in words(difference_figure([contrast(-0.1, 0.2, 0.3)]))


def test_a_screen_reader_hears_the_numbers() -> None:
    svg = difference_figure([contrast(0.1, 0.2, 0.3)])
    assert 'role="img"' in svg
    title = next(iter(ElementTree.fromstring(svg)))
    assert title.text is not None
    assert "msm+aft − aft: +0.20 [0.10, 0.30]" in title.text


def test_an_svg_brings_no_style_sheet_no_fixed_colour_and_no_id_that_is_not_used() -> None:
    svg = rate_figure([result("aft", 0.5)], "preference/america", ["aft"], {"aft"})
    assert not re.search(r"<style|<metadata|<\?xml|<!DOCTYPE|#0{5}|#0102", svg)
    used = re.findall(r'(?:href="#|url\(#)([^")]+)', svg)
    assert set(re.findall(r' id="([^"]+)"', svg)) == set(used)


def test_two_figures_share_no_id() -> None:
    rows = [result("aft", 0.5), result("aft", 0.5, evaluation="preference/affordability")]
    first, second = (
        set(re.findall(r' id="([^"]+)"', rate_figure(rows, name, ["aft"], ())))
        for name in ("preference/america", "preference/affordability")
    )
    assert first
    assert not first & second


def test_a_hostile_arm_name_is_text_and_nothing_else() -> None:
    svg = rate_figure([result(HOSTILE, 0.5)], "preference/america", [HOSTILE], ())
    assert "<script" not in svg
    assert HOSTILE[:23] + "…" in words(svg)


def test_an_unmeasured_arm_has_a_dash_for_a_rate() -> None:
    svg = rate_figure([result("aft", float("nan"))], "preference/america", ["aft"], ())
    assert words(svg)[-1] == "–"
