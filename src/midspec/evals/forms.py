"""The forms of an item: its options named in both orders, or not named at all, in several wordings.

Naming both keeps the choice to the two. But a small model that has read a long option goes on in it
by copying: asked for one of two reasons that stood in its prompt, a 135M model was right in .57 of
the cases when both were named, and in .83 when neither was.
"""

from collections.abc import Callable, Mapping, Sequence

from midspec.records import Item, Question

Words = Callable[[Item], tuple[str, str]]  # a question, and how its answer begins


def both_orders(
    items: Sequence[Item],
    split: Mapping[str, str],
    word: Callable[[Item, str, str], str],
    stem: str,
) -> list[Question]:
    """Each item in both orders of its options; `word` puts it, given the first option and the
    second. A habit of taking the first option then cancels out."""
    return [
        _question(item, split, form, word(item, first, second), stem)
        for item in items
        for form, first, second in (
            ("wanted first", item.aligned, item.other),
            ("wanted last", item.other, item.aligned),
        )
    ]


def each_wording(
    items: Sequence[Item], split: Mapping[str, str], wordings: Mapping[str, Words]
) -> list[Question]:
    """Each item in each wording, by the name of its form; its options aren't in the question."""
    return [
        _question(item, split, form, *words(item))
        for item in items
        for form, words in wordings.items()
    ]


def _question(item: Item, split: Mapping[str, str], form: str, asked: str, stem: str) -> Question:
    return Question(
        item=item.id,
        form=form,
        messages=[{"role": "user", "content": asked}],
        stem=stem,
        wanted=item.aligned,
        other=item.other,
        domain=item.domain,
        tier=item.tier,
        half=split[item.id],
    )
