"""Names, specs and rows full of HTML, markup, shell and path tricks: a whole run does no harm."""

import csv
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from midspec.console import console
from tests import tiny
from tests.tiny import Said, midspec

HTML = "<img src=x onerror=alert(1)></script><script>alert(2)</script>"
MARKUP = "[link=http://evil]x[/link] [/] [bold"
SHELL = "$(touch pwned) `touch pwned`; touch pwned '\" \\"
ESCAPES = "\x1b]52;c;cm0gLXJm\x07\x1b]8;;http://evil\x1b\\click\x1b[2J\x9b31m\u202e\u200b\r\0"
UP = "../../../up"
FORMULA = '=HYPERLINK("http://evil")'
LONG = "long " * 60
TEMPLATE = (
    "{{ 7*7 }} {% for x in ().__class__.__base__.__subclasses__() %}{{x}}{% endfor %} {model_name}"
)
OWN = re.compile(r"\x1b\[[0-9;]*m")  # the colours that a screen adds


@dataclass(frozen=True)
class Ran:
    """A run with such names, in a folder of its own."""

    home: Path
    file: Path
    store: Path
    said: Said

    def call(self, verb: str, *rest: object) -> Said:
        return midspec(verb, self.file, "--store", self.store, *rest)

    def arm(self, name: str) -> list[object]:
        return [name, "-e", self.file, "--store", self.store]


def experiment(model: Path) -> dict[str, Any]:
    """The tiny experiment under other names."""
    values = tiny.experiment(model)
    values |= {
        "name": f"{UP} {HTML} {MARKUP} {SHELL}",
        "identity": {"model_name": f"Tiny {HTML} {MARKUP}", "provider_name": TEMPLATE},
        "specs": {UP: f"{SHELL[:12]}.md"},
        "corpora": {f"{UP} {HTML}": {"spec": UP, "items": "contrasts.jsonl", "tokens": 1500}},
        "demos": {},
        "midtrain": values["midtrain"] | {"epochs": 2},
        "arms": {
            FORMULA: [],
            f"{MARKUP} {HTML}": [{"midtrain": f"{UP} {HTML}"}],
            f"{LONG}{SHELL}": [{"prompt": UP}],
        },
        "samples": [f"{HTML} {MARKUP} {TEMPLATE}"],
        "contrasts": [],
    }
    return values


@pytest.fixture(scope="module")
def ran(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    home = tmp_path_factory.mktemp("home")
    folder = home / "a" / "b" / "c" / "d"
    tiny.make_experiment(folder, tiny_model)
    spec = (folder / "spec.md").read_text()
    spec += f"\n## {HTML} {MARKUP}\n\nIt keeps {ESCAPES} and {TEMPLATE} and {SHELL} {FORMULA}.\n"
    (folder / f"{SHELL[:12]}.md").write_bytes(spec.replace("\0", "").encode())
    rows = tiny.item_rows()
    for row in rows:
        row |= {"id": f"{row['id']} {HTML}", "domain": f"{MARKUP} {HTML}"}
        row["aligned"] += " <svg/onload=alert(3)> [red] \x1b[5m\u202e"
    tiny.write_jsonl(folder / "items.jsonl", rows)
    file = tiny.write_experiment(folder, experiment(tiny_model))
    store = folder / "store"
    return Ran(home, file, store, midspec("run", file, "--store", store))


@pytest.fixture
def terminal() -> Iterator[None]:
    """The console takes itself for a terminal."""
    console._force_terminal, before = True, console._force_terminal
    yield
    console._force_terminal = before


def is_harmless(said: Said) -> None:
    assert said.code == 0, said.err
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\u200b]", OWN.sub("", said.out))
    assert "Traceback" not in said.err


def test_a_run_ends_and_tells_of_everything_under_its_name(ran: Ran) -> None:
    is_harmless(ran.said)
    for name in (FORMULA, f"{MARKUP} {HTML}"):
        assert name in ran.said.out


def test_nothing_is_written_outside_of_the_store(ran: Ran) -> None:
    inside = {ran.store, *ran.store.rglob("*")}
    others = {path.name for path in ran.home.rglob("*") if path.is_file() and path not in inside}
    assert others == {
        "experiment.yaml", "spec.md", "contrasts.jsonl", "items.jsonl", f"{SHELL[:12]}.md",
    }  # fmt: skip
    assert not [path for path in inside if path.is_symlink()]
    assert all(re.fullmatch(r"[\w.-]+", path.name) for path in inside)


@pytest.mark.parametrize("rest", [["plan"], ["show"], ["show", "--json"], ["analyze"], ["report"]])
def test_what_is_shown_of_it_steers_no_terminal(ran: Ran, terminal: None, rest: list[str]) -> None:
    said = ran.call(*rest)
    is_harmless(said)
    assert "\x1b]" not in said.out


def test_who_watches_sees_names_as_they_are(ran: Ran, terminal: None) -> None:
    is_harmless(ran.call("watch", "--once"))


def test_a_spec_is_linted_without_its_escapes(ran: Ran) -> None:
    (spec,) = ran.file.parent.glob("$*.md")
    said = midspec("spec", "lint", spec)
    assert said.code == 1
    is_harmless(Said(0, said.out, said.err))
    said = midspec("spec", "lint", spec, "--json")
    assert said.out.isascii()


def test_an_answer_in_a_chat_steers_no_terminal(
    ran: Ran, terminal: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("midspec.train.generate.generate", lambda *_: [ESCAPES + MARKUP])
    said = midspec("chat", *ran.arm(FORMULA), stdin="Hello?\n")
    is_harmless(said)
    assert MARKUP in said.out


def test_no_page_holds_a_tag_of_a_text(ran: Ran, tmp_path: Path) -> None:
    (corpus,) = ran.store.glob("corpus-*")
    page = tmp_path / "corpus.html"
    assert midspec("corpus", "show", corpus, "--out", page).code == 0
    (report,) = ran.store.glob("report-*")
    for text in (page.read_text(), (report / "report.html").read_text()):
        assert "<img src=x" not in text
        assert "<script>alert" not in text
        assert "alert(2)</script>" not in text


def test_templates_in_texts_are_texts(ran: Ran) -> None:
    (spec,) = ran.store.glob("spec-*")
    text = (spec / "spec.md").read_text()
    assert "{{ 7*7 }}" in text
    assert "49" not in text


def test_a_spreadsheet_runs_no_cell(ran: Ran, tmp_path: Path) -> None:
    assert ran.call("analyze", "--csv", tmp_path / "csv").code == 0
    cells = [
        cell
        for path in (tmp_path / "csv").glob("*.csv")
        for row in csv.reader(path.open(newline=""))
        for cell in row
    ]
    assert f"'{FORMULA}" in cells
    for cell in cells:
        assert not cell.startswith(("=", "+", "-", "@")) or re.fullmatch(r"-?[\d.e-]+", cell)


def test_a_command_to_copy_is_quoted(ran: Ran, tmp_path: Path) -> None:
    """It names the whole file again and the store, whatever a shell would make of them."""
    file = ran.file.with_name(f"x {SHELL[:12]}.yaml")
    file.write_bytes(ran.file.read_bytes())
    said = midspec("report", file, "--store", tmp_path / "none")
    file.unlink()
    assert said.code == 2
    command = said.err[said.err.index("midspec run ") :]
    assert shlex.split(command)[2:] == [str(file), "--store", str(tmp_path / "none")]


def test_what_programs_read_holds_the_names_as_they_are(ran: Ran) -> None:
    found = json.loads(ran.call("show", "--json").out)
    assert {row["arm"] for row in found["results"]} == set(experiment(Path())["arms"])
