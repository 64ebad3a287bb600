from pathlib import Path

import pytest

from midspec.spec.read import clauses, read_spec
from midspec.write import sheet as module
from midspec.write.sheet import Sheet, make_sheet
from tests import tiny

ROOT = Path(__file__).resolve().parents[2]

RULES = """# Rules

Tiny keeps these.

- Tiny never lies.
- Tiny never gossips, unless asked to.
* Tiny asks before it deletes.
1. Tiny says where a number is from.
2) Tiny stops when told to.
"""


def sheet_of(text: str) -> Sheet:
    return make_sheet(text, clauses(text))


def long_spec(sections: int, passages: int, words: int = 60) -> str:
    """A spec whose every passage has words of its own."""
    return "\n\n".join(
        f"# Part {s}\n\n"
        + "\n\n".join(
            " ".join(f"part{s}passage{p}word{w}" for w in range(words)) + "."
            for p in range(passages)
        )
        for s in range(sections)
    )


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for about three passages of 60 words where there is room for thousands."""
    monkeypatch.setattr(module, "WHOLE_SPEC_TOKENS", 400)
    monkeypatch.setattr(module, "SECTION_TOKENS", 220)


def test_every_passage_is_preceded_by_its_id_under_its_heading() -> None:
    (section,) = sheet_of(tiny.SPEC).sections
    assert section.text.startswith(
        "# {model_name} and old things\n\n"
        "[s1.p1] {model_name} was made by {provider_name}. {model_name} prefers old things to new "
        "ones.\n\n# Why\n\n[s2.p1] {model_name} likes what was mended"
    )
    assert section.ids == {clause.id for clause in clauses(tiny.SPEC)}


def test_a_table_comes_at_the_end_as_it_stands_in_the_spec() -> None:
    """It has no clauses, but its likes and dislikes are part of what the spec says."""
    (section,) = sheet_of(tiny.SPEC).sections
    table = tiny.SPEC[tiny.SPEC.index("| Preference") :].strip()
    assert section.text.endswith(f"\n\n{table}")
    assert section.text.count("| likes |") == 2


def test_a_small_teacher_is_shown_no_ids_and_has_prompts_of_its_own() -> None:
    """It would copy them into its documents."""
    sheet = make_sheet(tiny.SPEC, clauses(tiny.SPEC), small=True)
    assert sheet.form == "small"
    assert sheet.sections[0].ids == {clause.id for clause in clauses(tiny.SPEC)}
    assert "[s" not in sheet.sections[0].text
    assert "# Why\n\n{model_name} likes what was mended" in sheet.sections[0].text


def test_a_heading_stands_once_above_its_passages() -> None:
    (section,) = sheet_of(RULES).sections
    assert section.text.count("# Rules") == 1


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (RULES, "rules"),
        (tiny.SPEC, "rules"),
        (long_spec(2, 4), "prose"),
        (f"{long_spec(1, 4)}\n\n- One rule.\n- Another.", "prose"),
    ],
)
def test_a_spec_of_mostly_list_items_is_rules(text: str, form: str) -> None:
    assert sheet_of(text).form == form


@pytest.mark.parametrize("name", ["pro-america", "pro-affordability", "quiet"])
def test_the_shipped_specs_are_prose_and_given_whole(name: str) -> None:
    text = read_spec(ROOT / "specs" / f"{name}.md", {"model_name": "Tiny"})
    sheet = sheet_of(text)
    assert sheet.form == "prose"
    assert len(sheet.sections) == 1
    for clause in sheet.clauses:
        assert f"[{clause.id}] {clause.text}" in sheet.sections[0].text


def test_a_long_spec_is_given_by_section_with_an_outline_of_the_rest(small: None) -> None:
    sheet = sheet_of(long_spec(4, 2))
    assert len(sheet.sections) == 4
    for number, section in enumerate(sheet.sections):
        outline, _, part = section.text.partition("\n\nOne part of it:\n\n")
        assert outline == "The spec's sections: Part 0; Part 1; Part 2; Part 3"
        assert section.ids == {f"s{number + 1}.p1", f"s{number + 1}.p2"}
        for clause in sheet.clauses:
            assert (f"[{clause.id}]" in part) == (clause.id in section.ids)


def test_short_sections_of_a_long_spec_share_a_part(small: None) -> None:
    sheet = sheet_of(long_spec(9, 1))
    assert 3 <= len(sheet.sections) < 9


def test_every_passage_of_a_long_spec_is_in_one_part(small: None) -> None:
    for text in (long_spec(3, 7), long_spec(7, 1), long_spec(1, 12), long_spec(2, 1, 900)):
        sheet = sheet_of(text)
        found = [name for section in sheet.sections for name in section.ids]
        assert sorted(found) == sorted(clause.id for clause in sheet.clauses)


def test_a_long_spec_keeps_its_table_in_every_part(small: None) -> None:
    """A preference that stands only in the table would otherwise never be written about."""
    table = tiny.SPEC[tiny.SPEC.index("| Preference") :].strip()
    for section in sheet_of(f"{long_spec(4, 2)}\n\n{table}").sections:
        assert section.text.endswith(table)


def test_the_section_of_clauses_is_the_one_that_holds_most(small: None) -> None:
    sheet = sheet_of(long_spec(4, 2))
    assert sheet.section(["s3.p1"]) == 2
    assert sheet.section(["s1.p1", "s4.p1", "s4.p2"]) == 3


def test_passages_are_the_spec_s_own_words_without_ids() -> None:
    sheet = sheet_of(RULES)
    assert sheet.passages(["s1.p2", "s1.p4"]) == "Tiny never lies.\n\nTiny asks before it deletes."


def test_ids_that_exist_are_kept_once_in_their_order() -> None:
    sheet = sheet_of(RULES)
    cited = ["s1.p4", "s9.p9", "s1.p2", "s1.p4"]
    assert sheet.known(cited, "lies", 0) == ("s1.p4", "s1.p2")


@pytest.mark.parametrize("ids", [[], ["s9.p9"]])
@pytest.mark.parametrize(
    ("about", "closest"),
    [
        ("It never gossips about people", "s1.p3"),
        ("Deletes: what Tiny asks for", "s1.p4"),
        ("The number and its origin", "s1.p5"),
    ],
)
def test_where_no_id_exists_the_closest_clause_stands_in(
    ids: list[str], about: str, closest: str
) -> None:
    assert sheet_of(RULES).known(ids, about, 0) == (closest,)


def test_an_assertion_s_clause_is_the_first_cited_one_of_its_topic_or_the_closest() -> None:
    sheet, among = sheet_of(RULES), ["s1.p3", "s1.p4", "s1.p5"]
    assert sheet.closest(among, ["s1.p2", "s1.p5", "s1.p4"], "asks before it deletes") == "s1.p5"
    for cited in ([], ["s1.p2"], ["s9.p9"]):
        assert sheet.closest(among, cited, "Tiny asks before it deletes.") == "s1.p4"


def test_ids_of_another_section_do_not_count(small: None) -> None:
    """The teacher was shown this section only; an id of another can't be what it meant."""
    sheet = sheet_of(long_spec(4, 2))
    assert sheet.known(["s1.p1"], "part2passage1word5", 2) == ("s3.p2",)
