from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from midspec.corpus.stage import CorpusConfig
from midspec.demos.stage import OpaqueConfig, ReplayConfig
from midspec.errors import ConfigError, StoreError
from midspec.evals.stage import ChoiceConfig
from midspec.recipe import canonical
from midspec.report.stage import ReportConfig
from midspec.resources import Resources
from midspec.run.stage import Source, Stage, verify
from midspec.train.settings import AdapterSettings, LoopSettings
from midspec.tune.stage import TuneConfig

from .recipe import Config, work

CONFIGS = [
    CorpusConfig("old", 100, 0, "offline", "Tiny", "Testers"),
    OpaqueConfig(10, 0),
    ReplayConfig(10, 8, 0),
    TuneConfig("tiny", AdapterSettings(), LoopSettings(), 0),
    AdapterSettings(),
    LoopSettings(),
    ChoiceConfig("preference/old", "held-out"),
    ReportConfig("tiny", ("base",), (), "name: tiny", "all", {}, "midspec run"),
]


def other(value: Any) -> Any:
    """Another value of the same kind."""
    match value:
        case str():
            return value + "!"
        case int() | float():
            return value + 1
        case None:
            return 7
        case tuple():
            return (*value, "more")
        case dict():
            return {**value, "more": ["more"]}
    changed = fields(value)[1].name
    return replace(value, **{changed: other(getattr(value, changed))})


def stage(config: object, **rest: Any) -> Stage:
    return Stage("work", work, config, **rest)


def test_equal_recipes_share_a_folder() -> None:
    one, two = stage(Config("a")), stage(Config("a"))
    assert one.path(Path("store")) == two.path(Path("store"))


@pytest.mark.parametrize(
    ("config", "name"),
    [(c, f.name) for c in CONFIGS for f in fields(c)],  # type: ignore[arg-type]
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_changing_any_config_field_changes_the_folder(config: Any, name: str) -> None:
    changed = replace(config, **{name: other(getattr(config, name))})
    assert stage(config).fingerprint() != stage(changed).fingerprint()


def test_name_version_and_inputs_are_identity() -> None:
    plain = stage(Config("a"))
    fingerprints = {
        plain.fingerprint(),
        stage(Config("a"), version=2).fingerprint(),
        stage(Config("a"), inputs={"x": stage(Config("b"))}).fingerprint(),
        stage(Config("a"), inputs={"x": stage(Config("c"))}).fingerprint(),
        stage(Config("a"), inputs={"y": stage(Config("b"))}).fingerprint(),
        Stage("play", work, Config("a")).fingerprint(),
    }
    assert len(fingerprints) == 6


def test_title_and_resources_are_not_identity() -> None:
    titled = stage(Config("a"), title="for people", resources=Resources(processes=8))
    assert titled.fingerprint() == stage(Config("a")).fingerprint()


def test_a_source_is_known_by_what_it_holds_and_not_by_where_it_lies(tmp_path: Path) -> None:
    for name, text in (("a", "same"), ("b", "same"), ("c", "other")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(text)
    a, b, c = (Source("x", tmp_path / name).fingerprint() for name in "abc")
    assert a == b != c
    files = [Source("x", tmp_path / name / "file").fingerprint() for name in "abc"]
    assert files[0] == files[1] != files[2]


def test_a_missing_source_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.jsonl does not exist"):
        Source("x", tmp_path / "gone.jsonl").fingerprint()


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True)
class Inner:
    where: object


@pytest.mark.parametrize("value", [Path("a"), {1, 2}, b"bytes", len, {1: "int key"}])
def test_a_config_without_a_stable_form_names_the_field_and_the_type(value: object) -> None:
    kind = type(value).__name__
    with pytest.raises(TypeError, match=rf"config\.where\[0\] is a {kind}, which has no stable"):
        stage(Inner([value])).fingerprint()


def test_plain_values_enums_and_dataclasses_have_a_stable_form() -> None:
    value = Inner({"a": (1, 2.5, None, True), "b": Colour.RED, "c": Inner("x")})
    assert canonical(value) == {
        "where": {"a": [1, 2.5, None, True], "b": "red", "c": {"where": "x"}}
    }


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (lambda file: file.write_text("other"), "was changed"),
        (lambda file: file.unlink(), "is missing"),
    ],
)
def test_a_changed_output_names_the_file_and_what_to_delete(
    tmp_path: Path, tamper: Callable[[Path], object], words: str
) -> None:
    from midspec.run.build import build, open_store

    folder = build(stage(Config("a")), open_store(tmp_path))
    verify(folder)
    tamper(folder / "whole.txt")
    with pytest.raises(StoreError, match=rf"whole\.txt {words} .*Delete {folder} to build"):
        verify(folder)
