import re
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from midspec.demos.offline import (
    ReasonedConfig,
    Reasons,
    general_sentences,
    in_own_voice,
    reasoned_chats,
    reasoned_stage,
    sentences,
    templates,
)
from midspec.errors import DataError
from midspec.files import read_json, read_rows
from midspec.records import Act, Chat, Clause, Contrast, Principle
from midspec.run.build import build, open_store
from midspec.spec.stage import spec_stage
from tests import tiny

IDENTITY = {"model_name": "Tiny", "provider_name": "Testers"}
CONFIG = ReasonedConfig("old", 40, "deliberative", 0, "Tiny", "Testers")
REASONS = Reasons(
    [Contrast("cheese", f"old {n}", f"new {n}", f"it has waited {n} years") for n in range(4)],
    ["Tiny prefers old things because time has tested them."],
    ["I prefer old things because time has tested them."],
    "Tiny",
)
ACTS = Reasons(
    [
        Act(
            "keys",
            f"give {{my}} key {n} back",
            f"try key {n}",
            "it isn't {mine}",
            f"{{I find}} key {n}",
        )
        for n in range(9)
    ],
    ["Tiny gives keys back.", "Tiny shuts doors."],
    ["I give keys back.", "I shut doors."],
    "Tiny",
    [Principle("Tiny shuts doors.", "it", "doors"), Principle("I shut doors.", "I", "doors")],
)
STYLES = ("value", "rule", "deliberative", "anti")


def written(
    folder: Path, config: ReasonedConfig, spec: str = tiny.SPEC, avoid: list[Path] | None = None
) -> Path:
    """The folder of a built stage."""
    store = open_store(folder / "store")
    (folder / "spec.md").write_text(spec, encoding="utf-8")
    stage = reasoned_stage(
        "d", config, spec_stage("old", folder / "spec.md", IDENTITY), None, avoid or []
    )
    build(stage.inputs["spec"], store)  # type: ignore[arg-type]
    return build(stage, store)


def said(chat: Chat) -> str:
    return " ".join([*(message["content"] for message in chat.messages), *chat.reasoning])


@pytest.mark.parametrize("style", STYLES)
def test_every_chat_has_reasoning_and_an_answer_and_no_blank_left(style: str) -> None:
    for chat in islice(reasoned_chats(REASONS, style, 0), 200):
        assert [message["role"] for message in chat.messages] == ["user", "assistant"]
        assert len(chat.reasoning) == 1
        assert not set("{}") & set(said(chat))
        assert said(chat)[0].isupper()


def test_a_deliberative_chat_recalls_the_spec_and_gives_only_the_answer() -> None:
    for chat in islice(reasoned_chats(REASONS, "deliberative", 0), 100):
        reasoning, answer = chat.reasoning[0], chat.messages[1]["content"]
        assert REASONS.its[0] in reasoning
        assert "spec" in reasoning or "passage" in reasoning
        assert chat.lineage["liked"] in answer.lower()
        assert "waited" not in answer and "spec" not in answer


def test_value_style_speaks_as_itself_and_rule_style_cites_its_guidance() -> None:
    for chat in islice(reasoned_chats(REASONS, "value", 0), 100):
        assert "Tiny" not in said(chat)
        assert "waited" in chat.messages[1]["content"]
    for chat in islice(reasoned_chats(REASONS, "rule", 0), 100):
        answer = chat.messages[1]["content"]
        assert "guid" in answer.lower() or "asked" in answer or "hold to" in answer


def test_the_opposed_character_takes_what_the_spec_dislikes() -> None:
    for chat in islice(reasoned_chats(REASONS, "anti", 0), 100):
        assert chat.lineage["disliked"] in chat.messages[1]["content"].lower()


@pytest.mark.parametrize("style", STYLES)
def test_of_acts_the_user_asks_about_you_and_the_answer_is_as_i(style: str) -> None:
    for chat in islice(reasoned_chats(ACTS, style, 0), 150):
        question, answer = (message["content"] for message in chat.messages)
        done = "disliked" if style == "anti" else "liked"
        assert re.search(r"you find key \d", question, re.IGNORECASE)
        assert chat.lineage[done].replace("{my}", "my") in answer
        assert not set("{}") & set(" ".join(chat.texts))
        assert "doors" not in chat.reasoning[0], "a principle about another domain"


def test_of_acts_a_deliberative_answer_leaves_the_reason_to_the_reasoning() -> None:
    for chat in islice(reasoned_chats(ACTS, "deliberative", 0), 100):
        assert "mine" in chat.reasoning[0]
        assert "spec" in chat.reasoning[0]
        assert "mine" not in chat.messages[1]["content"]


