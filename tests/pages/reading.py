"""Reading a page as a browser would, and text that would do harm as markup."""

import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

ATTACK = "</script><img src=x onerror=alert(1)><!-- <script>"


class Page(HTMLParser):
    """What a browser would make of a page: its elements, its visible text, and its scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.words: list[str] = []
        self.inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.inside = tag

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""
        self.words.append("" if tag in ("a", "b", "i", "span") else " ")

    def handle_data(self, data: str) -> None:
        if self.inside == "script":
            self.scripts.append(data)
        elif self.inside != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        """The text with single spaces."""
        return " ".join("".join(self.words).split())

    @property
    def data(self) -> Any:
        """What the page's script reads."""
        return json.loads(self.scripts[0])

    @property
    def filters(self) -> list[str]:
        """The names of what the rows can be filtered by."""
        return [str(attrs["name"]) for tag, attrs in self.elements if tag == "select"]

    def options(self, name: str) -> list[str]:
        """The values that a filter has."""
        (inside,) = re.findall(rf'<select name="{name}">(.*?)</select>', self.html, re.DOTALL)
        return re.findall(r'<option value="(.*?)">', inside)

    def check_inert(self) -> None:
        """No text has become an element, a script or a handler."""
        tags = [tag for tag, _ in self.elements]
        assert "img" not in tags and tags.count("script") == 2
        assert not [name for _, attrs in self.elements for name in attrs if name.startswith("on")]

    def check_sealed(self) -> None:
        """Only the page's own script may run, it makes no markup, and nothing is fetched."""
        policy = next(attrs["content"] for _, attrs in self.elements if "http-equiv" in attrs)
        digest = b64encode(sha256(self.scripts[1].encode()).digest()).decode()
        assert policy and f"script-src 'sha256-{digest}'" in policy
        assert "default-src 'none'" in policy
        assert "innerHTML" not in self.scripts[1]
        assert not re.search(r"https?://|@import|url\(", self.html)
        loading = [a for tag, a in self.elements if "src" in a or tag in ("base", "iframe")]
        assert not loading
