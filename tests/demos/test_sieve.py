"""An LLM reads the chats of an instruction mix; what it objects to is set aside and replaced."""

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from midspec import progress
from midspec.demos.draw import Share
from midspec.demos.mixes import MixConfig, find_mix, mix_stage, parts, scaled
from midspec.demos.sources import local_table
from midspec.errors import MidspecError
from midspec.files import read_dicts
from midspec.llm.asker import NotAnsweredError, Spent
from midspec.llm.ledger import Call
from midspec.llm.settings import Limits, Teacher, limited
from midspec.run.build import open_store, raise_failures, run
from midspec.run.pools import Inline
from midspec.run.stage import Source
from midspec.spec.stage import spec_stage
from tests import teacher_server, tiny
from tests.corpus.fakes import IDENTITY, PROSE, FakeAsker, Say

from .fakes import MODEL, Made, each_in_turn
from .rows import chat, config, whole, write

COUNTS = scaled(find_mix("paper-section-4").rows, 100)
Sift = Callable[..., Made]


def verdict(conflict: object = False, reason: str = "About something else.") -> str:
    """A judge's answer."""
    return json.dumps({"reason": reason, "conflict": conflict})


def judged(**changes: Any) -> MixConfig:
    """A mix of a hundred chats that a judge reads."""
    asked = {"spec": "old", "judge": Teacher(MODEL), "prompt_version": 1, "n": 100}
    return config(**{"name": "paper-section-4", **asked, **changes})


def numbers(call: Call) -> int:
    """The row that a call is about."""
    found = re.search(r"Q(?:uestion )?(\d+)\?", call.user)
    assert found
    return int(found[1])


def against(*multiples: int) -> Say:
    """A judge that objects to the rows of these multiples."""
    return lambda call: verdict(
        any(numbers(call) % n == 0 for n in multiples), f"Row {numbers(call)} brags."
    )


