import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from midspec.errors import MidspecError, StoreError
from midspec.files import read_json, write_json
from midspec.run.build import build, graph, open_store, ordered, raise_failures, run
from midspec.run.pools import Inline
from midspec.run.stage import MANIFEST, Stage, verify

from ..waiting import until
from . import recipe
from .recipe import Config, diamond, work


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return open_store(tmp_path / "store")


@pytest.fixture
def diary(tmp_path: Path) -> Path:
    return tmp_path / "diary.txt"


def ran(diary: Path) -> Counter[str]:
    """How often each stage's function was called."""
    return Counter(diary.read_text().split())


def start(tmp_path: Path, hold: Path | str = "") -> "subprocess.Popen[bytes]":
    """The diamond in another process, which begins when `tmp_path/go` exists."""
    arguments = [tmp_path / "store", tmp_path / "diary.txt", hold, tmp_path / "go"]
    return subprocess.Popen([sys.executable, recipe.__file__, *map(str, arguments)])


def test_a_graph_is_built_in_order_and_published(store: Path, diary: Path) -> None:
    target = diamond(diary)
    told: list[str] = []
    assert run([target], store, Inline(), lambda what, s: told.append(f"{what} {s.name}")) == []
    assert (target.path(store) / "whole.txt").read_text() == "toplefttoprightboth"
    assert told[:2] == ["start top", "done top"]
    assert told[-2:] == ["start both", "done both"]


def test_shared_inputs_are_built_once_and_a_second_run_builds_nothing(
    store: Path, diary: Path
) -> None:
    run([diamond(diary)], store, Inline())
    assert ran(diary) == Counter(["top", "left", "right", "both"])
    run([diamond(diary)], store, Inline())
    assert sum(ran(diary).values()) == 4


def test_equal_recipes_are_one_node_of_the_graph(diary: Path) -> None:
    targets = [diamond(diary), diamond(diary)]
    assert len(graph(targets)) == 4
    names = [stage.name for stage in ordered(targets)]
    assert (names[0], names[-1]) == ("top", "both")


def test_stages_come_in_the_order_of_their_inputs() -> None:
    inputs = {text: Stage(text, work, Config(text)) for text in "gbeafdc"}
    both = Stage("both", work, Config("both"), inputs)
    assert [stage.name for stage in ordered([both])] == [*"gbeafdc", "both"]


def test_the_manifest_says_what_was_made_of_what(store: Path) -> None:
    stage = Stage("work", work, Config("a"), title="a title")
    manifest = json.loads((build(stage, store) / "manifest.json").read_text())
    assert manifest["config"] == {"text": "a", "diary": "", "hold": "", "fail": False}
    assert manifest["summary"] == {"characters": 1}
    assert manifest["title"] == "a title"
    assert set(manifest["outputs"]) == {"half.txt", "whole.txt"}
    assert "midspec" in manifest["packages"]
    assert {"began", "seconds", "commit", "inputs", "version"} <= set(manifest)


def test_a_failure_publishes_nothing_and_keeps_its_work_folder(store: Path) -> None:
    stage = Stage("work", work, Config("a", fail=True))
    (failure,) = run([stage], store, Inline())
    assert failure.stage is stage
    assert not stage.path(store).exists()
    assert (store / ".work" / stage.path(store).name / "half.txt").read_text() == "a"


def test_siblings_of_a_failure_go_on_and_dependents_are_skipped(store: Path) -> None:
    top = Stage("top", work, Config("top"))
    bad = Stage("bad", work, Config("bad", fail=True), {"top": top})
    good = Stage("good", work, Config("good"), {"top": top})
    below = Stage("below", work, Config("below"), {"bad": bad, "good": good})
    lowest = Stage("lowest", work, Config("lowest"), {"below": below})
    told: dict[str, str] = {}
    failures = run(
        [bad, lowest, good], store, Inline(), lambda what, s: told.update({s.name: what})
    )
    assert [failure.stage.name for failure in failures] == ["bad"]
    assert told == {
        "top": "done", "bad": "failed", "good": "done", "below": "skipped", "lowest": "skipped"
    }  # fmt: skip
    assert good.done(store)


