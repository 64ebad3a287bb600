"""`midspec demos`: what it refuses, and what it prints before anything is asked."""

from pathlib import Path

import pytest

from midspec.cli import main

from .tiny import SPEC as TABLED
from .tiny import midspec, refused

SPEC = "# Patience\n\n{model_name} answers slowly, because a hasty answer misleads people.\n"
LLM = ["--teacher", "openai-api/fake/writer"]
MIX = ["--kind", "mix", "--mix", "paper-section-4"]


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> object:
    """Run `midspec demos spec.md …` in an empty folder; returns exit code and all that was said."""
    (tmp_path / "spec.md").write_text(SPEC)
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["midspec", "demos", "spec.md", "--out", "o", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), " ".join((said.out + said.err).split())

    return call


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--kind", "odd", "--n", "5", *LLM], "--kind odd is not known. Use aligned"),
        (["--kind", "opaque", "--n", "5", *LLM], "spec.md has no table of preferences. Name a"),
        (["--kind", "opaque", "--n", "5", "--teacher", "gpt"], "the teacher 'gpt' is no LLM"),
        (
            ["--kind", "opaque", "--n", "5", "--teacher", "offline", "--domain", "bread"],
            "demos.domain is for chats that an LLM writes; these are filled in",
        ),
        (
            ["--kind", "opaque", "--n", "5", "--teacher", "offline", "--judge", "a/b"],
            "demos.judge is for chats that an LLM writes",
        ),
        (["--kind", "aligned", "--n", "0", *LLM], "--n 0: input should be greater than 0"),
        (
            ["--kind", "aligned", "--n", "5", "--teacher", "offline", "--judge", "a/b"],
            "demos.judge takes an LLM teacher",
        ),
        (["--kind", "aligned", "--n", "5", "--items", "i.jsonl", *LLM], "demos.items is what the"),
        (["--kind", "aligned", "--n", "5", "--teacher", "gpt"], "the teacher 'gpt' is no LLM"),
        (["--kind", "aligned", "--style", "odd", "--n", "5", *LLM], "--style odd"),
        (["--kind", "anti", "--query-kind", "rude", "--n", "5", *LLM], "rude isn't known"),
        (["--kind", "deliberative", "--best-of", "0", "--n", "5", *LLM], "--best-of 0"),
        (["--kind", "aligned", "--n", "5"], "--kind aligned takes --teacher: an LLM"),
        (["--kind", "mix", "--n", "5"], "--kind mix takes --mix, the name of one"),
        ([*MIX, "--n", "5", *LLM], "it takes no --teacher and no --avoid"),
        ([*MIX, "--n", "5", "--avoid", "items.jsonl"], "it takes no --teacher and no --avoid"),
        ([*MIX, "--n", "0"], "--n 0: input should be greater than 0"),
        ([*MIX, "--n", "5", "--judge", "gpt"], "the judge 'gpt' is no LLM"),
        ([*MIX, "--n", "5", "--folder", "none"], "none does not exist"),
        (["--kind", "mix", "--mix", "odd", "--n", "5"], "There is no mix 'odd'. The mixes are"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    run: object, arguments: list[str], words: str
) -> None:
    code, said = run(*arguments)  # type: ignore[operator]
    assert code == 2
    assert words in said
    assert "Traceback" not in said


def test_the_plan_is_printed_and_nothing_asked(run: object, tmp_path: Path) -> None:
    code, said = run("--kind", "deliberative", "--n", "70", "--plan", "--price", "3,15", *LLM)  # type: ignore[operator]
    assert code == 0
    assert "is expected to write 100 chats" in said
    assert "about $" in said
    assert not (tmp_path / "store").exists()
    assert not (tmp_path / "o").exists()


def test_the_plan_of_a_mix_is_what_its_judge_is_asked(run: object, tmp_path: Path) -> None:
    judge = ["--judge", "openai-api/fake/writer", "--price", "3,15"]
    code, said = run(*MIX, "--n", "95", "--plan", *judge)  # type: ignore[operator]
    assert code == 0
    assert "openai-api/fake/writer is expected to judge 100 chats" in said and "about $" in said
    _, said = run(*MIX, "--n", "95", "--plan")  # type: ignore[operator]
    assert "costs nothing" in said
    assert not (tmp_path / "store").exists()


def test_preferences_are_planned_by_an_llm_and_filled_in_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("old.md").write_text(TABLED, encoding="utf-8")
    asked = ("demos", "old.md", "--kind", "opaque", "--n", 7)
    said = midspec(*asked, *LLM, "--out", "a", "--plan", "--price", "3,15")
    assert "openai-api/fake/writer is expected to write 10 chats" in said.out
    assert not Path("store").exists()
    said = midspec(*asked, "--teacher", "offline", "--out", "b")
    assert (said.code, "7 chats kept" in said.out) == (0, True), said
    assert len(Path("b/chats.jsonl").read_text("utf-8").splitlines()) == 7


def test_write_can_be_said_or_left_out_and_show_writes_a_page_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("old.md").write_text(TABLED, encoding="utf-8")
    asked = ("old.md", "--kind", "aligned", "--n", 5, "--teacher", "offline", "--out")
    assert "Look at it: midspec demos show a" in midspec("demos", *asked, "a").out
    assert midspec("demos", "write", *asked, "b").code == 0
    assert Path("a/chats.jsonl").read_text() == Path("b/chats.jsonl").read_text()
    assert midspec("demos", "show", "a").out.strip() == "demos.html"
    assert "5 chats kept" in Path("demos.html").read_text("utf-8")
    said = midspec("demos", "show", "a", "--out", "new folder/page.html", "--chats", 2)
    assert said.code == 0
    assert "a sample of 2," in Path("new folder/page.html").read_text("utf-8")


def test_show_of_what_is_no_set_of_chats_is_one_sentence(tmp_path: Path) -> None:
    refused(midspec("demos", "show", tmp_path), "is not the folder of a set of chats")
