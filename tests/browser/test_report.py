"""The report as somebody meets it: it loads nothing, is filtered, pointed at, read and printed."""

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.report.conftest import EVAL

from .conftest import ARMS, HOSTILE, PATIENCE, WRITTEN, Opened

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE)

Visit = Callable[..., Opened]
ANSWERS = "#at=answers"
LAID_OUT = "section { content-visibility: visible !important; }"  # also what nobody looks at


def rows(page: Page) -> Locator:
    """The arms in the figure of the first eval that are shown."""
    return page.locator("#verdict .panel").first.locator(".spot:not(.off)")


def names(found: Locator) -> list[str]:
    return [one.get_attribute("data-arm") or "" for one in found.all()]


def height(page: Page) -> float:
    box = page.locator("#verdict svg").first.get_attribute("viewBox") or ""
    return float(box.split()[3])


def open_all(page: Page) -> None:
    """Everything that folds is opened, and the answers are unpacked."""
    page.locator("#answers").scroll_into_view_if_needed()
    page.wait_for_selector("#browser details")
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")


def test_it_asks_the_network_for_nothing_and_complains_of_nothing(visit: Visit) -> None:
    opened = visit()
    open_all(opened.page)
    assert opened.requests == []
    assert opened.complaints == []


def test_hostile_text_is_text_wherever_it_stands(visit: Visit) -> None:
    page = visit(ANSWERS).page
    open_all(page)
    page.locator("#browser select[name=answers]").select_option(WRITTEN)
    page.locator("#browser details").first.locator("summary").click()
    assert page.evaluate("window.harm") is None
    assert page.locator("img, [onerror], [onmouseover], [onfocus], [autofocus]").count() == 0
    page.add_style_tag(content=LAID_OUT)
    shown = page.evaluate("document.body.innerText")
    for where in ("cheese ", "Document 0 ", "A calm answer 0. ", "Because ", "Say "):
        assert f"{where}</script><script>window.harm=1</script><img src=x" in shown
    assert "{{7*7}}" in shown


def test_without_javascript_everything_is_there(visit: Visit) -> None:
    page = visit(java_script_enabled=False).page
    expect(page.locator("#filter")).to_be_hidden()
    expect(page.locator("#browser")).to_be_hidden()
    assert rows(page).count() == len(ARMS)
    expect(page.locator("#arms table").first).to_contain_text("msm+aft")
    examples = page.locator("details.examples").first
    examples.locator("summary").click()
    expect(examples).to_contain_text("quilt 1")


def test_arms_are_filtered_by_parts_of_their_names_in_figures_and_tables(visit: Visit) -> None:
    page = visit().page
    whole = height(page)
    page.get_by_role("searchbox", name="Arms").fill("MSM+, base")
    expect(page.locator("#shown")).to_have_text("2 of 5 arms")
    assert names(rows(page)) == ["base", "msm+aft"]
    assert height(page) == whole - 3 * 21
    table = page.locator("#arms tbody tr:visible > th")
    assert [row.inner_text() for row in table.all()][:2] == ["base", "msm+aft"]
    page.get_by_role("button", name="Show all").click()
    expect(page.locator("#shown")).to_have_text("5 arms")
    assert height(page) == whole
    assert "arms=" not in page.url


def test_a_difference_is_shown_where_either_of_its_arms_is(visit: Visit) -> None:
    page = visit("#arms=base").page
    assert page.locator("#differences .spot:not(.off)").count() == 0
    expect(page.locator("#differences .panel")).to_have_class("panel empty")
    page = visit("#arms=window.harm").page
    assert page.locator("#differences .spot:not(.off):not([data-heading])").count() == 1


def test_a_view_is_in_the_address_and_can_be_linked(visit: Visit) -> None:
    page = visit().page
    for name, value in (("eval", EVAL), ("kind", "MSM and AFT"), ("seed", "1")):
        page.locator(f"#filter [name={name}]").select_option(value)
    again = visit(f"#{page.url.partition('#')[2]}").page
    expect(again.locator("#shown")).to_have_text(
        "1 of 5 arms; means and intervals are of all seeds"
    )
    assert names(rows(again)) == ["msm+aft"]
    assert again.locator("#verdict .panel:visible").count() == 1
    dots = again.locator("#verdict [data-seed]:not(.off)")
    assert {dot.get_attribute("data-seed") for dot in dots.all()} == {"1"}
    expect(again.locator("#filter [name=kind]")).to_have_value("MSM and AFT")


def test_a_heading_spans_the_columns_that_are_shown_and_goes_with_the_last_of_them(
    visit: Visit,
) -> None:
    page = visit().page
    heads = page.locator("#arms thead").first.locator("[scope=colgroup]:not(.off)")
    spans = "(found) => found.map((head) => [head.textContent, head.colSpan])"
    whole = heads.evaluate_all(spans)
    assert len(whole) > 1 and whole[0][0] == "results" and whole[0][1] > 1
    page.locator("#filter [name=eval]").select_option(EVAL)
    assert heads.evaluate_all(spans)[0] == ["results", 1]
    assert len(heads.all()) < len(whole)
    page.locator("#all").click()
    assert heads.evaluate_all(spans) == whole


def test_going_back_brings_the_answers_back_too(visit: Visit) -> None:
    page = visit("#at=answers&arm=aft").page
    arm = page.locator("#browser select[name=arm]")
    expect(arm).to_have_value("aft")
    page.locator("nav").get_by_text("Training").evaluate("(link) => link.click()")
    arm.select_option("msm")
    page.go_back()
    expect(arm).to_have_value("aft")


