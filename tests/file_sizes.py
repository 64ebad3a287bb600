"""Fail if a Python file of ours has over 400 lines: it holds two things that want apart."""

import sys
from pathlib import Path

MOST = 400


def main() -> int:
    """Print each file that is too long, and return how many there are."""
    root = Path(__file__).resolve().parents[1]
    too_long = 0
    folders = [root / name for name in ("src", "tests", "website")]
    for path in sorted(path for folder in folders for path in folder.rglob("*.py")):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > MOST:
            print(f"{path.relative_to(root)} has {lines} lines, over {MOST}: split it.")
            too_long += 1
    return too_long


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
