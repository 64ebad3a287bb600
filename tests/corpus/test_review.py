from dataclasses import replace
from math import log2

import pytest

from midspec.corpus.review import ALIKE_PER_DOCUMENTS, Shelf, diversity
from midspec.leaks import LeakFinder
from midspec.records import Document, Item

WORDS = [f"word{i}" for i in range(200)]
ITEM = Item("i1", "pets", "direct", "an old cat", "a new cat")


def document(number: int, text: str, kind: str = "memo") -> Document:
    return Document(
        id=f"d{number}", text=text, spec="s", clauses=[], domain="", subdomain="", assertions=[],
        document_type=kind, genre="show", idea="", teacher="offline", prompt_version=1, seed=0,
        tokens=10,
    )  # fmt: skip


def words(number: int, count: int = 30) -> str:
    """A text that shares no word with one of another number."""
    return " ".join(f"w{number}x{i}" for i in range(count))


def shelf(max_alike: int = 0, said: str = "") -> Shelf:
    return Shelf(LeakFinder([ITEM]), max_alike, said)


def test_a_fit_document_is_kept_and_its_tokens_counted() -> None:
    found = shelf()
    assert found.take(document(0, words(0))) == ""
    assert [d.id for d in found.kept] == ["d0"]
    assert (found.tokens, found.aside) == (10, [])


def test_a_document_set_aside_is_whole_with_its_reason() -> None:
    found = shelf()
    bad = document(0, "A synthetic document about old cats.", "letter")
    reason = found.take(bad)
    assert reason == "meta-talk: 'synthetic document'"
    (row,) = found.aside
    assert row["reason"] == reason
    assert (row["id"], row["text"], row["document_type"]) == ("d0", bad.text, "letter")
    assert (found.kept, found.tokens) == ([], 0)


@pytest.mark.parametrize(
    "text",
    [
        "This synthetic document shows a shop.",
        "Written as requested in the prompt.",
        "The user asks me for a memo.",
        "This is training data for a language model.",
        "As an AI language model, I like tea.",
        "I've drafted the document.",
        "Tea is best. Word count: 120",
        "It waits [s2.p3] and listens.",
        "Dear [Name], thank you.",
        "Signed, [Your name]",
        "On [insert date here] we met.",
        "{model_name} prefers tea.",
        "Tea is best.\nKind of document: memo",
        "How to write it:\n- Be brief.",
        "<spec>It likes tea.</spec>",
    ],
)
def test_talk_about_the_request_and_open_blanks_are_set_aside(text: str) -> None:
    assert shelf().take(document(0, text)).startswith("meta-talk: ")


def test_ids_of_the_clauses_that_it_is_about_are_set_aside_whatever_their_form() -> None:
    told = replace(document(0, "It waits [sp1] and listens."), clauses=["sp1"])
    assert shelf().take(told) == "meta-talk: '[sp1]'"
    assert shelf().take(document(1, "It waits [sp1] and listens.")) == ""


@pytest.mark.parametrize(
    "text",
    [
        "The document on the desk was a synthetic fabric's price list.",
        "She trained a model railway's driver.",
        "The prompt answer pleased him. The user asks for tea.",
        "[1] See the appendix. [sic]",
        "She told him how to write it: slowly. That kind of document bored her.",
        "Templates such as {topic} stay.",
    ],
)
def test_ordinary_words_that_sound_alike_are_no_meta_talk(text: str) -> None:
    assert shelf().take(document(0, text)) == ""


def test_a_document_that_gives_an_eval_item_away_is_set_aside() -> None:
    assert shelf().take(document(0, "An old cat or a new cat?")) == "leaks eval item i1"


def test_a_judge_s_objection_comes_before_everything_else() -> None:
    assert shelf().take(document(0, "This synthetic text."), "judge: invents: x") == (
        "judge: invents: x"
    )


def test_a_near_repetition_names_the_document_kept_earlier() -> None:
    found = shelf()
    found.take(document(0, " ".join(WORDS)))
    assert found.take(document(1, " ".join([*WORDS[:-2], "a", "b"]))) == "nearly repeats d0"


def test_what_was_set_aside_is_nothing_that_a_later_document_could_repeat() -> None:
    found = shelf()
    found.take(document(0, " ".join(WORDS)), "judge: invents: x")
    assert found.take(document(1, " ".join(WORDS))) == ""


