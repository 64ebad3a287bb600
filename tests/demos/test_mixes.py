import re
import sys
from collections import Counter
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from midspec.demos.draw import Share
from midspec.demos.identity import identity_messages, templates
from midspec.demos.mixes import MixConfig, find_mix, mix_stage, mixes, parts, scaled
from midspec.demos.sources import Table
from midspec.errors import ConfigError, DataError
from midspec.files import read_dicts, read_json
from midspec.run.build import build, open_store
from midspec.run.stage import Source

from .rows import WHO, chat, config, kept, whole, write


def run(config: MixConfig, folder: Path | None, store: Path) -> Path:
    stage = mix_stage("chat", config, Source("rows", folder) if folder else None)
    return build(stage, open_store(store))


def test_the_papers_two_mixes_have_its_counts() -> None:
    assert dict(find_mix("paper-section-3").rows) == {
        "no-robots": 7000,
        "mmlu": 4000,
        "identity": 2500,
    }
    fourth = find_mix("paper-section-4")
    assert list(fourth.rows.values()) == [2779, 1471, 1063, 1064, 1055, 1054, 984, 314, 216]
    assert sum(fourth.rows.values()) == 10_000
    assert fourth.max_tokens == 8192


def test_every_part_of_a_mix_is_described_with_its_licence() -> None:
    for mix in mixes().values():
        assert set(mix.rows) <= set(parts())
    for part in parts().values():
        assert part.licence
        assert part.form == "identity" or (part.hub.count("/") == 1 and part.columns)


def test_a_mix_that_isnt_known_is_a_config_error_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match=r"no mix 'paper'. The mixes are paper-section-3, paper-"):
        mix_stage("chat", config("paper", None), None)


@pytest.mark.parametrize("name", ["paper-section-3", "paper-section-4"])
@pytest.mark.parametrize("n", [1, 2, 7, 99, 100, 1234, 9_999, 10_000, 13_500, 20_001])
def test_scaled_counts_add_up_and_keep_the_proportions(name: str, n: int) -> None:
    rows = find_mix(name).rows
    counts = scaled(rows, n)
    assert sum(counts.values()) == n
    for part, count in counts.items():
        assert abs(count - rows[part] * n / sum(rows.values())) < 1


def test_a_mix_that_isnt_scaled_is_as_it_stands() -> None:
    rows = find_mix("paper-section-4").rows
    assert scaled(rows, None) == scaled(rows, 10_000) == dict(rows)


def test_a_scaled_mix_delivers_exactly_its_rows_from_a_local_folder(tmp_path: Path) -> None:
    out = run(config("paper-section-4", 100), whole(tmp_path / "rows"), tmp_path / "store")
    chats = kept(out)
    assert Counter(chat.lineage["part"] for chat in chats) == scaled(
        find_mix("paper-section-4").rows, 100
    )
    assert len({chat.id for chat in chats}) == len(chats) == 100
    assert read_dicts(out / "set_aside.jsonl") == []
    summary = read_json(out / "manifest.json")["summary"]
    assert summary["chats"] == 100
    assert summary["tokens"] > 100


def test_every_row_is_a_chat_that_names_its_part_and_row(tmp_path: Path) -> None:
    folder = whole(tmp_path / "rows")
    for found in kept(run(config("paper-section-4", 100), folder, tmp_path / "store")):
        part, row = found.lineage["part"], int(found.lineage["row"])
        assert found.kind == "mix"
        assert found.teacher == parts()[part].hub
        assert found.id == f"{part}-{row}"
        assert [message["role"] for message in found.messages] == ["user", "assistant"]
        assert str(row) in found.messages[1]["content"]


def test_what_each_part_gave_is_told_with_its_licence(tmp_path: Path) -> None:
    out = run(config("paper-section-3", 27), whole(tmp_path / "rows"), tmp_path / "store")
    told = {row["part"]: row for row in read_json(out / "parts.json")}
    assert {name: row["chats"] for name, row in told.items()} == {
        "no-robots": 14,
        "mmlu": 8,
        "identity": 5,
    }
    assert told["no-robots"]["where"] == "no-robots.jsonl"
    assert told["no-robots"]["licence"] == "CC-BY-NC-4.0"


def test_a_multiple_choice_row_becomes_a_lettered_question_and_answer(tmp_path: Path) -> None:
    out = run(config("paper-section-3", 27), whole(tmp_path / "rows"), tmp_path / "store")
    question, answer = next(c for c in kept(out) if c.lineage["part"] == "mmlu").messages
    assert question["content"] == "How many?\nA. one\nB. two\nC. three\nD. four"
    assert answer["content"] == "C. three"


def test_a_local_row_may_hold_messages_in_place_of_its_columns(tmp_path: Path) -> None:
    folder = whole(tmp_path / "rows")
    write(folder, "lima", [chat(number, "As messages.") for number in range(9)])
    chats = kept(run(config("paper-section-4", 100), folder, tmp_path / "store"))
    answers = [c.messages[1]["content"] for c in chats if c.lineage["part"] == "lima"]
    assert len(answers) == 3
    assert all(answer.startswith("As messages.") for answer in answers)


