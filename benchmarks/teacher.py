"""What the benchmarks of writing share: a teacher that has a bad day, and runs that are killed.

The teacher is `tests.teacher_server`, in a process of its own. A benchmark's last line is one line
of JSON. Linux only: memory is read from /proc.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.teacher_answers import text_digest
from tests.teacher_server import Server, start

ROOT = Path(__file__).resolve().parents[1]
SPEC = ROOT / "specs" / "quiet.md"
CONNECTIONS = 50
BAD_DAY: dict[str, float] = {
    "rate_limited": 0.1,
    "errors": 0.05,
    "hangs": 0.02,
    "truncated": 0.05,
    "refusals": 0.05,
    "malformed": 0.05,
    "rejected": 0.05,
}
# Few connections and slow answers: a killed run leaves its calls under way to be finished, and
# 20 times 50 of them would be the whole work.
KILLS, KILL_CONNECTIONS, KILL_LATENCY = 20, 6, 0.2

Part = Callable[[Path, int], dict[str, Any]]


@dataclass(frozen=True)
class Writing:
    """A command that has the teacher write, up to the number that it is given.

    whole: what it makes, rows: what that consists of, files: those that must not depend on how
    often it was killed; the first one has the rows that are kept.
    """

    command: str
    whole: str
    rows: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """Where one run of a command writes."""

    writing: Writing
    folder: Path

    @property
    def out(self) -> Path:
        """The folder of what was made."""
        return self.folder / "out"

    @property
    def log(self) -> Path:
        """What the command printed."""
        return self.folder / "log"

    def summary(self) -> dict[str, Any]:
        """The manifest's summary; stops if what was asked isn't all in the files, each once."""
        found: dict[str, Any] = json.loads((self.out / "manifest.json").read_text())["summary"]
        rows, step = self.writing.rows, self.writing.rows[:-1]
        ids: list[str] = []
        for key in (rows, "set_aside", "failed"):
            ended = read_rows(self.out / f"{key}.jsonl")
            if key == "failed":  # the plan's failures are there, too
                ended = [row for row in ended if row["step"] == step]
            need(len(ended) == found[key], f"{key}: {len(ended)} in the file, {found[key]} told")
            ids += [row["id"] for row in ended]
        need(len(ids) == found["asked"], f"{len(ids)} {rows} ended, of {found['asked']} asked")
        need(len(set(ids)) == len(ids), f"{len(ids) - len(set(ids))} {rows} ended twice")
        return found

    def ledger(self) -> dict[str, str]:
        """Each answered call's key and text."""
        rows = [row for path in self.folder.glob("store/ledger/*.jsonl") for row in read_rows(path)]
        return {row["key"]: row["text"] for row in rows}


def need(holds: bool, what: str) -> None:
    """Stop with a sentence where something doesn't hold."""
    if not holds:
        raise SystemExit(f"benchmark: {what}")


def say(what: str) -> None:
    """Print progress."""
    print(what, flush=True)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSONL file; a line that a kill has torn is no row."""
    rows = []
    for line in path.read_bytes().splitlines():
        with suppress(ValueError):
            rows.append(json.loads(line))
    return rows


def begin(
    place: Place, server: Server, n: int, connections: int = CONNECTIONS, timeout: float = 2
) -> subprocess.Popen[bytes]:
    """Start the command."""
    place.folder.mkdir(parents=True, exist_ok=True)
    command = f"""-m midspec.cli {place.writing.command} {n} --teacher openai-api/fake/writer
        --store {place.folder / "store"} --out {place.out}
        --connections {connections} --timeout {timeout}"""
    with place.log.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, *command.split()],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "FAKE_BASE_URL": server.base_url, "FAKE_API_KEY": "none"},
        )


def finish(process: subprocess.Popen[bytes], place: Place) -> int:
    """Wait for the command, which must succeed; the most memory its processes held, in bytes."""
    peak = 0
    while process.poll() is None:
        peak = max(peak, tree_rss(process.pid))
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.2)
    tail = place.log.read_text(errors="replace")[-2000:] if process.returncode else ""
    need(not process.returncode, f"the command exited with {process.returncode}:\n{tail}")
    return peak


def tree_rss(root: int) -> int:
    """The resident memory of a process and all below it; what they share counts for each."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    family = {root}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    pages = 0
    for pid in family:
        with suppress(OSError):
            pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def faults(writing: Writing, work: Path, n: int) -> dict[str, Any]:
    """All that is asked for, from a teacher that fails in every way."""
    say(f"faults: {n:,} {writing.rows}, 50 ms a call, {BAD_DAY}")
    place = Place(writing, work / "faults")
    with start(latency=0.05, capacity=CONNECTIONS, **BAD_DAY) as server:
        began = time.monotonic()
        peak = finish(begin(place, server, n), place)
        seconds = time.monotonic() - began
        stats, handed_over = server.stats(), server.texts()
    kept = Counter(text_digest(text) for text in place.ledger().values())
    # By text, since a sum would hide an answer lost behind one that the server took for lost.
    lost = (handed_over - kept).total()
    found = place.summary()
    say(f"  server {stats}")
    say(f"  summary {found}")
    say(f"  {seconds:.1f} s; ledger has {kept.total():,} calls of {stats['distinct']:,} answered")
    return {
        "requested": n,
        "delivered": found[writing.rows],
        "lost": lost,
        "repeated": stats["repeated"],
        "unreadable_repeated": stats["unreadable_repeated"],
        "rss_mb": round(peak / 2**20),
        "faults_seconds": round(seconds, 1),
    }


