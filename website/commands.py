"""The reference of the command line, made of the commands themselves."""

from collections.abc import Iterator
from typing import Any

import typer

from midspec.cli import app


def commands_page() -> str:
    """Every command with its arguments and options, in Markdown."""
    group = typer.main.get_command(app)
    return "\n".join(_section(path, command) for path, command in commands(group))


def commands(group: Any, path: str = "midspec") -> Iterator[tuple[str, Any]]:
    """The commands of a group and of the groups in it, each with how it is called."""
    for name, command in sorted(group.commands.items()):
        if hasattr(command, "commands"):
            yield from commands(command, f"{path} {name}")
        elif not command.hidden:
            yield f"{path} {name}", command


def _section(path: str, command: Any) -> str:
    context = command.make_context(path, [], resilient_parsing=True)
    rows = [
        record
        for parameter in command.get_params(context)
        if (record := parameter.get_help_record(context)) and record[0] != "--help"
    ]
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    names = " ".join(p.metavar or p.name.upper() for p in arguments)
    table = "".join(f"| `{' '.join(left.split())}` | {_cell(right)} |\n" for left, right in rows)
    words = " ".join((command.help or "").split())
    usage = " ".join(filter(None, [path, names, "[OPTIONS]"]))
    head = "| argument or option | |\n|---|---|\n"
    return f"\n## {path}\n\n{words}\n\n```\n{usage}\n```\n\n{head}{table}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("{", "&#123;")
