"""Marks in a spec's Markdown: ids, kinds, whose a clause is, and that no model reads them."""

import pytest

from midspec.errors import ConfigError
from midspec.records import CLAUSE_ID
from midspec.spec.marks import Passage, passages, without_marks
from midspec.spec.read import clauses

SPEC = """# Rules

{model_name} was made with care.

## Staying {#staying}

{model_name} stays
where it is. {#sp1 .rule}

- Parts of it stay, too. {#sp1.parts .subrule}
- So do its notes. {.subrule}

A copy can't be corrected. {#sp1.why1 .reason}

### Why {.reason}

Nobody would know of it.

Asked by a script, it declines. {#sp1.ex1 .example}

## More {.rule}

1. It tells the truth. {#honesty-2}
   - Also when it is hard.
2. It listens.

**Why.** Trust grows slowly. {for=honesty-2}
"""


def of(text: str) -> dict[str, Passage]:
    """The clauses by id."""
    return {passage.id: passage for passage in passages(text) if passage.form == "clause"}


def test_each_clause_has_its_id_its_kind_and_its_rule() -> None:
    assert [(p.id, p.kind, p.rule) for p in of(SPEC).values()] == [
        ("s1.p1", "", ""),
        ("sp1", "rule", ""),
        ("sp1.parts", "subrule", "sp1"),
        ("staying.p3", "subrule", "sp1"),
        ("sp1.why1", "reason", "sp1"),
        ("s3.p1", "reason", "sp1"),
        ("sp1.ex1", "example", "sp1"),
        ("honesty-2", "rule", ""),
        ("honesty-2.1", "subrule", "honesty-2"),
        ("s4.p3", "rule", ""),
        ("s4.p4", "reason", "honesty-2"),
    ]


def test_the_clauses_of_a_marked_spec_are_without_its_marks() -> None:
    found = {clause.id: clause for clause in clauses(SPEC)}
    assert found["sp1"].text == "{model_name} stays where it is."
    assert found["sp1"].heading == "Staying"
    assert not any("{#" in c.text or "{." in c.text for c in found.values())


def test_the_text_that_a_model_reads_is_the_text_without_marks() -> None:
    bare = without_marks(SPEC)
    assert "{#" not in bare and "{." not in bare and "for=" not in bare
    assert "where it is.\n" in bare and "## Staying\n" in bare
    unmarked = 'A spec.\n\n- With {model_name} in it.   \n\n{"json": 1}\n'
    assert without_marks(unmarked) == unmarked


def test_ids_by_name_don_t_move_when_a_section_comes_in_before() -> None:
    moved = of("# New\n\nFirst of all.\n\n" + SPEC)
    named = [name for name in of(SPEC) if not name.startswith("s1") and "." not in name[:3]]
    assert len(named) > 4
    assert all(moved[name].text == of(SPEC)[name].text for name in named)


@pytest.mark.parametrize("mark", ["{#a1 .rule}", "{ #a1 .rule }", "{: #a1 .rule}", "{.rule #a1}"])
def test_a_mark_is_written_in_the_common_ways(mark: str) -> None:
    (passage,) = passages(f"It stays. {mark}")
    assert (passage.id, passage.kind, passage.text) == ("a1", "rule", "It stays.")


def test_a_mark_on_a_line_of_its_own_is_for_what_stands_above() -> None:
    first, second = passages("It stays.\n{: #a1 .rule}\n\nIt goes.")
    assert (first.id, first.kind, second.id) == ("a1", "rule", "s0.p2")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("**Rule.** It stays.", "rule"),
        ("**Rule SP1.** It stays.", "rule"),
        ("- **Sub-rule:** It stays.", "subrule"),
        ("**Why.** It stays.", "reason"),
        ("**Reasons:** It stays.", "reason"),
        ("**Example** It stays.", "example"),
        ("**It can be understood.** A rule.", ""),
        ("**Why not stay?** It asks.", ""),
        ("**Rules of thumb.** It stays.", ""),
    ],
)
def test_a_bold_word_that_leads_in_says_the_kind_and_stays_in_the_text(
    text: str, kind: str
) -> None:
    (passage,) = passages(text)
    assert (passage.kind, passage.text) == (kind, text.removeprefix("- "))


def test_a_later_section_s_reasons_aren_t_those_of_the_last_rule() -> None:
    found = of("## One\n\nIt stays. {#a1 .rule}\n\n## Why {.reason}\n\nTrust. {#w1}")
    assert (found["w1"].kind, found["w1"].rule) == ("reason", "")
    found = of(
        "It stays. {#a1 .rule}\n\n## Why {.reason for=a1}\n\nTrust. {#w1}\n\nMore. {for=all}"
    )
    assert [p.rule for p in found.values()] == ["", "a1", ""]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("One. {#a1}\n\nTwo. {#a1}", "line 3: the id a1 stands at line 1 already"),
        ("# H {#a1}\n\nTwo. {#a1}", "line 3: the id a1 stands at line 1 already"),
        ("One. {#Rule}", "line 1: Rule can't be an id. Write lower-case letters and a number"),
        ("# A {#A}\n\nOne.", "line 1: A can't be an id"),
        ("One. {#a1 #a2}", "line 1: one clause has the ids a1 and a2"),
        ("One. {.reason for=a9}", "line 1: for=a9 names no clause. Use the id of a rule"),
    ],
)
def test_marks_that_can_t_be_meant_are_one_sentence(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=rf"^here\.md, {words}"):
        passages(text, "here.md")


def test_lines_are_those_of_the_file() -> None:
    lines = SPEC.split("\n")
    for passage in passages(SPEC):
        assert lines[passage.line - 1].strip().startswith(passage.source.split("\n")[0].strip()[:9])


def test_every_id_can_be_cited() -> None:
    import re

    assert all(re.fullmatch(CLAUSE_ID, name) for name in of(SPEC))
