"""Keys that the environment holds, kept out of what is shown and what is written."""

import json
import os
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from functools import lru_cache
from urllib.parse import quote, quote_plus, unquote, urlsplit

SECRET = re.compile(r"(?:^|_)(?:API)?(?:KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS?)(?:_|$)", re.I)
SHORTEST = 8  # characters; a shorter value, such as "none", may stand anywhere
# What a server that wants no key is given for one, such as "anything": no real key is only words.
WORDS = re.compile(r"[A-Za-z]+(?:[-_ ][A-Za-z]+)*")
ALIGNED = ((0, 0), (1, 2), (2, 3))  # base64: bytes before the key, letters that these decide


def without_keys(text: str, environ: Mapping[str, str] = os.environ, words_too: bool = True) -> str:
    """The text with `$NAME` in place of every key that the environment holds, as it is, in base64
    or as a URL has it; and of every password in an address of the environment. Without `words_too`
    a key that consists of words stays: a text that an LLM wrote may hold these anyway."""
    if len(text) < SHORTEST:
        return text
    for written, name in _written(tuple(environ.items())):
        if written in text and (words_too or not WORDS.fullmatch(written)):
            text = text.replace(written, f"${name}")
    return text


def keys_of(environ: Mapping[str, str]) -> dict[str, str]:
    """What is to be kept secret, by the variable's name: values of those that are named as keys
    are, and passwords in addresses, such as a server's or a proxy's."""
    found = {}
    for name, value in environ.items():
        secret = _password(value) if "://" in value else value if SECRET.search(name) else ""
        if len(secret) >= SHORTEST and not _is_file(secret):  # a key's file is no key
            found[name] = secret
    return found


def _is_file(value: str) -> bool:
    """Whether it is a file's place, and not a key that begins like one."""
    if not value.startswith(("/", "~")):
        return False
    # No key in base64 has a dot. os.path says no where Path raises.
    return "." in value or os.path.exists(os.path.expanduser(value))  # noqa: PTH110, PTH111


@lru_cache(maxsize=4)
def _written(environ: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    """Every form of every key with its name; the longest first, as one may be part of another."""
    found = {form: name for name, key in keys_of(dict(environ)).items() for form in forms(key)}
    return sorted(found.items(), key=lambda pair: -len(pair[0]))


def _password(address: str) -> str:
    try:
        parts = urlsplit(address)
        return unquote(parts.password or parts.username or "")
    except ValueError:
        return ""


def forms(key: str) -> Iterator[str]:
    """How a key may be written. Bytes of it that are no text are told by none of them."""
    yield from (key, json.dumps(key)[1:-1])
    yield from (quote(key, safe=safe, errors="replace") for safe in ("/", ""))
    yield quote_plus(key, errors="replace")
    for before, decided in ALIGNED:
        written = b64encode(bytes(before) + key.encode("utf-8", "replace")).decode()
        whole = written.rstrip("=")
        # The last letter depends on what follows, unless the bytes make whole groups of three.
        yield whole[decided:] if written == whole else whole[decided:-1]
