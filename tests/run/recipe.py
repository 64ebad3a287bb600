"""A graph of four light stages, run as a program so that tests can kill it and race it."""

import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from midspec.files import write_text
from midspec.run.build import open_store, raise_failures, run
from midspec.run.pools import Inline
from midspec.run.stage import Stage, Summary


@dataclass(frozen=True)
class Config:
    """What a stage writes; it appends to `diary` when it runs, and stops while `hold` exists."""

    text: str
    diary: str = ""
    hold: str = ""
    fail: bool = False


def work(config: Config, inputs: Mapping[str, Path], out: Path) -> Summary:
    """Write what the inputs hold and then the config's text, in two halves."""
    if config.diary:
        with open(config.diary, "a") as diary:
            diary.write(f"{config.text}\n")
    (out / "half.txt").write_text(config.text)
    if config.hold and Path(config.hold).exists():
        write_text(out / ".held", str(os.getpid()))
    while config.hold and Path(config.hold).exists():
        time.sleep(0.01)
    if config.fail:
        raise ValueError(f"{config.text} went wrong")
    read = "".join((folder / "whole.txt").read_text() for folder in inputs.values())
    write_text(out / "whole.txt", read + config.text)
    return {"characters": len(read + config.text)}


def kill_itself(config: Config, inputs: Mapping[str, Path], out: Path) -> Summary:
    """What a system that is short of memory does to a process."""
    with open(config.diary, "a") as diary:
        diary.write(f"{config.text}\n")
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def diamond(diary: Path, hold: Path | str = "") -> Stage:
    """Two stages that share an input, and one that reads both."""
    top = Stage("top", work, Config("top", str(diary)))
    left = Stage("left", work, Config("left", str(diary)), {"top": top})
    right = Stage("right", work, Config("right", str(diary), str(hold)), {"top": top})
    return Stage("both", work, Config("both", str(diary)), {"left": left, "right": right})


if __name__ == "__main__":
    store, diary, hold, go = sys.argv[1:]
    while not Path(go).exists():  # so that racing processes begin together
        time.sleep(0.001)
    root = open_store(Path(store))
    raise_failures(run([diamond(Path(diary), hold)], root, Inline()), root)
