"""The stage that takes gradients: of documents and of items, at one state of an arm's adapter."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any, Literal

from midspec import progress
from midspec.errors import DataError
from midspec.evals.items import choose
from midspec.evals.stage import likelihood_task
from midspec.evals.task import ChoiceTask, ask_of
from midspec.files import disk_errors, read_rows, write_rows
from midspec.records import Document, Question
from midspec.resources import Resources, given_resources
from midspec.run.stage import Source, Stage, Summary
from midspec.train.stack import find_stack
from midspec.tune.stage import TuneConfig, adapter_seed

if TYPE_CHECKING:
    from torch import Tensor

    from midspec.attribute.gradients import Gradients, Weighted
    from midspec.train.model import Trainable

Moment = Literal["start", "end"]
Preconditioner = Literal["adam", "none"]
PARTS = ".parts"  # what is done of a stage that was stopped
ROWS_PER_PART = 32


@dataclass(frozen=True)
class GradientsConfig:
    """At which state, and of what: `tune` is the training stage that the documents belong to,
    `moment` whether before it or at the end of the arm. At most `max_documents`, spread evenly.

    eval, half, max_items, identity: whose margin. dimensions and draw: of the projection.
    preconditioner: adam weights parameters as AdamW's steps do.
    """

    tune: TuneConfig
    moment: Moment
    eval: str
    half: str
    dimensions: int
    max_items: int | None = None
    max_documents: int | None = None
    identity: tuple[tuple[str, str], ...] = ()
    preconditioner: Preconditioner = "adam"
    draw: int = 0


def gradients_stage(
    title: str,
    config: GradientsConfig,
    base: Source,
    data: Sequence[Stage],
    trained: Stage | None,
    about: Mapping[str, Stage | Source],
    resources: Resources,
) -> Stage:
    """The stage; `trained` is what the state is loaded from: at the start the stage before the one
    that trains on `data`, at the end the arm's last. about: the eval's `items`, or the spec that
    it is `about`."""
    inputs: dict[str, Stage | Source] = {"base": base}
    inputs |= {f"data{number}": stage for number, stage in enumerate(data)}
    if trained:
        inputs["trained"] = trained
    inputs |= about
    return Stage("gradients", take_gradients, config, inputs, resources=resources, title=title)


def take_gradients(config: GradientsConfig, inputs: Mapping[str, Path], out: Path) -> Summary:
    """Write documents.jsonl and items.jsonl (a row each, with its loss or margin), and
    sketches.safetensors (both as sketches, documents and items by dimensions)."""
    from safetensors.torch import save_file

    from midspec.attribute.gradients import Gradients, of_document, of_item
    from midspec.attribute.sketch import Sketch
    from midspec.train.model import load_tokenizer

    began = time.monotonic()
    tokenizer = load_tokenizer(inputs["base"])
    documents = _documents(config, inputs)
    items = _items(config, inputs)
    read = [of_document(d, tokenizer, config.tune.loop.max_tokens) for d in documents]
    asked = [of_item(questions, tokenizer) for questions in items.values()]
    pad_id = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
    longest = max(
        len(row.ids)
        for weighted in (*(losses for losses, _ in read), *asked)
        for _, rows in weighted
        for row in rows
    )
    gradients = Gradients(_open(config, inputs), longest, pad_id)
    work = Parts(out / PARTS, len(documents) + len(items))
    weights = work.tensor("weights", lambda: _weights(config, gradients, [w for w, _ in read]))
    sketch = Sketch(weights, config.dimensions, config.draw)
    documents_DM, losses = work.sketches("documents", gradients, sketch, [w for w, _ in read])
    items_IM, margins = work.sketches("items", gradients, sketch, asked)
    write_rows(
        out / "documents.jsonl",
        [_row(d, tokens, x) for d, (_, tokens), x in zip(documents, read, losses, strict=True)],
    )
    write_rows(
        out / "items.jsonl",
        [
            {"item": name, "domain": q[0].domain, "half": q[0].half, "margin": margin}
            for (name, q), margin in zip(items.items(), margins, strict=True)
        ],
    )
    with disk_errors(out):
        save_file({"documents": documents_DM, "items": items_IM}, out / "sketches.safetensors")
    rmtree(out / PARTS, ignore_errors=True)
    return {
        "documents": len(documents),
        "items": len(items),
        "tokens": sum(tokens for _, tokens in read),
        "parameters": len(weights),
        "dimensions": sketch.dimensions,
        "loss": sum(losses) / len(losses),
        "margin": sum(margins) / len(margins),
        "seconds": round(time.monotonic() - began, 1),
    }


def _row(document: Document, tokens: int, loss: float) -> dict[str, object]:
    return {
        "id": document.id,
        "tokens": tokens,
        "loss": loss,
        "clauses": document.clauses,
        "domain": document.domain,
        "document_type": document.document_type,
        "genre": document.genre,
    }


def _documents(config: GradientsConfig, inputs: Mapping[str, Path]) -> list[Document]:
    """What is read of the corpora, in their order."""
    found = [
        document
        for key, folder in inputs.items()
        if key.startswith("data") and (folder / "documents.jsonl").exists()
        for document in read_rows(folder / "documents.jsonl", Document)
    ]
    if not found:
        raise DataError("The training stage has no documents, so there are none to attribute to.")
    return choose(found, config.max_documents)


def _items(config: GradientsConfig, inputs: Mapping[str, Path]) -> dict[str, list[Question]]:
    """The questions of the eval's main measure, by item."""
    task = likelihood_task(config.eval)
    assert isinstance(task, ChoiceTask)
    found: dict[str, list[Question]] = {}
    for question in task.questions(ask_of(config, inputs)):
        if question.form.startswith(task.main_forms):
            found.setdefault(question.item, []).append(question)
    if not found:
        raise DataError(f"{config.eval} has nothing to ask of the {config.half} half.")
    return found


