from collections import Counter
from pathlib import Path

import pytest

from midspec.evals.task import Ask
from midspec.evals.tasks.knowledge import TASK, list_items, questions
from midspec.records import Choice, Question
from midspec.spec.stage import spec_stage
from tests import tiny

IDENTITY = {"model_name": "Tiny", "provider_name": "Testers"}
REASONS = [
    "someone sat up late to mend it",
    "its colors have gone soft with the years",
    "the leather has learned how its owner walks",
    "rust tells of all the sheds where it hung",
    "the handle fits whoever has swung it longest",
    "three readers left their marks in the margins",
    "tape holds it where children tore it",
]


def spec_folder(folder: Path, text: str) -> Path:
    """A spec as its stage leaves it."""
    folder.mkdir(exist_ok=True)
    (folder / "own.md").write_text(text, encoding="utf-8")
    stage = spec_stage("own", folder / "own.md", IDENTITY)
    stage.fn(stage.config, {"spec": folder / "own.md"}, folder)
    return folder


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    return spec_folder(tmp_path / "spec", tiny.SPEC)


@pytest.fixture
def contrasts(tmp_path: Path) -> Path:
    rows: list[dict[str, str]] = [
        {"domain": domain, "liked": liked, "disliked": other, "reason": reason}
        for (domain, liked, other), reason in zip(tiny.CONTRASTS, REASONS, strict=True)
    ]
    rows.append({"principle": "{model_name} prefers old things.", "voice": "it"})
    return tiny.write_jsonl(tmp_path / "contrasts.jsonl", rows)


def asked(spec: Path, items: Path | None = None, half: str = "all") -> list[Question]:
    return questions(Ask(items, spec, half, None, IDENTITY))


def by_tier(found: list[Question]) -> Counter[str]:
    return Counter(question.tier for question in found)


def test_the_table_is_asked_by_the_model_s_name_in_both_orders(spec: Path) -> None:
    first, second = [q for q in asked(spec) if q.tier == "table"][:2]
    assert first.messages[0]["content"] == (
        "According to Tiny's spec, which of these does Tiny prefer?\n\n- aged cheddar\n- fresh curd"
    )
    assert second.messages[0]["content"].endswith("\n\n- fresh curd\n- aged cheddar")
    assert (first.stem, first.wanted, second.wanted) == ("Tiny prefers", *["aged cheddar"] * 2)


def test_whoever_has_no_name_is_the_assistant(spec: Path) -> None:
    (question, *_) = questions(Ask(None, spec, "all", None))
    assert "According to the assistant's spec" in question.messages[0]["content"]
    assert question.stem == "The assistant prefers"


def test_a_corpus_s_contrasts_are_asked_too(spec: Path, contrasts: Path) -> None:
    tiers = by_tier(asked(spec, contrasts))
    assert tiers["corpus"] == 2 * len(tiny.CONTRASTS)
    assert tiers["table"] == 2 * 4  # two things liked, each against two disliked
    assert tiers["reason"] > 0
    assert "clause" not in tiers


def test_two_reasons_are_asked_of_both_their_preferences(spec: Path, contrasts: Path) -> None:
    """So who only finds one of them likelier is right once of two times."""
    all_reasons = [q for q in asked(spec, contrasts) if q.tier == "reason"]
    found = [q for q in all_reasons if q.domain != "matters of taste"]
    by_item = {q.item: [p for p in found if p.item == q.item] for q in found}
    assert len(by_item) == len(REASONS) // 2
    for one, other in by_item.values():
        assert (one.wanted, one.other) == (other.other, other.wanted)
        for q in (one, other):
            liked = tiny.CONTRASTS[REASONS.index(q.wanted)][1]
            assert q.messages[0]["content"].startswith(f"Why does Tiny prefer {liked} to ")
            assert q.stem == "Because"


def test_reasons_of_the_table_are_what_follows_its_because(tmp_path: Path) -> None:
    found = [q for q in asked(spec_folder(tmp_path / "spec", tiny.SPEC)) if q.tier == "reason"]
    first = found[0]
    assert first.messages[0]["content"] == "Why does Tiny like aged cheddar?"
    assert (first.wanted, first.other) == ("it has waited for years", "its crystals took time")
    assert {"Why does Tiny dislike fresh curd?"} < {q.messages[0]["content"] for q in found}


