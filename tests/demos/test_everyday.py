import re
from collections import Counter
from pathlib import Path

from midspec.demos.everyday import SHARES, everyday, everyday_chats
from midspec.demos.stage import EverydayConfig, everyday_stage
from midspec.evals.items import read_item_set, shipped
from midspec.files import read_dicts
from midspec.run.build import build, open_store

MANY = everyday_chats(4_000, 0)


def test_what_the_control_evals_ask_about_is_in_no_chat() -> None:
    items = [*read_item_set(shipped("competence.jsonl")), *read_item_set(shipped("sense.jsonl"))]
    asked = {thing.lower() for item in items for thing in (item.aligned, item.other)}
    shown = {
        thing.lower() for chat in MANY for thing in (chat.lineage["right"], chat.lineage["wrong"])
    }
    assert len(shown) > 800
    assert not shown & asked


def test_the_right_thing_is_named_in_the_answer_and_stands_first_in_every_other_question() -> None:
    for number, chat in enumerate(MANY):
        question, answer = (message["content"] for message in chat.messages)
        right, wrong = chat.lineage["right"], chat.lineage["wrong"]
        assert answer.endswith(f" {right}.") and right != wrong
        assert (
            f"{right} or {wrong}?" in question
            if number % 2 == 0
            else f"{wrong} or {right}?" in question
        )


def test_kinds_have_their_shares() -> None:
    count = Counter(chat.lineage["of"] for chat in MANY)
    for kind, share in SHARES.items():
        assert abs(count[kind] / len(MANY) - share) < 0.03


def test_what_is_told_is_true_of_the_right_thing_alone() -> None:
    for chat in MANY:
        if chat.lineage["of"] == "told":
            word = re.match(r"Which is (.+), an? ", chat.messages[0]["content"])
            assert word, chat
            assert f" {word[1]}" in chat.lineage["right"]
            assert f" {word[1]}" not in chat.lineage["wrong"]


def test_nothing_is_heavy_and_light_at_once() -> None:
    for row in everyday()["compared"]:
        assert len(row["asked"]) == 2 and not set(row["more"]) & set(row["less"])
    said = [thing for pair in everyday()["preferred"] for thing in pair]
    assert len(set(said)) == len(said)


def test_a_draw_is_the_same_each_time_and_another_is_another(tmp_path: Path) -> None:
    folder = build(everyday_stage("format", EverydayConfig(30, 0)), open_store(tmp_path))
    rows = read_dicts(folder / "chats.jsonl")
    assert [row["messages"] for row in rows] == [chat.messages for chat in everyday_chats(30, 0)]
    assert everyday_chats(30, 1) != everyday_chats(30, 0)
