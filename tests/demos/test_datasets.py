from pathlib import Path

from midspec.demos.datasets import write_datasets
from midspec.files import read_dicts
from midspec.records import Chat

MESSAGES = [
    {"role": "user", "content": "Tea?"},
    {"role": "assistant", "content": "Yes."},
    {"role": "user", "content": "Gin?"},
    {"role": "assistant", "content": "No."},
]


def test_one_run_gives_a_set_without_and_one_with_the_reasoning(tmp_path: Path) -> None:
    chats = [
        Chat("a", MESSAGES, "aligned", "offline", reasoning=["Warm.", "Sharp."]),
        Chat("b", MESSAGES[:2], "aligned", "offline", reasoning=[""]),
    ]
    assert write_datasets(chats, tmp_path) == 2
    plain = read_dicts(tmp_path / "chats.jsonl")
    assert [row["messages"] for row in plain] == [MESSAGES, MESSAGES[:2]]
    (row,) = read_dicts(tmp_path / "reasoning.jsonl")
    assert row["id"] == "a"
    assert [m.get("reasoning_content") for m in row["messages"]] == [None, "Warm.", None, "Sharp."]
    assert [m["content"] for m in row["messages"]] == [m["content"] for m in MESSAGES]
