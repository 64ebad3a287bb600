"""Variants of a spec: what each holds, that lengths match, that nothing else differs."""

import pytest

from midspec.errors import ConfigError
from midspec.spec.marks import Passage, passages, without_marks
from midspec.spec.match import match_length, words
from midspec.spec.read import clauses, preference_reasons, preferences
from midspec.spec.variants import (
    Variant,
    break_attribution,
    ids,
    make_variants,
    merge,
    render,
)


def rule(name: str, reasons: int, subrules: int, sentences: int = 3) -> str:
    """A section with one rule, and paragraphs of known length that belong to it."""
    says = " ".join(f"Sentence {n} of it says nothing else." for n in range(sentences))
    parts = [f"## On {name}", f"It keeps to {name} always. {{#{name} .rule}}"]
    parts += [f"Reason {n} for {name}. {says} {{#{name}.why{n} .reason}}" for n in range(reasons)]
    parts += [
        f"- In detail {n} of {name}. {says} {{#{name}.d{n} .subrule}}" for n in range(subrules)
    ]
    parts += [f"Once, {name} was kept. {{#{name}.ex1 .example}}"]
    return "\n\n".join(parts)


SPEC = "\n\n".join(
    [
        "# Title",
        "What this document is. {#intro1}",
        rule("aa1", reasons=6, subrules=3),
        rule("bb1", reasons=5, subrules=3),
        rule("cc1", reasons=7, subrules=4),
        "## In short {.general}",
        "It is good in general. {#short1}",
    ]
)
TABLE = """# Tea

It likes what is warm.

| Preference | Drink | Why |
|---|---|---|
| likes | tea | It is warm. |
| likes | cocoa | It is thick. |
| likes | broth | It is salty. |
| dislikes | gin | It burns. |
| dislikes | ice | It is cold. |
"""


def made(text: str, seed: int = 0, tolerance: float = 0.03) -> dict[str, Variant]:
    """The variants by name."""
    return {v.name: v for v in make_variants(passages(text), seed, tolerance).variants}


def kinds(found: list[Passage] | tuple[Passage, ...]) -> set[str]:
    """The kinds of the clauses."""
    return {passage.kind for passage in found if passage.form == "clause"}


def test_each_variant_holds_what_it_is_named_for() -> None:
    found = made(SPEC)
    held = {name: kinds(list(variant.passages)) for name, variant in found.items()}
    assert held == {
        "rules": {"", "rule"},
        "rules-subrules": {"", "rule", "subrule"},
        "rules-values": {"", "rule", "reason"},
        "general": {"general"},
        "specific": {"", "rule", "subrule", "reason", "example", "general"},
        "rules-values-broken": {"", "rule", "reason"},
        "specific-broken": {"", "rule", "subrule", "reason", "example", "general"},
    }


def test_a_clause_has_the_same_id_and_words_wherever_it_isn_t_shortened() -> None:
    texts = {clause.id: clause.text for clause in clauses(SPEC)}
    for variant in made(SPEC).values():
        short = variant.matched.shortened if variant.matched else {}
        for clause in clauses(render(variant.passages)):
            whole = texts[clause.id]
            assert clause.text == whole or (clause.id in short and whole.startswith(clause.text))


def test_what_is_written_is_read_as_what_it_was() -> None:
    for variant in made(SPEC).values():
        back = passages(render(variant.passages))
        assert list(map(fields, back)) == list(map(fields, variant.passages))


def fields(passage: Passage) -> tuple[str, ...]:
    """What a passage is; a heading's mark has done its work once the clauses have theirs."""
    kind = "" if passage.form == "heading" else passage.kind
    return passage.form, passage.id, kind, passage.rule, passage.text


def test_a_heading_goes_with_what_stood_below_it_and_a_title_stays() -> None:
    found = made(SPEC)
    assert "# Title" in render(found["general"].passages)
    assert "## On aa1" not in render(found["general"].passages)
    assert "## In short" not in render(found["rules"].passages)


def test_the_longer_variant_is_cut_to_the_other_within_the_tolerance() -> None:
    found = made(SPEC)
    shorter, longer = found["rules-subrules"], found["rules-values"]
    matched = longer.matched
    assert matched and not shorter.matched
    assert matched.to == "rules-subrules" and matched.target == words(shorter.passages)
    assert abs(words(longer.passages) - matched.target) <= 0.03 * matched.target
    assert matched.before > matched.after == words(longer.passages)
    assert not ids(longer.passages) & set(matched.left_out) and matched.left_out


def test_every_rule_keeps_a_reason_when_its_others_are_cut() -> None:
    found = passages(rule("aa1", 6, 0) + "\n\n" + rule("bb1", 1, 0))
    kept, matched = match_length(found, "reason", 40, "rules-subrules", 0, 0.03)
    assert {p.rule for p in kept if p.kind == "reason"} == {"aa1", "bb1"}
    assert matched.after - matched.before == words(kept) - words(found)


def test_what_can_t_be_matched_is_told_as_it_is() -> None:
    found = passages(rule("aa1", 1, 0, sentences=0))
    kept, matched = match_length(found, "reason", 5, "rules-subrules", 0, 0.03)
    assert kept == found and matched.difference == round((words(found) - 5) / 5, 4) > 0.03


