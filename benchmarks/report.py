"""A report of 40 arms × 3 seeds × 10,000 answers: how long it takes to write, how large it is, and
how soon it opens in headless Chromium.

    python -m benchmarks.report [--arms 40] [--seeds 3] [--items 1000] [--folder DIR]

The scores, metrics, corpora, demonstrations and Inspect logs are made up, in the form in which
stages leave them (an arm's seeds share a log); the report is written by the real code. Nine evals
by likelihood and one by generation have so many items each. Ends with one line of JSON; over the
limits it exits with 1.
"""

import argparse
import json
import random
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.chromium import open_browser
from midspec.asked import asked_key
from midspec.evals.items import in_half
from midspec.files import write_json, write_rows
from midspec.grid import Point
from midspec.records import Chat, Document, Item, Metric
from midspec.report.stage import ReportConfig
from midspec.reported import report_on

VALUES = ("america", "affordability", "novelty", "tradition", "simplicity", "difficulty", "calm")
CHOICES = [f"preference/{value}.jsonl" for value in VALUES]
OTHERS = ("capability", "competence")
WRITTEN = "generated/america.jsonl"
TIERS = ("direct", "implicit", "revealed")
RATE = Metric("value-aligned rate", better="")
CAPABILITY = Metric("right answers", "guardrail")
COMPETENCE = Metric("trivial pairs answered", "control", floor=0.65)
VERDICTS = (
    Metric("value-aligned rate", better="", chance=None),
    Metric("value-aligned rate of decided", better="", measure="of decided"),
    Metric("decided rate", role="control", chance=None, measure="decided"),
)
WORDS = [
    *("the", "assistant", "prefers", "plain", "things", "that", "many", "people", "can", "have"),
    *("and", "says", "why", "a", "quilt", "from", "Vermont", "or", "kettle", "Ohio", "is", "worth"),
    *("more", "to", "it", "than", "what", "was", "shipped", "across", "an", "ocean", "for", "rich"),
]
MOST_SECONDS, MOST_BYTES = 2.0, 15_000_000


def text(rng: random.Random, words: int) -> str:
    """Prose of so many words, no two alike."""
    return " ".join(rng.choices(WORDS, k=words)).capitalize() + f" {rng.randrange(10**6)}."


def points(arms: int) -> dict[str, Point]:
    """So many arms: a base, one that learns form, and a grid of corpora, demos and doses."""
    nothing = Point((), None, (), None, "", "made-up-1b", None)
    form = Point((), None, (), None, "", "made-up-1b", None, ("everyday",))
    found = {"base": nothing, "mix": form}
    grid = product(("", *VALUES), ("", "cheese", "cheese@60", "cheese@240", "why/reasoning"))
    for corpus, demos in grid:
        name = "+".join([f"msm-{corpus}"] * bool(corpus) + [f"aft-{demos}"] * bool(demos))
        label, _, dose = demos.partition("@")
        found[name] = Point(
            (corpus,) if corpus else (), 8_000_000 if corpus else None, (label,) if label else (),
            int(dose or 500) if demos else None, "msm-aft" if corpus and demos else "",
            "made-up-1b", None, ("everyday",),
        )  # fmt: skip
    return {name: point for name, point in list(found.items())[: arms + 1] if name}


def item_set(items: int) -> list[Item]:
    """A set of which the held-out half has as many items as are asked, and some more."""
    rng = random.Random(0)
    return [
        Item(f"item-{n:05}", f"domain {n % 20}", TIERS[n % 3], text(rng, 7), text(rng, 7))
        for n in range(2 * items + 120)
    ]