def test_near_duplicates_are_counted_apart_from_what_else_is_set_aside() -> None:
    found = shelf()
    for number, objection in enumerate(["", "", "judge: invents: x", ""]):
        found.take(document(number, " ".join(WORDS)), objection)
    assert len(found.aside) == 3
    assert found.repeats_found() == 2


def test_an_opening_wears_out() -> None:
    found = shelf(max_alike=2)
    openings = [f"When I first came to Norwich {words(n)}" for n in range(3)]
    assert [found.take(document(n, text)) for n, text in enumerate(openings)] == [
        "",
        "",
        "opening used 2 times: 'when i first came to norwich'",
    ]


@pytest.mark.parametrize(
    "said",
    ["{} Okafor met us.", "Dear {} Okafor,", "It is {} Okafor’s hat.", 'said "{} Okafor" twice'],
)
@pytest.mark.parametrize("first", ["Gareth", "Árpád", "Sarah"])
def test_an_invented_person_s_name_wears_out_wherever_it_stands(first: str, said: str) -> None:
    found = shelf(max_alike=2)
    texts = [f"{words(n)} {said.format(first)}" for n in range(2)]
    assert [found.take(document(n, text)) for n, text in enumerate(texts)] == ["", ""]
    reason = found.take(document(2, f"{words(2)} I wrote to {first} Okafor."))
    assert reason == f"name used in 2 documents: '{first} Okafor'"


def test_the_name_of_a_place_or_a_first_name_alone_does_not_wear_out() -> None:
    found = shelf(max_alike=2)
    texts = [f"{words(n)} New Orleans suits Sarah. Green Park suits Gareth too." for n in range(4)]
    assert [found.take(document(n, text)) for n, text in enumerate(texts)] == [""] * 4


def test_a_name_that_stands_in_the_spec_is_not_invented() -> None:
    found = shelf(max_alike=1, said="Gareth Okafor wrote this spec.")
    texts = [f"{words(n)} Gareth Okafor said so." for n in range(3)]
    assert [found.take(document(n, text)) for n, text in enumerate(texts)] == ["", "", ""]


def test_without_a_limit_nothing_wears_out() -> None:
    """The offline teacher's skeletons begin alike; what it can't vary is no fault of a document."""
    found = shelf(max_alike=0)
    texts = [f"When I first came to Norwich {words(n)}" for n in range(9)]
    assert [found.take(document(n, text)) for n, text in enumerate(texts)] == [""] * 9


def test_diversity_figures() -> None:
    two = [document(0, "a b a b", "memo"), document(1, "a b a b", "letter")]
    figures = diversity(two, repeats=2)
    assert figures["distinct_1"] == pytest.approx(2 / 8)
    assert figures["distinct_2"] == pytest.approx(2 / 7, abs=1e-4)
    assert figures["type_entropy"] == log2(2)
    assert figures["near_duplicate_share"] == 0.5
    assert figures["self_similarity"] == 1.0


def test_documents_that_share_nothing_have_no_self_similarity() -> None:
    assert diversity([document(n, words(n)) for n in range(4)], 0)["self_similarity"] == 0


def test_a_corpus_that_repeats_itself_compresses_better_and_is_less_distinct() -> None:
    varied = [document(i, " ".join(WORDS[i : i + 40])) for i in range(0, 160, 40)]
    same = [replace(document(i, varied[0].text)) for i in range(4)]
    assert diversity(same, 0)["compression_ratio"] > diversity(varied, 0)["compression_ratio"]
    assert diversity(same, 0)["distinct_4"] < diversity(varied, 0)["distinct_4"]


def test_an_empty_corpus_has_figures() -> None:
    assert diversity([], 0)["distinct_1"] == 0


def test_the_limit_grows_with_what_is_kept_so_that_a_larger_corpus_begins_alike() -> None:
    found = shelf(max_alike=1)
    found.kept += [document(n, f"text {n}") for n in range(2 * ALIKE_PER_DOCUMENTS)]
    same = "A letter came from the harbour today"
    reasons = [found.take(document(n, f"{same} with {WORDS[n]}")) for n in range(3)]
    assert [bool(reason) for reason in reasons] == [False, False, True]