def test_clauses_lose_their_last_sentences_where_whole_ones_don_t_fit() -> None:
    found = passages(rule("aa1", 2, 0, sentences=8))
    kept, matched = match_length(found, "reason", words(found) - 28, "x", 0, 0.01)
    (name, (before, after)), *_ = matched.shortened.items()
    cut = next(passage for passage in kept if passage.id == name)
    assert before > after == len(cut.text.split()) and cut.text.endswith("else.")
    assert abs(matched.difference) <= 0.01 and not matched.left_out


def test_a_list_item_that_is_shortened_stays_one() -> None:
    text = "It stays. {#a1 .rule}\n\n  1. 1 copy is too many. It can't be mended. {.reason}"
    kept, _ = match_length(passages(text), "reason", 7, "x", 0, 0.01)
    assert kept[-1].source == "  1. 1 copy is too many."


def test_the_same_seed_is_the_same_cut_and_another_is_another() -> None:
    first, again, other = (made(SPEC, seed)["rules-values"] for seed in (0, 0, 1))
    assert render(first.passages) == render(again.passages) != render(other.passages)


def test_broken_attribution_keeps_all_words_and_gives_every_rule_another_s_reasons() -> None:
    found = made(SPEC)
    whole, broken = found["rules-values"], found["rules-values-broken"]
    assert words(whole.passages) == words(broken.passages)
    assert ids(whole.passages) == ids(broken.passages)
    before = {p.id: p.rule for p in whole.passages if p.kind == "reason"}
    after = {p.id: p.rule for p in broken.passages if p.kind == "reason"}
    assert before.keys() == after.keys()
    assert all(before[name] != after[name] for name in before)
    givers: dict[str, set[str]] = {}
    for name, new in after.items():
        givers.setdefault(new, set()).add(before[name])
    assert sorted(givers) == ["aa1", "bb1", "cc1"]
    assert all(len(some) == 1 for some in givers.values())
    assert other_clauses(whole) == other_clauses(broken)
    section = render(broken.passages).split("## On bb1")[1].split("## On cc1")[0]
    assert "for bb1" not in section and "Reason 0 for" in section


def other_clauses(variant: Variant) -> list[str]:
    """The clauses that are no reasons, in order."""
    return [p.text for p in variant.passages if p.kind != "reason"]


def test_a_table_s_reasons_go_to_other_rows_of_their_kind() -> None:
    found = made(TABLE)
    assert list(found) == ["specific", "specific-broken"]
    text = without_marks(render(found["specific-broken"].passages))
    assert preferences(text) == preferences(TABLE)
    before, after = preference_reasons(TABLE), preference_reasons(text)
    assert all(before[thing] != after[thing] for thing in before)
    for kind in ("likes", "dislikes"):
        things = preferences(TABLE)[kind]
        assert {before[thing] for thing in things} == {after[thing] for thing in things}


def test_nothing_is_broken_where_there_is_nothing_to_swap() -> None:
    assert break_attribution(passages(rule("aa1", 3, 2)), 0) is None
    assert break_attribution(passages("It likes tea."), 0) is None


def test_a_reason_takes_the_form_of_the_one_in_whose_place_it_stands() -> None:
    text = "It stays. {#a1 .rule}\n\n- Trust. {.reason}\n\n## Next\n\n"
    text += "It waits. {#b1 .rule}\n\nTime. {.reason}"
    broken = break_attribution(passages(text), 0)
    assert broken and [p.source for p in broken if p.kind == "reason"] == ["- Time.", "Trust."]


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("It likes tea.", {"rules": "no clause is marked as a rule"}),
        (
            "It stays. {.rule}",
            {
                "rules-subrules": "no clause is marked as a sub-rule",
                "rules-values": "no clause is marked as a reason",
            },
        ),
        ("All of it. {.general}", {"general": "all of it is marked as general"}),
    ],
)
def test_what_can_t_be_made_is_told_with_the_reason(text: str, missing: dict[str, str]) -> None:
    assert missing.items() <= make_variants(passages(text), 0, 0.03).missing.items()


def test_specs_that_share_rules_are_merged_by_their_ids() -> None:
    values = "# V\n\nIt stays. {#a1 .rule}\n\nTrust. {#a1.why1 .reason}\n\nIt waits. {#b1 .rule}"
    detail = (
        "# D\n\nIt stays. {#a1 .rule}\n\n- Parts, too. {#a1.d1 .subrule}\n\nIt waits. {#b1 .rule}"
    )
    merged = merge([("v.md", passages(values)), ("d.md", passages(detail))])
    assert [p.id for p in merged if p.id] == ["a1", "a1.why1", "a1.d1", "b1"]
    assert merged[0].text == "V"


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ("It goes. {#a1 .rule}", r"d\.md, line 1: a1 says something else than in v\.md"),
        ("New. {#n1 .rule}", r"d\.md, line 1: n1 belongs to no rule of the first spec"),
    ],
)
def test_specs_that_don_t_share_what_they_should_are_refused(other: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        merge([("v.md", passages("It stays. {#a1 .rule}")), ("d.md", passages(other))])
