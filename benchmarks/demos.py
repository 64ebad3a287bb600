"""What `midspec demos` loses and repeats against a teacher that has a bad day.

python -m benchmarks.demos [--only faults|kills|short] [--chats N]
"""

import re
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.teacher import (
    BAD_DAY,
    SPEC,
    Part,
    Place,
    Writing,
    begin,
    faults,
    finish,
    kills,
    measure,
    say,
)
from tests.teacher_server import start

FILES = ("chats.jsonl", "set_aside.jsonl", "failed.jsonl", "verdicts.jsonl")
ALIGNED = Writing(f"demos {SPEC} --kind aligned --n", "chats", "chats", FILES)
# Two drafts of each, judged by another model: two ledgers, and two processes that make calls.
JUDGED = Writing(
    f"demos {SPEC} --kind deliberative --best-of 2 --judge openai-api/fake/judge --n",
    "chats",
    "chats",
    FILES,
)
IDEAS = 4  # domains, and messages of each kind in a domain: about 100 in all


def short(work: Path, n: int) -> dict[str, Any]:
    """A teacher whose ideas run out gives fewer chats than were asked for, and that is told."""
    say(f"short: {n:,} chats of a teacher that has {IDEAS} ideas for each list")
    place = Place(ALIGNED, work / "short")
    with start(ideas=IDEAS, **BAD_DAY) as server:
        finish(begin(place, server, n), place)
    found = place.summary()
    told = (
        f"The teacher has no more ideas: {found['chats']:,} chats were kept, "
        f"{n - found['chats']:,} short of what was asked for."
    )
    printed = re.sub(r"\s+", " ", place.log.read_text())
    say(f"  summary {found}")
    say(f"  {told}" if told in printed else f"  not told: {printed[-500:]}")
    return {"short_told": found["chats"] < n and told in printed}


PARTS: dict[str, tuple[Part, int]] = {
    "faults": (partial(faults, ALIGNED), 5_129),
    "kills": (partial(kills, JUDGED), 300),
    "short": (short, 200),
}

if __name__ == "__main__":
    measure("Measure `midspec demos`.", "chats", PARTS)