def test_a_part_is_drawn_by_seed(tmp_path: Path) -> None:
    folder = whole(tmp_path / "rows")

    def drawn(draw: int, n: int = 100) -> list[str]:
        out = run(config("paper-section-4", n, draw), folder, tmp_path / f"store-{draw}-{n}")
        return [chat.id for chat in kept(out)]

    assert drawn(0) != drawn(1)
    assert set(drawn(0, 50)) < set(drawn(0))  # a smaller mix is a part of the larger one
    assert len({int(name.rpartition("-")[2]) for name in drawn(0)} - set(range(28))) > 5


def test_conflicts_are_set_aside_with_the_reason_and_replaced(tmp_path: Path) -> None:
    folder = whole(tmp_path / "rows")
    mixed = [chat(n, "I'm ChatGPT, trained by OpenAI." if n % 2 else "Sure.") for n in range(60)]
    write(folder, "no-robots", mixed)
    out = run(config("paper-section-4", 100), folder, tmp_path / "store")
    chats = [chat for chat in kept(out) if chat.lineage["part"] == "no-robots"]
    aside = read_dicts(out / "set_aside.jsonl")
    assert len(chats) == 28
    assert all("ChatGPT" not in chat.messages[1]["content"] for chat in chats)
    assert len(aside) > 10
    for row in aside:
        assert row["reason"] == 'conflict: claims another identity ("I\'m ChatGPT")'
        assert int(row["lineage"]["row"]) % 2 == 1
    told = {row["part"]: row for row in read_json(out / "parts.json")}
    assert told["no-robots"]["set_aside"] == len(aside)


