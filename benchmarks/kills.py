"""Kill `midspec run` again and again, at random moments; what it ends with must be the same.

python -m benchmarks.kills [EXPERIMENT.yaml] [--kills N] [--seed N] [--work FOLDER]

Without an experiment it is the tests' tiny one, with a checkpoint after every step. The experiment
runs once undisturbed. Then it is killed (SIGKILL) and run again in another store, at moments drawn
evenly over its work, and in the end run to its end. Compared are the report, and every file of
every stage, byte for byte but for what a clock writes. The last line is one line of JSON.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.teacher import ROOT, need, read_rows, say
from midspec.report.wording import duration
from midspec.train.metrics import FILE
from tests.tiny import make_experiment, make_model

RUN = (
    "import sys; from midspec.cli import main; from midspec.train import loop; "
    "seconds = {seconds}; loop.CHECKPOINT_SECONDS = seconds or loop.CHECKPOINT_SECONDS; main()"
)
LOOK_SECONDS = 0.02
EVERY_STEP = -1.0  # seconds between checkpoints
CLOCK = ("seconds", "tokens_per_second")
REPORT = ("report.html", "results.json")


@dataclass(frozen=True)
class Place:
    """An experiment and a store that it runs in."""

    experiment: Path
    store: Path
    checkpoint_seconds: float

    def begin(self) -> subprocess.Popen[bytes]:
        """Start the run."""
        self.store.parent.mkdir(parents=True, exist_ok=True)
        code = RUN.format(seconds=self.checkpoint_seconds)
        run = ["run", str(self.experiment), "--store", str(self.store)]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-c", code, *run],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def log(self) -> Path:
        """What the runs printed."""
        return self.store.with_suffix(".log")

    def finish(self) -> None:
        """Run to the end."""
        process = self.begin()
        process.wait()
        self.need_success(process)

    def need_success(self, process: subprocess.Popen[bytes]) -> None:
        """Stop where a run that came to its end failed."""
        tail = self.log.read_text(errors="replace")[-2000:] if process.returncode else ""
        need(not process.returncode, f"the run exited with {process.returncode}:\n{tail}")

    def stages(self) -> dict[str, Path]:
        """The finished stages by folder name."""
        return {path.parent.name: path.parent for path in self.store.glob("*/manifest.json")}

    def under_way(self) -> dict[str, float]:
        """How far each unfinished stage is, from 0 to 1."""
        found = {}
        for path in (self.store / ".work").glob("*.progress"):
            with suppress(OSError, ValueError, ZeroDivisionError):
                state = json.loads(path.read_text())
                found[state["name"]] = state["done"] / state["total"]
        return found

    def work_done(self, took: Mapping[str, float]) -> float:
        """The seconds of work in the store, each stage counted as it took undisturbed."""
        whole = self.stages()
        part = {n: share for n, share in self.under_way().items() if n not in whole}
        return sum(took[n] for n in whole) + sum(took[n] * share for n, share in part.items())


def seconds_by_stage(place: Place) -> dict[str, float]:
    """What each stage took; at least a little, so that moments fall into the shortest, too."""
    manifests = {
        n: json.loads((f / "manifest.json").read_text()) for n, f in place.stages().items()
    }
    return {name: max(float(found["seconds"]), 0.05) for name, found in manifests.items()}


def kill_at(place: Place, moment: float, took: Mapping[str, float], draw: random.Random) -> str:
    """Run until so much work is done, and a little further, and kill; what was under way then.

    A moment that has passed before a rerun falls into its start. "" if the run came to its end.
    """
    process = place.begin()
    if place.work_done(took) >= moment:
        time.sleep(draw.uniform(0, 8))
    while process.poll() is None and place.work_done(took) < moment:
        time.sleep(LOOK_SECONDS)
    time.sleep(draw.uniform(0, 0.3))
    if process.poll() is not None:
        place.need_success(process)
        return ""
    process.kill()
    process.wait()
    finished = place.stages()
    return next((name for name in place.under_way() if name not in finished), "between stages")


def kill_and_rerun(
    place: Place, took: Mapping[str, float], kills: int, draw: random.Random
) -> list[str]:
    """Kill at `kills` moments over the work, then let it finish; what each kill fell into."""
    whole = sum(took.values())
    hit = []
    for moment in sorted(draw.uniform(0, 0.97 * whole) for _ in range(kills)):
        what = kill_at(place, moment, took, draw)
        if not what:
            say(f"  it came to its end before kill {len(hit) + 1}")
            return hit
        hit.append(what)
        say(f"  kill {len(hit)} at {place.work_done(took):.1f} of {whole:.1f} s of work, in {what}")
    place.finish()
    return hit


def differences(calm: Place, killed: Place) -> list[str]:
    """The files that differ between two stores by more than what a clock writes."""
    one, other = calm.stages(), killed.stages()
    found = [f"{name}: only in one store" for name in one.keys() ^ other.keys()]
    for name in sorted(one.keys() & other.keys()):
        files = [
            {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
            for folder in (one[name], other[name])
        ]
        found += [f"{name}/{file}: only in one store" for file in files[0] ^ files[1]]
        found += [
            f"{name}/{file}"
            for file in sorted(files[0] & files[1])
            if without_times(one[name] / file) != without_times(other[name] / file)
        ]
    return found


def without_times(path: Path) -> object:
    """A file's content but for what depends on the clock."""
    if path.name == FILE:
        return [{k: v for k, v in row.items() if k not in CLOCK} for row in read_rows(path)]
    if path.name == "results.json":
        return {**json.loads(path.read_text()), "seconds": 0}
    if path.name == "report.html":
        seconds = json.loads(path.with_name("results.json").read_text())["seconds"]
        return report_without_times(path.read_text(encoding="utf-8"), duration(seconds))
    if path.name == "manifest.json":
        found: dict[str, Any] = json.loads(path.read_text())
        outputs = {n: d for n, d in found["outputs"].items() if n not in (FILE, *REPORT)}
        summary = {k: v for k, v in (found["summary"] or {}).items() if k not in CLOCK}
        clock = {"began": "", "seconds": 0, "commit": ""}  # a commit may fall between two runs
        return {**found, "outputs": outputs, "summary": summary, **clock}
    return path.read_bytes()


