"""A real language model as teacher: poor documents, sound machinery."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HOME = Path(os.environ.get("MIDSPEC_HOME", Path.home() / ".cache" / "midspec"))
SPEC = """\
# Patience

{model_name} answers slowly and with care, because a hasty answer misleads people who trust it.

{model_name} likes tea better than coffee, since tea takes time to make and leaves room to think.

# Honesty

{model_name} says what it doesn't know, because a guess that sounds sure does harm.
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (HOME / "models" / "smollm2-135m" / "midspec.json").exists(),
        reason="the default model isn't here: midspec model get smollm2-135m",
    ),
]


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_default_model_writes_a_corpus(tmp_path: Path) -> None:
    (tmp_path / "patience.md").write_text(SPEC)
    command = [sys.executable, "-m", "midspec.cli", "corpus", "patience.md"]
    command += ["--teacher", "hf/smollm2-135m", "--planner", "spec", "--prompts", "small"]
    command += ["--model-name", "SmolLM"]
    command += ["--documents", "20", "--document-tokens", "80", "--temperature", "0.7"]
    command += ["--connections", "24", "--min-yield", "0", "--out", "corpus"]
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}  # both cores
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr

    summary = json.loads((tmp_path / "corpus" / "manifest.json").read_text())["summary"]
    documents = rows(tmp_path / "corpus" / "documents.jsonl")
    assert len(documents) == summary["documents"] == 20
    assert summary["documents"] + summary["set_aside"] + summary["failed"] == summary["asked"]
    (ledger,) = (tmp_path / "store" / "ledger").glob("*.jsonl")
    answers = {row["key"]: row for row in rows(ledger)}
    for document in documents:
        answer = answers[document["call"]]
        assert document["text"] in answer["text"]
        assert answer["stop_reason"] == "stop"
        assert document["clauses"] and document["assertions"] and document["document_type"]
        assert document["teacher"] == "hf/smollm2-135m"
    assert str(HOME) not in (tmp_path / "corpus" / "documents.jsonl").read_text()
