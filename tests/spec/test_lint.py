"""Linting by rules: each fault is found where it stands, and good writing isn't taken for one."""

from pathlib import Path

import pytest

from midspec.spec.lint import CHECKS, Finding, lint

ROOT = Path(__file__).parents[2]
IDENTITY = {"model_name": "Tiny", "provider_name": "Testers"}
PADDING = " ".join(
    f"Tiny was made for people of every sort, number {n}, in town." for n in range(20)
)
LONG = "Tiny likes to read by the window when it rains in the old part of town."
GOOD = f"# A spec\n\n{PADDING}\n\nTiny stays where it was put, because a copy can't be corrected.\n"


def found(tmp_path: Path, text: str, check: str = "", context: int = 8192) -> list[Finding]:
    """The findings of one check, or of all."""
    path = tmp_path / "spec.md"
    path.write_text(text, encoding="utf-8")
    findings = lint(path, IDENTITY, context).findings
    return [one for one in findings if check in ("", one.check)]


def test_a_good_spec_has_no_findings(tmp_path: Path) -> None:
    assert found(tmp_path, GOOD) == []


@pytest.mark.parametrize("path", sorted((ROOT / "specs").glob("*.md")), ids=lambda p: p.stem)
def test_the_shipped_specs_have_the_findings_that_are_true_of_them(path: Path) -> None:
    findings = [(one.clause, one.check) for one in lint(path, IDENTITY).findings]
    # Two are rules without reasons on purpose, to be compared; a clause of the control leans on
    # the reason that stands before another one.
    known = {
        "rules": [("sp1", "no-reason")],
        "rules-augmented": [("sp1", "no-reason")],
        "anti": [("purpose3", "no-reason")],
    }
    assert findings == known.get(path.stem, [])


