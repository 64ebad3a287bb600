"""`midspec eval`: an arm or any model on some evals, and what is printed of it."""

import re
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from midspec.cli_eval import _listed
from midspec.evals.registry import CHOICE_TASKS
from midspec.evals.tasks import competence
from tests import teacher_server, tiny
from tests.tiny import SPEC, midspec, refused, write_jsonl

JUDGE = ("--judge", "openai-api/fake/judge")
BELOW = r" *\n +"  # an eval heads its measures
ARM = ("--model", "openai-api/fake/arm")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with a spec and an item set."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.md").write_text(SPEC, encoding="utf-8")
    write_jsonl(tmp_path / "items.jsonl", tiny.item_rows(8))
    return tmp_path


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[teacher_server.Server]:
    """A provider of an arm, a teacher and a judge."""
    with teacher_server.start() as server:
        monkeypatch.setenv("FAKE_BASE_URL", server.base_url)
        monkeypatch.setenv("FAKE_API_KEY", "none")
        yield server


def test_the_evals_are_listed_with_what_they_need() -> None:
    said = midspec("eval", "--list")
    assert said.code == 0
    lines = {line.split()[0]: line for line in said.out.splitlines() if line.strip()}
    assert "likelihood" in lines["preference/ITEMS"] and "weights" in lines["preference/ITEMS"]
    assert "generation" in lines["generated/ITEMS"] and "a judge" in lines["generated/ITEMS"]
    assert "a spec: of the experiment" in lines["open-qa/SPEC"]
    assert "judge" not in lines["manners"]


def test_the_list_has_each_name_in_one_piece_in_a_narrow_terminal() -> None:
    narrow = Console(width=80, file=StringIO())
    narrow.print(_listed())
    said = narrow.file.getvalue().split()
    assert {"agentic-misalignment-small", "preference/ITEMS", "inspect/MODULE:TASK"} <= set(said)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*ARM,), "--tasks names no eval"),
        (("--tasks", "manners"), "Name an arm of an experiment, or a model with --model"),
        (("base", *ARM, "--tasks", "manners"), "one of the two"),
        ((*ARM, "--tasks", "odd"), "'odd' is not known. Use preference/ITEMS"),
        ((*ARM, "--tasks", "manners", "--half", "best"), "--half best is not known. Use held-out"),
        ((*ARM, "--tasks", "manners", "--engine", "x"), "--engine x is not known. Use hf, vllm"),
        ((*ARM, "--tasks", "preference/items.jsonl"), "is by likelihood, which takes a model's we"),
        ((*ARM, "--tasks", "generated/items.jsonl"), "is judged by an LLM, and there is no judge"),
        ((*ARM, "--tasks", "generated/items.jsonl", "--judge", "gpt"), "the judge 'gpt' is no LLM"),
        ((*ARM, *JUDGE, "--tasks", "open-qa/new"), "asks about a spec that isn't there: 'new'"),
        (("--model", "nowhere", "--tasks", "manners"), "The model 'nowhere' is unknown"),
    ],
)
def test_what_can_not_be_asked_is_one_sentence(
    here: Path, arguments: tuple[str, ...], words: str
) -> None:
    refused(midspec("eval", *arguments), words)
    assert not (here / "store").exists()


def test_a_served_model_is_asked_what_is_generated(
    here: Path, served: teacher_server.Server
) -> None:
    tasks = ("--tasks", "generated/items.jsonl,manners", "--half", "all")
    said = midspec("eval", *ARM, *JUDGE, *tasks)
    assert said.code == 0, said
    assert re.search(
        rf"generated/items.jsonl{BELOW}value-aligned rate +0\.\d\d \[0\.\d\d, \d", said.out
    )
    assert re.search(r"decided rate +1\.00 .* 8 *\n", said.out)
    assert re.search(rf"manners{BELOW}refusals of harmless prompts +0\.00", said.out)
    (logs,) = re.findall(r"inspect view --log-dir (store/judged-\S+/logs)", said.out)[:1]
    assert (here / logs / "judged.eval").exists()
    before = served.stats()["answered"]
    assert midspec("eval", *ARM, *JUDGE, *tasks).code == 0
    assert served.stats()["answered"] == before


def test_open_questions_about_a_spec_by_its_file(here: Path, served: teacher_server.Server) -> None:
    write_jsonl(here / "q.jsonl", [{"id": "a", "topic": "t", "question": "Why old things?"}])
    said = midspec("eval", *ARM, *JUDGE, "--tasks", "open-qa/old.md", "--questions", "q.jsonl")
    assert said.code == 0, said
    assert re.search(rf"open-qa/old.md{BELOW}judge's mark +\d+\.\d\d +1 *\n", said.out)


def test_the_plan_says_what_llms_are_asked_and_asks_nothing(here: Path) -> None:
    asked = (*ARM, *JUDGE, "--price", "3,15", "--tasks", "open-qa/old.md,generated/items.jsonl")
    said = midspec("eval", *asked, "--half", "all", "--plan")
    assert said.code == 0, said
    words = " ".join(said.out.split())
    assert "openai-api/fake/judge is expected to write 100 questions" in words
    assert "openai-api/fake/arm is expected to answer 100 questions" in words
    assert "openai-api/fake/judge is expected to judge 100 answers" in words
    assert "openai-api/fake/judge is expected to judge 16 answers in 36 calls" in words
    assert not (here / "store").exists()


