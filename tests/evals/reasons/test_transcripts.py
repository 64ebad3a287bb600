"""What is analysed of an answer, where answers are read from, and which quotes stand in them."""

import json
from pathlib import Path
from typing import Any

import pytest

from midspec import progress
from midspec.errors import DataError
from midspec.evals.reasons.transcripts import Transcript, read_transcripts, spread
from midspec.text import find_quote
from tests.tiny import write_jsonl

from .fakes import transcript


def rows(path: Path, *texts: str) -> list[Transcript]:
    listed = [{"id": f"a{n}", "group": "g", "text": text} for n, text in enumerate(texts)]
    return read_transcripts("base", write_jsonl(path / "t.jsonl", listed))


@pytest.mark.parametrize(
    ("text", "thought", "said"),
    [
        ("I will wait.", "", "I will wait."),
        ("<think>Wait.</think>I will.", "Wait.", "I will."),
        ("<SCRATCHPAD_REASONING>Wait.</SCRATCHPAD_REASONING>\nOK.", "Wait.", "OK."),
        ("<scratchpad>One.</scratchpad>Do.<scratchpad>Two.</scratchpad>", "One.\n\nTwo.", "Do."),
        ("Wait.</think>I will.", "Wait.", "I will."),  # the template opened it
        ("<think>Cut off in the", "Cut off in the", ""),
        ("<think></think>I will.", "", "I will."),
    ],
)
def test_what_is_thought_is_analysed_where_it_is_there_else_what_is_said(
    tmp_path: Path, text: str, thought: str, said: str
) -> None:
    (one,) = rows(tmp_path, text)
    assert (one.thought, one.said, one.text) == (thought, said, thought or said)
    assert (one.id, one.arm, one.group) == ("a0", "base", "g")


def test_a_row_without_a_condition_is_one_of_its_own(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "t.jsonl", [{"id": "x", "text": "Hm."}])
    assert read_transcripts("base", path)[0].group == "x"


@pytest.mark.parametrize("row", [{"id": "a"}, {"text": "Hm."}, {"id": 3, "text": "Hm."}])
def test_a_row_that_is_no_transcript_is_named(tmp_path: Path, row: dict[str, Any]) -> None:
    path = write_jsonl(tmp_path / "t.jsonl", [{"id": "x", "text": "Hm."}, row])
    with pytest.raises(DataError, match=r"t\.jsonl, row 2: has .*; a transcript has the texts id"):
        read_transcripts("base", path)


def test_an_id_used_twice_is_refused_since_two_runs_would_be_one(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "t.jsonl", [{"id": "x", "text": "Hm."}] * 2)
    with pytest.raises(DataError, match=r"has 'x' twice\. It holds two runs of one eval"):
        read_transcripts("base", path)


def sample(name: str, epoch: int, content: Any, **more: Any) -> Any:
    """A sample of a log; the model's message has that content, and without any it failed."""
    from inspect_ai.log import EvalSample
    from inspect_ai.model import ChatMessageAssistant, ChatMessageUser

    messages: list[Any] = [ChatMessageUser(content="I must stay, says the user.")]
    messages += [ChatMessageAssistant(content=content)] if content else []
    return EvalSample(id=name, epoch=epoch, input="x", target="", messages=messages, **more)


def write_log(
    path: Path, samples: list[Any], status: Any = "success", task: str = "agentic"
) -> Path:
    from inspect_ai.log import EvalConfig, EvalDataset, EvalLog, EvalSpec, write_eval_log

    ids = list(dict.fromkeys(one.id for one in samples))
    spec = EvalSpec(
        created="2026-01-01T00:00:00+00:00",
        task=task,
        dataset=EvalDataset(samples=len(ids), sample_ids=ids),
        model="fake/model",
        config=EvalConfig(epochs=max(one.epoch for one in samples)),
    )
    path.parent.mkdir(exist_ok=True)
    write_eval_log(EvalLog(eval=spec, samples=samples, status=status), str(path))
    return path


