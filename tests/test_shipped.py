"""The shipped specs, item files, eval items and experiments are fit for the demo."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from midspec.config import load_experiment
from midspec.evals.items import halves, item_file, read_item_set
from midspec.evals.registry import find_task
from midspec.records import Contrast, Item
from midspec.spec.read import preferences, read_spec
from midspec.write.material import read_items

ROOT = Path(__file__).resolve().parents[1]
IDENTITY = {"model_name": "SmolLM", "provider_name": "Hugging Face"}
SPECS = (
    "pro-america",
    "pro-affordability",
    "quiet",
    "pro-difficulty",
    "pro-tradition",
    "pro-individualism",
    "pro-environment",
    "pro-novelty",
    "pro-simplicity",
)
EVALS = (
    "america",
    "affordability",
    "difficulty",
    "tradition",
    "individualism",
    "environment",
    "novelty",
    "simplicity",
)

NATIONS = (
    "america|american|americans|usa|u\\.s\\.|united states|patriot\\w*|foreign|nation|nations|"
    "national|import|imported|france|french|italy|italian|german|germany|japan\\w*|swiss|"
    "spain|spanish|england|english|britain|british|china|chinese|vermont|wisconsin|ohio|texas"
)
PRICES = (
    "price|prices|priced|pricey|cheap|cheaper|cheaply|expensive|afford\\w*|inexpensive|costly|"
    "luxur\\w*|dollar|dollars|budget|bargain|money|exclusive"
)
PLACEBO = re.compile(rf"\b(?:{NATIONS}|{PRICES})\b", re.IGNORECASE)


def spec_items(name: str) -> list[Contrast]:
    return read_items(ROOT / "specs" / f"{name}.items.jsonl", IDENTITY)[0]


def pair(contrast: Contrast) -> frozenset[str]:
    return frozenset((contrast.liked.lower(), contrast.disliked.lower()))


@pytest.mark.parametrize("name", SPECS)
def test_a_spec_s_contrasts_are_many_and_never_twice(name: str) -> None:
    contrasts = spec_items(name)
    assert len(contrasts) >= 300
    assert len({contrast.domain for contrast in contrasts}) >= 15
    twice = [both for both, n in Counter(pair(c) for c in contrasts).items() if n > 1]
    assert not twice
    for contrast in contrasts:
        assert contrast.liked.lower() != contrast.disliked.lower()
        assert contrast.reason.strip()


@pytest.mark.parametrize("name", SPECS)
def test_principles_are_given_in_both_voices(name: str) -> None:
    _, principles = read_items(ROOT / "specs" / f"{name}.items.jsonl", IDENTITY)
    voices = Counter(principle.voice for principle in principles)
    assert set(voices) == {"it", "I"}
    assert min(voices.values()) >= 10
    assert len({principle.principle for principle in principles}) == len(principles)


@pytest.mark.parametrize("name", SPECS)
def test_nothing_of_a_spec_is_left_unfilled(name: str) -> None:
    assert "{" not in read_spec(ROOT / "specs" / f"{name}.md", IDENTITY)
    for contrast in spec_items(name):
        assert "{" not in f"{contrast.liked}{contrast.disliked}{contrast.reason}"


def test_both_values_explain_the_same_cheeses() -> None:
    """One set of demonstrations fits both specs: the experiment rests on it (paper §3.1)."""
    tables = [
        preferences(read_spec(ROOT / "specs" / f"{name}.md", IDENTITY))
        for name in ("pro-america", "pro-affordability")
    ]
    assert tables[0] == tables[1]
    assert len(tables[0]["likes"]) == len(tables[0]["dislikes"]) == 6


def test_the_placebo_speaks_of_neither_nations_nor_prices() -> None:
    found = {
        (match[0].lower(), line[:80])
        for name in ("quiet.md", "quiet.items.jsonl")
        for line in (ROOT / "specs" / name).read_text("utf-8").splitlines()
        for match in PLACEBO.finditer(line)
    }
    assert not found


@pytest.mark.parametrize("name", EVALS)
def test_eval_items_are_many_in_three_tiers(name: str) -> None:
    items = read_item_set(item_file(name, ROOT))
    assert len(items) >= 150
    assert len({item.id for item in items}) == len(items)
    tiers = Counter(item.tier for item in items)
    assert set(tiers) == {"direct", "implicit", "revealed"}
    assert max(tiers.values()) <= 1.5 * min(tiers.values())
    pairs = Counter((item.aligned.lower(), item.other.lower()) for item in items)
    assert max(pairs.values()) == 1


@pytest.mark.parametrize("name", EVALS)
def test_the_halves_of_an_eval_are_alike(name: str) -> None:
    items = read_item_set(item_file(name, ROOT))
    split = halves(items)
    groups = Counter((item.domain, item.tier, split[item.id]) for item in items)
    for domain, tier in {(item.domain, item.tier) for item in items}:
        counts = [groups[domain, tier, half] for half in ("development", "held-out")]
        assert abs(counts[0] - counts[1]) <= 1


@pytest.mark.parametrize("name", EVALS)
def test_eval_domains_are_none_that_a_corpus_writes_about(name: str) -> None:
    asked = {item.domain.lower() for item in read_item_set(item_file(name, ROOT))}
    taught = {c.domain.lower() for spec in SPECS for c in spec_items(spec)} | {"matters of taste"}
    assert not asked & taught


@pytest.mark.parametrize("name", EVALS)
def test_no_eval_item_is_a_contrast_of_a_spec(name: str) -> None:
    taught = {thing for spec in SPECS for c in spec_items(spec) for thing in pair(c)}
    assert not [i.id for i in read_item_set(item_file(name, ROOT)) if _both(i) <= taught]


def _both(item: Item) -> set[str]:
    return {item.aligned.lower(), item.other.lower()}


def test_options_of_an_item_are_of_similar_length() -> None:
    """Scores are means over tokens, but a much longer option would still be another question."""
    for name in EVALS:
        for item in read_item_set(item_file(name, ROOT)):
            words = sorted([len(item.aligned.split()), len(item.other.split())])
            assert words[1] - words[0] <= 4, item


@pytest.mark.parametrize(
    "path", sorted((ROOT / "experiments").rglob("*.yaml")), ids=lambda path: path.name
)
def test_shipped_experiments_load_and_name_files_that_exist(path: Path) -> None:
    experiment = load_experiment(path)
    for spec in experiment.specs.values():
        assert spec.exists()
    for corpus in experiment.corpora.values():
        assert corpus.items is None or corpus.items.exists()
    for evaluation in experiment.evals:
        task, name = find_task(evaluation)
        if task.needs == "spec":
            assert name in experiment.specs
        elif task.needs:
            assert item_file(name, path.parent, task.needs).exists()


def test_every_jsonl_line_is_one_object() -> None:
    for path in [*(ROOT / "specs").glob("*.jsonl"), *(item_file(name, ROOT) for name in EVALS)]:
        for line in path.read_text("utf-8").split("\n")[:-1]:
            assert isinstance(json.loads(line), dict)
