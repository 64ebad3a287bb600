from pathlib import Path

import pytest

from midspec.demos.replay import replay_chats, replay_prompts
from midspec.demos.stage import ReplayConfig, replay_stage
from midspec.files import read_dicts
from midspec.run.build import build, open_store
from midspec.run.stage import Source


def test_shipped_prompts_are_unique_and_plentiful() -> None:
    prompts = replay_prompts(10_000, 0)
    assert len(prompts) >= 300
    assert len({prompt.strip().lower() for prompt in prompts}) == len(prompts)
    assert all(prompt.strip() for prompt in prompts)


def test_prompts_are_drawn_by_seed() -> None:
    assert len(replay_prompts(10, 0)) == 10
    assert replay_prompts(10, 0) == replay_prompts(10, 0)
    assert replay_prompts(10, 0) != replay_prompts(10, 1)


def test_answers_are_cut_to_whole_sentences_and_those_without_one_left_out(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = ["One. Two! And thr", "no end at all", "3.14 is pi. Indeed", "Is it? Yes.", ""]
    monkeypatch.setattr("midspec.train.generate.generate", lambda *arguments: said)
    chats, aside = replay_chats(["a", "b", "c", "d", "e"], tiny_model, 5)
    assert [row["prompt"] for row in aside] == ["b", "e"]
    assert [chat.messages for chat in chats] == [
        [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
        for prompt, answer in (("a", "One. Two!"), ("c", "3.14 is pi."), ("d", "Is it? Yes."))
    ]


def test_what_is_left_out_is_kept_apart_with_its_reason(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "midspec.train.generate.generate", lambda model, tokenizer, chats, n: ["x", "Yes.", "y"]
    )
    stage = replay_stage("chat", ReplayConfig(3, 5, 0), Source("tiny", tiny_model))
    folder = build(stage, open_store(tmp_path))
    aside = read_dicts(folder / "set_aside.jsonl")
    assert len(read_dicts(folder / "chats.jsonl")) + len(aside) == 3
    assert all(row["reason"] for row in aside)
