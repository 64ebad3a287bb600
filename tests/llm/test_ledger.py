import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from midspec.errors import StoreError
from midspec.llm.ledger import Answer, Call, LedgerReader, LedgerWriter, ledger_file

CALL = Call("document", 1, "openai/x", "The spec.", "Write.", 100, 1.0, "low", "0")


def answer(key: str = "k1", text: str = "Tea.", **changes: Any) -> Answer:
    whole = Answer(
        key=key, step="document", prompt_version=1, model="openai/x", sample="0", temperature=1.0,
        max_tokens=100, text=text, stop_reason="stop", input_tokens=10, output_tokens=5, cost=0.1,
        seconds=0.5, attempts=1, at="2026-01-01T00:00:00Z",
    )  # fmt: skip
    return replace(whole, **changes)


@pytest.mark.parametrize(
    "change",
    [
        {"model": "openai/y"},
        {"system": "Another spec."},
        {"user": "Write more."},
        {"max_tokens": 101},
        {"temperature": 0.7},
        {"temperature": None},
        {"reasoning_effort": "high"},
        {"reasoning_effort": None},
        {"sample": "1"},
    ],
    ids=str,
)
def test_whatever_decides_the_answer_is_part_of_the_key(change: dict[str, Any]) -> None:
    assert replace(CALL, **change).key != CALL.key


@pytest.mark.parametrize("change", [{"step": "idea"}, {"prompt_version": 2}, {"schema": "{}"}])
def test_what_a_call_is_for_and_how_its_form_is_asked_are_no_part_of_it(
    change: dict[str, Any],
) -> None:
    """The messages decide; a provider without schemas gets the same words."""
    assert replace(CALL, **change).key == CALL.key


def test_words_that_move_between_system_and_user_are_another_call() -> None:
    one, other = replace(CALL, system="a b", user="c"), replace(CALL, system="a", user="b c")
    assert one.key != other.key


def test_samples_differ_in_the_seed_that_a_provider_gets() -> None:
    seeds = {replace(CALL, sample=f"0.{n}").seed for n in range(20)}
    assert len(seeds) == 20
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_an_answer_is_on_the_disk_when_append_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut a moment later must not lose what was paid for: flushed, and then fsynced."""
    path = tmp_path / "new folder" / "ledger.jsonl"
    synced: list[bytes] = []
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(path.read_bytes()))
    writer = LedgerWriter(path)
    writer.append([answer("k1", "Gruyère\n\u2028老"), answer("k2")])
    assert len(synced) == 1
    assert synced[0].count(b"\n") == 2
    assert path.read_bytes() == synced[0]
    assert [json.loads(line)["key"] for line in path.read_bytes().splitlines()] == ["k1", "k2"]


def test_answers_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    first, second = answer("k1", "Gruyère\n\u2028老", cached_tokens=3), answer("k2", cost=None)
    LedgerWriter(path).append([first, second])
    reader = LedgerReader(path)
    assert reader.find("k1") == first
    assert reader.find("k2") == second
    assert reader.find("k3") is None


def test_a_missing_ledger_has_no_answers(tmp_path: Path) -> None:
    assert LedgerReader(tmp_path / "none.jsonl").find("k1") is None


def test_what_a_later_version_adds_to_a_row_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_text(json.dumps(asdict(answer()) | {"mood": "good"}) + "\n")
    assert LedgerReader(path).find("k1") == answer()


@pytest.mark.parametrize("torn", ['{"key": "k9", "te', "{", '{"key": "k9"}', "x" * 200_000])
@pytest.mark.parametrize("before", [0, 1, 3])
def test_a_line_torn_by_a_crash_is_cut_off_and_nothing_else(
    tmp_path: Path, before: int, torn: str
) -> None:
    path = tmp_path / "ledger.jsonl"
    whole = "".join(json.dumps(asdict(answer(f"k{n}"))) + "\n" for n in range(before))
    path.write_text(whole + torn)
    writer = LedgerWriter(path)
    assert path.read_text() == whole
    writer.append([answer("new")])
    found = LedgerReader(path)
    assert list(found.places) == [*(f"k{n}" for n in range(before)), "new"]
    assert found.find("new") == answer("new")


def test_a_whole_ledger_is_opened_without_a_change(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    LedgerWriter(path).append([answer("k1", "x" * 100_000), answer("k2")])
    before = path.read_bytes()
    LedgerWriter(path)
    assert path.read_bytes() == before


def test_refresh_takes_whole_lines_only(tmp_path: Path) -> None:
    """The caller may be in the middle of a line; the rest comes with the next look."""
    path = tmp_path / "ledger.jsonl"
    lines = [json.dumps(asdict(answer(f"k{n}", f"Text {n}."))) + "\n" for n in range(3)]
    path.write_text(lines[0] + lines[1][:40])
    reader = LedgerReader(path)
    assert list(reader.places) == ["k0"]
    path.write_text(lines[0] + lines[1] + lines[2][:-1])
    reader.refresh()
    assert list(reader.places) == ["k0", "k1"]
    path.write_text("".join(lines))
    reader.refresh()
    for number in range(3):
        assert reader.find(f"k{number}") == answer(f"k{number}", f"Text {number}.")


@pytest.mark.parametrize("line", [b"no JSON", b'{"text": "no key"}', b'["k1"]', b"17", b"\xff{"])
def test_a_broken_line_is_told_with_its_place(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "ledger.jsonl"
    good = json.dumps(asdict(answer())).encode() + b"\n"
    path.write_bytes(good + line + b"\n" + good)
    with pytest.raises(StoreError) as caught:
        LedgerReader(path)
    for words in ("ledger.jsonl", f"at byte {len(good)} is no answer", "Take that line out"):
        assert words in str(caught.value)


def test_a_ledger_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    writer = LedgerWriter(tmp_path / "ledger.jsonl")
    writer.file = open("/dev/full", "ab")  # noqa: SIM115 - closed with the test's process
    with pytest.raises(StoreError, match=r"The disk is full: .*ledger\.jsonl"):
        writer.append([answer()])


@pytest.mark.parametrize("name", ["../../../up", "/etc/passwd", "a" * 300, "a\\b:c", "$(x) ;'\""])
def test_a_ledger_lies_in_its_folder_whatever_the_spec_is_called(tmp_path: Path, name: str) -> None:
    path = ledger_file(tmp_path, "corpus", name, "The spec.", "openai/x")
    assert path.parent == tmp_path
    LedgerWriter(path).append([answer()])
    assert [found.name for found in tmp_path.rglob("*")] == [path.name]
