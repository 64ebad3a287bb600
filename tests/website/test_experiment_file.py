"""The reference of the experiment file has every key, with its meaning."""

from dataclasses import fields
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel

from midspec.arms import Step
from midspec.config import Experiment
from midspec.parts import Corpus
from midspec.resources import Resources
from website.experiment_file import SECTIONS, experiment_page, in_words, keys, meanings


def reached(hint: Any, seen: set[type]) -> set[type]:
    """The models that a type can hold, at whatever depth."""
    if isinstance(hint, type) and hint not in seen and hint.__module__.startswith("midspec"):
        seen.add(hint)
        for field in getattr(hint, "model_fields", {}).values():
            reached(field.annotation, seen)
    for part in get_args(hint):
        reached(part, seen)
    return seen


def test_every_model_of_the_file_has_a_section() -> None:
    models = reached(Experiment, set())
    assert len(models) > 20
    assert models <= SECTIONS.keys()


@pytest.mark.parametrize("kind", SECTIONS, ids=lambda kind: kind.__name__)
def test_every_key_has_a_meaning_and_a_type_in_words(kind: type) -> None:
    for name, said, _, meaning in keys(kind):
        assert meaning and said, f"{kind.__name__}.{name}"
        assert meaning[-1] in ".?,", f"{kind.__name__}.{name}: {meaning}"


def test_a_key_without_a_meaning_is_an_error() -> None:
    class Silent(BaseModel):
        told: int = 0
        """It is told."""
        untold: int = 0

    assert meanings(Silent) == {"told": "It is told."}
    with pytest.raises(KeyError, match="untold"):
        list(keys(Silent))


def test_types_are_told_as_people_say_them() -> None:
    told = {name: said for name, said, _, _ in keys(Corpus)}
    assert told["form"] == "`documents`, `qa`, `both`"
    assert told["document_tokens"] == "whole number at least 20"
    assert told["items"] == "path"
    assert in_words(Annotated[list[str] | None, "no limit"]) == "list of text"
    with pytest.raises(TypeError, match="has no section"):
        in_words(complex)


def test_the_page_tells_defaults_and_what_is_needed() -> None:
    page = experiment_page()
    assert "| `specs` | name: path | **needed** | Markdown files by name. |" in page
    assert "| `half` | `held-out`, `development`, `all` | `held-out` |" in page
    assert "| `tokens` | whole number over 0 | `100_000` |" in page
    assert page.count("## ") == len(SECTIONS)
    for field in fields(Resources):
        assert f"| `{field.name}` |" in page


def test_a_step_s_settings_are_those_of_adapter_and_loop() -> None:
    told = [name for name, *_ in keys(Step)]
    assert told == ["midtrain", "finetune", "interleave", "prompt", "model", "adapter"]
    assert get_origin(Step.model_fields["rank"].annotation) in (Union, UnionType)
