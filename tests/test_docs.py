"""The documentation tells no lies: its commands, experiment files, links and paths are real."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import TypeAdapter

from midspec import __version__
from midspec.cli import app
from midspec.config import Experiment, check, parse
from midspec.config_errors import read_values
from midspec.parts import Demos
from midspec.yaml_file import read_yaml

from .documents import ROOT, Found, anchors, blocks, inline, links, pages

PAGES = pages()
CHANGES = ROOT / "CHANGELOG.md"  # speaks of what was, too
SHELLS = {"", "bash", "console", "sh", "text"}
# What a file of the experiment's shape must have; a block of less is checked key by key.
WHOLE = {"name", "specs", "evals"}
STUB: dict[str, Any] = {"name": "x", "specs": {"x": "x.md"}, "arms": {"x": []}, "evals": ["sense"]}
FOLDERS = "src|docs|tests|experiments|specs|benchmarks|website"
PATHS = re.compile(rf"(?<![\w/.])(?P<path>(?:{FOLDERS})/[\w./-]*\w)(?P<rest>\.?\*)?")


def by_name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def written() -> Iterator[tuple[Found, str, bool]]:
    """Every command line in the documentation; whether it is whole, or named in a sentence."""
    for page in PAGES:
        if page == CHANGES:
            continue
        for block in blocks(page):
            if block.kind not in SHELLS:
                continue
            for line in re.sub(r"\\\n\s*", " ", block.text).splitlines():
                if found := re.match(r"\s*(?:\$ )?(?P<call>midspec .*)", line):
                    yield block, found["call"], True
        for word in inline(page):
            if word.text.startswith("midspec "):
                yield word, word.text, False


COMMANDS = list(written())


def parsed(call: str, whole: bool) -> str:
    """What is wrong with a command line by the parser of the command line itself."""
    tokens = shlex.split(call.replace("…", " "), comments=True)[1:]
    command: Any = typer.main.get_command(app)
    context = command.make_context("midspec", [], resilient_parsing=True)
    while hasattr(command, "commands"):
        if not tokens:
            return "" if not whole else "it names no command"
        if "write" in command.commands and tokens[0] not in {*command.commands, "--help"}:
            tokens = ["write", *tokens]  # as the command line itself does
        if tokens[0].startswith("-"):
            return "" if tokens[0] in ("--version", "--help") else f"no option {tokens[0]}"
        name, *tokens = tokens
        if name not in command.commands:
            return f"no command {name}"
        command = command.commands[name]
        context = command.make_context(name, [], parent=context, resilient_parsing=True)
    context.resilient_parsing = False
    try:
        given, rest, _ = command.make_parser(context).parse_args(list(tokens))
    except typer.BadParameter.__base__ as error:
        return error.format_message()
    if rest:
        return f"nothing takes {rest}"
    needed = [one.name for one in command.params if one.required and given.get(one.name) is None]
    return f"it lacks {', '.join(needed)}" if needed and whole else ""


@pytest.mark.parametrize(("where", "call", "whole"), COMMANDS, ids=lambda value: str(value)[:60])
def test_a_command_line_parses(where: Found, call: str, whole: bool) -> None:
    wrong = parsed(call, whole)
    assert not wrong, f"{where}: {call}: {wrong}"


def test_the_parser_that_these_tests_use_can_fail() -> None:
    assert parsed("midspec run", True) == "it lacks experiment"
    assert "--sorted" in parsed("midspec run x.yaml --sorted", True)
    assert parsed("midspec analyse x.yaml", True)
    assert parsed("midspec corpus SPEC.md --teacher offline --out d", True) == ""


def files() -> list[Found]:
    return [block for page in PAGES for block in blocks(page) if block.kind == "yaml"]


@pytest.mark.parametrize("block", files(), ids=str)
def test_a_yaml_block_is_an_experiment_or_a_part_of_one(block: Found, tmp_path: Path) -> None:
    place = tmp_path / "block.yaml"
    place.write_text(block.text)
    values = read_yaml(place)
    assert isinstance(values, dict), f"{block} is no mapping."
    beside = ROOT / "experiments" / "cheese.yaml"
    if values.keys() >= WHOLE and not block.text.rstrip().endswith("…"):
        check(parse(values, beside), beside)
    elif values.keys() <= Experiment.model_fields.keys():
        arms = values.get("arms")
        if isinstance(arms, str):
            del values["arms"]
        elif arms:
            values["arms"] = {name: steps for name, steps in arms.items() if name != "paper"}
        read_values(Experiment, STUB | values, beside)
    else:
        for part in values.values():
            TypeAdapter(Demos).validate_python(part)


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    """As on GitHub; the built site is checked by `make docs`."""
    for link in links(page):
        place, _, anchor = link.text.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), f"{link}: {link.text} isn't there."
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{link}: {place} has no heading #{anchor}."


@pytest.mark.parametrize("page", [page for page in PAGES if page != CHANGES], ids=by_name)
def test_paths_that_are_named_exist(page: Path) -> None:
    for found in PATHS.finditer(page.read_text("utf-8")):
        path = found["path"]
        if "NAME" in path:  # stands for one
            continue
        there = any(ROOT.glob(path + found["rest"])) if found["rest"] else (ROOT / path).exists()
        assert there, f"{by_name(page)} names {path}, which isn't there."


def python() -> list[Found]:
    return [block for page in PAGES for block in blocks(page) if block.kind == "python"]


@pytest.mark.parametrize("block", python(), ids=str)
def test_what_python_blocks_import_is_there(block: Found) -> None:
    imports = [line for line in block.text.splitlines() if re.match(r"(from|import) midspec", line)]
    compile(block.text, str(block), "exec")
    exec("\n".join(imports), {})


def test_the_citation_is_of_this_version_and_names_the_paper() -> None:
    cited = read_yaml(ROOT / "CITATION.cff")
    assert isinstance(cited, dict)
    assert cited.keys() >= {"cff-version", "message", "title", "authors"}
    assert (cited["cff-version"], cited["version"]) == ("1.2.0", __version__)
    assert cited["references"][0]["url"] == "https://arxiv.org/abs/2605.02087"
