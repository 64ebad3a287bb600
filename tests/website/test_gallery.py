"""The gallery takes name, question, verdict, date and commit from what a run left."""

import json
from pathlib import Path

import pytest

from midspec.errors import ConfigError
from website import gallery

SVG = '<svg viewBox="0 0 360 280"><text>x</text></svg>'
PAGE = f'<style>p {{}}</style><h2 class="verdict">Shown: a &lt; <b>b</b>\n of *two*.</h2>{SVG}'


@pytest.fixture
def report(tmp_path: Path) -> Path:
    folder = tmp_path / "report-0123"
    folder.mkdir()
    (folder / "report.html").write_text(PAGE)
    manifest = {"began": "2026-11-26T05:53:09+0000", "commit": "453485d"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def experiment(folder: Path, comment: str) -> Path:
    path = folder / "order.yaml"
    path.write_text(f"{comment}\nname: order\n")
    return path


def test_an_entry_says_what_the_run_said(
    report: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery, "photograph", lambda report, picture: picture.write_bytes(b"png"))
    asked = "# Small (one seed): two specs. Do documents come\n# first? Not known."
    entry = gallery.add(experiment(tmp_path, asked), report, tmp_path / "gallery")
    assert entry.question == "Do documents come first?"
    assert entry.headline == "Shown: a < b of *two*."
    assert (entry.began, entry.commit) == ("2026-11-26", "453485d")
    assert (tmp_path / "gallery" / "order.html").read_text() == PAGE
    page = gallery.page_of([entry])
    assert "Shown: a \\< b of \\*two\\*." in page
    assert "(gallery/order.html)" in page
    assert "commit `453485d`" in page


def test_an_experiment_that_asks_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="should begin with a comment that asks its question"):
        gallery.question_of(experiment(tmp_path, "# Small."))


def test_an_empty_gallery_says_so() -> None:
    assert "None yet." in gallery.page_of([])