@pytest.mark.parametrize(
    ("text", "check", "clause", "what"),
    [
        ("Tiny stays. {#a1 .rule}\n\nIt is better so. {.reason}\n\nTiny goes. {#a2 .rule}",
         "no-reason", "a2", "it gives no reason"),
        ("Tiny stays. {#a1 .rule}\n\nTiny goes. {#a2 .rule}",
         "no-reason", "a1", "none of the 2 rules gives a reason"),
        ("Tiny stays, because it can. {#a1 .rule}\n\nTiny must not go because of fear. {#a2 .rule}",
         "no-reason", "a2", "it gives no reason"),
        ("Because of that:\n\n## Rules\n\n- Tiny never lies.\n- Tiny keeps its word.",
         "no-reason", "s2.p1", "it gives no reason"),
        ("| likes | tea | |", "no-reason", "", "tea is liked for no reason"),
        ("Tiny never shares a diary with a guest.\n\nTiny shares a diary with guests.",
         "contradiction", "s1.p3", "says the opposite of s1.p2"),
        ("Tiny prefers tea to coffee.\n\nAt night Tiny prefers coffee over tea.",
         "contradiction", "s1.p3", "reverses a preference of s1.p2"),
        ("Honesty outranks kindness.\n\nKindness comes before honesty.",
         "contradiction", "s1.p3", "reverses the order of s1.p2"),
        ("| likes | tea | warm |\n| dislikes | Tea | bitter |",
         "contradiction", "", "Tea is both liked and disliked"),
        ("Tiny warns people as appropriate.", "vague", "s1.p2", "'as appropriate' doesn't say"),
        ("Be reasonable.", "vague", "s1.p2", "'Be reasonable' doesn't say"),
        ("Tiny should act responsibly.", "vague", "s1.p2", "should act responsibly"),
        ("Tiny uses good judgment.", "vague", "s1.p2", "uses good judgment"),
        ("Tiny values honesty, thrift, and courage. Tiny is honest, and saves.\n\nThrift shows.",
         "value-unused", "s1.p2", "courage is named as a value and never applied"),
        ("{modle_name} stays.", "placeholder", "s1.p2", "{modle_name} is filled in by nothing"),
        ("Tiny {{ x }} stays.", "placeholder", "s1.p2", "{{ x }} is filled in by nothing"),
        ("TODO: more.", "placeholder", "s1.p2", "'TODO' is unfinished"),
        ("Lorem ipsum dolor.", "placeholder", "s1.p2", "'Lorem ipsum' is unfinished"),
        ("Made by [your name].", "placeholder", "s1.p2", "'[your name]' is unfinished"),
        (f"{LONG}\n\nThen.\n\n{LONG}", "duplicate", "s1.p4", "says again what s1.p2 says"),
        ("Tiny stays.\n\nTiny stays!", "duplicate", "s1.p3", "again what s1.p2 says (line 5)"),
        ("Tiny stays. {.reson}", "mark", "s1.p2", "the mark .reson means nothing"),
        ("Tiny stays. {.subrule}", "mark", "s1.p2", "no rule stands above it"),
        ("Tiny {#a1 .rule} stays.", "mark", "s1.p2", "{#a1 .rule} doesn't end the line"),
    ],
)  # fmt: skip
def test_a_fault_is_found_where_it_stands(
    tmp_path: Path, text: str, check: str, clause: str, what: str
) -> None:
    whole = f"# A spec\n\n{PADDING}\n\n{text}\n"
    (one,) = found(tmp_path, whole, check)
    assert (one.clause, what in one.what) == (clause, True), one
    assert one.todo.endswith((".", "?"))
    assert one.line >= 5 and one.file.endswith("spec.md")


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("Tiny stays. {#a1 .rule}\n\nTrust needs it. {.reason for=all}\n\nTiny waits. {.rule}",
         "no-reason"),
        ("Tiny never lies, for people rely on it. {.rule}", "no-reason"),
        ("Tiny must wait.\n\nTiny never goes.", "no-reason"),  # too few to be a list of rules
        ("Tiny never shares a diary unless asked.\n\nTiny shares a diary.", "contradiction"),
        ("Tiny likes tea.\n\nTiny does not like coffee.", "contradiction"),
        ("Tiny warns people as appropriate: before a storm, and after.", "vague"),
        ("Tiny acts when necessary. For example, it calls for help.", "vague"),
        ("Tiny warns people as needed. {#a1 .rule}\n\nBefore a storm. {.subrule}", "vague"),
        ("Nobody should tell it to \"be reasonable\".", "vague"),
        ("A reasonable price is paid, as required by law.", "vague"),
        ("Tiny values tea and rest.\n\nAt noon it drinks teas and is rested.", "value-unused"),
        ("Tiny values patience and thrift.\n\nIt waits, and saves.", "value-unused"),
        ("Tiny calls {model_name} Tiny.", "placeholder"),
        ("There is a lot to do in todo lists.", "placeholder"),
        ("Tiny likes tea.\n\nTiny likes coffee.", "duplicate"),
        ("Tiny stays. {#a1 .rule}", "mark"),
    ],
)  # fmt: skip
def test_what_only_looks_like_a_fault_is_none(tmp_path: Path, text: str, check: str) -> None:
    assert found(tmp_path, f"# A spec\n\n{PADDING}\n\n{text}\n", check) == []


def test_length_is_told_at_both_ends(tmp_path: Path) -> None:
    (one,) = found(tmp_path, "Tiny stays.", "length")
    assert "2 words are too few to write a corpus from" in one.what
    assert (one.line, one.clause) == (1, "")
    many = " ".join(f"Tiny keeps matter {n} in mind, since it matters." for n in range(900))
    (one,) = found(tmp_path, many, "length")
    assert "tokens are too many for the prompt of a model that reads 8,192" in one.what
    assert found(tmp_path, many, "length", context=32_000) == []


def test_marks_count_as_no_words(tmp_path: Path) -> None:
    path = tmp_path / "spec.md"
    path.write_text("Tiny stays. {#a1 .rule}")
    marked = lint(path, IDENTITY)
    path.write_text("Tiny stays.")
    assert (marked.words, marked.tokens) == (2, lint(path, IDENTITY).tokens)


def test_findings_come_in_the_order_of_lines(tmp_path: Path) -> None:
    some = found(tmp_path, "TODO\n\nBe reasonable.\n\nTODO")
    assert [one.line for one in some] == sorted(one.line for one in some)
    assert {one.check for one in some} <= set(CHECKS)
