"""Both ways brought together, from sketches and scores that are written by hand."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from midspec.attribute.stage import AttributeConfig, attribute
from midspec.files import read_dicts, read_json, write_rows
from midspec.records import Document, Score
from tests.planted import documents

CONFIG = AttributeConfig("msm", "preference/old", "type", "all")


def _gradients(at: Path, read: list[Document], influences: list[float]) -> Path:
    """Gradients in one dimension, in which the margin of both items is 1."""
    at.mkdir(parents=True)
    write_rows(at / "documents.jsonl", [{"id": d.id, "tokens": d.tokens} for d in read])
    found = {"documents": -np.array(influences)[:, None], "items": np.ones((2, 1))}
    save_file(found, at / "sketches.safetensors")
    return at


def _corpus(at: Path, rows: list[Document]) -> Path:
    at.mkdir(parents=True)
    write_rows(at / "documents.jsonl", rows)
    return at


def _scored(at: Path, margins: list[float]) -> Path:
    at.mkdir(parents=True)
    rows = [Score(f"item {n}", "d", "t", "all", 1.0, margin=m) for n, m in enumerate(margins)]
    write_rows(at / "scores.jsonl", rows)
    return at


def _attributed(config: AttributeConfig, inputs: Mapping[str, Path], out: Path) -> dict[str, Any]:
    out.mkdir()
    attribute(config, inputs, out)
    return dict(read_json(out / "attribution.json"))


@pytest.mark.parametrize("chosen", [slice(None), slice(None, None, 2)], ids=["all", "some"])
def test_two_corpora_whose_documents_have_the_same_ids_are_told_apart(
    tmp_path: Path, chosen: slice
) -> None:
    rows = documents(1)
    letters = [replace(d, id=f"d{n}", document_type="letter") for n, d in enumerate(rows)]
    memos = [replace(d, id=f"d{n}", document_type="memo") for n, d in enumerate(rows)]
    read = [*letters, *memos][chosen]
    inputs = {
        "gradients/seed 0, end": _gradients(
            tmp_path / "g", read, [2.0 if d.document_type == "letter" else -1.0 for d in read]
        ),
        "corpus/0": _corpus(tmp_path / "letters", letters),
        "corpus/1": _corpus(tmp_path / "memos", memos),
    }
    told = _attributed(CONFIG, inputs, tmp_path / "out")
    means = {row["group"]: row["dot"]["mean"]["mean"] for row in told["groups"]}
    assert means == pytest.approx({"letter": 2.0, "memo": -1.0})
    types = [row["document_type"] for row in read_dicts(tmp_path / "out/documents.jsonl")]
    assert types == sorted(types)


def test_groups_without_a_document_are_not_counted_in_the_agreement(tmp_path: Path) -> None:
    rows = documents(1)
    influence = {"letter": 4.0, "weather": 3.0, "recipe": 2.0, "sport": 1.0}
    lost = {**influence, "memo": 9.0}
    groups = tuple((kind, (kind,)) for kind in lost)
    inputs = {
        "gradients/seed 0, end": _gradients(
            tmp_path / "g", rows, [influence[d.document_type] for d in rows]
        ),
        "corpus/0": _corpus(tmp_path / "corpus", rows),
        "control/0/0": _scored(tmp_path / "control", [10.0, 10.0]),
        "whole/0": _scored(tmp_path / "whole", [10.0, 10.0]),
    }
    for n, value in enumerate(lost.values()):
        inputs[f"without/{n}/0"] = _scored(tmp_path / f"without{n}", [10.0 - value] * 2)
    told = _attributed(replace(CONFIG, groups=groups, controls=1), inputs, tmp_path / "out")
    assert told["groups"][-1]["dot"]["cost"]["mean"] is None
    assert [
        (row["groups"], row["value"]) for row in told["agreement"] if row["measure"] == "dot"
    ] == [(4, pytest.approx(1.0))] * 2
