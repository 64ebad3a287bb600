"""No text steers the terminal, hides something in it, or shows a key."""

import io

import pytest
from rich.markup import escape
from rich.table import Table

from midspec.screen import Screen
from midspec.terminal import plain, say

LINK = "\x1b]8;;http://evil\x1b\\click\x1b]8;;\x1b\\"
CLIPBOARD = "\x1b]52;c;cm0gLXJm\x07"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", "a[31mb"),
        ("a\x1b[2J\x1b[Hb", "a[2J[Hb"),
        (LINK, "]8;;http://evil\\click]8;;\\"),
        (CLIPBOARD, "]52;c;cm0gLXJm"),
        ("a\x9b31mb", "a31mb"),
        ("real\rfake", "realfake"),
        ("abc\b\b\bxyz", "abcxyz"),
        ("aft\u202egpj.", "aftgpj."),
        ("a\u200bft\ufeff", "aft"),
        ("a\0b", "ab"),
        ("half \ud83d", "half \ufffd"),
    ],
)
def test_what_a_terminal_obeys_or_hides_is_taken_out(text: str, shown: str) -> None:
    assert plain(text) == shown


@pytest.mark.parametrize("text", ["a\tb\nc", "naïve, 日本, עברית", "👩‍🔬 👍🏽", "−.06 [−.17, .06]"])
def test_all_other_text_stays(text: str) -> None:
    assert plain(text) == text


def test_what_is_said_is_plain_and_holds_no_key(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "sk-canary-123")
    say(f"{CLIPBOARD} 401: Bearer sk-canary-123", err=True)
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "]52;c;cm0gLXJm 401: Bearer $SOME_API_KEY\n")


def screen(width: int = 60) -> Screen:
    """A screen that takes itself for a terminal."""
    return Screen(
        file=io.StringIO(),
        force_terminal=True,
        color_system="standard",
        width=width,
        highlight=False,
    )


def shown_on(found: Screen) -> str:
    assert isinstance(found.file, io.StringIO)
    return found.file.getvalue()


def test_a_screen_has_its_own_colours_and_no_escape_of_a_text() -> None:
    found = screen()
    found.print(f"[red]{escape(LINK)}[/]")
    found.print(CLIPBOARD, markup=False)
    shown = shown_on(found)
    assert shown.startswith("\x1b[31m]8;;http://evil")
    assert "\x1b" not in shown.replace("\x1b[31m", "").replace("\x1b[0m", "")


def test_no_name_becomes_a_picture() -> None:
    found = screen()
    found.print("msm:cat:8b", markup=False)
    table = Table()
    table.add_column("arm")
    table.add_row(escape("msm:cat:8b"))
    found.print(table)
    assert shown_on(found).count("msm:cat:8b") == 2


def test_a_table_keeps_its_form_whatever_its_cells_hold() -> None:
    def lines(cell: str) -> list[str]:
        found = screen()
        table = Table()
        table.add_column("arm")
        table.add_column("score")
        table.add_row(escape(cell), "0.5")
        table.add_row("another, longer arm", "0.5")
        found.print(table)
        return shown_on(found).splitlines()

    assert lines("m\x1bs\u202em\x9b") == lines("msm")