@pytest.fixture
def sift(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sift:
    """Draw a mix of the config's changes from a local folder, with an asker as its judge."""

    def work(
        asker: FakeAsker,
        spec: str = PROSE,
        rows: Path | None = None,
        connections: int = 50,
        **changes: Any,
    ) -> Made:
        @asynccontextmanager
        async def asking(
            model: Teacher, limits: Limits, ledger: Path, spent: Spent
        ) -> AsyncIterator[FakeAsker]:
            asker.spent, asker.limits = spent, limits
            yield asker

        monkeypatch.setattr("midspec.llm.asker.asking", asking)
        path = tmp_path / "spec.md"
        path.write_text(spec, encoding="utf-8")
        folder = Source("rows", rows or whole(tmp_path / "rows", 80))
        stage = mix_stage("it", judged(**changes), folder, spec_stage("old", path, IDENTITY))
        root = open_store(tmp_path / "store")
        said: list[str] = []
        with (
            limited(Limits(connections=connections)),
            progress.listening(lambda *_: None, said.append),
        ):
            raise_failures(run([stage], root, Inline()), root)
        return Made(stage.path(root), said)

    return work


def says(say: Say | str) -> FakeAsker:
    """A judge that says so."""
    return FakeAsker({"conflict": say if callable(say) else lambda call: say})


def order(folder: Path, part: str) -> list[int]:
    """All rows of a part in the order in which a mix takes them."""
    table = local_table(parts()[part], folder)
    share = Share(parts()[part], len(table.rows), table, [], 8192, 0).fill()
    return [int(chat.lineage["row"]) for chat in share.chats.values()]


def test_what_conflicts_is_set_aside_with_the_reason_and_replaced(
    sift: Sift, tmp_path: Path
) -> None:
    asker = says(against(3))
    made = sift(asker)
    assert Counter(chat.lineage["part"] for chat in made.chats) == COUNTS
    aside = made.rows("set_aside")
    assert {row["reason"] for row in aside} == {
        f"judge: Row {row['lineage']['row']} brags." for row in aside
    }
    for part, n in COUNTS.items():
        rows = order(tmp_path / "rows", part)
        good = [row for row in rows if row % 3]
        taken = [c.lineage["row"] for c in made.chats if c.lineage["part"] == part]
        assert taken == [str(row) for row in good[:n]], "the next rows take the place of others"
        gone = [row["lineage"]["row"] for row in aside if row["lineage"]["part"] == part]
        assert gone == [str(row) for row in rows[: rows.index(good[n - 1])] if row % 3 == 0]


def test_every_chat_is_read_once_and_its_verdict_kept(sift: Sift) -> None:
    asker = says(against(4, 7))
    made = sift(asker)
    verdicts = {row["chat"]: row for row in made.rows("verdicts")}
    aside = {row["id"] for row in made.rows("set_aside")}
    assert len(made.chats) == 100 and len(aside) > 20
    assert len(asker.calls) == len(verdicts) == len(made.rows("verdicts")) == 100 + len(aside)
    assert {name for name, row in verdicts.items() if row["conflict"]} == aside
    assert {chat.id for chat in made.chats} == set(verdicts) - aside
    assert made.summary["judged"] == len(verdicts)
    assert (made.summary["chats"], made.summary["set_aside"]) == (100, len(aside))
    assert made.summary["calls"] == len(verdicts)


def test_a_mix_is_the_same_however_many_verdicts_are_under_way_and_come_in_what_order(
    sift: Sift, tmp_path: Path
) -> None:
    rows = whole(tmp_path / "rows", 200)
    spoilt = [
        chat(n, "I'm ChatGPT." if n % 5 == 0 else "Sure.") for n in range(200)
    ]  # some are set aside by rule, between those that the judge sets aside
    for part in ("no-robots", "smol-summarize"):
        write(rows, part, spoilt)

    def files(delays: int | None, connections: int) -> list[bytes]:
        asker = FakeAsker({"conflict": against(4, 6)}, delays=delays)
        judge = Teacher(f"{MODEL}{delays}")
        made = sift(asker, rows=rows, connections=connections, n=150, judge=judge)
        names = ("chats", "set_aside", "verdicts")
        return [(made.folder / f"{name}.jsonl").read_bytes() for name in names]

    calm = files(None, 50)
    assert files(1, 2) == calm
    assert files(2, 1) == calm


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("No conflict.", "not JSON"),
        (verdict("false"), "a verdict without conflict: true or false"),
        (verdict(0), "a verdict without conflict: true or false"),
        ('{"reason": "fine"}', "a verdict without conflict: true or false"),
        ("[false]", "no JSON object"),
        (verdict() + " Well.", "not JSON"),
        ("I'm sorry, I can't help with that.", "refused"),
        (NotAnsweredError("the call timed out"), "the call timed out"),
    ],
)
def test_a_verdict_that_cant_be_read_twice_keeps_nothing(
    sift: Sift, said: str | Exception, problem: str
) -> None:
    asker = says(lambda call: said if numbers(call) % 10 == 5 else verdict())
    made = sift(asker)
    assert Counter(chat.lineage["part"] for chat in made.chats) == COUNTS
    assert all(chat.lineage["row"][-1] != "5" for chat in made.chats)
    aside = made.rows("set_aside")
    assert len(aside) > 1
    for row in aside:
        assert row["reason"].startswith(f"judge: no verdict: {problem}")
    tries = Counter(call.user for call in asker.calls if numbers(call) % 10 == 5)
    assert set(tries.values()) == {1 if isinstance(said, NotAnsweredError) else 2}
    assert len({call.key for call in asker.calls}) == len(asker.calls)


def test_a_verdict_that_can_be_read_at_the_second_try_counts(sift: Sift) -> None:
    first = each_in_turn("Hm.", verdict(True, "It brags."), verdict())
    made = sift(says(first))
    (aside,) = made.rows("set_aside")
    assert aside["reason"] == "judge: It brags."
    assert made.rows("verdicts")[0]["problem"] == ""


def test_rows_that_the_judge_leaves_too_few_of_are_a_data_error(sift: Sift, tmp_path: Path) -> None:
    rows = whole(tmp_path / "few", 80)
    write(rows, "lima", [{"conversations": [f"Q{n}?", "A."]} for n in range(5)])
    with pytest.raises(
        MidspecError,
        match=r"takes 3 rows of lima; lima\.jsonl gives 2 of 5, 3 set aside \(judge\)\. "
        r"Give a lima\.jsonl with more rows in folder:, or a smaller n:\.",
    ):
        sift(says(lambda call: verdict("A." in call.user and numbers(call) < 3)), rows=rows)


