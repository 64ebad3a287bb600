"""The figures are SVG that a page can hold: text, colours of the page, nothing to load."""

import re
from collections.abc import Collection, Sequence
from xml.etree import ElementTree

from midspec.records import Metric
from midspec.report import figures
from midspec.report.drawing import LABEL, shorten, wide
from midspec.report.figures import difference_figures
from midspec.report.tables import Result

from .rows import AMERICA, CHANGE, MARK, RATE, contrast, result

HOSTILE = '<script>alert("1")</script> $\\frac$ -->'


def rate_figure(
    rows: Sequence[Result],
    arms: Sequence[str] = ("aft",),
    own: Collection[str] = (),
    evaluation: str = AMERICA,
    metric: Metric = RATE,
) -> str:
    return figures.rate_figure(rows, evaluation, metric, arms, own)


def words(svg: str) -> list[str]:
    """The text of the drawing, from top to bottom as it was drawn."""
    return [e.text or "" for e in ElementTree.fromstring(svg).iter() if e.tag.endswith("}text")]


def spots(svg: str) -> list[list[str]]:
    """What can be pointed at, each with its lines."""
    groups = ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}g")
    found = [group for group in groups if group.get("class") == "spot"]
    return [(next(iter(group)).text or "").split("\n") for group in found]


def test_the_figure_names_each_arm_in_order_with_its_rate() -> None:
    rows = [result(0.5), result(0.25, arm="base"), result(0.9, eval="other")]
    found = words(rate_figure(rows, ["base", "aft"], {"aft"}))
    assert found[-4:] == ["base", "0.25", "aft", "0.50"]


def test_the_rate_over_all_seeds_of_the_main_measure_is_drawn() -> None:
    rows = [result(0.1), result(0.3, seed=1), result(0.2, seed="all"), result(0.9, measure="other")]
    assert words(rate_figure(rows))[-1] == "0.20"


def test_arms_that_carry_the_value_are_in_the_accent_s_colour() -> None:
    assert "var(--accent" in rate_figure([result(0.5)], own={"aft"})
    assert "var(--accent" not in rate_figure([result(0.5)])


def test_a_name_is_cut_in_its_middle_where_its_letters_need_more_than_there_is_room_for() -> None:
    assert shorten("msm-affordability+aft") == "msm-affordability+aft"
    for weight in ("normal", "bold"):
        slim, broad = shorten("i" * 40, weight), shorten("m" * 40, weight)
        assert len(broad) < len(slim)
        assert LABEL - 15 < wide(broad, weight) <= LABEL
    cut = shorten("msm-america-broken-twice+aft", "bold")
    assert re.fullmatch(r"msm-amer.*….*ice\+aft", cut)
    assert len(cut) < len(shorten("msm-america-broken-twice+aft"))


def test_an_arm_that_cannot_be_read_has_words_and_no_number() -> None:
    svg = rate_figure([result(0.5, readable=False)])
    assert words(svg)[-2:] == ["aft", "not readable"]
    assert "0.50" not in svg
    assert spots(svg) == [["aft", "not readable"]]


def test_the_axis_is_the_score_s_own() -> None:
    assert words(rate_figure([result(7.25)], metric=MARK))[:5] == ["1", "3", "6", "8", "10"]
    assert words(rate_figure([result(7.25)], metric=MARK))[-1] == "7.2"
    assert words(rate_figure([result(0.25)], metric=CHANGE))[:5] == ["−1", "−0.5", "0", "0.5", "1"]
    assert words(rate_figure([result(0.25)], metric=CHANGE))[-1] == "+0.25"


def test_a_line_stands_where_guessing_would_be_and_only_there() -> None:
    def dashed(metric: Metric) -> int:
        return rate_figure([result(5.0)], metric=metric).count("stroke-dasharray")

    assert dashed(RATE) == dashed(MARK) + 1


def test_only_a_difference_that_stands_by_itself_is_in_the_accent_s_colour() -> None:
    assert "var(--accent" in difference_figures([contrast(0.1, 0.2, 0.3)])[0]
    assert "var(--accent" not in difference_figures([contrast(-0.1, 0.2, 0.3)])[0]
    among_many = contrast(0.01, 0.2, 0.3, p_holm=0.2)
    assert "var(--accent" not in difference_figures([among_many])[0]
    assert "+0.20 [−0.10, 0.30]" in words(difference_figures([contrast(-0.1, 0.2, 0.3)])[0])


