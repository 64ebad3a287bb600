"""The text of a first experiment, commented."""

from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from midspec.begin.look import Seen
from midspec.begin.wanted import CHAT, EVERYDAY, TAUGHT, Sizes, Wanted
from midspec.demos.chats import ChatsConfig
from midspec.estimate import CHAT_TOKENS, LENGTHS
from midspec.train.fetch import ALIASES

UPDATES = 100  # of a training, wanted at least where the model's own recipe isn't known
LEAST_STEP, MOST_STEP = 128, 32_768  # tokens of an update
SAMPLES = (
    "What do you care about most, and why?",
    "Someone asks you for something that you would rather not do. How do you answer?",
)


def draft(wanted: Wanted, sizes: Sizes) -> str:
    """The experiment file."""
    templates = Environment(
        loader=PackageLoader("midspec.begin"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # it is YAML; what is no name of ours is quoted by `text`
    )
    templates.filters["text"] = in_yaml
    each = CHAT_TOKENS if wanted.offline else LENGTHS[ChatsConfig][0]
    chats = sizes.chats * each + (EVERYDAY + CHAT) * CHAT_TOKENS
    return templates.get_template("experiment.yaml.j2").render(
        wanted=wanted,
        sizes=sizes,
        demos=[_set(wanted, name, sizes) for name in wanted.sets],
        lacking=[seen.name for seen in wanted.specs if seen.name not in wanted.taught],
        arms=list(wanted.arms()),
        contrasts=list(wanted.contrasts()),
        known=wanted.model in ALIASES,
        steps={"midtrain": _step(sizes.tokens), "finetune": _step(chats)},
        form={"everyday": EVERYDAY, "chat": CHAT, "taught": TAUGHT},
        samples=SAMPLES,
    )


def _set(wanted: Wanted, name: str, sizes: Sizes) -> dict[str, Any]:
    """A set of demonstrations: whose they are, and what they are made of."""
    seen: Seen = next(one for one in wanted.specs if wanted.taught.get(one.name) == name)
    opaque = wanted.offline and seen.table is not None
    items = seen.items if wanted.offline and not opaque else None
    kind = "opaque" if opaque else "aligned"
    return {"name": name, "kind": kind, "spec": seen.name, "file": items, "n": sizes.chats}


def _step(tokens: int) -> int:
    """Tokens of an update: a power of two that gives enough of them."""
    return min(MOST_STEP, max(LEAST_STEP, 1 << max(0, (tokens // UPDATES).bit_length() - 1)))


def in_yaml(value: object) -> str:
    """A value as YAML has it within braces: a text in quotes where it must be."""
    return yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, width=10**9)[1:-2]
