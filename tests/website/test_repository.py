"""Links that leave docs/ lead to pages of the site."""

from pathlib import Path

import pytest

from website.repository import linked_pages, rewritten


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "README.md": "# Read me\n\n[specs](docs/specs.md) and [a spec](specs/quiet.md#one)\n",
        "docs/specs.md": "# Specs\n",
        "docs/evals/choice.md": "# Choice\n",
        "specs/quiet.md": "# Quiet {#q1 .rule}\n\n~~~\ncode\n~~~\n",
        "src/a.py": "\n".join(f"line{n}" for n in range(500)),
        "prompts/one.md": "x",
        "prompts/__pycache__/one.pyc": "x",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_a_link_out_of_docs_leads_to_a_page_that_is_made(root: Path) -> None:
    written = {"specs.md": "[quiet](../specs/quiet.md)", "evals/choice.md": "[a](../../src/a.py)"}
    made = linked_pages(root, written)
    assert sorted(made) == ["files/specs/quiet.md", "files/src/a.py.md"]
    assert "# Quiet {#q1 .rule}" in made["files/specs/quiet.md"]
    assert "~~~~markdown" in made["files/specs/quiet.md"]
    assert "The first 200 lines of 500." in made["files/src/a.py.md"]
    assert rewritten(root, "specs.md", written["specs.md"]) == "[quiet](files/specs/quiet.md)"
    assert rewritten(root, "evals/choice.md", written["evals/choice.md"]).endswith(
        "(../files/src/a.py.md)"
    )


def test_a_readme_is_a_page_whose_own_links_are_followed(root: Path) -> None:
    made = linked_pages(root, {"specs.md": "[read](../README.md#read-me)"})
    assert sorted(made) == ["files/README.md", "files/specs/quiet.md"]
    shown = rewritten(root, "files/README.md", made["files/README.md"])
    assert "[specs](../specs.md)" in shown
    assert "[a spec](specs/quiet.md#one)" in shown
    assert rewritten(root, "specs.md", "[read](../README.md#read-me)") == (
        "[read](files/README.md#read-me)"
    )


def test_a_folder_is_a_list_of_what_is_in_it(root: Path) -> None:
    made = linked_pages(root, {"specs.md": "[prompts](../prompts)"})
    assert made == {"files/prompts/index.md": "# prompts\n\n- `one.md`\n"}


def test_what_stays_in_docs_is_code_or_isn_t_there_is_left_alone(root: Path) -> None:
    for text in (
        "[choice](evals/choice.md#x)",
        "[web](https://example.org/a)",
        "`[a](../src/a.py)`",
        "```\n[a](../src/a.py)\n```\n",
        "[gone](../src/gone.py)",
        "[out](../../outside.md)",
        "[here](#anchor)",
    ):
        assert rewritten(root, "specs.md", text) == text
        assert linked_pages(root, {"specs.md": text}) == {}
