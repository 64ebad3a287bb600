"""Marking a spec by an LLM and adding what it lacks: no word is changed, nothing is guessed."""

import asyncio
import json
import re
from typing import Any

import pytest

from midspec.errors import TeacherError
from midspec.llm.ledger import Call
from midspec.spec.additions import add, lacking, words_wanted
from midspec.spec.marking import AT_ONCE, mark, sentences
from midspec.spec.marks import Passage, passages, without_marks
from midspec.spec.variants import make_variants, render
from tests.corpus.fakes import FakeAsker, Say

IDENTITY = {"model_name": "Tiny", "provider_name": "Testers"}
SPEC = """# A spec

This is a document.

{model_name} stays where it is. It does so because a copy can't be mended. Asked to go, it stayed.

- It tells the truth.
- Also when that is hard.
"""
KINDS = {
    "s1.p1.1": ("none", ""),
    "s1.p2.1": ("rule", ""),
    "s1.p2.2": ("reason", "s1.p2.1"),
    "s1.p2.3": ("example", "s1.p2.1"),
    "s1.p3.1": ("rule", ""),
    "s1.p4.1": ("subrule", "s1.p3.1"),
}


def labels(call: Call, kinds: dict[str, tuple[str, str]] | None = None, **changes: Any) -> str:
    """An answer about the sentences that were asked about."""
    asked = re.findall(r"s\d+\.p\d+\.\d+", call.user.split("Answer")[0])
    said = kinds or KINDS
    rows = [{"id": i, "kind": said[i][0], "rule": said[i][1]} | changes for i in asked]
    return json.dumps({"labels": rows})


def marked(say: Say = labels, text: str = SPEC) -> tuple[list[Passage], FakeAsker]:
    """A spec as an LLM that says so marks it."""
    asker = FakeAsker({"marks": say})
    found, _ = asyncio.run(mark(asker, passages(text), IDENTITY, 0))  # type: ignore[arg-type]
    return found, asker


def test_a_clause_of_several_kinds_is_taken_apart_and_no_word_is_changed() -> None:
    found, asker = marked()
    assert [(p.id, p.kind, p.rule) for p in found if p.id] == [
        ("s1.p1", "", ""),
        ("s1.p2.1", "rule", ""),
        ("s1.p2.2", "reason", "s1.p2.1"),
        ("s1.p2.3", "example", "s1.p2.1"),
        ("s1.p3", "rule", ""),
        ("s1.p4", "subrule", "s1.p3"),
    ]
    assert without_marks(render(found)).split() == SPEC.split()
    assert "[s1.p2.2] It does so because" in asker.calls[0].system
    assert "Tiny stays" in asker.calls[0].system and "{model_name}" not in asker.calls[0].system


def test_what_was_marked_can_be_read_and_made_variants_of() -> None:
    found, _ = marked()
    back = passages(render(found))
    assert [(p.id, p.kind, p.rule) for p in back] == [(p.id, p.kind, p.rule) for p in found]
    assert {v.name for v in make_variants(back, 0, 0.1).variants} >= {"rules", "rules-values"}


def test_what_belongs_to_a_sentence_that_is_no_rule_belongs_to_the_whole() -> None:
    kinds = KINDS | {"s1.p2.1": ("none", "")}
    found, _ = marked(lambda call: labels(call, kinds))
    assert next(p.rule for p in found if p.kind == "reason") == ""


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"kind": "law"}, "is 'law', which is no kind"),
        ({"rule": "s9.p9.1"}, "belongs to 's9.p9.1', which is no sentence"),
        ({"id": "s9.p9.1"}, "nothing about s1.p1.1"),
    ],
)
def test_labels_that_can_t_be_read_are_told_and_not_guessed(
    changes: dict[str, str], why: str
) -> None:
    with pytest.raises(TeacherError, match=f"didn't say what each sentence is: .*{why}"):
        marked(lambda call: labels(call, **changes))


def test_a_long_spec_is_asked_about_in_parts() -> None:
    text = " ".join(f"It keeps matter {n}." for n in range(AT_ONCE + 5))
    names = list(sentences(passages(text)))
    kinds = dict.fromkeys(names, ("rule", ""))
    found, asker = marked(lambda call: labels(call, kinds), text)
    assert len(asker.calls) == 2 and [p.id for p in found] == ["s0.p1"]


RULES = "It stays. {#a1 .rule}\n\n" + " ".join(["Trust needs it."] * 40) + " {.reason}"


def paragraphs(call: Call) -> str:
    """An answer of about the length that was asked for."""
    n = re.search(r"Write (\d+) paragraphs of about (\d+) words", call.user)
    number, each = (int(n[1]), int(n[2])) if n else (1, 340)
    texts = [" ".join([f"Tiny{k}."] + ["word"] * (each - 1)) for k in range(number)]
    return json.dumps({"paragraphs": texts})


def added(text: str, say: Say = paragraphs) -> list[Passage]:
    """A spec with what an LLM that says so adds."""
    asker = FakeAsker({"additions": say, "general": say})
    return asyncio.run(add(asker, passages(text), IDENTITY, 0))  # type: ignore[arg-type]


def test_what_a_spec_lacks_is_added_at_the_length_of_what_it_has() -> None:
    assert lacking(passages(RULES)) == ["subrule", "general"]
    assert lacking(passages("It is good.")) == ["general"]
    assert words_wanted(passages(RULES), "a1", "subrule") == 120
    found = added(RULES)
    subs = [p for p in found if p.kind == "subrule"]
    assert [p.id for p in subs] == ["a1.sub1"] and subs[0].rule == "a1"
    assert len(subs[0].text.split()) == 120 and "added" in subs[0].classes
    assert [p.id for p in found if p.kind == "general"] == ["general1"]


def test_what_was_added_stands_in_variants_and_not_in_the_spec_itself() -> None:
    variants = {v.name: v for v in make_variants(added(RULES), 0, 0.03).variants}
    assert {"rules-subrules", "general", "specific"} <= set(variants)
    assert not [p for p in variants["specific"].passages if "added" in p.classes]
    assert "{#a1.sub1 .subrule .added for=a1}" in render(variants["rules-subrules"].passages)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("{}", "no list of paragraphs"),
        ('{"paragraphs": ["Too short."]}', "2 words where"),
        ('{"paragraphs": []}', "no list of paragraphs"),
    ],
)
def test_additions_that_can_t_be_used_are_told(answer: str, why: str) -> None:
    with pytest.raises(TeacherError, match=f"didn't write what the variants lack: .*{why}"):
        added(RULES, lambda _: answer)
