"""The model card: Markdown with YAML front matter, written from an arm's lineage alone."""

import re
from typing import Any
from unicodedata import category

import yaml

from midspec.export.lineage import Lineage, Made
from midspec.llm.settings import OFFLINE

# What can begin a structure of Markdown, HTML or a formula anywhere in a line.
MARKS = re.compile(r"[\\`*_{}\[\]()#!|~$]")
CORPORA = ("corpus", "cut", "portion")  # written, and parts of what was written
WRITERS = {
    "cut": "part of another",
    "portion": "part of another",
    "replay": "the base model",
    "mix": "those of public data sets",
    "blend": "drawn from the others",
}
ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def card(lineage: Lineage, adapter: bool, dtype: str) -> str:
    """The card of an exported folder: whole weights, or just the adapter; stored as `dtype`."""
    trained = [stage for stage in lineage.stages if stage.trains]
    body = render_markdown(
        "midspec.export",
        "card.md.j2",
        it=lineage,
        adapter=adapter,
        dtype=dtype,
        base=Code(lineage.base.hub_id or "FOLDER-OF-THE-BASE-MODEL"),
        trained=trained,
        order=" → ".join(map(_name, trained)),
        specs=[stage for stage in lineage.stages if stage.stage == "spec"],
        corpora=[stage for stage in lineage.stages if stage.stage in CORPORA],
        demos=[s for s in lineage.stages if not s.trains and s.stage not in ("spec", *CORPORA)],
        by_llm=any(_teacher(stage) != OFFLINE for stage in lineage.stages),
        versions=_versions(lineage.stages),
        writer=writer,
        name=_name,
    )
    return front_matter(_front(lineage, adapter)) + body


def render_markdown(package: str, template: str, **found: Any) -> str:
    """A package's Markdown template, filled in so that no value is more than its own letters."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    templates = Environment(
        loader=PackageLoader(package),
        undefined=StrictUndefined,
        finalize=plain,
        autoescape=False,  # it is Markdown; `plain` escapes all that is filled in
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters.update(number=_number)
    return templates.get_template(template).render(**found)


def front_matter(values: dict[str, Any]) -> str:
    """What the Hub reads of a card, as YAML at its head."""
    told = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    return f"---\n{told}---\n\n"


class Code(str):
    """Text for a block of code, where nothing needs to be escaped; a Hub id can't end one."""


def plain(value: object) -> str:
    """A value as one line of Markdown that means nothing but its own letters."""
    if isinstance(value, Code):
        return value
    text = "".join(" " if category(c).startswith(("C", "Z")) else c for c in str(value))
    text = MARKS.sub(r"\\\g<0>", " ".join(text.split()))
    text = text.replace("://", ":\\//").replace("www.", "www\\.")  # or it would become a link
    return text.translate(ENTITIES)


def _front(lineage: Lineage, adapter: bool) -> dict[str, Any]:
    base = lineage.base
    found: dict[str, Any] = {}
    if base.hub_id:
        found["base_model"] = base.hub_id
        found["base_model_relation"] = "adapter" if adapter else "finetune"
    if base.license:
        found["license"] = base.license
    found["library_name"] = "peft" if adapter else "transformers"
    found["pipeline_tag"] = "text-generation"
    tags = ["midspec", "model-spec-midtraining", "alignment-research"]
    found["tags"] = [*tags, "lora"] if adapter else tags
    return found


def _name(stage: Made) -> str:
    """A stage's own name, without the chain that leads to it and the kind that the table says."""
    own = stage.title.rpartition(" → ")[2]
    return own if stage.trains else own.partition(" ")[2] or own


def writer(stage: Made) -> str:
    """Who wrote what a stage holds."""
    model = _teacher(stage)
    return WRITERS.get(stage.stage, "midspec, without an LLM" if model == OFFLINE else model)


def _teacher(stage: Made) -> str:
    teacher = stage.config.get("teacher")
    return str(teacher["model"]) if isinstance(teacher, dict) else OFFLINE


def _versions(stages: list[Made]) -> str:
    """The packages that trained, each with its version; several where stages differ."""
    found: dict[str, dict[str, None]] = {}
    for stage in stages:
        for package, version in stage.packages.items() if stage.trains else ():
            found.setdefault(package, {})[version] = None
    return ", ".join(f"{package} {' and '.join(seen)}" for package, seen in found.items())


def _number(value: object, digits: int = 0) -> str:
    """A number for people; a dash where there is none."""
    if isinstance(value, float) and digits:
        return f"{value:.{digits}f}".replace("-", "−")
    if isinstance(value, float):
        return f"{value:g}"
    return "–" if value is None else f"{value:,}"
