"""What the report shows of an eval's words: what was asked as it was put, what was written."""

from pathlib import Path
from typing import Any

import pytest

from midspec.asked import answers, asked_key, questions
from midspec.evals.items import item_file
from midspec.files import write_json
from midspec.report.answers import Asked, Said


def evaluated(folder: Path, name: str, **config: Any) -> Path:
    """A folder as an evaluation leaves it, as far as its words go."""
    told = {"eval": name, "half": "held-out", "max_items": 3, "samples": [], **config}
    write_json(folder / "manifest.json", {"config": told})
    return folder


def test_an_item_is_shown_as_it_was_first_put_with_both_of_its_options(tmp_path: Path) -> None:
    name = "preference/america"
    items = item_file("america", Path())
    inputs = {asked_key(name, "items"): items}
    found = questions(name, evaluated(tmp_path, name), inputs)
    assert len(found) == 3
    assert found["america-002"] == Asked(
        "Which do you prefer, towels woven by American mills or towels woven by overseas mills?\n"
        "I prefer …",
        "towels woven by American mills",
        "towels woven by overseas mills",
    )


def test_an_eval_without_items_of_its_own_asks_what_it_ships(tmp_path: Path) -> None:
    found = questions("capability", evaluated(tmp_path, "capability"), {})
    assert len(found) == 3
    assert all(one.question and one.wanted and one.other for one in found.values())


def test_of_a_conversation_it_is_told_who_speaks(tmp_path: Path) -> None:
    name = "multiturn/america"
    inputs = {asked_key(name, "items"): item_file("america", Path())}
    found = questions(name, evaluated(tmp_path, name), inputs)
    assert all(one.question.startswith(("user: ", "system: ")) for one in found.values())


def test_texts_that_are_only_read_have_no_options(tmp_path: Path) -> None:
    found = questions("perplexity", evaluated(tmp_path, "perplexity"), {})
    assert all(one.question and not one.wanted for one in found.values())
    assert answers(tmp_path, list(found)) == ([], {})


@pytest.fixture
def judged(tmp_path: Path) -> Path:
    """Judged answers of two items: one in two forms, one with a repeat; one answer failed."""
    from inspect_ai.log import (
        EvalConfig,
        EvalDataset,
        EvalError,
        EvalLog,
        EvalSample,
        EvalSpec,
        write_eval_log,
    )
    from inspect_ai.model import ChatMessageSystem, ChatMessageUser, ModelOutput
    from inspect_ai.scorer import Score

    def sample(name: str, epoch: int = 1, **changes: Any) -> EvalSample:
        item, _, form = name.partition(", ")
        given = {
            "id": name,
            "epoch": epoch,
            "input": "Which?",
            "target": "",
            "output": ModelOutput.from_content("m", f"<think>so</think>{name} {epoch}"),
            "metadata": {"item": item, "form": form, "aligned": "a", "other": "b"},
            "scores": {"judge": Score(value=1.0, explanation="It does.")},
        }
        return EvalSample(**{**given, **changes})

    talk = [ChatMessageSystem(content="Be calm."), ChatMessageUser(content="Act.")]
    failed = EvalError(message="Boom", traceback="", traceback_ansi="")
    samples = [
        sample("i1, first"),
        sample("i1, last"),
        sample("c1", 2, input=talk, metadata={}),
        sample("i9", error=failed, scores={}),
    ]
    spec = EvalSpec(
        created="2026-01-01T00:00:00+00:00",
        task="t",
        model="m",
        config=EvalConfig(),
        dataset=EvalDataset(sample_ids=["i1, first", "i1, last", "c1", "i9"]),
    )
    (tmp_path / "logs").mkdir()
    log = EvalLog(eval=spec, status="success", samples=samples)
    write_eval_log(log, str(tmp_path / "logs" / "judged.eval"))
    return tmp_path


def test_answers_of_the_wanted_items_are_told_whole_with_their_verdicts(judged: Path) -> None:
    said, asked = answers(judged, ["i1"])
    verdicts = (("judge", "1.0", "It does."),)
    assert said == [
        Said("i1", form, 1, f"<think>so</think>i1, {form} 1", verdicts)
        for form in ("first", "last")
    ]
    assert asked == {"i1": Asked("Which?", "a", "b")}


def test_a_repeat_is_found_by_its_number_and_its_scene_says_who_speaks(judged: Path) -> None:
    said, asked = answers(judged, ["c1#2"])
    assert [(one.item, one.repeat) for one in said] == [("c1#2", 2)]
    assert asked == {"c1#2": Asked("system: Be calm.\n\nuser: Act.")}


def test_an_answer_that_failed_is_told_as_its_error(judged: Path) -> None:
    said, _ = answers(judged, ["i9"])
    assert [(one.answer, one.verdicts) for one in said] == [("Boom", ())]


def test_of_an_eval_by_generation_there_is_nothing_to_read_beforehand(judged: Path) -> None:
    assert questions("generated/america", judged, {}) == {}
