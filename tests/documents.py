"""Reading the project's Markdown: blocks of code, words in code, links and anchors."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(
    r"^(?P<fence>`{3,}|~{3,})(?P<kind>[\w-]*)\n(?P<text>.*?)^(?P=fence)$", re.S | re.M
)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\((?P<path>[^()\s]*)\)")
HEADING = re.compile(r"^#+ (?P<title>.+?)(?:\s*\{\s*#(?P<id>[\w-]+)\s*\})?$", re.M)


@dataclass(frozen=True)
class Found:
    """A piece of a Markdown file; `line` is where it begins."""

    path: Path
    line: int
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """Every Markdown file that people read: the root's, docs and the READMEs of experiments."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("experiments/**/README.md")]
    return sorted(found)


def blocks(path: Path) -> list[Found]:
    """A page's blocks of code."""
    text = path.read_text("utf-8")
    return [
        Found(path, text.count("\n", 0, match.start("text")) + 1, match["kind"], match["text"])
        for match in FENCE.finditer(text)
    ]


def inline(path: Path) -> Iterator[Found]:
    """The words in code between a page's blocks."""
    text = FENCE.sub(lambda match: "\n" * match[0].count("\n"), path.read_text("utf-8"))
    for match in INLINE.finditer(text):
        yield Found(path, text.count("\n", 0, match.start()) + 1, "inline", match[1])


def links(path: Path) -> Iterator[Found]:
    """A page's links to places in the repository."""
    text = FENCE.sub(lambda match: "\n" * match[0].count("\n"), path.read_text("utf-8"))
    for match in LINK.finditer(INLINE.sub(lambda code: " " * len(code[0]), text)):
        if match["path"] and "://" not in match["path"]:
            yield Found(path, text.count("\n", 0, match.start()) + 1, "link", match["path"])


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub and MkDocs give to a page's headings."""
    text = FENCE.sub("", path.read_text("utf-8"))
    return {match["id"] or slug(match["title"]) for match in HEADING.finditer(text)}


def slug(title: str) -> str:
    """A heading as an anchor."""
    return re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", title.lower()).strip())
