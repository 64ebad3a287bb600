import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from midspec import progress
from midspec.errors import DataError
from midspec.train.generate import generate
from midspec.train.model import load_base, load_tokenizer

CHATS = [
    [{"role": "user", "content": text}]
    for text in ("Old or new?", "What was mended has lasted, because mending is care. Agreed?", "x")
]


@pytest.fixture
def arm(tiny_model: Path) -> tuple[Any, Any]:
    return load_base(tiny_model).float(), load_tokenizer(tiny_model)


def test_answers_do_not_depend_on_the_batch(arm: tuple[Any, Any]) -> None:
    together = generate(*arm, CHATS, 8)
    assert together == [generate(*arm, [chat], 8)[0] for chat in CHATS]
    assert any(together)


def test_answers_hold_no_prompt_and_no_special_token(arm: tuple[Any, Any]) -> None:
    for answer in generate(*arm, CHATS, 8):
        assert "<|" not in answer
        assert "Old or new" not in answer
        assert len(arm[1](answer)["input_ids"]) <= 2 * 8


def test_a_template_that_reaches_for_python_is_refused(arm: tuple[Any, Any]) -> None:
    """Templates come with models: they run in a sandbox."""
    model, tokenizer = arm
    tokenizer.chat_template = "{{ ().__class__.__base__.__subclasses__() }}"
    with pytest.raises(DataError, match=r"The chat template can't write a chat.*is unsafe"):
        generate(model, tokenizer, CHATS, 8)


def test_no_chats_are_no_answers(arm: tuple[Any, Any]) -> None:
    assert generate(*arm, [], 8) == []


def test_progress_counts_answers(arm: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("midspec.train.generate.ROWS_PER_BATCH", 2)
    told: list[tuple[float, float, str]] = []
    with progress.listening(lambda *what: told.append(what)):
        generate(*arm, CHATS, 2)
    assert [(done, total) for done, total, _ in told] == [(2, 3), (3, 3)]


def test_a_tokenizer_without_a_pad_token_pads_with_its_end_token(
    arm: tuple[Any, Any], tiny_model: Path, tmp_path: Path
) -> None:
    """Many models of the Hub name none."""
    folder = tmp_path / "without"
    shutil.copytree(tiny_model, folder)
    config = json.loads((folder / "tokenizer_config.json").read_text())
    del config["pad_token"]
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    expected = generate(*arm, CHATS, 4)
    assert generate(arm[0], load_tokenizer(folder), CHATS, 4) == expected
