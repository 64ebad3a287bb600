"""Headless Chromium for benchmarks and tests: the system's, or the one that Playwright fetched."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
)  # fmt: skip


def find_chromium() -> str | None:
    """The browser that CHROME names, else the system's, else Playwright's own; None without any."""
    for name in (os.environ.get("CHROME"), "chromium", "chromium-browser", "google-chrome"):
        if name and (found := shutil.which(name)):
            return found
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


@contextmanager
def open_browser() -> "Iterator[Browser]":
    """A browser that fetches nothing by itself; without one, a sentence says what to install."""
    from playwright.sync_api import sync_playwright

    found = find_chromium()
    if found is None:
        raise SystemExit(
            "There is no Chromium. Install it (Debian: apt-get install chromium), name one by "
            "CHROME=/path, or let Playwright fetch one: playwright install chromium."
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(QUIET))
        try:
            yield browser
        finally:
            browser.close()
