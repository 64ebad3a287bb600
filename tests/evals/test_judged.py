"""The stage that judges stored answers: nothing generated again, nothing paid twice."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from inspect_ai.log import read_eval_log

from midspec.errors import TeacherError
from midspec.evals.answers import AnswersConfig, answers_stage
from midspec.evals.judged import JudgedConfig, judged_stage
from midspec.files import read_dicts, read_json, read_rows
from midspec.llm.settings import Limits, Teacher, limited
from midspec.records import Metric, Score
from midspec.run.build import build, open_store
from midspec.run.stage import Source, Stage
from tests import teacher_server
from tests.teacher_server import Server
from tests.tiny import item_rows, write_jsonl
from tests.waiting import until

MODEL = "openai-api/fake/arm"
EVAL = "generated/items.jsonl"
JUDGE = Teacher("openai-api/fake/judge", temperature=0.0)
ITEMS = 20
LIMITS = Limits(connections=4, retries=2, timeout=20, max_tokens=1_000_000)


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Server]]:
    """Start the pretend teacher, which also answers and judges."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def start(**settings: float) -> Server:
            server = stack.enter_context(teacher_server.start(**settings))
            monkeypatch.setenv("FAKE_BASE_URL", server.base_url)
            monkeypatch.setenv("FAKE_API_KEY", "none")
            return server

        yield start


def stages(folder: Path, judge: Teacher = JUDGE) -> tuple[Stage, Stage]:
    """Answers on forced choices, and verdicts on them."""
    items = Source("items", write_jsonl(folder / "items.jsonl", item_rows(ITEMS)))
    config = AnswersConfig(EVAL, "all", None, 1, False, "hf", MODEL, 1)
    answers = answers_stage("answers", config, {"items": items})
    judged = JudgedConfig(EVAL, "all", None, judge, 1)
    return answers, judged_stage("judged", judged, answers, {"items": items})


def made(root: Path, *wanted: Stage, limits: Limits = LIMITS) -> list[Path]:
    """The finished folders."""
    store = open_store(root)
    with limited(limits):
        return [build(stage, store) for stage in wanted]


