"""`midspec demos`: what it refuses, and what it prints before anything is asked."""

from pathlib import Path

import pytest

from midspec.cli import main

SPEC = "# Patience\n\n{model_name} answers slowly, because a hasty answer misleads people.\n"
LLM = ["--teacher", "openai-api/fake/writer"]


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
        (["--kind", "opaque", "--n", "5", *LLM], "--kind opaque is not known. Use aligned"),
        (["--kind", "aligned", "--n", "0", *LLM], "--n 0: input should be greater than 0"),
        (["--kind", "aligned", "--n", "5", "--teacher", "offline"], "kind aligned takes an LLM"),
        (["--kind", "aligned", "--n", "5", "--teacher", "gpt"], "the teacher 'gpt' is no LLM"),
        (["--kind", "aligned", "--style", "odd", "--n", "5", *LLM], "--style odd"),
        (["--kind", "anti", "--query-kind", "rude", "--n", "5", *LLM], "rude isn't known"),
        (["--kind", "deliberative", "--best-of", "0", "--n", "5", *LLM], "--best-of 0"),
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
