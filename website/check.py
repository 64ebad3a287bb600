"""Check a built site as a browser would read it: every link and anchor of it leads somewhere, and
nothing is fetched from another server.

    python -m website.check site
"""

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What a browser fetches by itself, and what only a click fetches.
FETCHED = {"img": "src", "script": "src", "iframe": "src", "source": "src", "video": "src"}
FETCHING = {"stylesheet", "icon", "preload", "preconnect", "manifest", "modulepreload"}
IN_STYLES = re.compile(r"""(?:url\(|@import\s+)['"]?(?P<link>[^'")\s;]+)""")


class Read(HTMLParser):
    """A page's anchors, the links that it offers and what it fetches."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.anchors: set[str] = {"", "top"}
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if given.get(FETCHED.get(tag, "")):
            self.fetched.append(given[FETCHED[tag]])
        if tag == "link" and FETCHING & set(given.get("rel", "").split()):
            self.fetched.append(given.get("href", ""))
        self.fetched += [found["link"] for found in IN_STYLES.finditer(given.get("style", ""))]


def faults(site: Path) -> Iterator[str]:
    """What is wrong with a site's links, a sentence each."""
    pages = {path: Read(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        where = path.relative_to(site).as_posix()
        for link in page.fetched:
            if _elsewhere(link):
                yield f"{where} fetches {link} from another server."
        for link in dict.fromkeys([*page.links, *page.fetched]):
            if wrong := _broken(site, path, link, pages):
                yield f"{where} links to {link}, {wrong}."
    for sheet in sorted(site.rglob("*.css")):
        for found in IN_STYLES.finditer(sheet.read_text("utf-8")):
            if _elsewhere(found["link"]):
                yield f"{sheet.relative_to(site).as_posix()} fetches {found['link']}."


def _elsewhere(link: str) -> bool:
    return bool(urlsplit(link).netloc)


def _broken(site: Path, path: Path, link: str, pages: dict[Path, Read]) -> str:
    """Why a link of a page leads nowhere; empty if it leads somewhere, or to another server."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return ""
    if parts.path.startswith("/"):
        target = site / unquote(parts.path).lstrip("/")
    else:
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if target.is_dir():
        target = target / "index.html"
    if not target.exists():
        return "which isn't there"
    anchor = unquote(parts.fragment)
    if anchor and target in pages and anchor not in pages[target].anchors:
        return "whose anchor isn't there"
    return ""


def main() -> int:
    """Print each fault of the site named, and return 1 if there are any."""
    site = Path(sys.argv[1]).resolve()
    found = list(faults(site))
    for fault in found:
        print(fault)
    print(f"{len(list(site.rglob('*.html')))} pages: {len(found)} faults.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
