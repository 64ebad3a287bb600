"""A set of demonstrations blended from others by share (paper App. I: 0 to 100% opposed chats)."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import floor
from pathlib import Path

from midspec.errors import DataError
from midspec.files import read_rows, write_rows
from midspec.records import Chat
from midspec.run.stage import Stage, Summary


@dataclass(frozen=True)
class BlendConfig:
    """`n` chats; `shares` in percent, one for each part; `draw` for another sample."""

    n: int
    shares: tuple[tuple[str, float], ...]
    draw: int


def blend_stage(name: str, config: BlendConfig, parts: Mapping[str, Stage]) -> Stage:
    """The stage that draws from finished sets; a part with a share of 0 isn't needed for it."""
    inputs = {f"part/{part}": parts[part] for part, share in config.shares if share}
    return Stage("blend", _blend, config, inputs, title=f"demos {name}")


def counts(n: int, shares: Mapping[str, float]) -> dict[str, int]:
    """How many chats each part gives; what rounding leaves over goes to the largest remainders."""
    exact = {part: n * share / 100 for part, share in shares.items()}
    found = {part: floor(count) for part, count in exact.items()}
    by_remainder = sorted(exact, key=lambda part: found[part] - exact[part])
    for part in by_remainder[: n - sum(found.values())]:
        found[part] += 1
    return found


def _blend(config: BlendConfig, inputs: Mapping[str, Path], out: Path) -> Summary:
    """Write chats.jsonl, the parts shuffled together; a part that is too small is a DataError."""
    chats: list[Chat] = []
    wanted = counts(config.n, dict(config.shares))
    for part, count in wanted.items():
        rows = read_rows(inputs[f"part/{part}"] / "chats.jsonl", Chat) if count else []
        if count > len(rows):
            raise DataError(
                f"The blend takes {count:,} chats of {part}, which has {len(rows):,}. Make {part} "
                "larger, or the blend smaller."
            )
        drawn = random.Random(f"blend/{part}/{config.draw}").sample(rows, len(rows))[:count]
        chats += [
            replace(c, id=f"{part}/{c.id}", lineage=c.lineage | {"part": part}) for c in drawn
        ]
    random.Random(f"blend/{config.draw}").shuffle(chats)
    return {"chats": write_rows(out / "chats.jsonl", chats), "parts": wanted}