def fail_kindly(config: Config, inputs: object, out: Path) -> dict[str, object]:
    raise MidspecError(f"{config.text} has no table.")


def test_all_failures_are_told_with_stage_folder_and_cause(store: Path) -> None:
    stages = [Stage("work", fail_kindly, Config(text), title=f"stage {text}") for text in "ab"]
    with pytest.raises(MidspecError) as caught:
        raise_failures(run(stages, store, Inline()), store)
    for stage, text in zip(stages, "ab", strict=True):
        assert f"stage {text} failed: {text} has no table." in str(caught.value)
        assert str(store / ".work" / stage.path(store).name) in str(caught.value)


def test_an_error_that_no_user_can_mend_goes_up_whole(store: Path) -> None:
    with pytest.raises(ValueError, match="a went wrong"):
        raise_failures(run([Stage("work", work, Config("a", fail=True))], store, Inline()), store)


def test_a_kill_in_the_middle_of_a_stage_costs_that_stage_and_no_other(
    tmp_path: Path, store: Path, diary: Path
) -> None:
    (tmp_path / "go").touch()
    hold = tmp_path / "hold"
    hold.touch()
    target = diamond(diary, hold)
    right = target.inputs["right"].path(store)
    process = start(tmp_path, hold)
    until((store / ".work" / right.name / ".held").exists)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not right.exists()

    hold.unlink()
    assert run([target], store, Inline()) == []
    assert (target.path(store) / "whole.txt").read_text() == "toplefttoprightboth"
    assert ran(diary) == Counter({"top": 1, "left": 1, "right": 2, "both": 1})


@pytest.mark.parametrize("whole", [True, False])
def test_a_run_that_died_before_the_rename_leaves_a_stage_that_is_taken_or_made_anew(
    store: Path, diary: Path, whole: bool
) -> None:
    target = diamond(diary)
    assert run([target], store, Inline()) == []
    left = store / ".work" / target.path(store).name
    target.path(store).rename(left)
    if not whole:
        (left / "half.txt").write_text("written again after the manifest")
    assert run([target], store, Inline()) == []
    assert ran(diary)["both"] == (1 if whole else 2)
    verify(target.path(store))
    assert MANIFEST not in read_json(target.path(store) / MANIFEST)["outputs"]


def test_four_processes_that_race_build_each_stage_once(tmp_path: Path, diary: Path) -> None:
    racing = [start(tmp_path) for _ in range(4)]
    time.sleep(1)  # until all four stand at the start
    (tmp_path / "go").touch()
    assert [process.wait(timeout=60) for process in racing] == [0, 0, 0, 0]
    assert ran(diary) == Counter(["top", "left", "right", "both"])


def test_a_changed_output_under_a_dependent_stage_is_a_store_error(
    store: Path, diary: Path
) -> None:
    target = diamond(diary)
    left = build_all(target.inputs["left"], store)
    (left / "whole.txt").write_text("tampered")
    failures = run([target], store, Inline())
    assert [failure.stage.name for failure in failures] == ["both"]
    assert isinstance(failures[0].error, StoreError)
    assert "whole.txt was changed since its stage finished" in str(failures[0].error)


def build_all(stage: object, store: Path) -> Path:
    assert isinstance(stage, Stage)
    assert run([stage], store, Inline()) == []
    return stage.path(store)


def test_a_store_of_a_newer_midspec_is_a_store_error(store: Path) -> None:
    write_json(store / "store.json", {"format": 2, "midspec": "9.1"})
    with pytest.raises(StoreError, match=r"written by midspec 9\.1 \(format 2; .*Upgrade midspec"):
        open_store(store)


@pytest.mark.parametrize("content", ["[]", '{"format": "new"}', "{"])
def test_a_marker_that_is_none_is_a_store_error(store: Path, content: str) -> None:
    (store / "store.json").write_text(content)
    with pytest.raises(StoreError, match=r"store\.json is not"):
        open_store(store)


def test_a_file_in_place_of_a_store_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("")
    with pytest.raises(StoreError, match=r"store is a file|not a folder"):
        open_store(tmp_path / "store")