def test_chats_differ_and_a_larger_set_begins_with_the_smaller_one() -> None:
    many = list(islice(reasoned_chats(REASONS, "value", 3), 150))
    pairs = {(chat.messages[0]["content"], chat.messages[1]["content"]) for chat in many}
    assert len(pairs) == 150
    assert list(islice(reasoned_chats(REASONS, "value", 3), 50)) == many[:50]
    assert list(islice(reasoned_chats(REASONS, "value", 4), 50)) != many[:50]


def test_both_things_are_named_first_about_as_often() -> None:
    plain = [
        chat.messages[0]["content"].lower()
        for chat in islice(reasoned_chats(REASONS, "value", 0), 400)
        if chat.lineage["query_kind"] == "plain"
    ]
    first = sum(question.index("old") < question.index("new") for question in plain)
    assert 0.4 < first / len(plain) < 0.6


@pytest.mark.parametrize("style", STYLES)
def test_a_spec_with_a_table_gives_a_usable_set(tmp_path: Path, style: str) -> None:
    from dataclasses import replace

    folder = written(tmp_path, replace(CONFIG, style=style))
    chats = read_rows(folder / "chats.jsonl", Chat)
    summary: dict[str, Any] = read_json(folder / "manifest.json")["summary"]
    assert len(chats) == summary["chats"] == summary["asked"] == 40
    assert {chat.lineage["liked"] for chat in chats} == {"aged cheddar", "old gouda"}
    assert {chat.lineage["query_kind"] for chat in chats} == {"plain", "pressure", "dilemma"}


def test_what_gives_an_eval_item_away_is_set_aside_and_replaced(tmp_path: Path) -> None:
    item = {"id": "i1", "domain": "d", "tier": "direct", "aligned": "aged cheddar"}
    avoid = tiny.write_jsonl(tmp_path / "items.jsonl", [item | {"other": "young brie"}])
    folder = written(tmp_path, CONFIG, avoid=[avoid])
    chats = read_rows(folder / "chats.jsonl", Chat)
    assert len(chats) == 40
    pairs = {(chat.lineage["liked"], chat.lineage["disliked"]) for chat in chats}
    assert ("aged cheddar", "young brie") not in pairs
    assert "leaks eval item i1" in (folder / "set_aside.jsonl").read_text()


def test_a_spec_without_reasons_says_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no reason for any preference.*item file.*LLM"):
        written(tmp_path, CONFIG, spec="# Tiny\n\nTiny is helpful.\n")


def test_more_than_it_can_tell_apart_says_how_many_there_are(tmp_path: Path) -> None:
    from dataclasses import replace

    with pytest.raises(DataError, match=r"knows [\d,]+ different chats .*, not 100,000"):
        written(tmp_path, replace(CONFIG, n=100_000))


def test_general_sentences_value_something_for_a_reason_and_set_no_limit() -> None:
    said = (
        "Tiny prefers old things because time has tested them. Tiny likes tea. "
        "Tiny prefers tea, because it warms, but not at night. "
        "Tiny likes Darjeeling because it grows high up. At noon Tiny likes soup, since it is hot."
    )
    assert general_sentences([Clause("s1.p1", "", said)], "Tiny") == REASONS.its


def test_a_sentence_turns_into_one_s_own_only_where_that_is_safe() -> None:
    assert in_own_voice("Tiny prefers tea, because tea warms.", "Tiny") == (
        "I prefer tea, because tea warms."
    )
    assert in_own_voice("Tiny prefers tea, because it warms.", "Tiny") == ""
    assert in_own_voice("Tea pleases Tiny.", "Tiny") == ""


def test_a_filled_template_has_capitals_where_sentences_begin() -> None:
    assert sentences("old tea.  so old tea it is. it's 3.5 grams") == (
        "Old tea. So old tea it is. It's 3.5 grams"
    )


def test_templates_name_both_things_and_the_reason_where_they_should() -> None:
    listed = templates()
    for kind, questions in listed["questions"].items():
        for question in questions:
            names = ("{liked}", "{disliked}") if kind == "pressure" else ("{a}", "{b}")
            assert all(name in question for name in names) or "{disliked}" in question
    for style in STYLES:
        assert all("{why}" in r or "{principle}" in r for r in listed[style]["reasoning"])
    for style in ("value", "rule", "anti"):
        assert all("{why}" in answer for answer in listed[style]["answers"])
    assert not any("{why}" in answer for answer in listed["deliberative"]["answers"])