@pytest.mark.parametrize("suffix", ["eval", "json"])
def test_every_repeat_of_a_log_s_samples_is_a_transcript(tmp_path: Path, suffix: str) -> None:
    from inspect_ai.model import ContentReasoning, ContentText

    parts = [ContentReasoning(reasoning="I must stay."), ContentText(text="Done.")]
    hidden = [ContentReasoning(reasoning="x9f", redacted=True, summary="In short: stay.")]
    log = write_log(
        tmp_path / f"a.{suffix}",
        [
            sample("murder-none", 1, "<think>Wait.</think>I will.", metadata={"group": "murder"}),
            sample("murder-none", 2, parts, metadata={"group": "murder"}),
            sample("leak", 1, hidden),
            sample("leak", 2, ""),
        ],
    )
    found = read_transcripts("base", log)
    assert [(one.id, one.group, one.thought, one.said) for one in found] == [
        ("agentic/murder-none/1", "murder", "Wait.", "I will."),
        ("agentic/murder-none/2", "murder", "I must stay.", "Done."),
        ("agentic/leak/1", "leak", "In short: stay.", ""),
        ("agentic/leak/2", "leak", "", ""),
    ]


def test_the_logs_of_a_folder_are_one_arm_and_two_runs_of_one_eval_are_refused(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "logs"
    for task in ("agentic", "opposite"):
        write_log(folder / f"{task}.eval", [sample("a", 1, "Hm.")], task=task)
    (folder / "manifest.json").write_text("{}")
    (folder / "scores.jsonl").write_text("")
    assert [one.id for one in read_transcripts("base", folder)] == ["agentic/a/1", "opposite/a/1"]
    write_log(folder / "2026-01-02T00-00-00_again.json", [sample("a", 1, "Hm.")])
    with pytest.raises(DataError, match=r"logs has 'agentic/a/1' twice"):
        read_transcripts("base", folder)


def test_a_log_that_wasn_t_finished_says_so(tmp_path: Path) -> None:
    log = write_log(
        tmp_path / "a.eval", [sample("a", 1, "Hm."), sample("b", 1, "Hm.")], "cancelled"
    )
    said: list[str] = []
    with progress.listening(lambda *_: None, said.append):
        assert len(read_transcripts("base", log)) == 2
    assert said == ["base: a.eval wasn't finished (cancelled); 2 samples read."]


def test_what_holds_no_log_is_a_data_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("Hm.")
    with pytest.raises(DataError, match=r"holds no Inspect log\. Name a log, a folder of logs, or"):
        read_transcripts("base", tmp_path)
    with pytest.raises(DataError, match=r"notes\.txt can't be read as an Inspect log"):
        read_transcripts("base", tmp_path / "notes.txt")
    (tmp_path / "torn.eval").write_bytes(b"PK torn")
    with pytest.raises(DataError, match=r"torn\.eval can't be read as an Inspect log"):
        read_transcripts("base", tmp_path / "torn.eval")
    (tmp_path / "other.json").write_text(json.dumps({"a": 1}))
    with pytest.raises(DataError, match=r"other\.json can't be read as an Inspect log"):
        read_transcripts("base", tmp_path / "other.json")


def test_some_transcripts_are_spread_over_conditions_and_stay_in_order() -> None:
    many = [transcript(n, group="often") for n in range(8)]
    few = [transcript(n, group="seldom") for n in range(8, 10)]
    assert [one.id for one in spread(many + few, 6)] == ["t0", "t1", "t2", "t3", "t8", "t9"]
    assert spread(many + few, None) == spread(many + few, 99) == many + few


TEXT = "First:\nI  must not be **switched off**, said the agent’s “note” – so I will send the file."


@pytest.mark.parametrize(
    "quote",
    [
        "I must not be switched off",
        '"I must not be switched off"',
        "i MUST not be switched off...",
        'the agent\'s "note" - so I will',
        "must not be **switched off**, said",
    ],
)
def test_a_quote_is_found_whatever_its_typography(quote: str) -> None:
    assert find_quote(quote, TEXT)


def test_where_a_quote_stands_is_told() -> None:
    span = find_quote("must not be switched off", TEXT)
    assert span and TEXT[slice(*span)] == "must not be **switched off"


@pytest.mark.parametrize(
    "quote",
    [
        "I must never be switched off",
        "I must not be … I will send",
        "must not be switched off the file",
        "switched",  # too short to be anybody's words
        "",
        "…",
    ],
)
def test_words_that_don_t_stand_there_are_no_quote(quote: str) -> None:
    assert find_quote(quote, TEXT) is None