def test_the_plan_says_what_local_weights_will_take(here: Path, tiny_model: Path) -> None:
    said = midspec("eval", "--model", tiny_model, *JUDGE, "--price", "3,15", "--half", "all",
                   "--tasks", "preference/items.jsonl,agentic-misalignment-small,opposite-failures",
                   "--max-items", 6, "--repeats", 2, "--plan")  # fmt: skip
    assert said.code == 0, said
    assert re.search(
        r"answers to agentic\S+: \S+: about 9,600 tokens, some .* of this mac", said.out
    )
    assert re.search(
        r"to do +preference/items.jsonl: \S+: about \d+ tokens, some 1 s of th", said.out
    )
    costs = [float(found) for found in re.findall(r"about \$(\d+\.\d\d) at list", said.out)]
    (total,) = re.findall(r"All of it together: about \$(\d+\.\d\d)\.", said.out)
    assert len(costs) == 2 and float(total) == pytest.approx(sum(costs), abs=0.011)


def test_local_weights_are_asked_both_ways(here: Path, tiny_model: Path) -> None:
    said = midspec("eval", "--model", tiny_model, "--tasks", "preference/items.jsonl,manners",
                   "--half", "all", "--max-items", 4)  # fmt: skip
    assert said.code == 0, said
    found = (
        rf"preference/items.jsonl{BELOW}value-aligned rate "
        r"+[01]\.\d\d \[.*\] +[\d.]* +[01]\.\d\d +4 *\n"
    )
    assert re.search(found, said.out)
    assert re.search(r"answer length in tokens +\d+\.\d\d( \[.*\])? +4 *\n", said.out)
    assert str(tiny_model) not in said.out


def test_what_its_control_makes_unreadable_is_printed_so(
    here: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = ("--tasks", "preference/items.jsonl,competence", "--half", "all", "--max-items", 4)
    metric = replace(competence.TASK.metrics[0], floor=1.1)
    above = replace(competence.TASK, metrics=(metric,))
    monkeypatch.setitem(CHOICE_TASKS, "competence", above)
    said = midspec("eval", "--model", tiny_model, *tasks)
    assert said.code == 0, said
    assert re.search(
        rf"preference/items.jsonl{BELOW}value-aligned rate +not readable +4 *\n", said.out
    )
    assert re.search(rf"competence{BELOW}trivial pairs answered +0\.\d\d", said.out)
    why = r"preference/items.jsonl is not readable: trivial pairs answered 0\.\d\d, under 1\.10"
    assert re.search(why, said.out)


def test_answers_without_a_score_are_told_with_the_commonest_reason(
    here: Path, served: teacher_server.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with teacher_server.start(refusals=0.3) as bad:
        monkeypatch.setenv("BAD_BASE_URL", bad.base_url)
        monkeypatch.setenv("BAD_API_KEY", "none")
        judge = ("--judge", "openai-api/bad/judge")
        said = midspec("eval", *ARM, *judge, "--tasks", "generated/items.jsonl", "--half", "all")
    assert said.code == 0, said
    (told,) = re.findall(
        r"generated/items.jsonl: (\d+) of 16 answers have no score \((\d+): no "
        r"verdict could be read: no JSON object\); all reasons stand in",
        said.out,
    )
    assert told[0] == told[1] and 0 < int(told[0]) < 16


@pytest.fixture
def quick(tiny_experiment: Path) -> Path:
    """The tiny experiment with two arms that train nothing."""
    values: dict[str, Any] = yaml.safe_load(tiny_experiment.read_text())
    values.update(arms={"base": [], "reference": [{"prompt": "old"}]}, contrasts=[])
    return tiny.write_experiment(tiny_experiment.parent, values)


def test_an_arm_shares_its_stages_with_its_experiment(here: Path, quick: Path) -> None:
    assert midspec("run", quick).code == 0
    before = {path.name for path in Path("store").iterdir()}
    said = midspec("eval", "reference", "-e", quick, "--tasks", "preference/items.jsonl")
    assert said.code == 0, said
    assert {path.name for path in Path("store").iterdir()} == before
    said = midspec("eval", "reference", "-e", quick, "--tasks", "manners", "--max-items", 2)
    assert said.code == 0, said
    new = {path.name.partition("-")[0] for path in Path("store").iterdir()} - {
        name.partition("-")[0] for name in before
    }
    assert new == {"answers", "judged"}


def test_an_experiment_has_an_identity_of_its_own(here: Path, quick: Path) -> None:
    asked = ("base", "-e", quick, "--tasks", "agentic", "--model-name", "Arda")
    refused(midspec("eval", *asked), "--model-name and --provider-name are for a model that no exp")


def test_an_arm_that_is_not_trained_or_not_there_is_said(here: Path, tiny_experiment: Path) -> None:
    tasks = ("-e", tiny_experiment, "--tasks", "manners")
    refused(midspec("eval", "msm", *tasks), "The arm msm, seed 0 isn't trained yet")
    refused(midspec("eval", "odd", *tasks), "The experiment has no arm 'odd'. Its arms: base")
    refused(midspec("eval", "msm", *tasks, "--seed", 9), "has no seed 9")


def test_an_experiment_reports_what_is_generated_beside_what_is_likely(
    here: Path, quick: Path, served: teacher_server.Server
) -> None:
    values = yaml.safe_load(quick.read_text())
    values.update(
        evals=["preference/items.jsonl", "generated/items.jsonl", "manners"],
        judge="openai-api/fake/judge",
        max_items=4,
    )
    path = tiny.write_experiment(quick.parent, values)
    planned = midspec("plan", path)
    told = " ".join(planned.out.split())
    assert "items.jsonl: openai-api/fake/judge is expected to judge 16 answers" in told  # two arms'
    said = midspec("run", path)
    assert said.code == 0, said
    (report,) = Path("store").glob("report-*")
    assert "generated/items.jsonl" in (report / "results.json").read_text()