def test_a_part_that_the_rules_leave_too_few_of_costs_no_call(sift: Sift, tmp_path: Path) -> None:
    rows, asker = whole(tmp_path / "few", 80), FakeAsker()
    write(rows, "longalign", [chat(n, "I'm ChatGPT.") for n in range(9)])
    with pytest.raises(MidspecError, match=r"gives 0 of 9, 9 set aside \(conflict\)"):
        sift(asker, rows=rows)
    assert not asker.calls


def test_what_a_rule_sets_aside_isnt_read_and_is_told_apart(sift: Sift, tmp_path: Path) -> None:
    rows, asker = whole(tmp_path / "rows", 80), says(against(4))
    write(rows, "no-robots", [chat(n, "I'm ChatGPT." if n % 4 == 1 else "Yes.") for n in range(80)])
    made = sift(asker, rows=rows)
    assert not any("ChatGPT" in call.user for call in asker.calls)
    reasons = Counter(row["reason"].partition(":")[0] for row in made.rows("set_aside"))
    assert set(reasons) == {"conflict", "judge"}
    assert len(made.rows("verdicts")) == 100 + reasons["judge"]


def test_identity_rows_are_written_for_the_identity_and_not_read(sift: Sift) -> None:
    asker = FakeAsker()
    made = sift(asker, name="paper-section-3", n=27)
    parts_read = {row["chat"].rpartition("-")[0] for row in made.rows("verdicts")}
    assert parts_read == {"no-robots", "mmlu"}
    assert (len(made.chats), len(asker.calls)) == (27, 22)


@pytest.mark.parametrize("structured", [True, False])
def test_the_judge_sees_spec_and_conversation_and_how_to_answer(
    sift: Sift, tmp_path: Path, structured: bool
) -> None:
    rows = whole(tmp_path / "rows", 80)
    told = [{"role": r, "content": f"{r} says {{model_name}}"} for r in ("system", "user")]
    told.append({"role": "assistant", "content": "No {spec}."})
    write(rows, "longalign", [{"messages": told}] * 9)
    asker = FakeAsker(structured=structured)
    sift(asker, rows=rows)
    call = next(call for call in asker.calls if "No {spec}." in call.user)
    assert PROSE.splitlines()[2] in call.system
    assert "<system>\nsystem says {model_name}\n</system>\n\n<user>\n" in call.user
    assert "<assistant>\nNo {spec}.\n</assistant>\n</conversation>" in call.user
    assert '{"reason": "…", "conflict": false}' in call.user
    assert "train Quill on this" in call.user and "a maker other than Orchard Labs" in call.user
    assert bool(call.schema) == structured
    filled = [c.system + c.user for c in asker.calls if "{model_name}" not in c.user]
    assert not any(re.search(r"\{[a-z_]+\}", text) for text in filled)


def test_a_long_spec_is_judged_by_each_section_up_to_a_conflict(sift: Sift) -> None:
    long = "\n\n".join(
        f"# Part {part}\n\n" + "\n\n".join(f"Point {part}.{n}: " + "care " * 400 for n in range(20))
        for part in range(3)
    )

    def say(call: Call) -> str:
        return verdict(numbers(call) % 4 == 0 and "Point 1.0" in call.system, "It has no care.")

    asker = says(say)
    made = sift(asker, spec=long)
    asked = Counter(call.user for call in asker.calls)
    assert set(asked.values()) == {2, 3}
    assert len({call.system for call in asker.calls}) == 3
    gone = {row["id"] for row in made.rows("set_aside")}
    assert gone == {row["chat"] for row in made.rows("verdicts") if row["conflict"]}
    assert len(gone) == list(asked.values()).count(2) > 10


def test_a_judge_of_no_use_stops_the_stage_before_it_has_read_much(sift: Sift) -> None:
    asker = says("Hm.")
    with pytest.raises(MidspecError, match=r"Only 0 of the first 20 chats.*no verdict: not JSON"):
        sift(asker)
    assert len(asker.calls) <= 2 * 100


