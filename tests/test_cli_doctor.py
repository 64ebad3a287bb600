"""`midspec doctor`: a line for each thing, for people and for programs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from midspec.doctor.examine import able
from midspec.doctor.line import Line

from .tiny import midspec

CANARY = "sk-canary-31415926"


@pytest.fixture(autouse=True)
def off_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("ANTHROPIC_API_KEY", CANARY)


def test_every_line_says_how_it_is_and_a_key_is_never_shown(tmp_path: Path) -> None:
    said = midspec("doctor", "--store", tmp_path / "store")
    assert said.code == 0, said.err
    for name in ("Python", "torch", "cores", "memory", "disk", "GPU", "C kernels", "model", "Hub"):
        assert name in said.out
    assert "ANTHROPIC_API_KEY" in said.out
    assert CANARY not in said.out + said.err
    assert said.out.rstrip().endswith("All that every run needs is here.")
    assert not (tmp_path / "store").exists()


def test_json_has_the_same_lines(tmp_path: Path) -> None:
    said = midspec("doctor", "--json", "--store", tmp_path / "store")
    told = json.loads(said.out)
    assert told["able"] is True
    assert {line["state"] for line in told["lines"]} <= {"ok", "warning", "missing"}
    assert all(set(line) == {"name", "state", "found", "mend", "needed"} for line in told["lines"])
    assert CANARY not in said.out


def test_it_exits_with_1_if_something_that_every_run_needs_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "midspec.doctor.installed.problem",
        lambda one: f"{one.name} isn't installed" if one.name == "peft" else "",
    )
    said = midspec("doctor", "--store", tmp_path / "store")
    assert said.code == 1
    assert "peft isn't installed" in said.out and "pip install --upgrade midspec" in said.out
    assert "No run will work before this is mended: packages." in said.out


def test_what_only_some_runs_need_is_no_reason_to_fail() -> None:
    assert able([Line("vllm", "missing", ""), Line("cores", "warning", "", needed=True)])
    assert not able([Line("disk", "missing", "", needed=True)])


def test_torch_is_not_imported_where_there_is_no_gpu(tmp_path: Path) -> None:
    code = (
        "import os, sys; os.environ['PATH'] = ''; from pathlib import Path; "
        "from midspec.doctor.examine import examine; "
        f"examine(Path({str(tmp_path)!r}), Path({str(tmp_path)!r}), {{'HF_HUB_OFFLINE': '1'}}); "
        "print('torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
