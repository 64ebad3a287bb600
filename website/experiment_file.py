"""The reference of the experiment file, made of the typed models that read it."""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from midspec.arms import Both, Comparison, PaperArms, Step
from midspec.config import Experiment
from midspec.grid_arms import Axes, DoseAxis, Grid
from midspec.parts import (
    Aligned,
    Anti,
    Blend,
    Corpus,
    Deliberative,
    Everyday,
    Identity,
    InstructionMix,
    Opaque,
    OpenQuestions,
    OrdinaryText,
    Replay,
    TeacherModel,
)
from midspec.placement import StageResources
from midspec.portions import LeaveOut, Portion, Without
from midspec.resources import Resources
from midspec.train.settings import AdapterSettings, LoopSettings

# Where each model stands in a file.
SECTIONS: dict[type, str] = {
    Experiment: "The file",
    Identity: "identity",
    TeacherModel: "teacher, judge",
    Corpus: "corpora: one that is written",
    OrdinaryText: "corpora: mix",
    Portion: "corpora: one made of another",
    Without: "corpora: without, matched",
    Opaque: "demos: kind opaque",
    Aligned: "demos: kind aligned",
    Deliberative: "demos: kind deliberative",
    Anti: "demos: kind anti",
    InstructionMix: "demos: kind mix",
    Everyday: "demos: kind everyday",
    Replay: "demos: kind replay",
    Blend: "demos: kind blend",
    AdapterSettings: "adapter",
    LoopSettings: "midtrain, finetune",
    Step: "arms: a step",
    Both: "arms: interleave",
    PaperArms: "arms: paper",
    Grid: "grid",
    Axes: "grid: include, exclude",
    DoseAxis: "grid: dose",
    Comparison: "contrasts",
    LeaveOut: "leave_out",
    OpenQuestions: "questions",
    StageResources: "resources",
    Resources: "resources: each of them",
}
PLAIN = {
    int: "whole number",
    float: "number",
    str: "text",
    bool: "true or false",
    Path: "path",
    NoneType: "null",
}
LIMITS = {"gt": "over", "ge": "at least", "lt": "under", "le": "at most"}


def experiment_page() -> str:
    """Every key with its type, default and meaning, in Markdown."""
    return "".join(_section(kind, title) for kind, title in SECTIONS.items())


def meanings(kind: type) -> dict[str, str]:
    """What each key of a model means: the string that stands under its field."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if not base.__module__.startswith(kind.__module__.partition(".")[0]):
            continue  # pydantic's own
        try:
            source = inspect.getsource(base)
        except (OSError, TypeError):  # made by a function: its fields are those of other models
            continue
        body = next(iter(ast.parse(textwrap.dedent(source)).body))
        assert isinstance(body, ast.ClassDef)
        for field, said in zip(body.body, body.body[1:], strict=False):
            named = isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
            if named and isinstance(said, ast.Expr) and isinstance(said.value, ast.Constant):
                found[ast.unparse(field).partition(":")[0]] = str(said.value.value)
    return found


def keys(kind: type) -> Iterator[tuple[str, str, Any, str]]:
    """The keys of a model: name, type in words, default, meaning."""
    said = meanings(kind)
    if is_dataclass(kind):
        hints = get_type_hints(kind, include_extras=True)
        for one in fields(kind):
            default = PydanticUndefined if one.default is MISSING else one.default
            yield one.name, in_words(hints[one.name]), default, said[one.name]
        return
    assert issubclass(kind, BaseModel)
    shared = meanings(AdapterSettings) | meanings(LoopSettings)
    for name, field in kind.model_fields.items():
        if kind is Step and name in shared:
            continue  # said in the section's own words
        if name == "kind":
            continue  # said in the section's title
        meaning = said[name]
        yield field.alias or name, _field_in_words(field), _default(field), meaning


def in_words(hint: Any, *limits: Any) -> str:
    """A type as people say it, with links to the sections of models."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return in_words(args[0], *args[1:], *limits)
    if origin in (Union, UnionType):
        kinds = [in_words(kind, *limits) for kind in args if kind is not NoneType]
        return " or ".join(dict.fromkeys(kinds))
    made: dict[Any, Callable[[], str]] = {
        Literal: lambda: ", ".join(f"`{value}`" for value in args),
        list: lambda: f"list of {in_words(args[0])}",
        tuple: lambda: f"[{', '.join(map(in_words, args))}]",
        dict: lambda: f"name: {in_words(args[1])}",
    }
    return made[origin]() if origin in made else _plain(hint, limits)


def _plain(hint: Any, limits: Any) -> str:
    if hint in SECTIONS:
        return f"[{SECTIONS[hint].split(': ')[-1]}](#{_anchor(SECTIONS[hint])})"
    if hint not in PLAIN:
        raise TypeError(f"{hint} has no section in the reference of the experiment file. Add it.")
    found = [
        f"{word} {getattr(limit, key)}"
        for limit in _flat(limits)
        for key, word in LIMITS.items()
        if getattr(limit, key, None) is not None
    ]
    return " ".join([PLAIN[hint], *found[:1], *(f"and {more}" for more in found[1:])])


def _flat(limits: Any) -> Iterator[Any]:
    for limit in limits:
        yield from limit.metadata if isinstance(limit, FieldInfo) else [limit]


def _field_in_words(field: FieldInfo) -> str:
    return in_words(field.annotation, *field.metadata)


def _default(field: FieldInfo) -> Any:
    return field.get_default(call_default_factory=True, validated_data={})


def _section(kind: type, title: str) -> str:
    words = inspect.cleandoc(kind.__doc__ or "")
    rows = "".join(
        f"| `{name}` | {said} | {_shown(default)} | {meaning} |\n"
        for name, said, default, meaning in keys(kind)
    )
    return (
        f"\n## {title} {{ #{_anchor(title)} }}\n\n{words}\n\n"
        f"| key | type | default | meaning |\n|---|---|---|---|\n{rows}"
    )


def _shown(default: Any) -> str:
    if default is PydanticUndefined:
        return "**needed**"
    if default is None or default in ("", [], {}, Path()):
        return ""
    if isinstance(default, BaseModel) or is_dataclass(default):
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default:,}`".replace(",", "_") if isinstance(default, int) else f"`{default}`"


def _anchor(title: str) -> str:
    return title.lower().replace(":", "").replace(",", "").replace(" ", "-").replace("_", "-")
