"""Reading YAML: what comes with a package, and what people write, in which whatever is wrong is
one sentence."""

import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from midspec.errors import ConfigError

MOST_VALUES = 100_000
UNFIT = re.compile("[\0\ud800-\udfff]")  # characters that no path can hold


def shipped_yaml(package: str, *path: str) -> Any:
    """What a YAML file that comes with a package holds."""
    return yaml.safe_load(files(package).joinpath(*path).read_text(encoding="utf-8"))


class _OnceLoader(yaml.SafeLoader):
    """A YAML loader that refuses a key written twice, of which YAML would keep the last in silence,
    and what can't be written down again."""

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        """A value as YAML reads it."""
        if isinstance(node.value, str) and (found := UNFIT.search(node.value)):
            raise yaml.MarkedYAMLError(
                problem=f"the character {found[0]!a}", problem_mark=node.start_mark
            )
        return super().construct_scalar(node)


def _once(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[object] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.MarkedYAMLError(
                problem="a key is a list or a mapping", problem_mark=key.start_mark
            )
        if key.value in seen:
            raise yaml.MarkedYAMLError(
                problem=f"{key.value!r} is written twice", problem_mark=key.start_mark
            )
        seen.add(key.value)
    return loader.construct_mapping(node, deep=True)


def _no_tag(loader: yaml.SafeLoader, node: yaml.Node) -> None:
    raise yaml.MarkedYAMLError(
        problem=f"the tag {node.tag.rpartition(':')[2]}", problem_mark=node.start_mark
    )


# Kinds of values that no field has, and that would be read as others than they look.
for _kind in ("binary", "set", "omap", "pairs"):
    _OnceLoader.add_constructor(f"tag:yaml.org,2002:{_kind}", _no_tag)
_OnceLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _once)


def read_yaml(path: Path) -> object:
    """What an experiment file holds; a key written twice is an error, as is all that is no YAML."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError(f"The experiment file {path} does not exist.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not a text file in UTF-8.") from error
    except OSError as error:
        raise ConfigError(f"The experiment file {path} can't be read: {error.strerror}.") from error
    try:
        found = yaml.load(text, Loader=_OnceLoader)
        if _size(found, {}) > MOST_VALUES:
            raise ConfigError(
                f"{path}: its aliases make more than {MOST_VALUES:,} values. Write them out."
            )
        return found
    except RecursionError as error:
        raise ConfigError(f"{path}: its lists or mappings are nested too deep.") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{path}, line {line}: not valid YAML ({error.problem}).") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{path}: not valid YAML ({' '.join(str(error).split())}).") from error


def _size(value: object, known: dict[int, int]) -> int:
    """How many values there are once aliases, which YAML lets stand for a whole part, are spelled
    out: ten lines can make ten billion."""
    if not isinstance(value, (dict, list)):
        return 1
    if id(value) not in known:
        parts = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_size(part, known) for part in parts)
    return known[id(value)]