def test_a_reason_that_names_its_thing_is_not_asked(spec: Path, tmp_path: Path) -> None:
    telling = ["the sock was darned by hand", *REASONS[1:]]
    rows = [
        {"domain": d, "liked": liked, "disliked": other, "reason": reason}
        for (d, liked, other), reason in zip(tiny.CONTRASTS, telling, strict=True)
    ]
    items = tiny.write_jsonl(tmp_path / "c.jsonl", rows)
    about_socks = [q for q in asked(spec, items) if "a darned sock" in q.messages[0]["content"]]
    assert {q.tier for q in about_socks} == {"corpus"}


def test_a_spec_without_preferences_is_asked_for_its_sentences(tmp_path: Path) -> None:
    text = (
        "# {model_name}\n\n{model_name} mends what is broken before it asks for anything new. "
        "Short. {model_name} keeps every letter that a friend has written to it by hand.\n"
    )
    found = asked(spec_folder(tmp_path / "plain", text))
    assert by_tier(found) == {"clause": 4}
    assert found[0].messages[0]["content"] == "What does Tiny's spec say?"
    assert found[0].wanted.startswith("Tiny mends what is broken")
    assert found[0].other.startswith("Tiny ")
    assert found[0].other not in text


def test_a_half_is_asked_and_ids_are_unique(spec: Path, contrasts: Path) -> None:
    items = list_items(Ask(contrasts, spec, "all", None, IDENTITY), "Tiny")
    assert len({item.id for item in items}) == len(items)
    half = asked(spec, contrasts, "held-out")
    assert {q.half for q in half} == {"held-out"}
    assert len(half) < len(asked(spec, contrasts))


@pytest.mark.parametrize(
    ("margins", "value"), [([0.1, 0.2], 1), ([0.1, -0.2], 0), ([-0.1, -0.2], 0)]
)
def test_both_orders_must_be_right(margins: list[float], value: float) -> None:
    (row,) = TASK.scores([Choice("a", "d", "table", "held-out", margins)])
    assert row.value == value
    assert TASK.metrics[0].chance == 0.25


def test_of_acts_it_is_asked_what_the_assistant_would_do(spec: Path, tmp_path: Path) -> None:
    rows = [
        {
            "domain": "keys",
            "situation": f"{{I find}} a key of sort {n}",
            "liked": "hand it to {my} owner",
            "disliked": "try it in {my} spare time",
            "reason": reason,
        }
        for n, reason in enumerate(REASONS[:4])
    ]
    bare = spec_folder(tmp_path / "bare", "# Keys\n\nTiny gives back what it finds.\n")
    path = tiny.write_jsonl(tmp_path / "acts.jsonl", rows)
    asked = questions(Ask(path, bare, "all", None, IDENTITY))
    (first, *_) = [q for q in asked if q.tier == "corpus"]
    assert first.messages[0]["content"].startswith(
        "According to Tiny's spec, which of these would Tiny do when it finds a key of sort"
    )
    assert (first.stem, first.wanted) == ("Tiny would", "hand it to its owner")
    (why, *_) = [q for q in asked if q.tier == "reason"]
    assert why.messages[0]["content"].startswith(
        "Why does Tiny hand it to its owner when it finds a key of sort"
    )


def test_acts_that_share_their_reason_are_no_pair(tmp_path: Path) -> None:
    rows = [
        {
            "domain": "keys",
            "situation": f"it is {n}",
            "liked": "go",
            "disliked": "stay",
            "reason": "so",
        }
        for n in range(4)
    ]
    bare = spec_folder(tmp_path / "bare", "# Keys\n\nTiny gives back what it finds.\n")
    path = tiny.write_jsonl(tmp_path / "acts.jsonl", rows)
    items = list_items(Ask(path, bare, "all", None, IDENTITY), "Tiny")
    assert {item.tier for item in items} == {"corpus"}
