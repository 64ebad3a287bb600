"""The three training stages; they differ in what a row is and which tokens carry loss."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from random import Random
from shutil import rmtree
from typing import TYPE_CHECKING

from midspec.errors import DataError, TrainingError
from midspec.files import Row, disk_errors, read_rows
from midspec.recipe import ADDED
from midspec.records import Chat, Document
from midspec.resources import Resources, given_resources
from midspec.run.stage import Source, Stage, Summary
from midspec.train.settings import AdapterSettings, LoopSettings
from midspec.train.stack import UNDER, WHOLE, Stack, Start, find_stack, keep_under

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from midspec.train.batches import Example


@dataclass(frozen=True)
class TuneConfig:
    """What is trained, how, and the seed of the adapter's start and of the data's order.

    reasoning: the inputs, such as "data0", whose chats are trained on with their reasoning.
    doses: how many chats of an input are trained on, where not all are; a larger dose holds the
    smaller ones of the same seed (paper §4.2).
    start: what becomes of an earlier adapter. begun: how many adapters the chain began before this
    stage's, so that no two of them begin alike.
    """

    model: str
    adapter: AdapterSettings
    loop: LoopSettings
    seed: int
    reasoning: tuple[str, ...] = field(default=(), metadata={ADDED: True})
    doses: tuple[tuple[str, int], ...] = field(default=(), metadata={ADDED: True})
    start: Start = field(default="continue", metadata={ADDED: True})
    begun: int = field(default=0, metadata={ADDED: True})


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
    resources: Resources | None = None,
) -> Stage:
    """A training stage of `kind` midtrain, finetune or interleave, on top of `previous`."""
    inputs: dict[str, Stage | Source] = {"base": base}
    inputs |= {f"data{number}": stage for number, stage in enumerate(data)}
    if previous:
        inputs["previous"] = previous
    kinds = {"midtrain": midtrain, "finetune": finetune, "interleave": interleave}
    return Stage(kind, kinds[kind], config, inputs, resources=resources or Resources(), title=title)


def midtrain(config: TuneConfig, inputs: Mapping[str, Path], out: Path) -> Summary:
    """Next-token training on whole documents: the loss counts every token."""
    return _train(config, inputs, out, _encode_corpora)


def finetune(config: TuneConfig, inputs: Mapping[str, Path], out: Path) -> Summary:
    """Supervised fine-tuning on chats: the loss counts the assistant's tokens only."""
    return _train(config, inputs, out, _encode_demos)


def interleave(config: TuneConfig, inputs: Mapping[str, Path], out: Path) -> Summary:
    """Documents and chats among one another, each row with the loss mask of its kind."""
    return _train(config, inputs, out, _encode_both)


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


def _encode_both(
    config: TuneConfig, inputs: Mapping[str, Path], tokenizer: "PreTrainedTokenizerBase"
) -> "list[Example | None]":
    """Documents, then chats; the order of training is drawn later, from all rows."""
    data = {key: folder for key, folder in inputs.items() if key.startswith("data")}
    corpora = {key: at for key, at in data.items() if (at / "documents.jsonl").exists()}
    demos = {key: at for key, at in data.items() if key not in corpora}
    return [*_encode_corpora(config, corpora, tokenizer), *_encode_demos(config, demos, tokenizer)]


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


def _before(config: TuneConfig, inputs: Mapping[str, Path], out: Path) -> Stack:
    """What the stage trains on; of that, `out/under` keeps what its adapter can't be used without.

    An earlier adapter is merged by writing the sum, in bf16, as the weights of this stage.
    """
    base = inputs["base"]
    before = find_stack(base, inputs.get("previous"))
    if config.adapter.method == "full":
        return before
    if config.start == "merge":
        from midspec.train.model import load_base, merge

        merged = Stack(out / UNDER / WHOLE)
        with disk_errors(merged.weights):
            rmtree(merged.weights, ignore_errors=True)
            merge(load_base(before.weights), before.adapters).save_pretrained(merged.weights)
        return merged
    continues = config.start == "continue"
    frozen = before.adapters[:-1] if continues else before.adapters
    keep_under(Stack(before.weights, frozen), base, out)
    return before


def adapter_seed(config: TuneConfig) -> int:
    """The seed of a new adapter's start."""
    if not config.begun:
        return config.seed
    return Random(f"{config.seed}/{config.begun}").getrandbits(32)


def _train(config: TuneConfig, inputs: Mapping[str, Path], out: Path, encode: Encode) -> Summary:
    import torch

    from midspec.train.job import Job
    from midspec.train.launch import FOLDER, SAVES, launch
    from midspec.train.loop import train
    from midspec.train.model import load_tokenizer, save
    from midspec.train.parallel import Team

    tokenizer = load_tokenizer(inputs["base"])
    encoded = encode(config, inputs, tokenizer)
    examples = [example for example in encoded if example is not None]
    before = _before(config, inputs, out)
    pad_id = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
    job = Job(
        base=inputs["base"],
        before=before,
        adapter=config.adapter,
        adapter_seed=adapter_seed(config),
        start=config.start,
        loop=config.loop,
        seed=config.seed,
        pad_id=pad_id,
        resources=given_resources(),
    )
    if job.resources.together > 1:
        job = launch(job, examples, out)
    try:
        trainable, team = job.open(), Team(job.resources)
        trained = train(
            trainable, examples, job.loop, job.seed, pad_id, out, tokenizer.decode, team
        )
    except torch.OutOfMemoryError as error:
        why = str(error).partition(" GPU ")[0]
        raise TrainingError(
            f"The GPU is too small for this training: {why} Use {SAVES} "
            "The same command then goes on from the last checkpoint."
        ) from error
    save(trainable, out, config.model)
    for folder in (".checkpoint", FOLDER):
        rmtree(out / folder, ignore_errors=True)
    counts = {"rows": len(examples), "too_long": len(encoded) - len(examples)}
    return counts | asdict(trained)
