"""The reference of the command line has every command and option."""

import typer

from midspec.cli import app
from website.commands import commands, commands_page


def test_every_command_has_a_section_with_its_options() -> None:
    page = commands_page()
    found = dict(commands(typer.main.get_command(app)))
    assert {"midspec run", "midspec corpus write", "midspec spec lint", "midspec why"} <= set(found)
    for path, command in found.items():
        section = page.partition(f"\n## {path}\n")[2].partition("\n## ")[0]
        assert section.strip().startswith(command.help.split()[0])
        for parameter in command.params:
            for option in parameter.opts:
                assert option.startswith("--") is False or option in section, f"{path} {option}"


def test_what_means_something_in_a_table_is_told_as_it_stands() -> None:
    page = commands_page()
    assert "| `--store FOLDER|URL` |" in page  # in code, Markdown takes a pipe as it is
    assert "Fills &#123;model_name}." in page
