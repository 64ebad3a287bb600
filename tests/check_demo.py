"""Check the results of a finished demo: their shape, not their size.

CI runs it after `midspec demo --quick`, whose numbers say nothing but must all be there:

    python tests/check_demo.py [EXPERIMENT.yaml [STORE]]
"""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from midspec.evals.items import SETS, item_file, read_item_set
from midspec.evals.registry import find_task

QUICK = "experiments/cheese-quick.yaml"
LOADS = re.compile(r"""(?:src|href)\s*=\s*["']?\s*(?:https?:)?//|@import|url\(\s*["']?https?:""")


def midspec(verb: str, *arguments: str) -> str:
    """What a verb of the command line prints."""
    command = [sys.executable, "-m", "midspec.cli", verb, *arguments]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode:
        raise SystemExit(f"{' '.join(command[2:])} exits with {found.returncode}: {found.stderr}")
    return found.stdout


def need(holds: bool, what: str) -> None:
    """Stop with a sentence where something doesn't hold."""
    if not holds:
        raise SystemExit(f"demo check failed: {what}")


def tiers(evaluation: str, folder: Path) -> set[str]:
    """The tiers of an eval's items, and all of them together; without a set of items just this."""
    task, name = find_task(evaluation)
    if task.needs not in SETS:
        return {"all"}
    items = read_item_set(item_file(name, folder, task.needs))
    return {"all", *(item.tier for item in items)}


def in_order(numbers: Sequence[float | None]) -> bool:
    """Whether numbers don't fall, those left aside that aren't there."""
    known = [number for number in numbers if number is not None]
    return known == sorted(known)


def check_results(found: dict[str, Any], wanted: dict[str, Any], folder: Path) -> None:
    """Every arm on every tier of every eval has a score between its bounds, and these are within
    what the score's metric can be."""
    rows = {(row["arm"], row["eval"], row["tier"]): row for row in found["results"]}
    for arm, evaluation in product(wanted["arms"], wanted["evals"]):
        for tier in tiers(evaluation, folder):
            need((arm, evaluation, tier) in rows, f"{arm} on {evaluation}, tier {tier}: no row")
    metrics = {(metric["eval"], metric["measure"]): metric for metric in found["metrics"]}
    for row in found["results"]:
        metric = metrics[row["eval"], row["measure"]]  # a scale without an end has null there
        known = [metric["low"], row["low"], row["rate"], row["high"], metric["high"]]
        need(row["rate"] is not None and in_order(known), f"bounds out of order: {row}")
        need(row["n"] > 0, f"no items: {row}")


def check_contrasts(found: dict[str, Any], wanted: dict[str, Any], folder: Path) -> None:
    """Every comparison that the experiment asks for is there on every tier."""
    rows = {(row["eval"], row["arm"], row["against"], row["tier"]) for row in found["contrasts"]}
    for asked in wanted.get("contrasts", []):
        for against, tier in product(asked["against"], tiers(asked["eval"], folder)):
            key = (asked["eval"], asked["arm"], against, tier)
            need(key in rows, f"no contrast {' '.join(key)}")
    for row in found["contrasts"]:
        bounds = [row["low"], row["difference"], row["high"]]
        need(in_order(bounds), f"bounds out of order: {row}")


def check_report(printed: str, wanted: dict[str, Any]) -> None:
    """The page exists, names every arm, and loads nothing."""
    where = re.search(r"^Report +(.+)$", printed, re.MULTILINE)
    need(where is not None and Path(where[1]).is_file(), "there is no report.html")
    page = Path(where[1]).read_text(encoding="utf-8") if where else ""
    for arm in wanted["arms"]:
        need(arm in page, f"report.html does not name {arm}")
    loads = LOADS.search(page)
    need(loads is None, f"report.html loads something: {loads and page[loads.start() :][:80]}")


def main(experiment: str = QUICK, store: str = "store") -> None:
    """Check one finished experiment, and say so in a line."""
    wanted = yaml.safe_load(Path(experiment).read_text(encoding="utf-8"))
    found = json.loads(midspec("show", experiment, "--json", "--store", store))
    check_results(found, wanted, Path(experiment).parent)
    check_contrasts(found, wanted, Path(experiment).parent)
    check_report(midspec("report", experiment, "--store", store), wanted)
    print("demo check passed")


if __name__ == "__main__":
    main(*sys.argv[1:])
