"""The gallery: reports of finished experiments, copied into `docs/gallery` with a picture each.

python -m website.gallery experiments/cheese.yaml experiments/laptop/order.yaml --store store
"""

import argparse
import html
import re
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from midspec.cli_build import open_plan
from midspec.cli_engine import command
from midspec.errors import ConfigError, MidspecError
from midspec.files import read_json, write_json
from midspec.report.charts import NOT_READABLE
from midspec.run.stage import MANIFEST
from midspec.text import upper_first

ROOT = Path(__file__).resolve().parents[1]
GALLERY = ROOT / "docs" / "gallery"
LISTED = "gallery.json"
HEAD = """# Gallery

Reports of finished experiments, as `midspec run` made them: one file each, with every number, its
interval, and the answers and documents behind it. The sentence under a picture is the report's own
verdict.
"""
EMPTY = "\nNone yet. `make gallery` adds the finished experiments of a store.\n"


@dataclass(frozen=True)
class Entry:
    """One finished experiment; `began` is its report's date, `commit` that of midspec then."""

    name: str
    question: str
    headline: str
    began: str
    commit: str
    file: str


def question_of(experiment: Path) -> str:
    """The first question in the comment that an experiment file begins with."""
    comment = re.match(r"(?:#.*\n)*", experiment.read_text("utf-8"))
    text = re.sub(r"\s*\n?#\s*", " ", comment[0] if comment else "").strip()
    asked = [part for part in re.split(r"(?<=[.?!:])\s+", text) if part.endswith("?")]
    if not asked:
        raise ConfigError(f"{experiment} should begin with a comment that asks its question.")
    return upper_first(asked[0])


def add(experiment: Path, report: Path, gallery: Path) -> Entry:
    """Put one finished report into the gallery, in place of an earlier one of its name."""
    page = (report / "report.html").read_text("utf-8")
    manifest = read_json(report / MANIFEST)
    verdict = re.search(r'class="verdict">(.*?)</h2>', page, re.DOTALL)
    if not verdict:
        raise ConfigError(f"{report / 'report.html'} has no verdict. Build it: midspec report FILE")
    gallery.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(report / "report.html", gallery / f"{experiment.stem}.html")
    photograph(gallery / f"{experiment.stem}.html", gallery / f"{experiment.stem}.png")
    return Entry(
        name=experiment.stem,
        question=question_of(experiment),
        headline=html.unescape(" ".join(re.sub(r"<[^>]+>", "", verdict[1]).split())),
        began=manifest["began"][:10],
        commit=manifest["commit"] or "",
        file=experiment.resolve().relative_to(ROOT).as_posix() if _here(experiment) else "",
    )


def photograph(report: Path, picture: Path) -> None:
    """A picture of a report's first figure in which most can be read, by a headless Chromium."""
    from benchmarks.chromium import open_browser

    with open_browser() as browser:
        tab = browser.new_page(viewport={"width": 1_000, "height": 900})
        tab.goto(report.resolve().as_uri())
        figures = tab.locator("#verdict .panel")
        if not figures.count():
            raise ConfigError(f"{report} has no figure to show in the gallery.")
        blind = [figure.get_by_text(NOT_READABLE).count() for figure in figures.all()]
        figures.nth(blind.index(min(blind))).screenshot(path=picture)


def page_of(entries: list[Entry]) -> str:
    """The gallery's page, in Markdown that GitHub shows, too."""
    cards = [_card(entry) for entry in sorted(entries, key=lambda entry: entry.name)]
    shown = '\n<div class="gallery" markdown>\n' + "".join(cards) + "\n</div>\n"
    return HEAD + (shown if cards else EMPTY)


def _card(entry: Entry) -> str:
    name = f"[`{entry.file}`](../{entry.file})" if entry.file else f"`{entry.name}`"
    facts = ", ".join(
        filter(None, [name, entry.began, entry.commit and f"commit `{entry.commit}`"])
    )
    return (
        f"\n<div markdown>\n\n[![The first figure of {entry.name}](gallery/{entry.name}.png)]"
        f"(gallery/{entry.name}.html)\n\n**[{_plain(entry.question)}](gallery/{entry.name}.html)**\n\n"
        f"{_plain(entry.headline)}\n\n{facts}\n\n</div>\n"
    )


def _plain(text: str) -> str:
    """Text that Markdown shows as it stands."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", text)


def _here(path: Path) -> bool:
    return path.resolve().is_relative_to(ROOT)


def main() -> int:
    """Add the experiments named, and write the gallery's page anew."""
    parser = argparse.ArgumentParser(prog="python -m website.gallery", description=__doc__)
    parser.add_argument("experiments", nargs="+", type=Path, metavar="EXPERIMENT.yaml")
    parser.add_argument("--store", type=Path, default=Path("store"))
    given = parser.parse_args()
    listed = GALLERY / LISTED
    entries = {e["name"]: Entry(**e) for e in (read_json(listed) if listed.exists() else [])}
    try:
        for experiment in given.experiments:
            stage = open_plan(experiment, fetch=False).report
            if not stage.done(given.store):
                again = command("run", experiment, given.store)
                raise ConfigError(f"{experiment} has no report there. Run: {again}")
            entries[experiment.stem] = add(experiment, stage.path(given.store), GALLERY)
            print(f"docs/gallery/{experiment.stem}.html")
    except MidspecError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    write_json(listed, [asdict(entry) for entry in entries.values()])
    (GALLERY.parent / "gallery.md").write_text(page_of(list(entries.values())), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
