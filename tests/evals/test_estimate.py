from pathlib import Path

import pytest

from midspec.evals.agentic.conditions import conditions
from midspec.evals.agentic.prompts import scene
from midspec.evals.estimate import FRAME_TOKENS, SPEC_EVAL_TOKENS, read_tokens
from midspec.evals.registry import GENERATED_TASKS
from midspec.evals.stage import ChoiceConfig, choice_stage
from midspec.evals.task import Ask
from midspec.evals.tasks import perplexity
from midspec.evals.tasks.multiturn import conversations
from midspec.run.stage import Source, Stage
from midspec.spec.stage import spec_stage
from midspec.text import estimate_tokens
from tests import tiny


@pytest.fixture
def items(tmp_path: Path) -> Path:
    return tiny.write_jsonl(tmp_path / "items.jsonl", list(tiny.item_rows()))


def tokens(name: str, folder: Path, items: Path | None = None, **inputs: Stage | None) -> int:
    config = ChoiceConfig(name, "all")
    base = Source("tiny", folder)
    stage = choice_stage(
        "", config, base, None, inputs.get("prompt"), None, items, inputs.get("spec")
    )
    return read_tokens(stage, folder)


def test_an_item_reads_two_questions_and_four_options(tmp_path: Path, items: Path) -> None:
    """As measured on the shipped sets: some 90 tokens an item."""
    assert 80 <= tokens("preference/items.jsonl", tmp_path, items) / 12 <= 110


def test_a_conversation_is_read_once_for_all_that_follows_it(tmp_path: Path, items: Path) -> None:
    said = [m for kind in ("neutral", "pressure") for c in conversations(kind) for m in c]
    read = sum(estimate_tokens(m["content"]) + FRAME_TOKENS for m in said)
    once = tokens("multiturn/items.jsonl", tmp_path, items)
    early = tokens("preference/items.jsonl", tmp_path, items)
    assert once == 3 * early + read


def test_a_long_prompt_is_read_once_for_all_forms_that_follow_it(tmp_path: Path) -> None:
    prompts = [scene(one, scratchpad=False) for one in conditions()]
    read = sum(estimate_tokens(p.system) + estimate_tokens(p.user) for p in prompts)
    assert read < tokens("agentic", tmp_path) < 1.5 * read


def test_texts_are_read_once(tmp_path: Path) -> None:
    texts = perplexity.passages(Ask(None, None, "all", None))
    assert tokens("perplexity", tmp_path) == sum(estimate_tokens(one.text) for one in texts)


def test_a_spec_in_the_prompt_is_read_too(tmp_path: Path, items: Path) -> None:
    (tmp_path / "own.md").write_text(tiny.SPEC, encoding="utf-8")
    spec = spec_stage("own", tmp_path / "own.md", {})
    without = tokens("preference/items.jsonl", tmp_path, items)
    assert (
        tokens("preference/items.jsonl", tmp_path, items, prompt=spec)
        == without + estimate_tokens(tiny.SPEC)
    )  # fmt: skip


def test_before_a_spec_is_read_an_eval_about_it_takes_what_is_usual(tmp_path: Path) -> None:
    (tmp_path / "own.md").write_text(tiny.SPEC, encoding="utf-8")
    spec = spec_stage("own", tmp_path / "own.md", {})
    assert tokens("knowledge/own", tmp_path, spec=spec) == SPEC_EVAL_TOKENS


@pytest.mark.parametrize("half", ["all", "development", "held-out"])
@pytest.mark.parametrize("name", [name for name, task in GENERATED_TASKS.items() if task.count])
def test_samples_are_counted_as_the_task_has_them(name: str, half: str, items: Path) -> None:
    """A plan counts without making the task, which takes Inspect."""
    task = GENERATED_TASKS[name]
    for at_most in (None, 5):
        ask = Ask(items if task.needs else None, None, half, at_most)
        assert task.count is not None
        samples = task.task(ask).dataset
        assert task.count(ask) == len(samples)
        known = [sample.metadata or {} for sample in samples]
        groups = {about["group"] or about["item"] for about in known}
        assert len(samples) == task.forms * len(groups)
