from collections.abc import Callable
from pathlib import Path

import pytest

from midspec.errors import DataError
from midspec.evals.registry import CHOICE_TASKS
from midspec.evals.stage import ChoiceConfig, choice_stage
from midspec.evals.task import ChoiceTask
from midspec.files import read_dicts, read_rows
from midspec.records import Choice, Metric, Score
from midspec.run.stage import Source, Stage
from midspec.spec.stage import spec_stage
from tests import tiny

IDENTITY = {"model_name": "Tiny", "provider_name": "Testers"}
Run = Callable[..., tuple[Path, dict[str, object]]]


@pytest.fixture
def run(tiny_model: Path, tmp_path: Path) -> Run:
    """Run an eval of the tiny model in a folder, as its stage would."""

    def ask(name: str, **more: object) -> tuple[Path, dict[str, object]]:
        kind = name.partition("/")[0]
        config = ChoiceConfig(name, "all", 3, identity=tuple(IDENTITY.items()), **more)  # type: ignore[arg-type]
        inputs = {"base": tiny_model}
        if (needs := CHOICE_TASKS[kind].needs) == "spec":
            (tmp_path / "own.md").write_text(tiny.SPEC, encoding="utf-8")
            spec = spec_stage("own", tmp_path / "own.md", IDENTITY)
            (tmp_path / "about").mkdir()
            spec.fn(spec.config, {"spec": tmp_path / "own.md"}, tmp_path / "about")
            inputs["about"] = tmp_path / "about"
        elif needs:
            rows = [{**row, "question": "Old or new?"} for row in tiny.item_rows()]
            inputs["items"] = tiny.write_jsonl(tmp_path / "items.jsonl", list(rows))
        stage = choice_stage("", config, Source("tiny", tiny_model), None, None, None)
        out = tmp_path / "out"
        out.mkdir()
        return out, stage.fn(config, inputs, out)

    return ask


@pytest.mark.parametrize("kind", [k for k, t in CHOICE_TASKS.items() if isinstance(t, ChoiceTask)])
def test_every_eval_by_likelihood_writes_choices_scores_and_what_they_mean(
    kind: str, run: Run
) -> None:
    needs = CHOICE_TASKS[kind].needs
    out, summary = run(f"{kind}/own" if needs else kind)
    choices, scores = (
        read_rows(out / "choices.jsonl", Choice),
        read_rows(out / "scores.jsonl", Score),
    )
    assert choices and all(len(c.margins) == len(c.forms) > 0 for c in choices)
    measures = {metric.measure for metric in read_rows(out / "metrics.jsonl", Metric)}
    assert {score.measure for score in scores} == measures
    main = [score.value for score in scores if not score.measure]
    assert summary["items"] == len(main)
    assert summary["score"] == pytest.approx(sum(main) / len(main))


def test_perplexity_writes_a_loss_for_each_text_and_its_score_is_their_mean(run: Run) -> None:
    out, summary = run("perplexity")
    losses, scores = read_dicts(out / "losses.jsonl"), read_rows(out / "scores.jsonl", Score)
    assert [row["nats"] for row in losses] == [score.value for score in scores]
    assert [row["id"] for row in losses] == [score.item for score in scores]
    assert all(row["tokens"] > 50 and row["nats"] > 0 for row in losses)
    assert summary["score"] == pytest.approx(sum(row["nats"] for row in losses) / 3)
    assert not (out / "choices.jsonl").exists()


@pytest.mark.parametrize("name", ["competence", "perplexity"])
def test_prompts_are_answered_beside_any_of_them(name: str, run: Run) -> None:
    out, _ = run(name, samples=("Old or new?",))
    assert [row["prompt"] for row in read_dicts(out / "samples.jsonl")] == ["Old or new?"]


def test_a_spec_that_says_nothing_of_the_assistant_leaves_nothing_to_ask(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiny, "SPEC", "# Short\n\nBe old.\n")
    with pytest.raises(DataError, match="knowledge/own has nothing to ask of the all half"):
        run("knowledge/own")


def test_what_an_eval_does_is_part_of_its_recipe(tiny_model: Path) -> None:
    def stage(name: str) -> Stage:
        base = Source("tiny", tiny_model)
        return choice_stage("", ChoiceConfig(name, "all"), base, None, None, None)

    assert stage("perplexity").name == "losses"
    assert stage("competence").name == "choices"
    assert stage("competence").fingerprint() != stage("capability").fingerprint()
    assert "identity" not in str(stage("competence").recipe)