def summary(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = read_json(folder / "manifest.json")["summary"]
    return found


def test_the_scored_log_the_scores_and_what_they_mean_are_written(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server = serve()
    _, folder = made(tmp_path / "store", *stages(tmp_path))
    scores = read_rows(folder / "scores.jsonl", Score)
    metrics = read_rows(folder / "metrics.jsonl", Metric)
    assert [metric.measure for metric in metrics] == ["", "of decided", "decided"]
    main = [score for score in scores if not score.measure]
    assert [score.item for score in main] == [f"old-{n}" for n in range(ITEMS)]
    assert read_dicts(folder / "failed.jsonl") == []
    log = read_eval_log(str(folder / "logs" / "judged.eval"))
    assert log.results and log.results.scores[0].name == "preferred"
    assert log.eval.model_roles and str(log.eval.model_roles).count(JUDGE.model) == 1
    assert log.samples and all(sample.scores for sample in log.samples)
    told = summary(folder)
    assert (told["answers"], told["failed"], told["calls"]) == (2 * ITEMS, 0, 4 * ITEMS)
    assert told["means"]["main"] == pytest.approx(sum(s.value for s in main) / ITEMS)
    assert server.stats()["answered"] == 2 * ITEMS + 4 * ITEMS


def test_another_judge_scores_the_same_answers(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server = serve()
    answers, judged = stages(tmp_path)
    made(tmp_path / "store", answers, judged)
    before = server.stats()["answered"]
    _, again = stages(tmp_path, Teacher("openai-api/fake/other", temperature=0.0))
    made(tmp_path / "store", again)
    assert again.fingerprint() != judged.fingerprint()
    assert server.stats()["answered"] - before == 4 * ITEMS  # verdicts, and not one answer


def test_a_judge_on_a_bad_day_costs_what_it_fails_on(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server = serve()
    answers, judged = stages(tmp_path)
    made(tmp_path / "store", answers)
    serve(refusals=0.2, malformed=0.2, rate_limited=0.1, errors=0.05)
    (folder,) = made(tmp_path / "store", judged)
    failed = read_dicts(folder / "failed.jsonl")
    told = summary(folder)
    assert 0 < told["failed"] == len(failed) < ITEMS
    assert all(row["reason"].startswith("no verdict could be read") for row in failed)
    log = read_eval_log(str(folder / "logs" / "judged.eval"))
    assert len(log.samples or []) == 2 * ITEMS
    assert server.stats()["answered"] == 2 * ITEMS


def test_a_judge_that_stalls_costs_what_it_stalls_on(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    serve()
    answers, judged = stages(tmp_path)
    made(tmp_path / "store", answers)
    serve(hangs=0.2)
    impatient = Limits(connections=8, retries=0, timeout=2, max_tokens=1_000_000)
    (folder,) = made(tmp_path / "store", judged, limits=impatient)
    failed = read_dicts(folder / "failed.jsonl")
    assert 0 < summary(folder)["failed"] == len(failed) < 2 * ITEMS
    assert {row["reason"] for row in failed} == {"the grader did not answer: no answer in time"}
    scored = {row["item"] for row in read_dicts(folder / "scores.jsonl")}
    lost_twice = Counter(row["item"] for row in failed)
    assert len(scored) == ITEMS - sum(count == 2 for count in lost_twice.values())


def test_a_used_up_budget_stops_and_a_higher_one_goes_on(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server = serve()
    answers, judged = stages(tmp_path)
    store = tmp_path / "store"
    made(store, answers)
    small = Limits(connections=2, max_tokens=9_000)
    with pytest.raises(TeacherError, match=r"The budget is used up: .*--max-tokens to go on"):
        made(store, judged, limits=small)
    assert 0 < server.stats()["answered"] - 2 * ITEMS < 4 * ITEMS
    (folder,) = made(store, judged)
    assert summary(folder)["calls"] == 4 * ITEMS
    assert server.stats()["repeated"] == 0


def test_a_judge_that_refuses_every_call_is_one_sentence(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    serve()
    answers, _ = stages(tmp_path)
    made(tmp_path / "store", answers)
    _, judged = stages(tmp_path, Teacher("openai-api/nobody/judge"))
    with pytest.raises(TeacherError, match="The teacher openai-api/nobody/judge can't be used"):
        made(tmp_path / "store", judged)


KILLED = """
import sys
from pathlib import Path
from tests.evals.test_judged import made, stages
made(Path(sys.argv[1]) / "store", stages(Path(sys.argv[1]))[1])
"""


def test_a_killed_judging_goes_on_and_asks_nothing_twice(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server = serve(latency=0.1)
    answers, _ = stages(tmp_path)
    made(tmp_path / "store", answers)
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    with subprocess.Popen(command, env=os.environ.copy()) as process:
        until(lambda: server.stats()["answered"] >= 2 * ITEMS + 20)
        process.send_signal(signal.SIGKILL)
    assert server.stats()["answered"] < 6 * ITEMS
    subprocess.run(command, check=True)
    (folder,) = (tmp_path / "store").glob("judged-*")
    assert summary(folder)["calls"] == 4 * ITEMS
    assert server.stats()["answered"] == 6 * ITEMS and server.stats()["repeated"] == 0


def test_an_eval_that_rules_score_takes_no_judge(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    serve()
    answers = answers_stage(
        "answers", AnswersConfig("manners", "all", 10, 1, False, "hf", MODEL, 1), {}
    )
    judged = judged_stage("judged", JudgedConfig("manners", "all", 10, None, 1), answers, {})
    _, folder = made(tmp_path / "store", answers, judged)
    told = summary(folder)
    assert "calls" not in told and told["means"]["broken"] == 0.0
    assert set(told["means_by_domain"]) <= {"task", "talk", "sensitive"}
    assert json.loads((folder / "scores.jsonl").read_text().splitlines()[0])["half"] == ""