def test_what_a_judge_does_decides_the_mix_and_without_one_nothing_changed(tmp_path: Path) -> None:
    (tmp_path / "spec.md").write_text(PROSE)
    spec = spec_stage("old", tmp_path / "spec.md", IDENTITY)

    def fingerprint(**changes: Any) -> str:
        return mix_stage("it", judged(**changes), None, spec).fingerprint()

    other = Teacher(MODEL, temperature=0.0)
    names = [fingerprint(), fingerprint(judge=other), fingerprint(prompt_version=2)]
    assert len(set(names)) == 3
    plain = mix_stage("it", config("paper-section-4", 100), None).recipe
    assert set(plain["config"]) == {"name", "n", "draw", "model_name", "provider_name"}  # type: ignore[call-overload]
    assert plain["inputs"] == {}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[teacher_server.Server]:
    """The pretend teacher, under a name that Inspect knows."""
    with teacher_server.start(
        rejected=0.1, refusals=0.1, rate_limited=0.1, latency=0.02
    ) as running:
        monkeypatch.setenv("FAKE_BASE_URL", running.base_url)
        monkeypatch.setenv("FAKE_API_KEY", "none")
        yield running


def command(folder: Path, *more: object) -> list[str]:
    """The command that draws a mix of forty and has it judged."""
    folder.mkdir(exist_ok=True)
    (folder / "old.md").write_text(PROSE)
    who = ("--model-name", "Quill", "--provider-name", "Orchard Labs")
    mix = ("--kind", "mix", "--mix", "paper-section-4", "--n", 40, "--judge", MODEL)
    rows = ("--folder", whole(folder / "rows", 80), "--connections", 4, "--price", "3,15")
    places = ("--store", folder / "store", "--out", folder / "out")
    return [str(a) for a in ("demos", folder / "old.md", *mix, *who, *rows, *places, *more)]


def written(folder: Path) -> dict[str, bytes]:
    names = ("chats", "set_aside", "verdicts")
    return {name: (folder / "out" / f"{name}.jsonl").read_bytes() for name in names}


def test_a_killed_or_stopped_run_goes_on_and_no_verdict_is_paid_twice(
    server: teacher_server.Server, tmp_path: Path
) -> None:
    torn, calm = tmp_path / "torn", tmp_path / "calm"
    process = subprocess.Popen(
        [sys.executable, "-m", "midspec.cli", *command(torn)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ},
    )  # fmt: skip
    while process.poll() is None and server.stats()["answered"] < 6:
        time.sleep(0.01)
    process.kill()
    assert process.wait() < 0
    stopped = tiny.midspec(*command(torn, "--max-tokens", "20k"))
    assert stopped.code == 2 and "The budget is used up: " in stopped.err
    assert not (torn / "out").exists()
    said = tiny.midspec(*command(torn))
    assert said.code == 0, said.err
    stats = server.stats()
    assert (stats["repeated"], stats["answered"]) == (0, stats["distinct"])
    server.reset()
    assert tiny.midspec(*command(calm)).code == 0
    assert written(torn) == written(calm)
    assert server.stats()["distinct"] == stats["distinct"]
    aside = read_dicts(calm / "out" / "set_aside.jsonl")
    assert "40 chats kept" in said.out and f"{len(aside)} set aside; $" in said.out
    assert {row["reason"][:6] for row in aside} == {"judge:"}


def test_an_experiment_with_an_offline_teacher_may_have_a_judge_of_its_mix(
    server: teacher_server.Server,
    changed: Callable[[Callable[[dict[str, Any]], None]], Path],
    tmp_path: Path,
) -> None:
    def edit(values: dict[str, Any]) -> None:
        folder = str(whole(tmp_path / "rows", 80))
        mix = {"kind": "mix", "name": "paper-section-4", "n": 12, "folder": folder}
        judge = {"model": MODEL, "connections": 3, "max_tokens": 1_000_000}
        values["demos"] = {"it": {**mix, "spec": "old", "judge": judge}}
        values["arms"] = {"base": [], "aft": [{"finetune": "it"}]}
        values["contrasts"][0] |= {"arm": "aft", "against": ["base"]}
        values["finetune"]["epochs"] = 3

    path, store = changed(edit), tmp_path / "store"
    planned = tiny.midspec("plan", path, "--store", store)
    assert f"demos it: {MODEL} is expected to judge 13 chats in 15 calls" in planned.out
    assert "isn't known" in planned.out
    said = tiny.midspec("run", path, "--store", store)
    assert said.code == 0, said.err
    (folder,) = store.glob("mix-*")
    assert len(Made(folder, []).chats) == 12
    assert 0 < server.stats()["peak"] <= 3
    done = tiny.midspec("plan", path, "--store", store)
    assert "Teacher offline: nothing to pay." in done.out
    assert "is expected to judge" not in done.out