def _open(config: GradientsConfig, inputs: Mapping[str, Path]) -> Trainable:
    """The adapter as it is at that moment, ready to be trained."""
    from midspec.train.device import choose_device
    from midspec.train.model import attach, load_base

    resources, tune = given_resources(), config.tune
    stack = find_stack(inputs["base"], inputs.get("trained"))
    base = load_base(stack.weights, choose_device(resources), resources.precision)
    # A stage that merged what was before it began a new adapter on the sum, which fresh does, too.
    at_start = "fresh" if tune.start == "merge" else tune.start
    start = at_start if config.moment == "start" else "continue"
    return attach(base, tune.adapter, stack, adapter_seed(tune), start)


def _weights(
    config: GradientsConfig, gradients: Gradients, documents: Sequence[Weighted]
) -> Tensor:
    """How much each parameter counts."""
    import torch

    from midspec.attribute.sketch import MOMENT_DOCUMENTS, adam_weights

    if config.preconditioner == "none":
        return torch.ones(sum(parameter.numel() for parameter in gradients.parameters))
    return adam_weights(gradients.of(w)[0] for w in choose(list(documents), MOMENT_DOCUMENTS))


class Parts:
    """What is done so far, in a folder: a stage that was stopped goes on from there."""

    def __init__(self, folder: Path, total: int) -> None:
        self.folder, self.total, self.done = folder, total, 0
        with disk_errors(folder):
            folder.mkdir(exist_ok=True)

    def tensor(self, name: str, make: Callable[[], Tensor]) -> Tensor:
        """A tensor, made once."""
        return self._kept(name, lambda: {name: make()})[name]

    def sketches(
        self, name: str, gradients: Gradients, sketch: Callable[[Tensor], Tensor], all_of: Any
    ) -> tuple[Tensor, list[float]]:
        """The sketches (N, M) of what all these losses have for gradients, and the losses."""
        import torch

        def make(some: Sequence[Weighted]) -> dict[str, Tensor]:
            found = []
            for weighted in some:
                gradient_P, value = gradients.of(weighted)
                found.append((sketch(gradient_P), value))
                self._report(name)
            values = torch.tensor([value for _, value in found])
            return {"sketches": torch.stack([row for row, _ in found]), "values": values}

        parts = []
        for start in range(0, len(all_of), ROWS_PER_PART):
            some = all_of[start : start + ROWS_PER_PART]
            before = self.done
            parts.append(self._kept(f"{name}-{start}", partial(make, some)))
            self.done = before + len(some)
        rows = torch.cat([part["sketches"] for part in parts])
        return rows, [float(v) for part in parts for v in part["values"]]

    def _report(self, name: str) -> None:
        self.done += 1
        progress.report(min(self.done, self.total), self.total, f"gradients of {name}")

    def _kept(self, name: str, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
        from safetensors.torch import load_file, save_file

        path = self.folder / f"{name}.safetensors"
        if not path.exists():
            made, unfinished = make(), path.with_suffix(".partial")
            with disk_errors(path):
                save_file(made, unfinished)
                os.replace(unfinished, path)
        found: dict[str, Tensor] = load_file(path)
        return found
