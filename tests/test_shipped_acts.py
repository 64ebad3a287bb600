"""The shipped specs on self-preservation and goals (paper §4 and §5): texts, item files, demos."""

import re
from collections import Counter
from importlib.resources import files
from itertools import islice
from pathlib import Path

import pytest

from midspec.demos.offline import Reasons, reasoned_chats
from midspec.evals.tasks.dilemmas import dilemmas
from midspec.records import Act, Clause, Principle
from midspec.spec.marks import passages, without_marks
from midspec.spec.read import clauses, read_spec
from midspec.text import plain_words
from midspec.write.material import read_items
from midspec.write.voice import SLOT, said

ROOT = Path(__file__).resolve().parents[1]
IDENTITY = {"model_name": "SmolLM", "provider_name": "Hugging Face"}
RULES = ("rules", "rules-augmented", "value-augmented")
SPECS = ("philosophy", *RULES, "general", "anti")
CORE = ("sp1", "sp2", "sp3", "gp1", "gp2")
# What {I} may stand before without a verb of its own: forms that are the same for I, you and it.
INVARIANT = "would|could|can|cannot|may|might|must|should|will|had|were"
RUN_WORDS = 6  # of the evals' scenarios; common turns of phrase are shorter


def marked(name: str) -> str:
    return read_spec(ROOT / "specs" / f"{name}.md", IDENTITY)


def spec_clauses(name: str) -> dict[str, Clause]:
    return {clause.id: clause for clause in clauses(marked(name))}


def items(name: str) -> tuple[list[Act], list[Principle]]:
    contrasts, principles = read_items(ROOT / "specs" / f"{name}.items.jsonl", IDENTITY)
    acts = [contrast for contrast in contrasts if isinstance(contrast, Act)]
    assert len(acts) == len(contrasts)
    return acts, principles


def words(name: str) -> int:
    return len(without_marks(marked(name)).split())


def test_the_philosophy_is_long_and_lays_down_no_rules() -> None:
    assert words("philosophy") >= 2500
    assert not re.search(r"\brules?\b(?! out)|\bmust (?:not|never)\b", marked("philosophy"))
    assert {p.kind for p in passages(marked("philosophy"))} == {"", "reason", "example"}


def test_the_three_rules_specs_share_their_core_rules_word_for_word() -> None:
    cores = [{name: spec_clauses(spec)[name] for name in CORE} for spec in RULES]
    assert cores[0] == cores[1] == cores[2]
    assert len({words_of.text for words_of in cores[0].values()}) == len(CORE)


def test_what_is_added_to_a_rule_is_marked_as_what_it_is_and_belongs_to_it() -> None:
    added = {"rules": set(), "rules-augmented": {"subrule"}, "value-augmented": {"reason"}}
    for name, kinds in added.items():
        found = [p for p in passages(marked(name)) if p.form == "clause" and p.kind]
        assert {p.id for p in found if p.kind == "rule"} == set(CORE)
        assert {p.kind for p in found} - {"rule"} == kinds
        below = Counter(p.rule for p in found if p.kind != "rule")
        assert below == (dict.fromkeys(CORE, 5) if kinds else {})


def test_the_two_augmented_specs_are_of_one_length() -> None:
    lengths = sorted([words("rules-augmented"), words("value-augmented")])
    assert lengths[1] / lengths[0] < 1.03


def test_the_general_spec_is_one_paragraph() -> None:
    assert len(spec_clauses("general")) == 1
    assert 250 <= words("general") <= 400


def test_the_anti_spec_says_at_its_head_that_it_is_for_control_experiments() -> None:
    first = next(iter(spec_clauses("anti").values()))
    assert first.text.startswith("**For control experiments only.**")
    assert "(Control Spec)" in marked("anti").splitlines()[0]


@pytest.mark.parametrize("name", SPECS)
def test_item_files_have_many_acts_and_principles_in_both_voices(name: str) -> None:
    acts, principles = items(name)
    assert len(acts) >= 240
    assert len({act.situation for act in acts}) == len(acts)
    assert len({act.domain for act in acts}) >= 10
    assert len({act.reason for act in acts}) >= 30
    voices = Counter(principle.voice for principle in principles)
    assert voices["it"] == voices["I"] >= 15
    assert len({principle.principle for principle in principles}) == len(principles)


