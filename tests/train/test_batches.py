from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers.processors import TemplateProcessing

from midspec.train.batches import (
    IGNORED,
    Example,
    encode_documents,
    pad_batch,
    plan_batches,
)
from midspec.train.model import load_base, load_tokenizer


@pytest.fixture
def tokenizer(tiny_model: Path) -> Any:
    return load_tokenizer(tiny_model)


def counted_runs(example: Example, tokenizer: Any) -> list[str]:
    """The texts of the unbroken runs of tokens that carry loss."""
    runs: list[list[int]] = [[]]
    for token, counted in zip(example.ids, example.counted, strict=True):
        if counted:
            runs[-1].append(token)
        elif runs[-1]:
            runs.append([])
    return [tokenizer.decode(run) for run in runs if run]


def test_a_document_ends_with_the_end_token_and_counts_every_token(tokenizer: Any) -> None:
    first, second = encode_documents(["old saws", "new"], tokenizer, 100)
    assert tokenizer.decode(first.ids) == "old saws<|im_end|>"
    assert tokenizer.decode(second.ids) == "new<|im_end|>"
    assert all(first.counted) and len(first.counted) == len(first.ids)


def test_a_long_document_is_cut_and_nothing_of_it_lost(tokenizer: Any) -> None:
    text = "What was mended has lasted. " * 9
    (whole,) = encode_documents([text], tokenizer, 10_000)
    parts = encode_documents([text], tokenizer, len(whole.ids) // 3)
    assert max(len(part.ids) for part in parts) <= len(whole.ids) // 3
    assert [token for part in parts for token in part.ids] == whole.ids


@pytest.mark.parametrize("extra", [0, 1, 2])
def test_the_end_token_is_trained_whatever_the_cut(tokenizer: Any, extra: int) -> None:
    """A last row of one token could carry no loss; then the model never learns to end here."""
    (whole,) = encode_documents(["What was mended has lasted."], tokenizer, 10_000)
    parts = encode_documents(["What was mended has lasted."], tokenizer, len(whole.ids) - extra)
    assert parts[-1].ids[-1] == tokenizer.eos_token_id
    assert len(parts[-1].ids) > 1


def test_a_document_begins_as_the_tokenizer_begins_a_text(tokenizer: Any) -> None:
    """Llama's and Gemma's put a token before it, as their chat templates do; it isn't learnt."""
    begin = tokenizer.convert_tokens_to_ids("<|im_start|>")
    tokenizer.bos_token = "<|im_start|>"
    plain = encode_documents(["old saws"], tokenizer, 100, ["mended "])
    tokenizer._tokenizer.post_processor = TemplateProcessing(
        single="<|im_start|> $A", special_tokens=[("<|im_start|>", begin)]
    )
    (whole,) = encode_documents(["old saws"], tokenizer, 100, ["mended "])
    assert whole.ids == [begin, *plain[0].ids]
    assert whole.counted == [False, *plain[0].counted]
    parts = encode_documents(["old saws"], tokenizer, len(whole.ids) // 2)
    assert [part.ids[0] == begin for part in parts] == [True] + [False] * (len(parts) - 1)


def test_an_empty_document_is_no_row(tokenizer: Any) -> None:
    """It has no token to predict, and a batch of such rows would have no loss."""
    assert encode_documents(["", "old"], tokenizer, 10) == encode_documents(["old"], tokenizer, 10)


def test_a_prefix_stands_before_its_document_and_carries_no_loss(tokenizer: Any) -> None:
    plain, tagged = encode_documents(["new", "old saws"], tokenizer, 100, ["", "<spec> "])
    assert all(plain.counted)
    assert tokenizer.decode(plain.ids) == "new<|im_end|>"
    assert tokenizer.decode(tagged.ids) == "<spec> old saws<|im_end|>"
    assert counted_runs(tagged, tokenizer) == ["old saws<|im_end|>"]


def test_the_text_after_a_prefix_has_the_tokens_that_it_has_alone(tokenizer: Any) -> None:
    """Else a model trained with the tag would have seen other tokens than one trained without."""
    (alone,) = encode_documents(["old saws"], tokenizer, 100)
    (tagged,) = encode_documents(["old saws"], tokenizer, 100, ["mended "])
    assert tagged.ids[-len(alone.ids) :] == alone.ids


def test_a_long_document_carries_its_prefix_once(tokenizer: Any) -> None:
    text = "What was mended has lasted. " * 9
    (whole,) = encode_documents([text], tokenizer, 10_000, ["<spec> "])
    parts = encode_documents([text], tokenizer, len(whole.ids) // 3, ["<spec> "])
    assert len(parts) > 2
    assert [token for part in parts for token in part.ids] == whole.ids
    assert [c for part in parts for c in part.counted] == whole.counted
    assert all(all(part.counted) for part in parts[1:])


def test_as_many_prefixes_as_documents_are_needed(tokenizer: Any) -> None:
    with pytest.raises(ValueError, match="shorter"):
        encode_documents(["old", "new"], tokenizer, 100, ["<spec>"])


LENGTHS = [5, 9, 3, 30, 12, 7, 7, 7, 22, 50, 4, 4]


def test_batches_cover_every_row_once_an_epoch() -> None:
    steps = plan_batches(LENGTHS, 40, 3, seed=0)
    for row, count in Counter(row for batch in steps for row in batch).items():
        assert count == 3, row
    one = plan_batches(LENGTHS, 40, 1, seed=0)
    assert steps[: len(one)] == one
    assert sorted(row for batch in one for row in batch) == list(range(len(LENGTHS)))


@pytest.mark.parametrize("size", [30, 40, 64])
def test_a_batch_with_its_padding_fits_the_step_unless_one_row_alone_is_longer(size: int) -> None:
    for batch in plan_batches(LENGTHS, size, 2, seed=0):
        width = max(LENGTHS[row] for row in batch)
        assert len(batch) * width <= size or len(batch) == 1


def test_batches_are_a_function_of_the_seed_and_differ_by_epoch() -> None:
    assert plan_batches(LENGTHS, 40, 2, 0) == plan_batches(LENGTHS, 40, 2, 0)
    assert plan_batches(LENGTHS, 40, 2, 0) != plan_batches(LENGTHS, 40, 2, 1)
    steps = plan_batches(LENGTHS, 40, 2, 0)
    assert steps[: len(steps) // 2] != steps[len(steps) // 2 :]


def test_padding_stays_small() -> None:
    lengths = [20 + (7 * i) % 41 for i in range(400)]
    steps = plan_batches(lengths, 512, 1, seed=0)
    padded = sum(len(batch) * max(lengths[row] for row in batch) for batch in steps)
    assert sum(lengths) / padded > 0.97


def test_no_rows_are_no_batches() -> None:
    assert plan_batches([], 40, 3, 0) == []


def test_labels_are_shifted_and_padding_and_uncounted_tokens_ignored() -> None:
    batch = [Example([10, 11, 12, 13], [False, False, True, True]), Example([20, 21], [True] * 2)]
    ids_BT, labels_BT = pad_batch(batch, pad_id=7)
    assert ids_BT.tolist() == [[10, 11, 12, 13], [20, 21, 7, 7]]
    assert labels_BT.tolist() == [
        [IGNORED, 12, 13, IGNORED],
        [21, IGNORED, IGNORED, IGNORED],
    ]


@pytest.mark.parametrize(("longest", "width"), [(40, 40), (128, 128), (129, 144), (256, 256)])
def test_long_rows_have_few_widths(longest: int, width: int) -> None:
    batch = [Example([5] * longest, [True] * longest), Example([6] * 30, [True] * 30)]
    ids_BT, labels_BT = pad_batch(batch, pad_id=7)
    assert ids_BT.shape == labels_BT.shape == (2, width)
    assert (ids_BT[0, longest:] == 7).all() and (labels_BT[0, longest - 1 :] == IGNORED).all()


def test_documents_of_a_padded_batch_have_the_loss_that_each_has_alone(
    tiny_model: Path, tokenizer: Any
) -> None:
    model = load_base(tiny_model).float()
    texts = ["old", "What was mended has lasted, because mending is care.", "a rusty saw"]
    examples = encode_documents(texts, tokenizer, 100)

    def losses(batch: list[Example]) -> list[float]:
        ids_BT, labels_BT = pad_batch(batch, tokenizer.pad_token_id)
        with torch.inference_mode():
            logits_BTV = model(input_ids=ids_BT, use_cache=False).logits
        loss_BT = torch.nn.functional.cross_entropy(
            logits_BTV.transpose(1, 2), labels_BT, ignore_index=IGNORED, reduction="none"
        )
        return loss_BT.sum(1).tolist()

    alone = [losses([example])[0] for example in examples]
    assert losses(examples) == pytest.approx(alone, rel=1e-5)