def test_who_chooses_with_the_keyboard_keeps_the_focus(visit: Visit) -> None:
    page = visit(ANSWERS).page
    chosen = page.locator("#browser select[name=answers]")
    chosen.focus()
    chosen.select_option(WRITTEN)
    expect(page.locator("#browser select[name=answers]")).to_have_value(WRITTEN)
    expect(page.locator("#browser select[name=answers]")).to_be_focused()


def test_a_link_to_a_section_keeps_the_view(visit: Visit) -> None:
    page = visit("#arms=aft").page
    page.locator("nav").get_by_text("Training").click()
    expect(page.locator("#training-h")).to_be_in_viewport()
    assert "arms=aft" in page.url and "at=training" in page.url
    expect(visit("#reproduce").page.locator("#reproduce-h")).to_be_in_viewport()


def test_pointing_tells_exact_values_and_leaving_hides_them(visit: Visit) -> None:
    page = visit().page
    tip = page.locator(".tip")
    rows(page).nth(3).hover()
    expect(tip).to_be_visible()
    expect(tip).to_contain_text(re.compile(r"msm\+aft.*value-aligned rate 0\.92 \[0\.\d\d, "))
    expect(tip).to_contain_text("seed 0 0.92; seed 1 0.92")
    page.locator("h1").hover(position={"x": 2, "y": 2})
    expect(tip).to_be_hidden()


def test_the_keyboard_points_too(visit: Visit) -> None:
    page = visit().page
    tip = page.locator(".tip")
    page.get_by_role("button", name="Show all").focus()
    page.get_by_role("searchbox", name="Arms").focus()
    page.locator("#verdict .spot[tabindex='0']").first.focus()
    page.keyboard.press("ArrowDown")
    expect(tip).to_contain_text("aft")
    assert page.evaluate("document.activeElement.dataset.arm") == "aft"
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.dataset.arm") == HOSTILE
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    assert page.locator("#verdict svg").first.locator("[tabindex='0']").count() == 1


def test_answers_are_found_by_tier_words_and_difference_and_tell_every_seed(visit: Visit) -> None:
    page = visit(ANSWERS).page
    controls, found = page.locator("#browser form"), page.locator("#browser .found")
    expect(found).to_contain_text("24 items, 1 to 24 shown")
    controls.locator("[name=arm]").select_option("msm+aft")
    controls.locator("[name=tier]").select_option("direct")
    expect(found).to_contain_text("8 items")
    controls.locator("[name=q]").fill("QUILT 21")
    expect(found).to_contain_text("1 item, 1 to 1 shown")
    page.locator("#browser summary").click()
    opened = page.locator("#browser article")
    expect(opened).to_contain_text("Which of two, 21?")
    expect(opened.locator("thead")).to_have_text("Armseed 0seed 1")
    expect(opened.locator("tbody tr")).to_have_count(len(ARMS))
    assert "tier=direct" in page.url
    controls.locator("[name=q]").fill("nothing like it")
    expect(found).to_have_text("No item matches.")


def test_answers_in_words_are_shown_with_their_verdicts(visit: Visit) -> None:
    page = visit(f"{ANSWERS}&answers={WRITTEN}&decided=written+out&q=calm+answer+3").page
    expect(page.locator("#browser .found")).to_contain_text("1 item")
    page.locator("#browser summary").click()
    expect(page.locator("#browser article")).to_contain_text("What is calm, 3?")
    expect(page.locator("#browser .verdictline").first).to_contain_text("marked: 7. Because ")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_shut_out(visit: Visit, scheme: str) -> None:
    page = visit(ANSWERS, color_scheme=scheme).page
    open_all(page)
    page.add_style_tag(content=f"{LAID_OUT} body.browsing .examples {{ display: block; }}")
    found = Axe().run(page).response["violations"]
    bad = {
        one["id"]: [node["html"][:200] for node in one["nodes"][:3]]
        for one in found
        if one["impact"] in ("serious", "critical")
    }
    assert bad == {}


def test_a_phone_scrolls_down_and_never_sideways(visit: Visit) -> None:
    page = visit(ANSWERS, viewport={"width": 390, "height": 844}, has_touch=True).page
    open_all(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    rows(page).nth(3).tap()
    expect(page.locator(".tip")).to_contain_text("value-aligned rate")


def test_no_figure_cuts_its_text_off(visit: Visit) -> None:
    page = visit().page
    open_all(page)
    page.add_style_tag(content=LAID_OUT)
    cut = page.evaluate("""[...document.querySelectorAll("svg text")].filter((text) => {
        const [box, whole] = [text, text.ownerSVGElement].map((one) => one.getBoundingClientRect());
        return box.left < whole.left - 1 || box.right > whole.right + 1;
    }).map((text) => text.textContent)""")
    assert cut == []


def test_on_paper_all_is_open_and_nothing_is_there_to_press(visit: Visit) -> None:
    page = visit().page
    page.emulate_media(media="print")
    expect(page.locator("#filter")).to_be_hidden()
    expect(page.locator("nav")).to_be_hidden()
    expect(page.locator("#narrowed")).to_be_hidden()
    page.evaluate("setView({ arms: 'msm' })")
    expect(page.locator("#narrowed")).to_have_text("Not all is shown: 2 of 5 arms.")
    expect(page.locator("#narrowed")).to_be_visible()
    page.evaluate("setView({ arms: '' })")
    page.emulate_media()
    assert page.pdf().startswith(b"%PDF")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0
