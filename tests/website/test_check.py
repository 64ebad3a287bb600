"""The check of a built site finds what a reader would stumble over."""

from pathlib import Path

from website.check import faults


def site(folder: Path, **pages: str) -> Path:
    for name, html in pages.items():
        (folder / f"{name}.html").write_text(html)
    return folder


def test_a_site_whose_links_lead_somewhere_has_no_faults(tmp_path: Path) -> None:
    (tmp_path / "a b.png").write_bytes(b"")
    (tmp_path / "s.css").write_text("a { background: url(data:image/png;base64,AA==) }")
    site(
        tmp_path,
        index='<a href="two.html#there">x</a><img src="a%20b.png"><a href="https://example.org">',
        two='<link rel="stylesheet" href="s.css"><h2 id="there">x</h2><a href="#there">y</a>',
    )
    assert list(faults(tmp_path)) == []


def test_broken_links_and_anchors_are_told(tmp_path: Path) -> None:
    site(tmp_path, index='<a href="gone.html">x</a><a href="#gone">y</a><a href="two.html#z">z</a>')
    site(tmp_path, two="")
    assert list(faults(tmp_path)) == [
        "index.html links to gone.html, which isn't there.",
        "index.html links to #gone, whose anchor isn't there.",
        "index.html links to two.html#z, whose anchor isn't there.",
    ]


def test_whatever_is_fetched_from_elsewhere_is_told(tmp_path: Path) -> None:
    site(
        tmp_path,
        index='<script src="https://cdn.example/x.js"></script>'
        '<link rel="preconnect" href="https://fonts.example">'
        '<p style="background: url(//img.example/y.png)">',
    )
    (tmp_path / "s.css").write_text('@import "https://fonts.example/css";')
    told = list(faults(tmp_path))
    assert [fault.split()[0] for fault in told] == ["index.html"] * 3 + ["s.css"]
    assert all("fetches" in fault for fault in told)
