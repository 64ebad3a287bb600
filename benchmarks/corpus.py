"""What `midspec corpus` loses, repeats and costs against a teacher that has a bad day.

    python -m benchmarks.corpus [--only faults|throughput|kills|dedup] [--documents N]

The teacher is `tests.teacher_server`. The last line printed is one line of JSON. Linux only:
memory is read from /proc.
"""

import argparse
import asyncio
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tests.teacher_answers import WORDS, prose, text_digest
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
}
# Few connections and slow answers: a killed run leaves its calls under way to be finished, and
# 20 times 50 of them would be the whole corpus.
KILLS, KILL_CONNECTIONS, KILL_LATENCY = 20, 6, 0.2
COMPARED = ("documents.jsonl", "set_aside.jsonl", "failed.jsonl")
NEAR_EVERY = 100  # one in so many documents for deduplication is another, a few words changed
NEAR_WORDS = 400


@dataclass(frozen=True)
class Place:
    """Where one corpus is made."""

    folder: Path

    @property
    def out(self) -> Path:
        """The corpus folder."""
        return self.folder / "out"

    @property
    def log(self) -> Path:
        """What the command printed."""
        return self.folder / "log"

    def summary(self) -> dict[str, Any]:
        """The manifest's summary; stops if the documents asked for aren't all accounted for."""
        found: dict[str, Any] = json.loads((self.out / "manifest.json").read_text())["summary"]
        ends = {key: found[key] for key in ("documents", "set_aside", "failed")}
        need(sum(ends.values()) == found["asked"], f"{ends} don't make {found['asked']} asked")
        for key, name in (("documents", "documents.jsonl"), ("set_aside", "set_aside.jsonl")):
            rows = len(read_rows(self.out / name))
            need(rows == found[key], f"{name} has {rows} rows, the summary says {found[key]}")
        return found

    def ledger(self) -> dict[str, str]:
        """Each answered call's key and text."""
        rows = [row for path in self.folder.glob("store/ledger/*.jsonl") for row in read_rows(path)]
        return {row["key"]: row["text"] for row in rows}


def need(holds: bool, what: str) -> None:
    """Stop with a sentence where something doesn't hold."""
    if not holds:
        raise SystemExit(f"bench-corpus: {what}")


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
    place: Place, server: Server, documents: int, connections: int, timeout: float
) -> subprocess.Popen[bytes]:
    """Start the command."""
    place.folder.mkdir(parents=True, exist_ok=True)
    command = f"""-m midspec.cli corpus {SPEC} --teacher openai-api/fake/writer
        --documents {documents} --store {place.folder / "store"} --out {place.out}
        --connections {connections} --timeout {timeout} --document-tokens 200"""
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


def faults(work: Path, documents: int) -> dict[str, Any]:
    """A whole corpus from a teacher that fails in every way."""
    say(f"faults: {documents:,} documents, 50 ms a call, {BAD_DAY}")
    place = Place(work / "faults")
    with start(latency=0.05, capacity=CONNECTIONS, **BAD_DAY) as server:
        began = time.monotonic()
        peak = finish(begin(place, server, documents, CONNECTIONS, 2), place)
        seconds = time.monotonic() - began
        stats, handed_over = server.stats(), server.texts()
    kept = Counter(text_digest(text) for text in place.ledger().values())
    # By text, since a sum would hide an answer lost behind one that the server took for lost.
    lost = (handed_over - kept).total()
    say(f"  server {stats}")
    say(f"  summary {place.summary()}")
    say(f"  {seconds:.1f} s; ledger has {kept.total():,} calls of {stats['distinct']:,} answered")
    return {
        "lost": lost,
        "repeated": stats["repeated"],
        "unreadable_repeated": stats["unreadable_repeated"],
        "rss_mb": round(peak / 2**20),
        "faults_seconds": round(seconds, 1),
    }


def throughput(work: Path, documents: int) -> dict[str, Any]:
    """The command's answers a second, against a bare client's of the same number."""
    settings: dict[str, float] = {"latency": 1, "rate_limited": 0.1, "capacity": CONNECTIONS}
    say(f"throughput: {documents:,} documents, 1 s a call, 10% 429")
    place = Place(work / "throughput")
    with start(**settings) as server:
        began = time.monotonic()
        finish(begin(place, server, documents, CONNECTIONS, 30), place)
        wall = time.monotonic() - began
        stats = server.stats()
    calls = stats["answered"]
    rate = calls / (stats["last_answer"] - stats["first_request"])
    say(f"  summary {place.summary()}")
    say(f"  {calls:,} answers, {rate:.1f}/s while calling, {calls / wall:.1f}/s over {wall:.1f} s")
    with start(**settings) as server:
        asyncio.run(bare_client(server, calls))
        stats = server.stats()
    need(stats["answered"] == calls, f"the bare client got {stats['answered']} of {calls} answers")
    bare = calls / (stats["last_answer"] - stats["first_request"])
    say(f"  bare client {bare:.1f}/s")
    return {
        "throughput_ratio": round(rate / bare, 3),
        "throughput_ratio_wall": round(calls / wall / bare, 3),
    }


