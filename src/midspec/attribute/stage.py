"""The stage that brings both ways together: influence by gradients, effects of leaving out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from midspec.attribute.agreement import agreement, between, kendall, spearman
from midspec.attribute.influence import (
    MEASURES,
    Array,
    State,
    explained,
    group_influences,
    influences,
)
from midspec.attribute.left_out import MARGIN, Effects, Folders, effects
from midspec.corpus.groups import carries, labels
from midspec.errors import DataError
from midspec.evals.items import choose
from midspec.files import finite, read_dicts, read_rows, write_json, write_rows
from midspec.records import Document
from midspec.run.stage import Stage, Summary

CORRELATIONS = {"Spearman's ρ": spearman, "Kendall's τ": kendall}
KINDS = ("type", "domain", "genre")  # of which a document has one each
SHOWN = 8  # documents of the highest influence and of the lowest whose text is kept


@dataclass(frozen=True)
class AttributeConfig:
    """What is attributed to what: an arm's margin on an eval to the documents of its corpus, by
    label. groups: the labels of each group of a leave-out set; without one, each label is its own.
    """

    arm: str
    eval: str
    by: str
    half: str
    groups: tuple[tuple[str, tuple[str, ...]], ...] = ()
    controls: int = 0


def attribute_stage(config: AttributeConfig, inputs: Mapping[str, Stage]) -> Stage:
    """The stage. Inputs are named `gradients/<state>`, `corpus/<n>` and, of a leave-out set,
    `without/<group's number>/<seed>`, `control/<number>/<seed>` and `whole/<seed>` (evaluations).
    """
    title = f"attribution of {config.eval}: {config.arm} by {config.by}"
    return Stage("attribute", attribute, config, inputs, title=title)


def attribute(config: AttributeConfig, inputs: Mapping[str, Path], out: Path) -> Summary:
    """Write attribution.json (groups, agreement, reliability) and documents.jsonl (each document's
    influence, highest first; the first and last few with their texts)."""
    folders = _under(inputs, "gradients")
    states = [_state(name, folder) for name, folder in folders.items()]
    rows = read_dicts(next(iter(folders.values())) / "documents.jsonl")
    read = [
        document
        for folder in _under(inputs, "corpus").values()
        for document in read_rows(folder / "documents.jsonl", Document)
    ]
    # By place, as gradient_stage.py chose them: two corpora may have the same ids.
    documents = choose(read, len(rows))
    tokens_D = np.array([float(row["tokens"]) for row in rows])
    groups = dict(config.groups) or _each(documents, config.by)
    member_KD = np.array(
        [
            [bool(carries(d, ((config.by, values),))) for d in documents]
            for values in groups.values()
        ]
    )
    items = states[0].among_II.shape[0]
    even_BI = np.full((1, items), 1 / items)
    found = {m: group_influences(states, member_KD, tokens_D, m) for m in MEASURES}
    by_document = {m: influences(states, even_BI, m)[0] for m in MEASURES}
    lost = _left_out(config, inputs)
    told = {
        **asdict(config),
        "states": [state.name for state in states],
        "documents": len(documents),
        "items": items,
        "tokens": int(tokens_D.sum()),
        "groups": [
            {
                "group": name,
                "labels": list(groups[name]),
                "documents": found["dot"][k].documents,
                "share": found["dot"][k].share,
                **{m: asdict(found[m][k]) for m in MEASURES},
                "left_out": {kind: asdict(estimate) for kind, estimate in lost.lost[name].items()}
                if lost
                else None,
            }
            for k, name in enumerate(groups)
        ],
        "controls": [{k: asdict(e) for k, e in one.items()} for one in lost.controls]
        if lost
        else [],
        "shorter": {k: asdict(e) for k, e in lost.shorter.items()} if lost else {},
        "agreement": _agreement(lost, states, member_KD, tokens_D, list(groups)) if lost else [],
        "reliability": _reliability(states, even_BI),
        "explained": {
            kind: {
                m: explained(by_document[m], [labels(d, kind)[0] for d in documents])
                for m in MEASURES
            }
            for kind in KINDS
        },
    }
    write_json(out / "attribution.json", finite(told))
    write_rows(out / "documents.jsonl", _ranked(documents, tokens_D, by_document))
    return {
        "documents": len(documents),
        "items": items,
        "groups": len(groups),
        "left_out": bool(lost),
    }


def _under(inputs: Mapping[str, Path], kind: str) -> dict[str, Path]:
    prefix = f"{kind}/"
    return {k.removeprefix(prefix): path for k, path in inputs.items() if k.startswith(prefix)}


def _state(name: str, folder: Path) -> State:
    from safetensors.numpy import load_file

    sketches: dict[str, Array] = load_file(folder / "sketches.safetensors")
    return State(name, sketches["documents"].astype(float), sketches["items"].astype(float))


def _each(documents: Sequence[Document], by: str) -> dict[str, tuple[str, ...]]:
    """Each label as a group of its own, in the documents' order of names."""
    names = sorted({label for document in documents for label in labels(document, by)})
    if not names:
        raise DataError(f"No document has a {by}.")
    return {name: (name,) for name in names}


