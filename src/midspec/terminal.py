"""The way of every text to the terminal: it steers none, hides nothing, and holds no key."""

import re

import typer

from midspec.keys import without_keys

# What a terminal obeys (escapes, backspace, a return to the line's start), and what turns the
# direction of text or takes no room, so that one name can look like another. Joiners stay: scripts
# and emoji need them.
UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)
HALF = re.compile("[\ud800-\udfff]")  # of a character: no encoding has it


def plain(text: str) -> str:
    """The text without what a terminal would obey or not show; the rest of an escape stays, and
    tells that there was one."""
    return HALF.sub("\ufffd", UNSEEN.sub("", text))


def say(text: object, err: bool = False) -> None:
    """Print a text as it is, on stderr if it is an error; everything that is not laid out by
    `console` comes through here."""
    typer.echo(plain(without_keys(str(text))), err=err)
