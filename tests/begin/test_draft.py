"""The file that is written: it loads, whatever is wanted, and has the arms that answer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from midspec.begin.budget import Budget
from midspec.begin.draft import draft
from midspec.begin.look import look_at
from midspec.begin.wanted import Sizes, Wanted
from midspec.config import Experiment, check, parse
from midspec.parts import Aligned, Corpus, Opaque
from tests.begin.specs import PLAIN, TABLE
from tests.tiny import item_rows, write_jsonl

ROOT = Path(__file__).resolve().parents[2]
Wants = Callable[..., Wanted]
CONTRAST = {"domain": "shoes", "liked": "a", "disliked": "b", "reason": "it lasts"}


@pytest.fixture
def wants(tmp_path: Path) -> Wants:
    """What somebody wants of specs with these texts, by the names of their files."""

    def make(texts: dict[str, str], items: bool = False, **changes: Any) -> Wanted:
        paths = []
        for name, text in texts.items():
            paths.append(tmp_path / name)
            paths[-1].write_text(text, encoding="utf-8")
            if items:
                write_jsonl(paths[-1].with_suffix(".items.jsonl"), [CONTRAST])
        values: dict[str, Any] = {
            "name": "mine",
            "out": tmp_path / "experiment.yaml",
            "specs": look_at(paths, [], {"model_name": "Aria", "provider_name": "Labs"}),
            "model": "smollm2-135m",
            "teacher": "offline",
            "budget": Budget(900, "seconds"),
            "identity": ("Aria", "Labs"),
            "placebo": ROOT / "specs",
        }
        return Wanted(**{**values, **changes})

    return make


def loaded(wanted: Wanted, sizes: Sizes = Sizes(60_000)) -> Experiment:  # noqa: B008 - frozen
    """The file as it is read, with every name in it checked."""
    return check(parse(yaml.safe_load(draft(wanted, sizes)), wanted.out), wanted.out)


def against(experiment: Experiment) -> dict[tuple[str, str], list[str]]:
    return {(one.eval, one.arm): list(one.against) for one in experiment.contrasts}


def test_a_plain_spec_offline_gets_midtraining_with_its_controls(wants: Wants) -> None:
    found = loaded(wants({"my-spec.md": PLAIN}))
    assert list(found.arms) == ["base", "reference", "mix", "msm", "msm+mix", "placebo+mix"]
    assert against(found) == {("knowledge/my-spec", "msm+mix"): ["mix", "placebo+mix"]}
    assert set(found.demos) == {"everyday", "chat"}
    assert {c.tokens for c in found.corpora.values() if isinstance(c, Corpus)} == {60_000}
    assert "None about my-spec: without an LLM" in draft(wants({"my-spec.md": PLAIN}), Sizes(1))


def test_a_table_of_preferences_gives_demonstrations(wants: Wants) -> None:
    found = loaded(wants({"my-spec.md": PLAIN + TABLE}))
    assert list(found.arms) == [
        "base", "reference", "mix", "aft", "msm", "msm+aft", "placebo+aft",
    ]  # fmt: skip
    assert isinstance(found.demos["preferences"], Opaque)
    assert against(found) == {("knowledge/my-spec", "msm+aft"): ["aft", "placebo+aft"]}


def test_items_give_demonstrations_and_corpora_and_the_placebo_its_own(wants: Wants) -> None:
    found = loaded(wants({"my-spec.md": PLAIN}, items=True))
    assert isinstance(found.demos["aligned"], Aligned)
    items = [c.items.name for c in found.corpora.values() if isinstance(c, Corpus) and c.items]
    assert items == ["my-spec.items.jsonl", "quiet.items.jsonl"]


def test_an_llm_writes_everything_from_the_spec_alone(wants: Wants) -> None:
    wanted = wants(
        {"my-spec.md": PLAIN + TABLE}, items=True, teacher="acme/llm", price=(3.0, 15.0),
        placebo=None, model="some/Model-7B",
    )  # fmt: skip
    found = loaded(wanted, Sizes(300_000, 150, 20.0))
    assert found.teacher.model == "acme/llm"
    assert (found.teacher.max_cost, found.teacher.price) == (20.0, (3.0, 15.0))
    assert isinstance(found.demos["aligned"], Aligned) and found.demos["aligned"].n == 150
    assert "placebo" not in found.corpora
    assert found.adapter.rank == 64 and found.adapter.first_layer == 0
    assert 100 <= 300_000 / found.midtrain.tokens_per_step < 200


def test_specs_with_one_table_share_their_demonstrations(wants: Wants) -> None:
    found = loaded(wants({"a.md": PLAIN + TABLE, "b.md": PLAIN + TABLE}))
    assert {"aft", "msm-a+aft", "msm-b+aft", "placebo+aft"} <= set(found.arms)
    assert against(found)["knowledge/a", "msm-a+aft"] == ["aft", "placebo+aft", "msm-b+aft"]


def test_specs_with_tables_of_their_own_are_shown_apart(wants: Wants) -> None:
    other = TABLE.replace("sandals", "gloves")
    found = loaded(wants({"a.md": PLAIN + TABLE, "b.md": PLAIN + other, "c.md": PLAIN}))
    assert {"aft-a", "aft-b", "msm-a+aft", "msm-b+aft", "msm-c+mix"} <= set(found.arms)
    assert {"placebo+aft-a", "placebo+aft-b"} <= set(found.arms)
    assert against(found)["knowledge/c", "msm-c+mix"] == ["mix", "msm-a+aft", "msm-b+aft"]
    trained = found.arms["msm-b+aft"][1].demos
    assert trained[0] == "preferences-b"


def test_items_to_ask_are_asked_and_compared(wants: Wants, tmp_path: Path) -> None:
    items = write_jsonl(tmp_path / "ask.jsonl", item_rows())
    found = loaded(wants({"my-spec.md": PLAIN}, preference=[items]))
    assert found.evals[0] == "preference/ask.jsonl"
    assert ("preference/ask.jsonl", "msm+mix") in against(found)


@pytest.mark.parametrize(
    "name", ["a: b # c.md", 'it\'s "{x}", [y].md', "*&!|>%@`.md", "ö ü — \u4e2d.md"]
)
def test_a_hostile_name_is_only_a_name(wants: Wants, name: str) -> None:
    wanted = wants({name: PLAIN}, name=name, identity=(f"{name}\nteacher: x", name))
    found = loaded(wanted)
    (path,) = (p for key, p in found.specs.items() if key != "placebo")
    assert path.name == name
    assert found.name == name
    assert found.identity.model_name == f"{name}\nteacher: x"
    assert found.teacher.model == "offline"


def test_the_paths_are_as_seen_from_the_file(wants: Wants, tmp_path: Path) -> None:
    wanted = wants({"my-spec.md": PLAIN}, out=tmp_path / "deep" / "er" / "e.yaml")
    assert yaml.safe_load(draft(wanted, Sizes(1)))["specs"]["my-spec"] == "../../my-spec.md"
