"""Sizes from a budget: by the plan's own estimates, and no more than a spec can say."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from midspec.begin.budget import Budget, read_budget
from midspec.begin.fit import MOST_OFFLINE, fit, planned, writable
from midspec.begin.look import look_at
from midspec.begin.wanted import Sizes, Wanted
from midspec.errors import ConfigError
from midspec.estimate import teacher_estimate
from midspec.plan_view import reckon
from tests.begin.specs import PLAIN, TABLE, YOU
from tests.tiny import write_jsonl

ROOT = Path(__file__).resolve().parents[2]


def wanted(tmp_path: Path, budget: str, text: str = PLAIN + TABLE, **changes: Any) -> Wanted:
    path = tmp_path / "my-spec.md"
    path.write_text(text, encoding="utf-8")
    values: dict[str, Any] = {
        "name": "mine",
        "out": tmp_path / "experiment.yaml",
        "specs": look_at([path], [], {"model_name": "Aria", "provider_name": "Labs"}),
        "model": "smollm2-135m",
        "teacher": "offline",
        "budget": read_budget(budget),
        "identity": ("Aria", "Labs"),
        "placebo": ROOT / "specs",
    }
    return Wanted(**{**values, **changes})


def seconds(one: Wanted, sizes: Sizes, home: Path) -> float:
    return sum(row.seconds for row in reckon(planned(one, sizes, home), home / "store"))


def test_time_gives_the_largest_corpora_with_which_the_plan_keeps_it(tmp_path: Path) -> None:
    least = seconds(wanted(tmp_path, "1 h"), Sizes(10_000), tmp_path)
    one = wanted(tmp_path, f"{least + 1:.0f} s")
    sizes = fit(one, tmp_path, tmp_path / "store")
    assert sizes.tokens == 10_000
    assert seconds(one, sizes, tmp_path) <= one.budget.amount
    assert seconds(one, Sizes(12_000), tmp_path) > one.budget.amount


def test_more_time_than_the_offline_teacher_has_phrases_for_isn_t_used(tmp_path: Path) -> None:
    assert fit(wanted(tmp_path, "9 h"), tmp_path, tmp_path / "store").tokens == MOST_OFFLINE


def test_too_little_time_says_how_much_it_takes(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--budget 0\.5 min is too little: .* about \d+ min"):
        fit(wanted(tmp_path, "30 s"), tmp_path, tmp_path / "store")


def test_no_time_is_told_for_a_model_of_unknown_size(tmp_path: Path) -> None:
    one = wanted(tmp_path, "15 min", model="nobody/phi-two")
    with pytest.raises(ConfigError, match=r"how large nobody/phi-two is isn't known.*model get"):
        fit(one, tmp_path, tmp_path / "store")
    assert fit(replace(one, budget=read_budget("20k tokens")), tmp_path, tmp_path).tokens == 20_000


def test_an_llm_is_asked_nothing_about_items_that_it_doesn_t_get(tmp_path: Path) -> None:
    row = {"domain": "d", "liked": "a", "disliked": "b", "reason": "c"}
    items = write_jsonl(tmp_path / "items.jsonl", [row])
    path = tmp_path / "you.md"
    path.write_text(YOU, encoding="utf-8")
    seen = look_at([path], [items], {"model_name": "Aria", "provider_name": "Labs"})
    one = wanted(tmp_path, "20k tokens", specs=seen)
    assert one.asks(seen[0])
    assert not replace(one, teacher="anthropic/claude-sonnet-4-6").asks(seen[0])


def test_dollars_are_shared_and_no_share_is_overspent(tmp_path: Path) -> None:
    one = wanted(tmp_path, "$100", teacher="anthropic/claude-sonnet-4-5", placebo=None)
    sizes = fit(one, tmp_path, tmp_path / "store")
    assert sizes.max_cost == 50.0  # a corpus and a set of demonstrations
    found = planned(one, sizes, tmp_path)
    teacher = found.experiment.teacher
    assert teacher.max_cost == 50.0
    written = [stage for title, stage in found.training.items() if "my-spec" in title]
    written += [stage for title, stage in found.training.items() if "aligned" in title]
    costs = [teacher_estimate(stage, teacher, []).cost or 0.0 for stage in written]
    assert len(costs) == 2
    assert all(0.5 * 50 < cost <= 0.8 * 50 for cost in costs)


def test_a_teacher_of_one_s_own_takes_a_price_or_tokens(tmp_path: Path) -> None:
    own = {"teacher": "openai-api/vllm/some-model", "placebo": None}
    with pytest.raises(ConfigError, match=r"isn't known.*--price 3,15.*200k tokens"):
        fit(wanted(tmp_path, "$50", **own), tmp_path, tmp_path / "store")
    priced = wanted(tmp_path, "$50", price=(1.0, 2.0), **own)
    assert fit(priced, tmp_path, tmp_path / "store").max_cost == 25.0
    sizes = fit(wanted(tmp_path, "800k tokens", **own), tmp_path, tmp_path / "store")
    assert sizes == Sizes(800_000, 200)  # the paper's 8 tokens of documents to one of chats


@pytest.mark.parametrize(
    ("teacher", "words"),
    [
        ("offline", "the teacher offline costs nothing. Give time"),
        ("hf/some-folder", "nobody is paid for hf/some-folder. Give time"),
    ],
)
def test_dollars_for_what_costs_none_are_refused(tmp_path: Path, teacher: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        fit(wanted(tmp_path, "$5", teacher=teacher), tmp_path, tmp_path / "store")


def test_too_few_dollars_say_how_many_it_takes(tmp_path: Path) -> None:
    one = wanted(tmp_path, "$1", teacher="anthropic/claude-opus-4-6", placebo=None)
    with pytest.raises(ConfigError, match=r"\$1 is too little for 2 sets .* it takes \$") as caught:
        fit(one, tmp_path, tmp_path / "store")
    needed = float(str(caught.value).split("it takes $")[1].split(". ")[0])
    enough = replace(one, budget=Budget(needed + 0.01, "dollars"))
    assert fit(enough, tmp_path, tmp_path / "store").tokens >= 4_000


def test_a_spec_that_says_too_little_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    one = wanted(tmp_path, "8k tokens", text="Aria is plain.")
    with pytest.raises(ConfigError, match="too little to write about"):
        fit(one, tmp_path, tmp_path / "store")


def test_more_chats_than_the_reasons_give_are_halved_until_they_can_be_written(
    tmp_path: Path,
) -> None:
    row = {
        "domain": "shoes",
        "liked": "mended boots",
        "disliked": "new boots",
        "reason": "they last",
    }
    write_jsonl(tmp_path / "my-spec.items.jsonl", [row])
    sizes = writable(wanted(tmp_path, "8k tokens", text=PLAIN), Sizes(8_000, 16_000), tmp_path)
    assert sizes.tokens == 8_000
    assert sizes.chats in (8_000, 4_000, 2_000, 1_000, 500, 250)
