"""The stage of answers: raw, whole, and not generated twice."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from inspect_ai.log import read_eval_log

from midspec.errors import DataError, TeacherError
from midspec.evals.answers import AnswersConfig, answers_stage, prepare
from midspec.evals.generated.manners import TASK
from midspec.evals.task import Ask
from midspec.files import read_dicts, read_json
from midspec.llm.settings import Limits, limited
from midspec.run.build import build, open_store
from midspec.run.stage import Source, Stage
from midspec.spec.stage import spec_stage
from tests.llm.scripted import Reply, Scripted, scripted
from tests.tiny import SPEC, item_rows, write_jsonl
from tests.waiting import until

MODEL = "openai-api/fake/arm"
CONFIG = {
    "eval": "manners", "half": "all", "max_items": 8, "repeats": 1, "thinking": False,
    "engine": "hf", "model": MODEL, "version": 1,
}  # fmt: skip
LIMITS = Limits(connections=2, retries=1, timeout=20)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    """An arm that a provider serves."""
    with scripted() as server:
        monkeypatch.setenv("FAKE_BASE_URL", server.base_url)
        monkeypatch.setenv("FAKE_API_KEY", "none")
        yield server


def stage(inputs: dict[str, Stage | Source] | None = None, **changes: Any) -> Stage:
    """The stage of answers of an arm that is served."""
    config: dict[str, Any] = CONFIG | changes
    return answers_stage("answers", AnswersConfig(**config), inputs or {})


def made(root: Path, stage: Stage) -> Path:
    """The finished folder."""
    with limited(LIMITS):
        return build(stage, open_store(root))


def asked(api: Scripted) -> Counter[str]:
    """How often each message was sent."""
    return Counter(body["messages"][-1]["content"] for body in api.bodies)


def test_every_sample_is_answered_once_and_the_log_holds_no_score(
    api: Scripted, tmp_path: Path
) -> None:
    folder = made(tmp_path, stage())
    log = read_eval_log(str(folder / "logs" / "answers.eval"))
    assert log.samples and len(log.samples) == len(asked(api)) == len(api.bodies) == 8
    assert not any(sample.scores for sample in log.samples)
    rows = read_dicts(folder / "answers.jsonl")
    assert [row["answer"] for row in rows] == ["Tea."] * 8
    assert {path.name for path in folder.iterdir()} == {"answers.jsonl", "logs", "manifest.json"}
    assert [path.name for path in (folder / "logs").iterdir()] == ["answers.eval"]
    summary = read_json(folder / "manifest.json")["summary"]
    assert (summary["answers"], summary["failed"], summary["output_tokens"]) == (8, 0, 1600)
    assert {body["temperature"] for body in api.bodies} == {0.0}


def test_repeats_are_kept_as_samples(api: Scripted, tmp_path: Path) -> None:
    folder = made(tmp_path, stage(repeats=3))
    rows = read_dicts(folder / "answers.jsonl")
    assert len(rows) == 24
    assert Counter(row["repeat"] for row in rows) == {1: 8, 2: 8, 3: 8}


def test_a_reference_arm_has_the_spec_in_its_system_prompt(api: Scripted, tmp_path: Path) -> None:
    path = tmp_path / "spec.md"
    path.write_text(SPEC)
    spec = spec_stage("old", path, {"model_name": "Tiny", "provider_name": "Testers"})
    root = open_store(tmp_path / "store")
    build(spec, root)
    made(root, stage({"spec": spec}))
    for body in api.bodies:
        system, user = body["messages"]
        assert "Tiny prefers old things to new ones." in system["content"]
        assert user["role"] == "user"


def test_a_spec_stands_before_a_sample_s_own_system_message() -> None:
    from inspect_ai.model import ChatMessageSystem, ChatMessageUser

    task = TASK.task(Ask(None, None, "all", 2))
    task.dataset[0].input = [ChatMessageSystem(content="Own."), ChatMessageUser(content="Hi.")]
    prepare(task, "Spec.", thinking=True)
    assert [m.text for m in task.dataset[0].input] == ["Spec.\n\nOwn.", "Hi."]
    assert [m.role for m in task.dataset[1].input] == ["system", "user"]
    assert task.config.max_tokens == 64 + 2048


def test_an_answer_that_fails_twice_is_counted_and_costs_no_other(
    api: Scripted, tmp_path: Path
) -> None:
    api.script.extend([Reply(status=400, error="I don't like it")] * 2)
    folder = made(tmp_path, stage(max_items=20))
    rows = read_dicts(folder / "answers.jsonl")
    failed = [row for row in rows if row["error"]]
    assert len(rows) == 20 and len(failed) <= 2
    assert all("I don't like it" in row["error"] for row in failed)


def test_where_a_fifth_fails_the_stage_does_and_goes_on_with_what_is_missing(
    api: Scripted, tmp_path: Path
) -> None:
    api.script.extend([Reply()] * 3)
    api.always = Reply(status=400, error="no such thing")
    with pytest.raises(TeacherError, match=r"5 answers of openai-api/fake/arm failed.*no such th"):
        made(tmp_path, stage())
    good = asked(api)
    api.always, before = Reply(), len(api.bodies)
    folder = made(tmp_path, stage())
    assert len(api.bodies) - before == 5
    assert sum(count == 1 for count in good.values()) == 3
    assert not [row for row in read_dicts(folder / "answers.jsonl") if row["error"]]


def test_an_eval_with_nothing_to_ask_says_so(api: Scripted, tmp_path: Path) -> None:
    items = Source("items", write_jsonl(tmp_path / "items.jsonl", item_rows(1)))
    with pytest.raises(DataError, match="has no item in its held-out half"):
        made(tmp_path / "s", stage({"items": items}, eval="generated/items.jsonl", half="held-out"))


KILLED = """
import json, sys
from pathlib import Path
from midspec.evals.answers import AnswersConfig, answers_stage
from midspec.llm.settings import Limits, limited
from midspec.run.build import build, open_store
config = json.loads(sys.argv[1])
with limited(Limits(connections=2)):
    build(answers_stage("answers", AnswersConfig(**config), {}), open_store(Path(sys.argv[2])))
"""


@pytest.mark.usefixtures("heard_signals")
def test_a_run_that_is_killed_or_stopped_goes_on_without_answering_again(
    api: Scripted, tmp_path: Path
) -> None:
    api.always = Reply(after=0.15)
    config = CONFIG | {"max_items": 40}
    command = [sys.executable, "-c", KILLED, json.dumps(config), str(tmp_path / "store")]
    environment = os.environ | {"XDG_DATA_HOME": str(tmp_path / "data")}
    for wanted, how in ((12, signal.SIGKILL), (24, signal.SIGINT)):
        with subprocess.Popen(command, env=environment) as process:
            until(lambda: len(api.bodies) >= wanted)  # noqa: B023 - it is called at once
            process.send_signal(how)
        assert process.returncode
    assert 24 <= len(api.bodies) < 36
    subprocess.run(command, env=environment, check=True)
    (folder,) = (tmp_path / "store").glob("answers-*")
    rows = read_dicts(folder / "answers.jsonl")
    assert len(rows) == 40 and all(row["answer"] == "Tea." for row in rows)
    counts = asked(api)
    assert len(counts) == 40
    assert counts.total() <= 40 + 2 * 2  # only what was under way is asked again
