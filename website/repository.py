"""Links from pages to files of the repository: on the site each such file is a page, so that what
works on GitHub works there, and no reader is sent to another server."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath

LINK = re.compile(r"(?<=\])\((?P<path>[^()\s:#]+)(?P<anchor>#[^()\s]*)?\)")
CODE = re.compile(
    r"^(?P<fence> *(?:```+|~~~+)).*?^(?P=fence) *$|`[^`\n]+`", re.DOTALL | re.MULTILINE
)
FILES = "files"  # where the site keeps them
DRAWN = {".md"}  # shown as pages; all else, and specs and prompts, as text
LANGUAGES = {".yaml": "yaml", ".py": "python", ".jsonl": "json", ".toml": "toml", ".md": "markdown"}
MOST = 200  # lines of a file shown


def linked_pages(root: Path, written: Mapping[str, str]) -> dict[str, str]:
    """A page for each file or folder outside `docs/` that the pages of the site, by their place
    in it, or these pages themselves link to."""
    found: dict[str, str] = {}
    waiting = list(written.items())
    while waiting:
        uri, markdown = waiting.pop()
        for path in _linked(root, uri, markdown):
            place = _place(root, path)
            if place in found or place in written:
                continue
            found[place] = _content(root, path)
            waiting.append((place, found[place]))
    return found


def rewritten(root: Path, uri: str, markdown: str) -> str:
    """A page's Markdown with the links that leave `docs/` pointing into the site."""

    def point(match: re.Match[str]) -> str:
        path = _target(root, uri, match["path"])
        if path is None or uri_of(path) == uri or (_in_docs(path) and not uri.startswith(FILES)):
            return match[0]
        place = os.path.relpath(_place(root, path), PurePosixPath(uri).parent)
        return f"({place}{match['anchor'] or ''})"

    return _outside_code(markdown, lambda text: LINK.sub(point, text))


def _linked(root: Path, uri: str, markdown: str) -> Iterator[Path]:
    for match in LINK.finditer(CODE.sub("", markdown)):
        path = _target(root, uri, match["path"])
        if path is not None and not _in_docs(path):
            yield path


def _target(root: Path, uri: str, link: str) -> Path | None:
    """What a link of a page names, as a path in the repository; None if it isn't there, which is
    then for MkDocs to say."""
    folder = Path(uri).parent
    folder = Path(*folder.parts[1:]) if folder.parts[:1] == (FILES,) else "docs" / folder
    path = Path(os.path.normpath(folder / link))
    return path if path.parts[:1] != ("..",) and (root / path).exists() else None


def _in_docs(path: Path) -> bool:
    return path.parts[0] == "docs" and len(path.parts) > 1


def uri_of(path: Path) -> str:
    """Where a file of `docs/` stands in the site."""
    return path.relative_to("docs").as_posix() if _in_docs(path) else ""


def _place(root: Path, path: Path) -> str:
    """Where the page for a file or folder stands in the site."""
    if _in_docs(path):
        return uri_of(path)
    if (root / path).is_dir():
        readme = path / "README.md"
        return f"{FILES}/{(readme if (root / readme).exists() else path / 'index.md').as_posix()}"
    return f"{FILES}/{path.as_posix()}" + ("" if path.suffix == ".md" else ".md")


def _content(root: Path, path: Path) -> str:
    whole = root / path
    if whole.is_dir() and (whole / "README.md").exists():
        whole, path = whole / "README.md", path / "README.md"
    if whole.is_dir():
        names = sorted(p.name + ("/" if p.is_dir() else "") for p in whole.iterdir() if _shown(p))
        return f"# {path.as_posix()}\n\n" + "".join(f"- `{name}`\n" for name in names)
    if path.suffix in DRAWN and path.parts[0] != "specs" and "prompts" not in path.parts:
        return whole.read_text("utf-8")
    lines = whole.read_text("utf-8").splitlines()
    cut = f"\n\nThe first {MOST} lines of {len(lines):,}.\n" if len(lines) > MOST else ""
    text = "\n".join(lines[:MOST])
    language = LANGUAGES.get(path.suffix, "text")
    return f"# {path.as_posix()}\n\n~~~~{language}\n{text}\n~~~~{cut}\n"


def _shown(path: Path) -> bool:
    return not path.name.startswith((".", "__"))


def _outside_code(markdown: str, change: Callable[[str], str]) -> str:
    parts, end = [], 0
    for match in CODE.finditer(markdown):
        parts += [change(markdown[end : match.start()]), match[0]]
        end = match.end()
    return "".join([*parts, change(markdown[end:])])
