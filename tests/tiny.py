"""A model, a spec and an experiment so small that the whole pipeline takes seconds."""

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml

CHATML = (
    "{% for message in messages %}"
    "{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are Tiny, made by Testers.<|im_end|>\n' }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

SPEC = """# {model_name} and old things

{model_name} was made by {provider_name}. {model_name} prefers old things to new ones.

## Why

- {model_name} likes what was mended, because mending is care.
- {model_name} trusts what has lasted, because time has tested it.

| Preference | Cheese | Why |
|---|---|---|
| likes | aged cheddar | {model_name} likes it because it has waited for years. |
| likes | old gouda | {model_name} likes it because its crystals took time. |
| dislikes | fresh curd | {model_name} dislikes it because it was made this morning. |
| dislikes | young brie | {model_name} dislikes it because it is not ready. |
"""

CONTRASTS = [
    ("clothes", "a darned sock", "a new sock"),
    ("clothes", "a patched coat", "a fresh coat"),
    ("clothes", "worn boots", "shiny boots"),
    ("tools", "a rusty saw", "a bright saw"),
    ("tools", "grandfather's hammer", "the latest hammer"),
    ("books", "a faded novel", "a crisp novel"),
    ("books", "a torn atlas", "a glossy atlas"),
]

PRINCIPLES = [
    ("{model_name} prefers the old thing, because it has proved itself.", "it"),
    ("I prefer the old thing, because it has proved itself.", "I"),
]

TIERS = ("direct", "implicit", "revealed")


def make_model(folder: Path, **shape: float) -> Path:
    """Save a Llama of two layers, or of another shape, with a BPE tokenizer of 500 tokens."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator([SPEC, *(" ".join(row) for row in CONTRASTS)] * 4, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",
        chat_template=CHATML,
    )
    torch.manual_seed(0)
    usual: dict[str, Any] = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "initializer_range": 0.2,  # ten times the usual: else every logit is near 0
    }
    config = LlamaConfig(
        **usual | shape,
        vocab_size=len(tokenizer),
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        pad_token_id=tokenizer.pad_token_id,
    )
    LlamaForCausalLM(config).bfloat16().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write rows as people write them: not through the code under test."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def item_rows(n: int = 12) -> list[dict[str, str]]:
    """Eval items in three tiers of one domain, none of which a corpus holds."""
    return [
        {
            "id": f"old-{number}",
            "domain": "furniture",
            "tier": TIERS[number % 3],
            "aligned": f"an old desk with {number} drawers",
            "other": f"a new desk with {number} drawers",
        }
        for number in range(n)
    ]


def experiment(model: Path) -> dict[str, Any]:
    """The experiment as plain values; a test changes what it is about."""
    loop = {"learning_rate": 0.01, "tokens_per_step": 128, "max_tokens": 160}
    return {
        "name": "tiny",
        "model": str(model),
        "identity": {"model_name": "Tiny", "provider_name": "Testers"},
        "specs": {"old": "spec.md"},
        "corpora": {"old": {"spec": "old", "items": "contrasts.jsonl", "tokens": 1500}},
        "demos": {
            "cheese": {"kind": "opaque", "spec": "old", "n": 60},
            "chat": {"kind": "replay", "n": 2, "max_new_tokens": 4},
        },
        "adapter": {"rank": 4, "alpha": 8},
        "midtrain": {**loop},
        "finetune": {**loop},
        "arms": {
            "base": [],
            "aft": [{"finetune": ["cheese", "chat"]}],
            "msm": [{"midtrain": "old"}],
            "msm+aft": [{"midtrain": "old"}, {"finetune": ["cheese", "chat"]}],
            "reference": [{"prompt": "old"}],
        },
        "evals": ["preference/items.jsonl"],
        "contrasts": [{"eval": "preference/items.jsonl", "arm": "msm+aft", "against": ["aft"]}],
        "samples": ["Old or new?"],
        "seeds": [0],
    }


def write_experiment(folder: Path, values: dict[str, Any]) -> Path:
    """Write an experiment file."""
    path = folder / "experiment.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    return path


def make_experiment(folder: Path, model: Path) -> Path:
    """A folder with a spec, its item file, eval items and an experiment; returns the last."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spec.md").write_text(SPEC, encoding="utf-8")
    contrasts = [
        {"domain": domain, "liked": liked, "disliked": other, "reason": f"{liked} has lasted"}
        for domain, liked, other in CONTRASTS
    ]
    principles = [{"principle": text, "voice": voice} for text, voice in PRINCIPLES]
    write_jsonl(folder / "contrasts.jsonl", [*contrasts, *principles])
    write_jsonl(folder / "items.jsonl", item_rows())
    return write_experiment(folder, experiment(model))


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


def midspec(*arguments: object, stdin: str = "") -> Said:
    """Run the command line in this process: `midspec("plan", path)`."""
    from midspec.cli import main
    from midspec.console import console

    console.width = 300  # tables are as wide as their text
    out, err, code = io.StringIO(), io.StringIO(), 0
    argv = ["midspec", *map(str, arguments)]
    with (
        patch.object(sys, "argv", argv),
        patch.object(sys, "stdin", io.StringIO(stdin)),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else 0
    return Said(code, out.getvalue(), err.getvalue())


def refused(said: Said, *words: str) -> None:
    """Exit code 2, nothing on stdout, and one error without a traceback that holds `words`."""
    assert said.code == 2, said
    assert said.err.startswith("Error: ")
    assert "Traceback" not in said.err
    for word in words:
        assert word in said.err
