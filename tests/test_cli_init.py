"""`midspec init`: from a stranger's spec to an experiment that runs."""

from pathlib import Path

import pytest
import yaml

from midspec.config import load_experiment

from .begin.specs import PLAIN, TABLE, YOU
from .tiny import Said, item_rows, midspec, refused, write_jsonl


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a spec and nothing else, and a home without models."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIDSPEC_HOME", str(tmp_path / "home"))
    (tmp_path / "my-spec.md").write_text(PLAIN, encoding="utf-8")
    return tmp_path


def init(*rest: object, stdin: str = "") -> Said:
    return midspec("init", *rest, stdin=stdin)


def test_a_spec_alone_is_enough(here: Path) -> None:
    said = init("my-spec.md")
    assert said.code == 0, said.err
    found = load_experiment(here / "experiment.yaml")
    assert (found.model, found.teacher.model) == ("smollm2-135m", "offline")
    assert found.identity.model_name == "Aria"  # as the spec has it
    assert {path.name for path in here.iterdir()} == {"my-spec.md", "experiment.yaml", "quiet.md"}
    assert "43 of 43 stages to do" in said.out
    assert "The spec speaks of Aria, so documents do" in said.out
    assert "no table of preferences and no item file" in said.out
    assert said.out.index("midspec model get smollm2-135m") < said.out.index("midspec run exp")


def test_what_it_writes_runs_to_a_report(here: Path, tiny_model: Path) -> None:
    (here / "my-spec.md").write_text(PLAIN + TABLE, encoding="utf-8")
    items = write_jsonl(here / "ask.jsonl", item_rows())
    said = init("my-spec.md", "--model", tiny_model, "--budget", "4k tokens", "--preference", items,
                "--no-placebo", "--out", "deep/mine.yaml")  # fmt: skip
    assert said.code == 0, said.err
    path = here / "deep" / "mine.yaml"
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    values["evals"] = [e for e in values["evals"] if e.startswith(("pref", "know"))]  # quicker
    for name, chats in {"preferences": 40, "everyday": 20, "chat": 2}.items():
        values["demos"][name]["n"] = chats
    values["finetune"]["tokens_per_step"] = 128
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    said = midspec("run", path)
    assert said.code == 0, said.err
    assert "msm+aft − aft" in said.out
    assert list(here.glob("store/report-*/report.html"))


def test_a_file_that_is_there_is_replaced_only_if_that_is_wanted(here: Path) -> None:
    for name in ("experiment.yaml", "quiet.md"):
        (here / name).write_text("mine", encoding="utf-8")
        refused(init("my-spec.md"), f"{name} exists", "--force")
        assert (here / name).read_text(encoding="utf-8") == "mine"
        (here / name).unlink()
    (here / "experiment.yaml").write_text("mine", encoding="utf-8")
    assert init("my-spec.md", "--force").code == 0
    assert load_experiment(here / "experiment.yaml").name == "my-spec"
    assert init("my-spec.md", "--out", "again.yaml").code == 0  # quiet.md is the same


def test_a_refusal_leaves_nothing_behind(here: Path) -> None:
    refused(init("my-spec.md", "--budget", "30 s"), "is too little")
    assert {path.name for path in here.iterdir()} == {"my-spec.md"}


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ((), "needs SPEC.md, since without a terminal"),
        (("--teacher", "a/b"), "needs SPEC.md and --budget"),
        (("my-spec.md", "--teacher", "anthropic/claude-opus-4-6"), "needs --budget"),
        (("my-spec.md", "--teacher", "claude"), "--teacher claude is no LLM"),
        (("my-spec.md", "--model", "no-such"), "The model 'no-such' is unknown"),
        (("my-spec.md", "--budget", "much"), "--budget 'much' is no budget"),
        (("my-spec.md", "--budget", "$5"), "the teacher offline costs nothing"),
        (("my-spec.md", "--price", "3,15"), "--price is of an LLM"),
        (
            ("my-spec.md", "--teacher", "a/b", "--price", "cheap", "--budget", "$5"),
            "--price cheap is no price",
        ),
        (
            ("my-spec.md", "--teacher", "a/b", "--items", "x", "--budget", "$5"),
            "--items is what the teacher offline writes from",
        ),
        (("my-spec.md", "--out", "."), "--out . is a folder"),
        (("my-spec.md", "--preference", "x.csv"), "--preference x.csv is no .jsonl file"),
        (("my-spec.md", "--preference", "x.jsonl"), "x.jsonl does not exist"),
        (("my-spec.md", "--items", "x.jsonl"), "x.jsonl does not exist"),
        (("other.md",), "The spec other.md does not exist"),
    ],
)
def test_a_wrong_flag_is_one_sentence(here: Path, flags: tuple[str, ...], words: str) -> None:
    refused(init(*flags), words)
    assert not (here / "experiment.yaml").exists()


def test_in_a_terminal_what_isn_t_given_is_asked_for(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("midspec.cli_init._at_terminal", lambda: True)
    answers = ["nowhere.md", "my-spec.md", "", "nobody", "offline", "soon", "8k tokens", "Zoe", "",
               "Mine"]  # fmt: skip
    said = init(stdin="\n".join(answers) + "\n")
    assert said.code == 0, said.err
    for asked in ("A spec", "Base model", "Teacher", "Budget", "Whom the spec speaks of"):
        assert asked in said.out
    for wrong in ("nowhere.md does not exist", "nobody is no LLM", "'soon' is no budget"):
        assert wrong in said.err
    found = load_experiment(here / "experiment.yaml")
    assert (found.name, found.identity.model_name) == ("Mine", "Zoe")
    assert "my-spec.md never says Zoe" in said.out


def test_flags_aren_t_asked_for_again(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("midspec.cli_init._at_terminal", lambda: True)
    assert init("my-spec.md", "--yes").code == 0
    said = init(
        "my-spec.md", "--model", "smollm2-135m", "--teacher", "offline", "--budget", "8k tokens",
        "--name", "n", "--model-name", "Aria", "--provider-name", "Labs", "--force",
    )  # fmt: skip
    assert said.code == 0, said.err


def test_a_file_that_is_there_is_told_before_anything_is_asked(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("midspec.cli_init._at_terminal", lambda: True)
    (here / "experiment.yaml").write_text("mine", encoding="utf-8")
    refused(init("my-spec.md", stdin=""), "experiment.yaml exists")


def test_an_end_of_the_input_ends_it(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("midspec.cli_init._at_terminal", lambda: True)
    said = init("my-spec.md", stdin="")
    assert said.code == 130
    assert "Traceback" not in said.err
    assert not (here / "experiment.yaml").exists()


def test_a_spec_that_names_nobody_is_told_what_that_means(here: Path) -> None:
    (here / "my-spec.md").write_text(YOU, encoding="utf-8")
    said = init("my-spec.md")
    assert said.code == 0, said.err
    assert "never says the assistant" in said.out
    assert "knowledge/my-spec has nothing to ask" in said.out
    assert not [e for e in load_experiment(here / "experiment.yaml").evals if "knowledge" in e]