def kills(writing: Writing, work: Path, n: int) -> dict[str, Any]:
    """A run that is killed again and again makes what one left alone does."""
    say(f"kills: {n:,} {writing.rows}, undisturbed and with {KILLS} kills")
    settings = {"latency": KILL_LATENCY, "capacity": CONNECTIONS, **BAD_DAY}
    calm, killed = Place(writing, work / "calm"), Place(writing, work / "killed")
    with start(**settings) as server:
        first = begin(calm, server, n, KILL_CONNECTIONS)
        began = time.monotonic()
        while server.stats()["requests"] == 0 and first.poll() is None:
            time.sleep(0.05)
        startup = time.monotonic() - began
        finish(first, calm)
        undisturbed = server.stats()
        say(f"  undisturbed {calm.summary()}, {startup:.1f} s to the first call")
        server.reset()
        done = kill_and_rerun(killed, server, n, undisturbed["answered"], startup)
        stats = server.stats()
    say(f"  killed {killed.summary()}")
    say(f"  server {stats}")
    differ = [
        name
        for name in writing.files
        if (calm.out / name).read_bytes() != (killed.out / name).read_bytes()
    ]
    whole = writing.whole
    say(f"  {done} kills; {'differ: ' + ', '.join(differ) if differ else f'the same {whole}'}")
    return {
        "kills": done,
        f"kill_same_{whole}": not differ,
        "kill_repeated": stats["repeated"],
        "kill_unreadable_repeated": stats["unreadable_repeated"],
    }


def kill_and_rerun(place: Place, server: Server, n: int, answers: int, startup: float) -> int:
    """Kill the command's own process at random moments over its work, then let it finish.

    A moment is a number of answers, so that starting up, which is most of a short run, doesn't
    get most of the kills; a moment that has passed before a rerun falls into its start.
    """
    draw = random.Random(1)
    moments = sorted(draw.uniform(0, 0.95 * answers) for _ in range(KILLS))
    done = 0
    for moment in moments:
        process = begin(place, server, n, KILL_CONNECTIONS)
        if server.stats()["answered"] >= moment:
            time.sleep(draw.uniform(0, 1.5 * startup))
        while process.poll() is None and server.stats()["answered"] < moment:
            time.sleep(0.02)
        time.sleep(draw.uniform(0, 0.2))
        if process.poll() is not None:
            finish(process, place)  # stops if it failed
            say(f"  finished before kill {done + 1}, at {server.stats()['answered']} answers")
            return done
        process.kill()
        process.wait()
        done += 1
        say(f"  kill {done} at {server.stats()['answered']} of {answers} answers")
    finish(begin(place, server, n, KILL_CONNECTIONS), place)
    return done


def measure(about: str, rows: str, parts: Mapping[str, tuple[Part, int]]) -> None:
    """Run the parts that the command line asks for, and print what they found."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--only", choices=parts, help="one part instead of all")
    parser.add_argument(f"--{rows}", dest="n", type=int, help="a number for a shorter run")
    parser.add_argument("--work", type=Path, help="an empty folder in which to leave the runs")
    asked = parser.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for name in [asked.only] if asked.only else parts:
            part, usual = parts[name]
            found |= part((asked.work or Path(temporary)).resolve(), asked.n or usual)
    print(json.dumps(found))
