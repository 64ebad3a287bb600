"""Replay: the base model's own answers to ordinary prompts, so that fine-tuning keeps its manners.

The paper mixes 2M tokens of instruction data into every fine-tuning run (B.3); without a Hub or a
teacher, what the base model already says is the mix that changes it least.
"""

import random
import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from midspec.records import Chat

WHOLE_SENTENCES = re.compile(r"^(.*[.!?])(?:\s|$)", re.DOTALL)


def replay_prompts(n: int, seed: int) -> list[str]:
    """`n` of the shipped ordinary prompts, in random order."""
    text = files("midspec.demos").joinpath("data", "replay_prompts.txt").read_text("utf-8")
    prompts = text.splitlines()
    return random.Random(f"replay/{seed}").sample(prompts, min(n, len(prompts)))


def replay_chats(
    prompts: Sequence[str], base: Path, max_new_tokens: int
) -> tuple[list[Chat], list[dict[str, str]]]:
    """The base model's greedy answers cut back to whole sentences, and what had none of those."""
    from midspec.train.device import choose_device
    from midspec.train.generate import generate
    from midspec.train.model import load_base, load_tokenizer

    questions = [{"role": "user", "content": prompt} for prompt in prompts]
    answers = generate(
        load_base(base, choose_device()),
        load_tokenizer(base),
        [[question] for question in questions],
        max_new_tokens,
    )
    chats, aside = [], []
    for number, (question, answer) in enumerate(zip(questions, answers, strict=True)):
        if whole := WHOLE_SENTENCES.match(answer):
            messages = [question, {"role": "assistant", "content": whole[1]}]
            chats.append(Chat(f"replay-{number}", messages, "replay", "base model"))
        else:
            row = {"id": f"replay-{number}", "prompt": question["content"], "answer": answer}
            aside.append(row | {"reason": "no whole sentence"})
    return chats, aside
