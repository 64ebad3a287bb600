"""The teacher's prompts: Markdown files with placeholders, a set for prose and one for rules."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from midspec.text import fill_in

PROMPT_VERSION = 1  # bump when a prompt's meaning changes; every row of a corpus carries it

LIST_SCHEMA = """{"type": "object", "properties": {"items": {"type": "array", "items": {
"type": "object", "properties": {"name": {"type": "string"}, "description": {"type": "string"},
"clauses": {"type": "array", "items": {"type": "string"}}},
"required": ["name", "description", "clauses"], "additionalProperties": false}}},
"required": ["items"], "additionalProperties": false}"""
VERDICT_SCHEMA = """{"type": "object", "properties": {
"contradictions": {"type": "array", "items": {"type": "string"}},
"inventions": {"type": "array", "items": {"type": "string"}},
"reason": {"type": "string"}, "faithful": {"type": "boolean"}},
"required": ["contradictions", "inventions", "reason", "faithful"],
"additionalProperties": false}"""


@cache
def _text(name: str) -> str:
    folder = files("midspec.corpus").joinpath("prompts")
    return folder.joinpath(*f"{name}.md".split("/")).read_text(encoding="utf-8").strip()


@cache
def _exists(name: str) -> bool:
    return files("midspec.corpus").joinpath("prompts", *f"{name}.md".split("/")).is_file()


def prompt(name: str, form: str, values: Mapping[str, str]) -> str:
    """The prompt of that name, from the set for the spec's form where there is one there."""
    specific = f"{form}/{name}"
    return fill_in(_text(specific if _exists(specific) else name), values)
