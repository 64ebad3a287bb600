"""Reading YAML that people write: whatever is wrong with it is one sentence."""

from pathlib import Path
from typing import Any

import yaml

from midspec.errors import ConfigError


class _OnceLoader(yaml.SafeLoader):
    """A YAML loader that refuses a key written twice; YAML would keep the last in silence."""


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
        return yaml.load(text, Loader=_OnceLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{path}, line {line}: not valid YAML ({error.problem}).") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{path}: not valid YAML ({error}).") from error
