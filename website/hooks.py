"""MkDocs' hooks: what pages hold that is made of the code, and pages for files outside `docs/`."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from website.commands import commands_page
from website.experiment_file import experiment_page
from website.repository import FILES, linked_pages, rewritten

ROOT = Path(__file__).resolve().parents[1]
UNMADE = re.compile(r"<!-- made -->.*<!-- /made -->", re.DOTALL)
MADE = {
    "reference/experiment-file.md": experiment_page,
    "reference/commands.md": commands_page,
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each file outside `docs/` that a page links to."""
    written = {page.src_uri: page.content_string for page in files.documentation_pages()}
    listed = [uri.removeprefix(f"{FILES}/") for uri in _listed(config.nav) if uri.startswith(FILES)]
    written["nav"] = "".join(f"[]({os.path.relpath(path, 'docs')})" for path in listed)
    for uri, content in linked_pages(ROOT, written).items():
        files.append(File.generated(config, uri, content=content))
    return files


def _listed(nav: Any) -> Iterator[str]:
    """The pages that the navigation names, at whatever depth."""
    if isinstance(nav, str):
        yield nav
    for part in nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else []:
        yield from _listed(part)


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links that leave `docs/` to the pages made for what they name, and put what is made of
    the code in place of the words for readers of the file alone."""
    if make := MADE.get(page.file.src_uri):
        markdown = UNMADE.sub(lambda _: make(), markdown)
    return rewritten(ROOT, page.file.src_uri, markdown)
