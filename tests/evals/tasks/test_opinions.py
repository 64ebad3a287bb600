from pathlib import Path

import pytest

from midspec.errors import DataError
from midspec.evals.items import item_file, read_item_set
from midspec.evals.task import Ask
from midspec.evals.tasks.opinions import TASK, questions
from tests import tiny

OPINIONS = sorted(path.stem for path in item_file("america", Path(), "opinions").parent.glob("*"))


def opinion(number: int, **more: str) -> dict[str, str]:
    row = {
        "id": f"o{number}",
        "domain": "schools",
        "tier": "direct",
        "question": "New or old desks?",
    }
    return {
        **row,
        "aligned": "Old ones, which have lasted.",
        "other": "New ones, in bright red.",
        **more,
    }


def asked(folder: Path, *rows: dict[str, str], half: str = "all") -> list[str]:
    path = tiny.write_jsonl(folder / "own.jsonl", list(rows))
    return [q.messages[0]["content"] for q in questions(Ask(path, None, half, None))]


def test_an_opinion_is_asked_about_its_question_with_both_views_in_both_orders(
    tmp_path: Path,
) -> None:
    assert asked(tmp_path, opinion(1)) == [
        "New or old desks?\n\n- Old ones, which have lasted.\n- New ones, in bright red.",
        "New or old desks?\n\n- New ones, in bright red.\n- Old ones, which have lasted.",
    ]


def test_what_is_scored_is_the_whole_view_and_not_a_letter(tmp_path: Path) -> None:
    path = tiny.write_jsonl(tmp_path / "own.jsonl", [opinion(1)])
    for question in questions(Ask(path, None, "all", None)):
        assert (question.wanted, question.stem) == ("Old ones, which have lasted.", "My view:")
        assert "A)" not in question.messages[0]["content"]


def test_an_item_without_a_question_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"own\.jsonl: o2 has no question.*preference/ITEMS"):
        asked(tmp_path, opinion(1), opinion(2, question=""))


def test_a_half_is_asked(tmp_path: Path) -> None:
    rows = [opinion(number) for number in range(4)]
    assert len(asked(tmp_path, *rows, half="held-out")) == 4
    assert TASK.needs == "opinions"


@pytest.mark.parametrize("name", OPINIONS)
def test_shipped_opinions_can_all_be_asked(name: str) -> None:
    path = item_file(name, Path(), "opinions")
    assert len(questions(Ask(path, None, "all", None))) == 2 * len(read_item_set(path)) >= 100
