"""How an arm's steps follow one another: each one's settings, and what it makes of those before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

from midspec.arms import Step
from midspec.errors import ConfigError
from midspec.train.settings import AdapterSettings, LoopSettings
from midspec.train.stack import Start

ADAPTER = {one.name for one in fields(AdapterSettings)}
SHAPE = sorted(ADAPTER - {"method"})  # what an adapter has, and whole weights have not


@dataclass(frozen=True)
class Link:
    """A training step with all of its settings.

    start: what becomes of the adapter before it; begun: how many the chain began before its own.
    """

    step: Step
    adapter: AdapterSettings
    loop: LoopSettings
    start: Start = "continue"
    begun: int = 0

    @property
    def title(self) -> str:
        """What it trains on, and what it sets itself: `finetune cheese+chat (fresh, rank 8)`."""
        said = [] if self.start == "continue" else [str(self.start)]
        said += [v if k == "method" else f"{k} {v}" for k, v in self.step.settings().items()]
        title = f"{self.step.kind} {'+'.join([*self.step.corpora, *self.step.demos])}"
        return f"{title} ({', '.join(said)})" if said else title


def links(
    steps: Sequence[Step], adapter: AdapterSettings, loops: Mapping[str, LoopSettings], where: str
) -> list[Link]:
    """An arm's training steps; `adapter` and `loops` (by kind of step) hold where a step sets
    nothing itself. A step that can't follow the one before is a ConfigError."""
    found: list[Link] = []
    top: AdapterSettings | None = None  # the adapter that a step could go on training
    begun = 0
    for number, step in enumerate(steps, 1):
        at = f"{where}, step {number}"
        if not step.trains:
            _check_plain(step, at)
            continue
        own = step.settings()
        loop = replace(loops[step.kind], **{k: v for k, v in own.items() if k not in ADAPTER})
        wanted = replace(adapter, **{k: v for k, v in own.items() if k in ADAPTER})
        if wanted.method == "full":
            _check_full(step, at)
            found.append(Link(step, wanted, loop))
            top = None
            continue
        if step.adapter and not top:
            raise ConfigError(
                f"{at}: adapter: {step.adapter} is about an adapter that an earlier step trained, "
                f"and {'none did' if found else 'this is the first step'}. Leave it out: a new one "
                "is trained."
            )
        start = step.adapter or "continue"
        if top and start == "continue":
            _check_shape(step, top, at)
            found.append(Link(step, top, loop, begun=begun - 1))
            continue
        found.append(Link(step, wanted, loop, start, begun))
        top, begun = wanted, begun + 1
    return found


def _check_plain(step: Step, at: str) -> None:
    given = [*(["adapter"] if step.adapter else []), *step.settings()]
    if given:
        raise ConfigError(f"{at}: a {step.kind} trains nothing, so it takes no {given[0]}.")


def _check_full(step: Step, at: str) -> None:
    if step.adapter:
        raise ConfigError(
            f"{at}: method full trains all weights, and an earlier adapter becomes part of them. "
            f"Leave adapter: {step.adapter} out, or set method: lora."
        )
    shape = [key for key in SHAPE if key in step.settings()]
    if shape:
        raise ConfigError(
            f"{at}: {shape[0]} is an adapter's, and method full trains all weights. Leave it out, "
            "or set method: lora."
        )


def _check_shape(step: Step, top: AdapterSettings, at: str) -> None:
    """A step that goes on training an adapter can't change its shape."""
    for key, value in step.settings().items():
        if key in SHAPE and value != getattr(top, key):
            raise ConfigError(
                f"{at}: {key} is {value}, but the step goes on training an adapter whose {key} is "
                f"{getattr(top, key)}. Leave it out, or set adapter: fresh (a new one beside it) "
                "or adapter: merge (a new one on the merged weights)."
            )
