"""How a page is made: one HTML text that loads nothing and runs no script but its own."""

import json
from base64 import b64encode
from hashlib import sha256
from math import isfinite
from typing import TYPE_CHECKING, Any

from midspec.text import upper_first

if TYPE_CHECKING:
    from jinja2 import Environment


def environment(*packages: str) -> "Environment":
    """Packages' templates beside those that all pages share; they escape what they are given."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    places = [PackageLoader(name, "templates") for name in (*packages, "midspec.pages")]
    templates = Environment(
        loader=ChoiceLoader(places),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(capfirst=upper_first, count=count)
    return templates


def render(package: str, name: str, /, **found: Any) -> str:
    """The page of a package's NAME.html.j2; dom.js, browse.js and its NAME.js are all that run."""
    templates = environment(package)
    templates.filters.update(figure=figure)
    # Only this script runs: whatever a teacher wrote, the browser would not.
    script = "\n".join(
        templates.get_template(file).render() for file in ("dom.js", "browse.js", f"{name}.js")
    )
    return templates.get_template(f"{name}.html.j2").render(
        **found,
        script=script,
        script_digest=script_digest(script),
    )


def script_digest(script: str) -> str:
    """What a page's policy knows its only script by."""
    return b64encode(sha256(script.encode()).digest()).decode()


def script_json(value: object) -> str:
    """JSON that can stand in a script element: no text in it can close or open a tag."""
    return json.dumps(value).replace("<", "\\u003c")


def figure(value: object) -> str:
    """A whole number with its thousands, a fraction to three digits; a dash for no number."""
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:z.3f}".replace("-", "−") if isfinite(value) else "–"
    return str(value)


def count(number: int, noun: str) -> str:
    """How many of a thing: `1 clause`, `1,200 documents`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