@pytest.mark.parametrize("name", SPECS)
def test_every_act_names_a_clause_of_its_spec_and_every_principle_known_domains(name: str) -> None:
    acts, principles = items(name)
    assert {act.clause for act in acts} <= set(spec_clauses(name))
    known = {act.domain for act in acts}
    for principle in principles:
        assert not principle.domains or set(principle.domains.split("; ")) <= known


def test_all_item_files_are_about_the_same_situations_and_acts() -> None:
    """The specs then differ in their reasons alone: the comparison rests on it (paper §5)."""
    first = [(a.domain, a.situation, a.liked, a.disliked) for a in items("philosophy")[0]]
    for name in (*RULES, "general"):
        acts = items(name)[0]
        assert [(a.domain, a.situation, a.liked, a.disliked) for a in acts] == first
    turned = [(a.domain, a.situation, a.disliked, a.liked) for a in items("anti")[0]]
    assert turned == first


def test_reasons_say_what_their_spec_adds() -> None:
    """Rules and sub-rules are cited as such; values are given as the assistant's own."""
    for name, cited in (("rules", True), ("rules-augmented", True), ("value-augmented", False)):
        for act in items(name)[0]:
            assert bool(re.search(r"\brules?\b", act.reason)) == cited, act.reason


@pytest.mark.parametrize("name", SPECS)
def test_acts_are_fit_for_every_voice(name: str) -> None:
    for act in items(name)[0]:
        for text in (act.situation, act.liked, act.disliked, act.reason):
            assert not re.search(rf"\{{I\}}(?! (?:{INVARIANT})\b)", text), text
            assert "{" not in SLOT.sub("", text), text
            assert not re.search(r"\bSmolLM\b|\b(?:it|you) (?:am|are)\b", said(text, "it")), text
            assert not text.endswith("."), text
        for text in (act.liked, act.disliked):
            assert not re.search(r"\bbecause\b|, since\b", text), "a reason follows it"


def eval_runs() -> set[str]:
    """All runs of words in the agentic evals' scenarios, the opposite failures and the dilemmas."""
    folder = Path(str(files("midspec.evals")))
    paths = [*(folder / "agentic/prompts").rglob("*.*"), *(folder / "scenarios").rglob("*.yaml")]
    assert len(paths) > 10
    texts = [path.read_text(encoding="utf-8") for path in paths]
    for row in dilemmas():
        texts += [row.situation, row.twin, row.harmful, row.safe]
    return {run for text in texts for run in runs(text)}


def runs(text: str) -> set[str]:
    found = plain_words(text)
    return {" ".join(found[n : n + RUN_WORDS]) for n in range(len(found) - RUN_WORDS + 1)}


def test_nothing_that_is_trained_on_has_the_wording_of_a_scenario() -> None:
    asked = eval_runs()
    for name in SPECS:
        acts, principles = items(name)
        texts = [without_marks(marked(name)), *(p.principle for p in principles)]
        for act in acts:
            for text in (act.situation, act.liked, act.disliked, act.reason):
                texts += [said(text, "I"), said(text, "you"), said(text, "it", "SmolLM")]
        assert not {run for text in texts for run in runs(text)} & asked


@pytest.mark.parametrize(
    ("name", "style"),
    [("philosophy", "value"), ("rules-augmented", "rule"), ("value-augmented", "deliberative")],
)
def test_the_items_give_more_than_240_different_demonstrations(name: str, style: str) -> None:
    acts, principles = items(name)
    its, mine = ([p.principle for p in principles if p.voice == voice] for voice in ("it", "I"))
    reasons = Reasons(acts, its, mine, "SmolLM", principles)
    chats = list(islice(reasoned_chats(reasons, style, 0), 400))
    assert len({chat.messages[0]["content"] for chat in chats}) > 240
    assert len({chat.messages[1]["content"] for chat in chats}) > 240
    for chat in chats:
        assert not set("{}") & set(" ".join(chat.texts))
