"""What `midspec corpus` loses, repeats and costs against a teacher that has a bad day.

python -m benchmarks.corpus [--only faults|throughput|kills|dedup] [--documents N]
"""

import asyncio
import random
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.teacher import (
    CONNECTIONS,
    SPEC,
    Part,
    Place,
    Writing,
    begin,
    faults,
    finish,
    kills,
    measure,
    need,
    say,
)
from tests.teacher_answers import WORDS, prose
from tests.teacher_server import Server, start

CORPUS = Writing(
    f"corpus {SPEC} --document-tokens 200 --documents",
    "corpus",
    "documents",
    ("documents.jsonl", "set_aside.jsonl", "failed.jsonl"),
)
NEAR_EVERY = 100  # one in so many documents for deduplication is another, a few words changed
NEAR_WORDS = 400


def throughput(work: Path, documents: int) -> dict[str, Any]:
    """The command's answers a second, against a bare client's of the same number."""
    settings: dict[str, float] = {"latency": 1, "rate_limited": 0.1, "capacity": CONNECTIONS}
    say(f"throughput: {documents:,} documents, 1 s a call, 10% 429")
    place = Place(CORPUS, work / "throughput")
    with start(**settings) as server:
        began = time.monotonic()
        finish(begin(place, server, documents, timeout=30), place)
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


PARTS: dict[str, tuple[Part, int]] = {
    "faults": (partial(faults, CORPUS), 10_000),
    "throughput": (throughput, 2_000),
    "kills": (partial(kills, CORPUS), 300),
    "dedup": (dedup, 100_000),
}

if __name__ == "__main__":
    measure("Measure `midspec corpus`.", "documents", PARTS)
