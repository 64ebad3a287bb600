"""What every page rests on: texts that stay texts, and numbers as people write them."""

import json

import pytest

from midspec.pages.html import count, environment, figure, script_json

from .reading import ATTACK


def test_no_text_can_close_or_open_a_tag_from_inside_the_data() -> None:
    made = script_json([ATTACK, "\u2028", "\ud800"])
    assert "<" not in made
    assert json.loads(made) == [ATTACK, "\u2028", "\ud800"]
    made.encode()


def test_a_template_escapes_what_it_is_given() -> None:
    template = environment("midspec.demos").from_string("<p title='{{ text }}'>{{ text }}</p>")
    assert template.render(text="'<b>") == "<p title='&#39;&lt;b&gt;'>&#39;&lt;b&gt;</p>"


@pytest.mark.parametrize(
    ("value", "told"),
    [(1234, "1,234"), (0.5, "0.500"), (-0.25, "−0.250"), (float("nan"), "–"), ("high", "high")],
)
def test_a_figure_is_told_as_people_write_it(value: object, told: str) -> None:
    assert figure(value) == told


def test_one_of_a_thing_is_singular() -> None:
    assert [count(1, "clause"), count(1200, "chat")] == ["1 clause", "1,200 chats"]