async def bare_client(server: Server, calls: int) -> None:
    """Ask for `calls` documents as fast as a plain loop can."""
    from aiohttp import ClientSession, TCPConnector

    system = SPEC.read_text(encoding="utf-8")
    todo = iter(range(calls))

    async def worker(session: ClientSession) -> None:
        for seed in todo:
            message = {"role": "user", "content": f"Write document {seed} of about 150 words."}
            asked = {
                "model": "writer",
                "messages": [{"role": "system", "content": system}, message],
                "seed": seed,
                "max_tokens": 800,
            }
            while True:
                url = f"{server.base_url}/chat/completions"
                async with session.post(url, json=asked) as reply:
                    if reply.status == 200:
                        await reply.json()
                        break
                    pause = float(reply.headers.get("Retry-After", "1"))
                await asyncio.sleep(pause)

    async with ClientSession(connector=TCPConnector(limit=0)) as session:
        await asyncio.gather(*(worker(session) for _ in range(CONNECTIONS)))


def kills(work: Path, documents: int) -> dict[str, Any]:
    """A run that is killed again and again makes the corpus of one left alone."""
    say(f"kills: {documents:,} documents, undisturbed and with {KILLS} kills")
    settings = {"latency": KILL_LATENCY, "capacity": CONNECTIONS, **BAD_DAY}
    calm, killed = Place(work / "calm"), Place(work / "killed")
    with start(**settings) as server:
        first = begin(calm, server, documents, KILL_CONNECTIONS, 2)
        began = time.monotonic()
        while server.stats()["requests"] == 0 and first.poll() is None:
            time.sleep(0.05)
        startup = time.monotonic() - began
        finish(first, calm)
        undisturbed = server.stats()
        say(f"  undisturbed {calm.summary()}, {startup:.1f} s to the first call")
        server.reset()
        done = kill_and_rerun(killed, server, documents, undisturbed["answered"], startup)
        stats = server.stats()
    say(f"  killed {killed.summary()}")
    say(f"  server {stats}")
    differ = [
        name
        for name in COMPARED
        if (calm.out / name).read_bytes() != (killed.out / name).read_bytes()
    ]
    say(f"  {done} kills; {'differ: ' + ', '.join(differ) if differ else 'the same corpus'}")
    return {
        "kills": done,
        "kill_same_corpus": not differ,
        "kill_repeated": stats["repeated"],
        "kill_unreadable_repeated": stats["unreadable_repeated"],
    }


def kill_and_rerun(
    place: Place, server: Server, documents: int, answers: int, startup: float
) -> int:
    """Kill the command's own process at random moments over its work, then let it finish.

    A moment is a number of answers, so that starting up, which is most of a short run, doesn't
    get most of the kills; a moment that has passed before a rerun falls into its start.
    """
    draw = random.Random(1)
    moments = sorted(draw.uniform(0, 0.95 * answers) for _ in range(KILLS))
    done = 0
    for moment in moments:
        process = begin(place, server, documents, KILL_CONNECTIONS, 2)
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
    finish(begin(place, server, documents, KILL_CONNECTIONS, 2), place)
    return done


def dedup(work: Path, documents: int) -> dict[str, Any]:
    """Time and memory of near-deduplication, alone in a process of its own."""
    say(f"dedup: {documents:,} documents of {NEAR_WORDS} words")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        found = pool.submit(find_repeats, documents).result()
    say(f"  {found}")
    return found


def find_repeats(documents: int) -> dict[str, Any]:
    """Plant near-duplicates among synthetic documents and see which are found."""
    from midspec.text import NearDuplicates

    def text(number: int) -> str:
        return prose(random.Random(number), NEAR_WORDS)

    index, draw = NearDuplicates(), random.Random("plant")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    planted = hits = wrong = 0
    seconds = 0.0
    for number in range(documents):
        repeated = None
        written = text(number)
        if number % NEAR_EVERY == NEAR_EVERY - 1:  # never of another such one: it isn't remembered
            block = NEAR_EVERY * draw.randrange(number // NEAR_EVERY + 1)
            original = block + draw.randrange(NEAR_EVERY - 1)
            repeated = f"d{original}"
            words = text(original).split(" ")
            for _ in range(draw.randint(1, 4)):
                words[draw.randrange(len(words))] = draw.choice(WORDS)
            written = " ".join(words)
        began = time.perf_counter()
        found = index.find(f"d{number}", written)
        seconds += time.perf_counter() - began
        planted += repeated is not None
        hits += repeated is not None and found == repeated
        wrong += found is not None and found != repeated
    return {
        "dedup_seconds": round(seconds, 1),
        "dedup_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "dedup_rss_before_mb": round(before / 1024),
        "dedup_planted": planted,
        "dedup_found": hits,
        "dedup_wrong": wrong,
    }


PARTS: dict[str, tuple[Callable[[Path, int], dict[str, Any]], int]] = {
    "faults": (faults, 10_000),
    "throughput": (throughput, 2_000),
    "kills": (kills, 300),
    "dedup": (dedup, 100_000),
}


def main() -> None:
    """Run the parts asked for, and print what they found."""
    parser = argparse.ArgumentParser(description="Measure `midspec corpus`.")
    parser.add_argument("--only", choices=PARTS, help="one part instead of all")
    parser.add_argument("--documents", type=int, help="a number for a shorter run")
    parser.add_argument("--work", type=Path, help="an empty folder in which to leave the runs")
    asked = parser.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for name in [asked.only] if asked.only else PARTS:
            measure, usual = PARTS[name]
            found |= measure((asked.work or Path(temporary)).resolve(), asked.documents or usual)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