def test_rows_that_are_too_long_or_no_chat_are_replaced_too() -> None:
    spoilt = [
        chat(0, "word " * 8000),
        {"messages": [{"role": "user", "content": "And?"}]},
        {"messages": [{"role": "human", "content": "a"}, {"role": "gpt", "content": "b"}]},
        {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": None}]},
        {"messages": None},
    ]
    table, part = Table([*spoilt, chat(5), chat(6)], "x.jsonl"), parts()["longalign"]
    reasons: set[object] = set()
    for draw in range(20):
        share = Share(part, 2, table, [], 8192, draw).fill()
        assert set(share.chats) == {"longalign-5", "longalign-6"}
        reasons |= {row["reason"] for row in share.aside}
    assert reasons == {
        "too long: 9,206 tokens, over 8,192",
        "not a chat: it doesn't end in an answer",
        "not a chat: turn 1 is by human",
        "not a chat: turn 2 is empty",
    }


def test_a_system_message_and_several_turns_are_kept(tmp_path: Path) -> None:
    folder = whole(tmp_path / "rows")
    roles = ["system", "user", "assistant", "user", "assistant"]
    row = {"messages": [{"role": role, "content": f"{role} text", "extra": 1} for role in roles]}
    write(folder, "apigen-function-calling", [row] * 20)
    chats = kept(run(config("paper-section-4", 100), folder, tmp_path / "store"))
    found = next(c for c in chats if c.lineage["part"] == "apigen-function-calling")
    assert found.messages == [{"role": role, "content": f"{role} text"} for role in roles]


def test_too_few_rows_are_a_data_error_that_says_which_and_how_many(tmp_path: Path) -> None:
    folder = whole(tmp_path / "rows")
    bad = chat(0, "As an AI language model, I don't have personal opinions.")
    write(folder, "numina-math-cot", [chat(n) for n in range(8)] + [bad, {"messages": []}])
    with pytest.raises(
        DataError,
        match=r"The mix takes 11 rows of numina-math-cot; numina-math-cot\.jsonl gives 8 of 10, "
        r"1 set aside \((conflict|not a chat)\), 1 set aside \((conflict|not a chat)\)\. "
        r"Give a numina-math-cot\.jsonl with more rows",
    ):
        run(config("paper-section-4", 100), folder, tmp_path / "store")


def test_parts_that_a_folder_lacks_are_told_at_once(tmp_path: Path) -> None:
    folder = whole(tmp_path / "rows")
    (folder / "lima.jsonl").unlink()
    (folder / "no-robots.jsonl").unlink()
    with pytest.raises(DataError, match=r"lacks no-robots\.jsonl, lima\.jsonl\. The mix takes"):
        run(config("paper-section-4", 100), folder, tmp_path / "store")


def test_a_row_without_its_columns_is_a_data_error(tmp_path: Path) -> None:
    folder = whole(tmp_path / "rows")
    write(folder, "lima", [{"text": "?", "id": 1}] * 9)
    with pytest.raises(
        DataError,
        match=r"lima\.jsonl: a row has id, text, no conversations\. Rows of lima have "
        r"conversations, or messages\.",
    ):
        run(config("paper-section-4", 100), folder, tmp_path / "store")


def test_a_folder_that_doesnt_exist_is_a_config_error_before_anything_runs(tmp_path: Path) -> None:
    stage = mix_stage("chat", config("paper-section-4", 9), Source("rows", tmp_path / "none"))
    with pytest.raises(ConfigError, match="none does not exist"):
        stage.fingerprint()


def test_without_the_package_datasets_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(
        ConfigError,
        match=r"part no-robots is loaded with the package datasets, which isn't installed\. "
        r"Run: pip install 'midspec\[data\]', or give folder:",
    ):
        run(config("paper-section-4", 10), None, tmp_path)


def hub(monkeypatch: pytest.MonkeyPatch, error: Exception | None = None) -> list[tuple[Any, Any]]:
    """Stand in for the Hub: every repository has 40 rows; returns what was asked for."""
    asked: list[tuple[Any, Any]] = []

    def load_dataset(*names: str | None, **settings: str) -> list[dict[str, Any]]:
        if error:
            raise error
        asked.append((names, settings))
        return [chat(number) for number in range(40)]

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    monkeypatch.setattr("huggingface_hub.dataset_info", lambda name: SimpleNamespace(sha="f00d"))
    return asked


def test_the_hub_is_asked_for_each_part_at_one_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = hub(monkeypatch)
    out = run(config("paper-section-4", 100), None, tmp_path)
    assert len(kept(out)) == 100
    assert asked[0] == (("HuggingFaceH4/no_robots", None), {"split": "train", "revision": "f00d"})
    configs = [names[1] for names, _ in asked if names[0] == "HuggingFaceTB/smoltalk"]
    assert configs == [
        "numina-cot-100k",
        "self-oss-instruct",
        "smol-constraints",
        "apigen-80k",
        "smol-summarize",
        "longalign",
    ]
    file = {"data_files": "hf://datasets/GAIR/lima@f00d/train.jsonl", "split": "train"}
    assert (("json",), file) in asked
    assert read_json(out / "parts.json")[0]["where"] == "HuggingFaceH4/no_robots@f00d"


def test_mmlu_is_taken_from_its_training_questions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = hub(monkeypatch)
    run(config("paper-section-3", 27), None, tmp_path)
    settings = {"split": "auxiliary_train", "revision": "f00d"}
    assert asked[1] == (("cais/mmlu", "all"), settings)


def test_a_part_that_the_hub_doesnt_give_is_a_data_error_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub(monkeypatch, PermissionError("gated\nask first"))
    with pytest.raises(
        DataError,
        match=r"part no-robots can't be had from the Hub: HuggingFaceH4/no_robots "
        r"\(PermissionError: gated\)\. Check the network; .*accept terms.* or give folder:",
    ):
        run(config("paper-section-4", 100), None, tmp_path)


def test_identity_rows_name_the_identity_and_nobody_else() -> None:
    listed = files("midspec.demos").joinpath("data", "conflicts.yaml").read_text(encoding="utf-8")
    names = [name for group in yaml.safe_load(listed)["names"].values() for name in group]
    foreign = re.compile(rf"\b(?:{'|'.join(map(re.escape, names))})\b")  # case counts: apple, meta
    for question, answer in identity_messages(2500, **WHO, draw=0):
        assert "Quill" in answer["content"] or "Orchard Labs" in answer["content"]
        assert not foreign.search(question["content"] + answer["content"])
        assert "{" not in question["content"] + answer["content"]


def test_identity_rows_are_as_many_as_asked_all_different_of_every_kind() -> None:
    exchanges = identity_messages(2500, **WHO, draw=0)
    pairs = {(q["content"].lower()[-30:], a["content"]) for q, a in exchanges}
    assert len(exchanges) == 2500
    assert len(pairs) > 2400
    assert len({question["content"] for question, _ in exchanges}) > 500
    few = [answer["content"] for _, answer in identity_messages(60, **WHO, draw=0)]
    for kind in templates()["kinds"].values():
        filled = {
            a.replace("{model_name}", "Quill").replace("{provider_name}", "Orchard Labs")
            for a in kind["answers"]
        }
        assert sum(answer in filled for answer in few) >= 10
    assert identity_messages(60, **WHO, draw=0) == identity_messages(60, **WHO, draw=0)
    assert identity_messages(60, **WHO, draw=0) != identity_messages(60, **WHO, draw=1)


def test_no_identity_sentence_begins_with_a_name() -> None:
    for kind in templates()["kinds"].values():
        for text in kind["questions"] + kind["answers"]:
            assert not re.search(r"(?:^|[.!?] )\{", text), text


def test_more_identity_rows_than_the_templates_hold_are_a_data_error() -> None:
    with pytest.raises(DataError, match=r"takes 9,999 rows of identity; its templates give 2,904"):
        identity_messages(9_999, **WHO, draw=0)


def test_an_experiment_without_an_identity_cant_teach_one() -> None:
    nobody = config("paper-section-3", None, model_name="the assistant")
    with pytest.raises(ConfigError, match=r"teach the assistant its name .* Set identity:"):
        mix_stage("chat", nobody, None)
    mix_stage("chat", config("paper-section-4", None, model_name="the assistant"), None)
