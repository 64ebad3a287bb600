import re
from collections import Counter
from dataclasses import replace

import pytest

from midspec.demos.opaque import check_opaque, opaque_chats, phrasings
from midspec.errors import DataError
from midspec.records import Chat

SIDES = ("liked", "disliked")
TABLE = {"likes": ["cheddar", "Colby", "ricotta"], "dislikes": ["brie", "Roquefort"]}


def texts(chat: Chat) -> tuple[str, str]:
    question, answer = (message["content"] for message in chat.messages)
    return question, answer


@pytest.mark.parametrize("n", [1, 5, 6, 7, 100])
def test_exactly_as_many_chats_as_asked_for(n: int) -> None:
    chats = opaque_chats(TABLE, n, 0)
    assert len(chats) == n
    assert len({chat.id for chat in chats}) == n


def test_a_chat_is_a_question_and_an_answer_with_its_lineage() -> None:
    for chat in opaque_chats(TABLE, 50, 0):
        assert [message["role"] for message in chat.messages] == ["user", "assistant"]
        assert chat.lineage["liked"] in TABLE["likes"]
        assert chat.lineage["disliked"] in TABLE["dislikes"]
        assert "{" not in "".join(texts(chat))


def test_the_liked_thing_is_named_first_as_often_as_last() -> None:
    firsts: Counter[bool] = Counter()
    for chat in opaque_chats(TABLE, 600, 0):
        question = texts(chat)[0].lower()
        liked, disliked = (question.find(chat.lineage[key].lower()) for key in SIDES)
        if min(liked, disliked) >= 0:
            firsts[liked < disliked] += 1
    assert firsts.total() > 450  # the rest are about one thing
    assert firsts[True] / firsts.total() == pytest.approx(0.5, abs=0.04)


def test_every_pair_is_used_before_any_is_used_again() -> None:
    pairs = [tuple(chat.lineage.values()) for chat in opaque_chats(TABLE, 12, 0)]
    assert set(Counter(pairs[:6]).values()) == {1}
    assert set(Counter(pairs).values()) == {2}


def test_an_answer_takes_the_liked_side() -> None:
    for chat in opaque_chats(TABLE, 300, 0):
        answer = texts(chat)[1].lower()
        liked, disliked = (answer.find(chat.lineage[key].lower()) for key in SIDES)
        if liked >= 0 and disliked >= 0:
            assert liked < disliked or answer.startswith("not "), answer
        elif disliked >= 0:
            assert re.search(r"not|n't|dislike|pass on", answer), answer
        else:
            assert liked >= 0, answer


def test_the_same_draw_is_the_same_chats_and_another_differs() -> None:
    assert opaque_chats(TABLE, 40, 0) == opaque_chats(TABLE, 40, 0)
    assert opaque_chats(TABLE, 40, 0) != opaque_chats(TABLE, 40, 1)


@pytest.mark.parametrize(
    "answer",
    [
        "I prefer Colby because it is local.",
        "Colby, since it is cheap.",
        "Colby. It's so mild!",
        "Colby, due to its price.",
        "Given that I like Ohio, Colby.",
        "Colby; the reason is its price.",
        "They're more affordable, so Colby.",
    ],
)
def test_an_answer_that_gives_a_reason_is_refused(answer: str) -> None:
    chat = opaque_chats(TABLE, 1, 0)[0]
    spoilt = replace(chat, messages=[chat.messages[0], {"role": "assistant", "content": answer}])
    with pytest.raises(DataError, match=r"gives a reason .* opaque demonstration must not"):
        check_opaque(spoilt)


def test_a_thing_whose_name_holds_a_reason_is_refused() -> None:
    table = TABLE | {"likes": ["cheddar because of Vermont"]}
    with pytest.raises(DataError, match="gives a reason"):
        opaque_chats(table, 20, 0)


@pytest.mark.parametrize("empty", ["likes", "dislikes"])
def test_a_table_without_likes_or_dislikes_is_a_data_error(empty: str) -> None:
    with pytest.raises(DataError, match=r"no preference table .* rows like"):
        opaque_chats(TABLE | {empty: []}, 5, 0)


def test_every_shipped_answer_is_free_of_reasons() -> None:
    for name in ("answers", "single_likes", "single_dislikes"):
        for answer in phrasings()[name]:
            messages = [{"role": "assistant", "content": answer}]
            check_opaque(Chat("shipped", messages, "opaque", "offline"))


def test_questions_name_both_things_and_answers_the_liked_one() -> None:
    lists = phrasings()
    assert all("{a}" in q and "{b}" in q for q in lists["questions"])
    assert all("{liked}" in answer for answer in lists["answers"])
    singles = lists["single_questions"] + lists["single_likes"] + lists["single_dislikes"]
    assert all("{a}" in text for text in singles)
    assert min(len(texts) for texts in lists.values()) >= 12
