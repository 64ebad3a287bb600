"""A report with all that a page can hold, some of it hostile, and a browser without network."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route

from benchmarks.chromium import open_browser
from midspec.grid import Point
from midspec.records import Metric, Score
from midspec.report.answers import Asked, Said, Texts
from midspec.report.stage import ReportConfig, report_stage
from tests.report.conftest import EVAL, Folders, chat, document, outcomes, scores

# What may not run, nor close a tag, an attribute, a comment or a script, nor reach a terminal.
HOSTILE = (
    "</script><script>window.harm=1</script><img src=x onerror=window.harm=1>"
    "\" onmouseover=\"window.harm=1' autofocus onfocus='window.harm=1 <!-- --> ]]>"
    " ${harm=1} {{7*7}} \x1b[31mred\x1b[0m \u202eright to left\u202c"
)
ARMS = ("base", "aft", "msm", "msm+aft", HOSTILE)
WRITTEN = "open-qa/america"
BASE = Point((), None, (), None, "", "smollm2", None)
POINTS = {
    "base": BASE,
    "aft": Point((), None, ("cheese",), 240, "", "smollm2", None),
    "msm": Point(("america",), 72_000, (), None, "", "smollm2", None),
    "msm+aft": Point(("america",), 72_000, ("cheese",), 240, "msm-aft", "smollm2", None),
}


PATIENCE = 120_000  # milliseconds: nothing here is measured by the clock


@dataclass
class Opened:
    """A page in a tab of its own, what it asked the network for, and what it complained of."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Without a browser these tests fail: whoever runs them asked for them."""
    with open_browser() as found:
        yield found


def questions(evaluation: str, folder: Path, inputs: object) -> Mapping[str, Asked]:
    """The words of the choices."""
    if evaluation == WRITTEN:
        return {}
    words = {f"item-{n:03}": Asked(f"Which of two, {n}?", f"quilt {n}", "rug") for n in range(24)}
    return {**words, "item-000": Asked(HOSTILE, HOSTILE, HOSTILE)}


def answers(folder: Path, items: object) -> tuple[list[Said], Mapping[str, Asked]]:
    """What was written, and why it was marked so."""
    verdicts = (("marked", "7", f"Because {HOSTILE}"),)
    asked = {f"item-{n:03}": Asked(f"What is calm, {n}?") for n in range(6)}
    words = [f"A calm answer {n}. {HOSTILE}" for n in range(6)]
    said = [Said(item, "", 1, text, verdicts) for item, text in zip(asked, words, strict=True)]
    return said, asked


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's file, made once."""
    root = tmp_path_factory.mktemp("inputs")
    folders = Folders(root, {})
    capability = Metric("right answers", "guardrail")
    mark = Metric("judge's mark", low=1, high=10, chance=None)
    for arm, share in zip(ARMS, (0.5, 0.4, 0.6, 0.9, 0.5), strict=True):
        for seed in (0, 1) if arm != "base" else (0,):
            folders.evaluate(arm, outcomes(share, seed=seed), seed, **{f"Say {HOSTILE}": HOSTILE})
            folders.score(arm, "capability", [capability], scores(outcomes(0.9)), seed)
            marks = [Score(f"item-{n:03}", HOSTILE, "", "held-out", 1 + n % 9) for n in range(24)]
            folders.score(arm, WRITTEN, [mark], marks, seed)
    files: dict[str, object] = {
        "documents.jsonl": [document(n, f"Document {n} {HOSTILE}") for n in range(12)],
        "set_aside.jsonl": [{"reason": HOSTILE}],
        "diversity.json": {"distinct_3": 0.5},
    }
    folders.add("corpus/america", files)
    folders.add("demos/cheese", {"chats.jsonl": [chat(HOSTILE)]})
    trained = {"updates": 4, "tokens": 64, "first_loss": 3.0, "last_loss": 0.9, "seconds": 6.0}
    folders.add("train/aft", {}, title=HOSTILE, summary=trained, packages={"torch": "2.13"})
    config = ReportConfig(
        name=f"cheese {HOSTILE}",
        arms=ARMS,
        contrasts=((EVAL, "msm+aft", "aft"), (EVAL, "msm+aft", HOSTILE)),
        config_yaml=f"name: {HOSTILE}\n",
        half="held-out",
        corpora_of={EVAL: ("msm+aft",)},
        command="midspec run cheese.yaml",
        base="base",
        points=POINTS,
        specs_of={"corpus/america": ("america",), "demos/cheese": ()},
    )
    out = tmp_path_factory.mktemp("report")
    report_stage(config, folders.inputs, out, Texts(questions, answers))
    return out / "report.html"


@pytest.fixture
def visit(browser: Browser, report: Path) -> Iterator[Callable[..., Opened]]:
    """Opens the report, at a view if one is given, in a tab with the settings that are given."""
    contexts = []

    def opening(view: str = "", **settings: Any) -> Opened:
        context = browser.new_context(**{"viewport": {"width": 1200, "height": 900}, **settings})
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        opened = Opened(context.new_page())

        def only_files(route: Route) -> None:
            if route.request.url.startswith("file:"):
                route.continue_()
            else:
                opened.requests.append(route.request.url)
                route.abort()

        context.route("**/*", only_files)
        opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        opened.page.on("console", lambda told: opened.complaints.append(told.text))
        opened.page.goto(report.as_uri() + view)
        return opened

    yield opening
    for context in contexts:
        context.close()
