"""Try the built wheel and sdist: all of the package is in them, nothing large, and the command
works in a clean environment, away from the sources.

    python tests/wheel.py FOLDER      # with midspec-*.whl and midspec-*.tar.gz
"""

import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from midspec import __version__

ROOT = Path(__file__).resolve().parents[1]
LARGEST, WHEEL, SDIST = 1_000_000, 3_000_000, 6_000_000  # bytes, of a file and of each archive


def expected() -> set[str]:
    """What the wheel must hold: the package's files, and the specs and experiments."""
    kept = {}
    for folder, place in (
        ("src/midspec", "midspec"),
        ("specs", "midspec/shipped/specs"),
        ("experiments", "midspec/shipped/experiments"),
    ):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                kept[f"{place}/{path.relative_to(ROOT / folder).as_posix()}"] = path
    return set(kept)


def check_contents(wheel: Path, sdist: Path) -> None:
    """Nothing is missing, nothing is large, and the types are marked as there."""
    with zipfile.ZipFile(wheel) as packed:
        sizes = {one.filename: one.file_size for one in packed.infolist()}
    missing = sorted(expected() - set(sizes))
    assert not missing, f"The wheel lacks {', '.join(missing[:5])}, {len(missing)} in all."
    extra = [n for n in sizes if not n.startswith(("midspec/", "midspec-"))]
    assert not extra, f"The wheel holds {extra[:5]}, which is no part of the package."
    assert "midspec/py.typed" in sizes
    with tarfile.open(sdist) as packed:
        sizes |= {one.name: one.size for one in packed.getmembers()}
    for name in ("LICENSE", "README.md", "CHANGELOG.md", "Makefile", "tests/conftest.py"):
        assert any(found.endswith(f"/{name}") for found in sizes), f"The sdist lacks {name}."
    large = {name: size for name, size in sizes.items() if size > LARGEST}
    assert not large, f"Too large: {large}"
    for archive, most in ((wheel, WHEEL), (sdist, SDIST)):
        assert archive.stat().st_size < most, f"{archive.name} has over {most:,} bytes."


def install(wheel: Path, folder: Path) -> Path:
    """A clean environment with the wheel; what it depends on is lent by the one that runs this,
    whose own midspec isn't seen (a path in a .pth file brings no .pth files of its own)."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    lent = next(path for path in sys.path if path.endswith("site-packages"))
    (own,) = folder.glob("lib/python*/site-packages")
    (own / "lent.pth").write_text(f"{lent}\n")
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel], check=True
    )
    return folder / "bin" / "midspec"


def try_out(midspec: Path, place: Path) -> None:
    """What a user does first, in an empty folder and without a model or a network."""

    def said(*arguments: object) -> str:
        return subprocess.run(
            [midspec, *map(str, arguments)],
            cwd=place,
            check=True,
            text=True,
            stdout=subprocess.PIPE,
        ).stdout

    version = said("--version").strip()
    where = subprocess.run(
        [midspec.parent / "python", "-c", "import midspec; print(midspec.__file__)"],
        cwd=place,
        check=True,
        text=True,
        stdout=subprocess.PIPE,
    ).stdout.strip()
    assert Path(where).is_relative_to(midspec.parent.parent), f"{where} isn't the wheel's."
    assert version == f"midspec {__version__}", version
    shipped = Path(where).parent / "shipped"
    assert "Commands:" in said("--help")
    assert "stages to do" in said("plan", shipped / "experiments" / "cheese.yaml")
    assert "0 findings" in said("spec", "lint", shipped / "specs" / "quiet.md")
    assert "preference/ITEMS" in said("eval", "--list")
    named = ("--model-name", "Tiny", "--provider-name", "Testers")
    quiet = shipped / "specs" / "quiet.md"
    said("corpus", quiet, "--teacher", "offline", "--tokens", "3k", "--out", "corpus", *named)
    said("corpus", "show", "corpus")
    assert (place / "corpus.html").exists()


def main() -> int:
    """Check the archives of the folder named."""
    folder = Path(sys.argv[1]).resolve()
    (wheel,) = folder.glob("midspec-*.whl")
    (sdist,) = folder.glob("midspec-*.tar.gz")
    check_contents(wheel, sdist)
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary) / "empty"
        place.mkdir()
        try_out(install(wheel, Path(temporary) / "clean"), place)
    sizes = ", ".join(f"{one.name} {one.stat().st_size / 1e6:.1f} MB" for one in (wheel, sdist))
    print(f"The wheel works away from its sources: {sizes}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