def _left_out(config: AttributeConfig, inputs: Mapping[str, Path]) -> Effects | None:
    """What leaving out did, where the leave-out set is evaluated."""

    def by_seed(kind: str) -> Folders:
        return {int(seed): path for seed, path in _under(inputs, kind).items()}

    if not config.controls:
        return None
    without = {name: by_seed(f"without/{n}") for n, (name, _) in enumerate(config.groups)}
    controls = [by_seed(f"control/{n}") for n in range(config.controls)]
    return effects(without, controls, by_seed("whole"))


def _agreement(
    lost: Effects,
    states: Sequence[State],
    member_KD: np.ndarray[Any, Any],
    tokens_D: Array,
    groups: Sequence[str],
) -> list[dict[str, object]]:
    """How the two ways agree in the order of groups: what gradients predict of leaving each out
    against the margin that was lost. Groups of which they predict nothing, having none of the
    documents or all, aren't counted."""
    lost_SK = np.array([lost.by_seed[name][MARGIN] for name in groups]).T
    found: list[dict[str, object]] = []
    for measure in MEASURES:
        # One row a state: seeds of the arm and moments of its training.
        predicted_SK = np.array(
            [
                [
                    g.cost.mean
                    for g in group_influences([state], member_KD, tokens_D, measure, draws=1)
                ]
                for state in states
            ]
        )
        is_told_K = np.isfinite(predicted_SK).all(0)
        one_SK, other_SK = predicted_SK[:, is_told_K], lost_SK[:, is_told_K]
        for name, correlation in CORRELATIONS.items():
            told = agreement(correlation, one_SK, other_SK)
            found.append(
                {
                    "measure": measure,
                    "correlation": name,
                    "groups": int(is_told_K.sum()),
                    **asdict(told),
                    "between_seeds": between(correlation, other_SK),
                    "between_states": between(correlation, one_SK),
                }
            )
    return found


def _reliability(states: Sequence[State], even_BI: Array) -> dict[str, dict[str, float]]:
    """How stable the order of single documents is: one half of the items against the other, and
    one state against another (the mean over pairs); rank correlations."""
    items = even_BI.shape[1]
    odd_I = np.arange(items) % 2 == 1
    halves_BI = np.array([odd_I / max(1, odd_I.sum()), ~odd_I / max(1, (~odd_I).sum())])
    found = {}
    for measure in MEASURES:
        one_D, other_D = influences(states, halves_BI, measure)
        pairs = combinations([s.influence(even_BI, measure)[0] for s in states], 2)
        across = [spearman(a, b) for a, b in pairs]
        found[measure] = {
            "halves": spearman(one_D, other_D) if items > 1 else float("nan"),
            "states": float(np.mean(across)) if across else float("nan"),
        }
    return found


def _ranked(
    documents: Sequence[Document], tokens_D: Array, by_document: Mapping[str, Array]
) -> list[dict[str, object]]:
    order = np.argsort(-by_document["cosine"], kind="stable")
    shown = {*order[:SHOWN], *order[-SHOWN:]}
    return [
        {
            "id": documents[n].id,
            **{measure: float(values_D[n]) for measure, values_D in by_document.items()},
            "tokens": int(tokens_D[n]),
            "clauses": documents[n].clauses,
            "domain": documents[n].domain,
            "document_type": documents[n].document_type,
            "genre": documents[n].genre,
            "text": documents[n].text if n in shown else "",
        }
        for n in order
    ]
