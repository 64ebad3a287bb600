"""The two training stages; they differ in what a row is and which tokens carry loss."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from random import Random
from shutil import rmtree
from typing import TYPE_CHECKING

from midspec.errors import DataError
from midspec.files import Row, read_rows
from midspec.records import Chat, Document
from midspec.run.stage import ADDED, Source, Stage, Summary
from midspec.train.settings import AdapterSettings, LoopSettings

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from midspec.train.batches import Example


@dataclass(frozen=True)
class TuneConfig:
    """What is trained, how, and the seed of the adapter's start and of the data's order.

    reasoning: the inputs, such as "data0", whose chats are trained on with their reasoning.
    doses: how many chats of an input are trained on, where not all are; a larger dose holds the
    smaller ones of the same seed (paper §4.2).
    """

    model: str
    adapter: AdapterSettings
    loop: LoopSettings
    seed: int
    reasoning: tuple[str, ...] = field(default=(), metadata={ADDED: True})
    doses: tuple[tuple[str, int], ...] = field(default=(), metadata={ADDED: True})


Encode = Callable[
    [TuneConfig, Mapping[str, Path], "PreTrainedTokenizerBase"], "list[Example | None]"
]


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
    config: TuneConfig, inputs: Mapping[str, Path], tokenizer: "PreTrainedTokenizerBase"
) -> "list[Example | None]":
    from midspec.train.batches import encode_documents

    documents = list(chain(*_rows(inputs, "documents.jsonl", Document).values()))
    texts, prefixes = [d.text for d in documents], [d.prefix for d in documents]
    return list(encode_documents(texts, tokenizer, config.loop.max_tokens, prefixes))


def _encode_demos(
    config: TuneConfig, inputs: Mapping[str, Path], tokenizer: "PreTrainedTokenizerBase"
) -> "list[Example | None]":
    from midspec.train.chats import encode_chat

    demos = _rows(inputs, "chats.jsonl", Chat)
    for key, dose in config.doses:
        demos[key] = _dose(demos[key], dose, config.seed, inputs[key])
    for key in config.reasoning:
        if not any(any(chat.reasoning) for chat in demos.get(key, [])):
            raise DataError(
                f"No chat of {inputs.get(key, key)} has reasoning, so there is none to train on. "
                "Name these demos without /reasoning, or use a kind that writes it."
            )

    def encode(key: str, chat: Chat) -> "Example | None":
        reasoning = chat.reasoning if key in config.reasoning else ()
        try:
            return encode_chat(chat.messages, tokenizer, config.loop.max_tokens, reasoning)
        except DataError as error:
            raise DataError(f"Chat {chat.id} of {inputs[key]}: {error}") from error

    return [encode(key, chat) for key, chats in demos.items() for chat in chats]


def _dose(chats: list[Chat], dose: int, seed: int, where: Path) -> list[Chat]:
    """The first `dose` chats in an order drawn by seed; fewer than that are a DataError."""
    if dose > len(chats):
        raise DataError(f"{dose:,} chats of {where} are to be trained on; it has {len(chats):,}.")
    return Random(f"dose/{seed}").sample(chats, len(chats))[:dose]


def _rows(inputs: Mapping[str, Path], name: str, kind: type[Row]) -> dict[str, list[Row]]:
    """The rows of each data input, in the inputs' order."""
    return {
        key: read_rows(folder / name, kind)
        for key, folder in inputs.items()
        if key.startswith("data")
    }


def _train(config: TuneConfig, inputs: Mapping[str, Path], out: Path, encode: Encode) -> Summary:
    from midspec.train.loop import train
    from midspec.train.model import attach, load_base, load_tokenizer, save

    tokenizer = load_tokenizer(inputs["base"])
    encoded = encode(config, inputs, tokenizer)
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