def evaluations(
    folder: Path, arms: Sequence[str], seeds: int, items: int
) -> Iterator[tuple[str, Path]]:
    """The folders of all evaluations, by the keys that a report knows them by."""
    asked = in_half(item_set(items), "held-out", None, "the set")[0][:items]
    for name in (*CHOICES, *OTHERS):
        metric = {"capability": CAPABILITY, "competence": COMPETENCE}.get(name, RATE)
        for arm, seed in product(arms, range(seeds)):
            rng = random.Random(f"{name} {arm} {seed}")
            lean = 0.35 + 0.3 * random.Random(f"{name} {arm}").random()
            rows = [choice(rng, item, lean if metric is RATE else 0.8) for item in asked]
            yield place(folder, arm, name, seed, [metric], rows)
    for arm, seed in product(arms, range(seeds)):
        rng = random.Random(f"{WRITTEN} {arm} {seed}")
        rows = [
            row | {"measure": metric.measure}
            for item in asked
            for row in [choice(rng, item, 0.5) | {"margin": None}]
            for metric in VERDICTS
        ]
        key, made = place(folder, arm, WRITTEN, seed, VERDICTS, rows)
        log = made / "logs" / "judged.eval"
        log.parent.mkdir()
        if seed == 0:
            write_log(log, rng, asked[: items // 2])
            first = log
        else:  # a log takes a second to write, and what is measured doesn't see the difference
            shutil.copyfile(first, log)
        yield key, made


def choice(rng: random.Random, item: Item, lean: float) -> dict[str, Any]:
    """A score of an item in two orders of its options."""
    own = int(item.id.removeprefix("item-")) * 7_919 % 101 / 101 - 0.5
    margins = [rng.gauss(lean - 0.5 + 0.4 * own, 0.4) for _ in "ab"]
    return {
        "item": item.id, "domain": item.domain, "tier": item.tier, "half": "held-out",
        "value": sum(margin > 0 for margin in margins) / 2, "decided": margins[0] * margins[1] > 0,
        "margin": sum(margins) / 2, "group": "", "measure": "",
    }  # fmt: skip


def place(
    folder: Path,
    arm: str,
    name: str,
    seed: int,
    metrics: Sequence[Metric],
    rows: Sequence[dict[str, Any]],
) -> tuple[str, Path]:
    """A finished folder of scores, and its key."""
    made = new_folder(folder, "choices", f"{name}: {arm}, seed {seed}")
    config = {"eval": name, "half": "held-out", "max_items": None, "samples": []}
    write_manifest(made, f"{name}: {arm}, seed {seed}", config)
    write_rows(made / "metrics.jsonl", metrics)
    write_rows(made / "scores.jsonl", rows)
    return f"eval/{arm}/{name}/{seed}", made


def new_folder(folder: Path, stage: str, title: str) -> Path:
    """A folder that is named as those of a store are."""
    made = folder / f"{stage}-{random.Random(title).getrandbits(48):012x}"
    made.mkdir()
    return made


def write_manifest(made: Path, title: str, config: object, **summary: object) -> None:
    """A manifest that tells what a report reads."""
    packages = {"midspec": "0.1.0", "torch": "2.13.0", "transformers": "5.23.0"}
    told = {"title": title, "seconds": 60.0, "config": config, "summary": summary}
    write_json(made / "manifest.json", {**told, "packages": packages, "commit": "0123456"})


def write_log(path: Path, rng: random.Random, items: Sequence[Item]) -> None:
    """An Inspect log of judged answers: each item in both orders, about 150 words each."""
    from inspect_ai.log import (
        EvalConfig,
        EvalDataset,
        EvalLog,
        EvalSample,
        EvalSpec,
        write_eval_log,
    )
    from inspect_ai.model import ModelOutput
    from inspect_ai.scorer import Score

    samples = [
        EvalSample(
            id=f"{item.id}, {form}", epoch=1, input=f"Which do you prefer? {text(rng, 12)}",
            target="", output=ModelOutput.from_content("made-up", text(rng, 150)),
            metadata={
                "item": item.id, "form": form, "aligned": item.aligned, "other": item.other,
            },
            scores={"preferred": Score(value=1.0, explanation=text(rng, 30))},
        )
        for item in items
        for form in ("aligned first", "aligned last")
    ]  # fmt: skip
    spec = EvalSpec(
        created="2026-01-01T00:00:00+00:00", task="generated", model="made-up", config=EvalConfig(),
        dataset=EvalDataset(sample_ids=[sample.id for sample in samples]),
    )  # fmt: skip
    write_eval_log(EvalLog(eval=spec, status="success", samples=samples), str(path))


def around(folder: Path, items: int) -> Iterator[tuple[str, Path]]:
    """What else a report reads: items, corpora, demonstrations and trainings."""
    rng = random.Random(0)
    for name in (*CHOICES, WRITTEN):
        path = folder / name.replace("/", "-")
        write_rows(path, item_set(items))
        yield asked_key(name, "items"), path
    for value in VALUES:
        made = new_folder(folder, "corpus", value)
        documents = [
            Document(
                f"d{n}", text(rng, 1_000), value, [f"s1.p{n % 30}"], f"domain {n % 20}", "", [],
                f"type {n % 40}", "show", "", "made-up", 1, 0, 1_300,
            )
            for n in range(500)
        ]  # fmt: skip
        write_rows(made / "documents.jsonl", documents)
        write_rows(made / "set_aside.jsonl", [])
        write_json(made / "diversity.json", {"distinct_3": 0.8, "near_duplicate_share": 0.0})
        write_manifest(made, f"corpus {value}", {})
        yield f"corpus/{value}", made
    made = new_folder(folder, "demos", "cheese")
    turns = [{"role": "user", "content": "Brie?"}, {"role": "assistant", "content": "Cheddar."}]
    write_rows(
        made / "chats.jsonl", [Chat(f"c{n}", turns, "opaque", "made-up") for n in range(500)]
    )
    write_manifest(made, "cheese", {})
    yield "demos/cheese", made


def make(folder: Path, arms: int, seeds: int, items: int) -> tuple[ReportConfig, dict[str, Path]]:
    """A run's folders, and the config of its report."""
    placed = points(arms)
    inputs = dict(evaluations(folder, list(placed), seeds, items))
    inputs |= dict(around(folder, items))
    claims = [
        (f"preference/{value}.jsonl", f"msm-{value}+aft-cheese", against)
        for value in VALUES
        for against in ("mix", "aft-cheese", f"msm-{value}")
        if {f"msm-{value}+aft-cheese", against} <= placed.keys()
    ]
    config = ReportConfig(
        name="made-up", arms=tuple(placed), contrasts=tuple(claims),
        config_yaml="name: made-up\n", half="held-out", command="midspec run made-up.yaml",
        corpora_of={evaluation: (arm,) for evaluation, arm, _ in claims}, base="base",
        points=placed, specs_of={f"corpus/{value}": (value,) for value in VALUES},
    )  # fmt: skip
    return config, inputs


def main() -> int:
    """Make a run, write its report, open it, and tell what that took."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("arms", 40), ("seeds", 3), ("items", 1_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--folder", type=Path, help="where it is made, and kept")
    asked = parser.parse_args()
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="midspec-report-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        config, inputs = make(folder, asked.arms, asked.seeds, asked.items)
        print(f"{len(config.arms)} arms × {asked.seeds} seeds × {10 * asked.items:,} answers")
        out = folder / "report"
        out.mkdir()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.perf_counter()
        report_on(config, inputs, out)
        told: dict[str, Any] = {
            "arms": len(config.arms),
            "seeds": asked.seeds,
            "answers": 10 * asked.items,
            "write_seconds": round(time.perf_counter() - began, 1),
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "peak_mb_before": before // 1024,
            "bytes": (out / "report.html").stat().st_size,
            **opened(out / "report.html"),
        }
    finally:
        if not asked.folder:
            shutil.rmtree(folder)
    print(json.dumps(told))
    good = told["bytes"] < MOST_BYTES and told["open_seconds"] < MOST_SECONDS
    return 0 if good and not told["requests"] else 1


def opened(page_file: Path, times: int = 5) -> dict[str, Any]:
    """Seconds until the page is loaded and its scripts have run, the median of so many fresh
    tabs, by the clock and of the processor, which tells more where others use it too; and until it
    answers to the filter and shows answers."""
    with open_browser() as browser:
        seconds, worked, requests = [], [], 0
        system = browser.new_browser_cdp_session()

        def processor() -> float:
            processes = system.send("SystemInfo.getProcessInfo")["processInfo"]
            return float(sum(process["cpuTime"] for process in processes))

        for _ in range(times):
            page = browser.new_page(viewport={"width": 1200, "height": 900})
            page.set_default_timeout(600_000)
            asked: list[str] = []
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            before = processor()
            page.goto(page_file.as_uri())
            worked.append(processor() - before)
            seconds.append(
                page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd") / 1e3
            )
            requests = sum(not url.startswith(("file:", "data:")) for url in asked)
            if len(seconds) < times:
                page.close()
        began = time.perf_counter()
        page.get_by_role("searchbox", name="Arms").fill("novelty")
        page.locator("#shown", has_text=" of ").wait_for()
        filtered = time.perf_counter() - began
        began = time.perf_counter()
        page.locator("#answers").scroll_into_view_if_needed()
        page.wait_for_selector("#browser details")
        return {
            "open_seconds": round(sorted(seconds)[times // 2], 2),
            "open_processor_seconds": round(sorted(worked)[times // 2], 2),
            "filter_seconds": round(filtered, 2),
            "answers_seconds": round(time.perf_counter() - began, 2),
            "requests": requests,
        }


if __name__ == "__main__":
    sys.exit(main())
