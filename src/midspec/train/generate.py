"""Answers in words from a model in memory: greedy, batched."""

from collections.abc import Sequence
from typing import Any

from midspec import progress
from midspec.train.templates import render

Messages = Sequence[dict[str, str]]

ROWS_PER_BATCH = 16


def generate(
    model: Any, tokenizer: Any, chats: Sequence[Messages], max_new_tokens: int
) -> list[str]:
    """The model's greedy answer to each chat."""
    answers: list[str] = []
    tokenizer.padding_side = "left"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    for start in range(0, len(chats), ROWS_PER_BATCH):
        batch = chats[start : start + ROWS_PER_BATCH]
        texts = [render(tokenizer, chat, thinks=False, prompt=True) for chat in batch]
        inputs = tokenizer(texts, add_special_tokens=False, padding=True, return_tensors="pt")
        inputs = inputs.to(model.device)
        out = model.generate(
            **inputs,
            max_new_tokens=max_new_tokens,
            do_sample=False,
            pad_token_id=tokenizer.pad_token_id,
        )
        new = out[:, inputs["input_ids"].shape[1] :]
        answers += [text.strip() for text in tokenizer.batch_decode(new, skip_special_tokens=True)]
        progress.report(len(answers), len(chats), "answers")
    return answers