def test_differences_of_unlike_scales_have_a_figure_each() -> None:
    marks = contrast(0.5, 1.0, 1.5, reach=9.0, eval="open-qa/calm")
    rates, other = difference_figures([contrast(0.1, 0.2, 0.3), marks, contrast(0.0, 0.1, 0.2)])
    assert words(rates).count("msm-america+aft − aft") == 2
    assert "+1.0 [0.5, 1.5]" in words(other)
    assert difference_figures([]) == []


def test_a_difference_that_cannot_be_read_has_no_interval() -> None:
    (svg,) = difference_figures([contrast(0.1, 0.2, 0.3, readable=False)])
    assert words(svg)[-1] == "not readable"
    assert "[0.10, 0.30]" not in svg


def test_pointing_at_an_arm_tells_exact_values_seeds_and_what_they_rest_on() -> None:
    rows = [result(0.52, seed="all"), result(0.5), result(0.54, seed=1)]
    assert spots(rate_figure(rows)) == [
        ["aft", "value-aligned rate 0.52 [0.42, 0.62]", "seed 0 0.50; seed 1 0.54", "126 items"]
    ]
    assert spots(rate_figure([result(0.5)]))[0][1:] == [
        "value-aligned rate 0.50 [0.40, 0.60]",
        "126 items",
    ]


def test_seeds_are_dots_of_their_own_where_there_are_several() -> None:
    rows = [result(0.52, seed="all"), result(0.5), result(0.54, seed=1)]
    assert re.findall(r'data-band="0" data-seed="(\d)"', rate_figure(rows)) == ["0", "1"]
    assert "data-seed" not in rate_figure([result(0.5)])


def test_what_is_drawn_of_an_arm_is_in_its_band_and_its_spot_says_which_arm() -> None:
    svg = rate_figure([result(0.5), result(0.5, arm="base")], ["base", "aft"])
    spot = r'data-band="(\d)" data-rows="1" data-eval="preference/america" data-arm="(\w+)"'
    assert re.findall(spot, svg) == [("0", "base"), ("1", "aft")]
    drawn, pointed = svg.split('<g class="spot"', 1)
    for band in "01":  # a name, a line, a dot and a rate
        assert drawn.count(f'data-band="{band}"') == 4
    assert pointed.count("<rect") == 2


def test_a_screen_reader_hears_the_numbers() -> None:
    (svg,) = difference_figures([contrast(0.1, 0.2, 0.3)])
    assert 'role="group" aria-label="Paired differences with 95% intervals"' in svg
    assert spots(svg) == [
        [AMERICA],
        [
            AMERICA, "msm-america+aft − aft", "+0.20 [0.10, 0.30]",
            "p 0.001, after Holm’s correction 0.001", "126 items",
        ],
    ]  # fmt: skip
    assert 'data-arm="msm-america+aft" data-against="aft"' in svg


def test_an_svg_brings_no_style_sheet_no_fixed_colour_and_no_id_that_is_not_used() -> None:
    svg = rate_figure([result(0.5)], own={"aft"})
    assert not re.search(r"<style|<metadata|<\?xml|<!DOCTYPE|#0{5}|#0102", svg)
    used = re.findall(r'(?:href="#|url\(#)([^")]+)', svg)
    assert set(re.findall(r' id="([^"]+)"', svg)) == set(used)


def test_two_figures_share_no_id() -> None:
    rows = [result(0.5), result(0.5, eval="preference/affordability")]
    first, second = (
        set(re.findall(r' id="([^"]+)"', rate_figure(rows, evaluation=name)))
        for name in (AMERICA, "preference/affordability")
    )
    assert first
    assert not first & second


def test_a_hostile_arm_name_is_text_and_nothing_else() -> None:
    svg = rate_figure([result(0.5, arm=HOSTILE)], [HOSTILE])
    assert "<script" not in svg
    label = shorten(HOSTILE)
    assert label.startswith(HOSTILE[:10]) and label.endswith(HOSTILE[-11:])
    assert label in words(svg)
    assert spots(svg)[0][0] == HOSTILE


def test_an_unmeasured_arm_has_a_dash_for_a_rate() -> None:
    assert words(rate_figure([result(float("nan"))]))[-1] == "–"
