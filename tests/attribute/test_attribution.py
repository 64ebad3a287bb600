"""The planted truth: one document type alone carries the eval's wording, and both ways find it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from midspec.attribute.plan import Wanted, attribution, missing_of
from midspec.errors import ConfigError
from midspec.experiment import Plan
from midspec.files import read_dicts, read_json
from midspec.run.build import build, graph, open_store, raise_failures, run
from midspec.run.pools import Inline
from midspec.run.stage import Stage
from tests import planted

EVAL = "preference/items.jsonl"
Make = Callable[..., Plan]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> tuple[Path, Plan, Path]:
    """The folder of the attribution after a whole run, its plan and its store."""
    from midspec.config import load_experiment
    from midspec.experiment import plan
    from tests import tiny

    folder = tmp_path_factory.mktemp("planted")
    tiny.make_experiment(folder, tiny_model)
    values = tiny.experiment(tiny_model)
    tiny.write_jsonl(folder / "items.jsonl", planted.items())
    planted.leave_letters_out(values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("midspec.corpus.stage.write_corpus", planted.write_planted)
        planned = plan(load_experiment(tiny.write_experiment(folder, values)), tiny_model)
    store = open_store(folder / "store")
    _run(list(planned.evals.values()), store)
    stage = attribution(planned, wanted(), store)
    _run([stage], store)
    return stage.path(store), planned, store


def wanted(**changes: Any) -> Wanted:
    return Wanted(
        **{"arm": "msm", "eval": EVAL, "by": "type", "seeds": (0,), "half": "all"} | changes
    )


def _run(stages: list[Stage], store: Path) -> None:
    raise_failures(run(stages, store, Inline()), store)


def _order(told: dict[str, Any], key: Callable[[dict[str, Any]], float]) -> list[str]:
    return [row["group"] for row in sorted(told["groups"], key=key, reverse=True)]


def test_both_ways_rank_the_planted_type_first(found: tuple[Path, Plan, Path]) -> None:
    told = read_json(found[0] / "attribution.json")
    assert _order(told, lambda row: row["left_out"]["margin"]["mean"])[0] == "letter"
    assert _order(told, lambda row: row["left_out"]["rate"]["mean"])[0] == "letter"
    assert _order(told, lambda row: row["cosine"]["mean"]["mean"])[0] == "letter"
    assert _order(told, lambda row: row["cosine"]["cost"]["mean"])[0] == "letter"
    assert _order(told, lambda row: row["dot"]["mean"]["mean"])[0] == "letter"
    assert _order(told, lambda row: row["dot"]["cost"]["mean"])[0] == "letter"


def test_sizes_are_matched_and_the_groups_counted(found: tuple[Path, Plan, Path]) -> None:
    told = read_json(found[0] / "attribution.json")
    assert {row["group"]: row["documents"] for row in told["groups"]} == dict.fromkeys(
        planned_types(), planted.EACH
    )
    assert sum(row["share"] for row in told["groups"]) == pytest.approx(1)
    _, plan, store = found
    made = {
        name: read_json(stage.path(store) / "manifest.json")["summary"]
        for name, stage in _portions(plan).items()
    }
    sizes = [summary["tokens"] for summary in made.values()]
    assert max(sizes) - min(sizes) < 40
    assert made["old-control-type-1"]["left_out"] == 0


def planned_types() -> list[str]:
    return list(planted.SENTENCES)


def _portions(plan: Plan) -> dict[str, Stage]:
    found = graph([plan.report]).values()
    return {s.title.removeprefix("corpus "): s for s in found if s.name == "portion"}


def test_agreement_is_told_with_chance_and_with_what_bounds_it(
    found: tuple[Path, Plan, Path],
) -> None:
    told = read_json(found[0] / "attribution.json")
    assert [(r["measure"], r["correlation"]) for r in told["agreement"]] == [
        (measure, name) for measure in ("cosine", "dot") for name in ("Spearman's ρ", "Kendall's τ")
    ]
    for row in told["agreement"]:
        assert row["groups"] == 4
        assert -1 <= row["value"] <= 1
        assert row["chance_low"] < 0 < row["chance_high"]
        assert row["between_seeds"] is None  # of one seed
        assert -1 <= row["between_states"] <= 1
    assert len(told["controls"]) == 2
    assert told["shorter"]["margin"]["mean"] is not None


def test_every_document_has_its_influence_and_the_ends_their_texts(
    found: tuple[Path, Plan, Path],
) -> None:
    rows = read_dicts(found[0] / "documents.jsonl")
    assert sorted(row["id"] for row in rows) == sorted(
        d.id for d in planted.documents(planted.EACH)
    )
    values = [row["cosine"] for row in rows]
    assert values == sorted(values, reverse=True)
    assert all(row["text"] for row in (*rows[:8], *rows[-8:]))
    assert not rows[20]["text"]
    letters = [n for n, row in enumerate(rows) if row["document_type"] == "letter"]
    assert sum(letters) / len(letters) < len(rows) / 3


def test_gradients_at_the_end_see_the_margin_that_the_eval_found(
    found: tuple[Path, Plan, Path],
) -> None:
    _, plan, store = found
    stage = attribution(plan, wanted(), store).inputs["gradients/seed 0, end"]
    taken = read_json(stage.path(store) / "manifest.json")["summary"]
    scored = read_json(plan.evals["msm", EVAL, 0].path(store) / "manifest.json")["summary"]
    assert taken["margin"] == pytest.approx(scored["margin"], abs=0.1)  # bf16, merged or not


def test_a_stage_that_was_stopped_goes_on_from_its_parts(
    found: tuple[Path, Plan, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from midspec.attribute import gradient_stage
    from midspec.attribute.gradients import Gradients

    _, plan, store = found
    stage = attribution(plan, wanted(max_documents=36), store).inputs["gradients/seed 0, end"]
    assert isinstance(stage, Stage)
    whole, calls = Gradients.of, []

    def stopped(self: Gradients, weighted: Any) -> Any:
        calls.append(1)
        if len(calls) == 70:  # 36 of the weights, 32 of the first part, 2 of the second
            raise KeyboardInterrupt
        return whole(self, weighted)

    monkeypatch.setattr(Gradients, "of", stopped)
    with pytest.raises(KeyboardInterrupt):
        build(stage, store)
    parts = store / ".work" / stage.path(store).name / gradient_stage.PARTS
    assert {p.stem for p in parts.glob("*.safetensors")} == {"weights", "documents-0"}
    calls.clear()
    folder = build(stage, store)
    assert len(calls) == 4 + 8  # the second part's documents and the items
    assert len(read_dicts(folder / "documents.jsonl")) == 36
    assert not (folder / gradient_stage.PARTS).exists()


def test_one_more_label_takes_the_same_gradients(found: tuple[Path, Plan, Path]) -> None:
    _, plan, store = found
    by_type, by_domain = (attribution(plan, wanted(by=by), store) for by in ("type", "domain"))
    for key, stage in by_domain.inputs.items():
        assert stage.fingerprint() == by_type.inputs[key].fingerprint()
    _run([by_domain], store)
    told = read_json(by_domain.path(store) / "attribution.json")
    assert [row["group"] for row in told["groups"]] == ["gardens", "rooms"]
    assert told["agreement"] == []
    assert told["groups"][0]["left_out"] is None


def test_without_its_evaluations_a_leave_out_set_is_told_as_missing(
    found: tuple[Path, Plan, Path], tmp_path: Path
) -> None:
    _, plan, store = found
    assert missing_of(plan, wanted(), store) == (0, 7)
    assert missing_of(plan, wanted(), tmp_path) == (7, 7)
    assert missing_of(plan, wanted(by="domain"), store) == (0, 0)
    alone = attribution(plan, wanted(), tmp_path)
    assert not any(key.startswith(("without", "control", "whole")) for key in alone.inputs)
    assert [name for name, _ in alone.config.groups] == planned_types()


def test_what_has_no_margin_or_no_documents_is_refused(found: tuple[Path, Plan, Path]) -> None:
    _, plan, store = found
    with pytest.raises(ConfigError, match="perplexity has no margin between two options"):
        attribution(plan, wanted(eval="perplexity"), store)
    with pytest.raises(ConfigError, match="sycophancy compares an item's forms with each other"):
        attribution(plan, wanted(eval="sycophancy"), store)
    with pytest.raises(ConfigError, match="The arm base is trained on no documents"):
        attribution(plan, wanted(arm="base"), store)
