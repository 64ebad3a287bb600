"""The two training stages; they differ in what a row is and which tokens carry loss."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING

from midspec.files import Row, read_rows
from midspec.records import Chat, Document
from midspec.run.stage import Source, Stage, Summary
from midspec.train.settings import AdapterSettings, LoopSettings

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from midspec.train.batches import Example

Encode = Callable[[Mapping[str, Path], "PreTrainedTokenizerBase", int], "list[Example | None]"]


@dataclass(frozen=True)
class TuneConfig:
    """What is trained, how, and the seed of the adapter's start and of the data's order."""

    model: str
    adapter: AdapterSettings
    loop: LoopSettings
    seed: int


def tune_stage(
    kind: str,
    title: str,
    config: TuneConfig,
    base: Source,
    data: Sequence[Stage],
    previous: Stage | None,
) -> Stage:
    """A training stage of `kind` midtrain or finetune; `previous` is the stage it goes on from."""
    inputs: dict[str, Stage | Source] = {"base": base}
    inputs |= {f"data{number}": stage for number, stage in enumerate(data)}
    if previous:
        inputs["previous"] = previous
    return Stage(
        kind, {"midtrain": midtrain, "finetune": finetune}[kind], config, inputs, title=title
    )


def midtrain(config: TuneConfig, inputs: Mapping[str, Path], out: Path) -> Summary:
    """Next-token training on whole documents: the loss counts every token."""
    return _train(config, inputs, out, _encode_corpora)


def finetune(config: TuneConfig, inputs: Mapping[str, Path], out: Path) -> Summary:
    """Supervised fine-tuning on chats: the loss counts the assistant's tokens only."""
    return _train(config, inputs, out, _encode_demos)


def _encode_corpora(
    inputs: Mapping[str, Path], tokenizer: "PreTrainedTokenizerBase", max_tokens: int
) -> "list[Example | None]":
    from midspec.train.batches import encode_documents

    documents = _rows(inputs, "documents.jsonl", Document)
    texts, prefixes = [d.text for d in documents], [d.prefix for d in documents]
    return list(encode_documents(texts, tokenizer, max_tokens, prefixes))


def _encode_demos(
    inputs: Mapping[str, Path], tokenizer: "PreTrainedTokenizerBase", max_tokens: int
) -> "list[Example | None]":
    from midspec.train.batches import encode_chat

    chats = _rows(inputs, "chats.jsonl", Chat)
    return [encode_chat(chat.messages, tokenizer, max_tokens) for chat in chats]


def _rows(inputs: Mapping[str, Path], name: str, kind: type[Row]) -> list[Row]:
    folders = [folder for key, folder in inputs.items() if key.startswith("data")]
    return [row for folder in folders for row in read_rows(folder / name, kind)]


def _train(config: TuneConfig, inputs: Mapping[str, Path], out: Path, encode: Encode) -> Summary:
    from midspec.train.loop import train
    from midspec.train.model import attach, load_base, load_tokenizer, save

    tokenizer = load_tokenizer(inputs["base"])
    encoded = encode(inputs, tokenizer, config.loop.max_tokens)
    examples = [example for example in encoded if example is not None]
    trainable = attach(
        load_base(inputs["base"]), config.adapter, inputs.get("previous"), config.seed
    )
    pad_id = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
    trained = train(trainable, examples, config.loop, config.seed, pad_id, out)
    save(trainable, out, config.model)
    rmtree(out / ".checkpoint", ignore_errors=True)
    counts = {"rows": len(examples), "too_long": len(encoded) - len(examples)}
    return counts | asdict(trained)