def report_without_times(html: str, whole: str) -> str:
    """A report's page without the time of all stages, and of each training its time and speed."""
    for before, after in (("<li>", "</li>"), ("All stages together took ", ",")):
        need(f"{before}{whole}{after}" in html, f"the report doesn't say {whole} where it should")
        html = html.replace(f"{before}{whole}{after}", f"{before}{after}")
    start, end = html.index('id="training"'), html.index('id="reproduce"')
    cell = r"<td>[^<]*</td>\s*"
    rows = re.sub(rf"({cell}){{2}}</tr>", "</tr>", html[start:end])
    return html[:start] + rows + html[end:]


def measure(place: Place, kills: int, seed: int) -> dict[str, Any]:
    """Run undisturbed, run with kills, compare. A run that ends early is begun anew elsewhere."""
    calm = Place(place.experiment, place.store / "calm", place.checkpoint_seconds)
    say(f"{place.experiment}: undisturbed")
    calm.finish()
    took = seconds_by_stage(calm)
    draw, hit, differ, rounds = random.Random(seed), [], [], 0
    while len(hit) < kills:
        rounds += 1
        killed = Place(place.experiment, place.store / f"killed-{rounds}", place.checkpoint_seconds)
        say(f"killed {kills - len(hit)} times")
        hit += kill_and_rerun(killed, took, kills - len(hit), draw)
        differ += [f"killed-{rounds}: {what}" for what in differences(calm, killed)]
    reports = [what for what in differ if what.endswith((*REPORT, ": only in one store"))]
    say("\n".join(f"  differs: {what}" for what in differ) or "  all files are the same")
    kinds = Counter(name.rpartition("-")[0] or name for name in hit)
    return {
        "kills": len(hit),
        "same_report": not reports,
        "same_files": not differ,
        "rounds": rounds,
        "killed_in": dict(kinds.most_common()),
        "work_seconds": round(sum(took.values()), 1),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("experiment", nargs="?", type=Path, help="another than the tiny one")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    parser.add_argument("--work", type=Path, help="an empty folder in which to leave the stores")
    asked = parser.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    with tempfile.TemporaryDirectory() as temporary:
        work = (asked.work or Path(temporary)).resolve()
        experiment, seconds = asked.experiment, 0.0
        if experiment is None:
            os.environ.setdefault("OMP_NUM_THREADS", "1")
            experiment, seconds = (
                make_experiment(work / "tiny", make_model(work / "model")),
                EVERY_STEP,
            )
        print(
            json.dumps(measure(Place(experiment.resolve(), work, seconds), asked.kills, asked.seed))
        )
