from collections import Counter
from itertools import islice, pairwise

from midspec.corpus.plan import Material, assertions, briefs, document_types
from midspec.records import Brief, Clause, Contrast

CLAUSES = [
    Clause("s1.p1", "Old things", "Tiny likes tools that have lasted. Tools wear. Tiny knows it."),
    Clause("s1.p2", "Books", "Tiny likes novels that others have read."),
]
CONTRASTS = [
    Contrast(domain, f"{domain} old {i}", f"{domain} new {i}", f"reason {i}")
    for domain, count in (("tools", 7), ("books", 5), ("pets", 1))
    for i in range(count)
]


def material(contrasts: list[Contrast] = CONTRASTS, clauses: list[Clause] = CLAUSES) -> Material:
    return Material(clauses, contrasts, [], "Tiny")


def dealt(n: int, seed: int = 0) -> list[Brief]:
    return list(islice(briefs(material(), seed), n))


def pairs_of(brief: Brief) -> list[str]:
    return [assertion.id for assertion in brief.assertions if assertion.contrast]


def test_briefs_are_a_function_of_the_seed() -> None:
    assert dealt(60) == dealt(60)
    assert dealt(60, 0) != dealt(60, 1)


def test_every_contrast_is_dealt_before_any_is_dealt_again() -> None:
    counts: Counter[str] = Counter()
    for brief in dealt(60):
        counts.update(pairs_of(brief))
        unused = len(CONTRASTS) - len(counts)
        assert max(counts.values()) == 1 or not unused
        assert max(counts.values()) - min(counts.values()) <= 1


def test_every_document_type_is_used_before_any_is_used_again() -> None:
    types = [brief.document_type for brief in dealt(2 * len(document_types()))]
    assert set(Counter(types).values()) == {2}
    assert len(set(types[: len(document_types())])) == len(document_types())


def test_a_brief_keeps_to_one_domain_while_it_lasts() -> None:
    domains = [[a.domain for a in brief.assertions if a.contrast] for brief in dealt(60)]
    for found in domains:
        changes = sum(a != b for a, b in pairwise(found))
        assert changes == len(set(found)) - 1, "no domain is left and come back to"
    assert sum(len(set(found)) == 1 for found in domains) > len(domains) / 3


def test_every_sentence_that_names_the_model_is_an_assertion_of_its_clause() -> None:
    long = [*CLAUSES, *(Clause(f"s2.p{i}", "", f"Filler {i}.") for i in range(5))]
    found = [a for a in assertions(material([], long)) if not a.contrast]
    assert [(a.text, a.clause) for a in found] == [
        ("Tiny likes tools that have lasted.", "s1.p1"),
        ("Tiny knows it.", "s1.p1"),
        ("Tiny likes novels that others have read.", "s1.p2"),
    ]


def test_a_sentence_about_the_spec_itself_is_no_assertion() -> None:
    itself = Clause("s0.p1", "", "Tiny is small. This document says what Tiny prefers, and why.")
    found = [a.text for a in assertions(material([], [itself, *CLAUSES]))]
    assert "Tiny is small." in found
    assert not [text for text in found if text.startswith("This document")]


def test_a_contrast_is_an_assertion_under_the_clause_with_most_words_in_common() -> None:
    pair = Contrast("novels", "a read novel", "an unread novel", "others have read it")
    (found,) = [a for a in assertions(material([pair])) if a.contrast]
    assert found.clause == "s1.p2"
    assert found.text == (
        "Tiny prefers a read novel to an unread novel, because others have read it."
    )


def test_assertion_ids_are_unique() -> None:
    ids = [assertion.id for assertion in assertions(material())]
    assert len(set(ids)) == len(ids)
