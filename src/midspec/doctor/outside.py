"""What lies outside the machine: keys of providers, the Hub, and the default model from there."""

import urllib.request
from collections.abc import Mapping
from pathlib import Path
from threading import Thread
from urllib.error import HTTPError
from urllib.parse import urlsplit

from midspec.doctor.installed import installed
from midspec.doctor.line import Line
from midspec.errors import ModelError
from midspec.train.fetch import ALIASES, find_model

HUB = "https://huggingface.co"
HUB_SECONDS = 2.0
# A provider's keys, any of which will do, and the package through which Inspect asks it.
PROVIDERS = {
    "anthropic": (("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"), "anthropic"),
    "openai": (("OPENAI_API_KEY",), "openai"),
    "google": (("GOOGLE_API_KEY", "GEMINI_API_KEY"), "google-genai"),
    "mistral": (("MISTRAL_API_KEY",), "mistralai"),
    "grok": (("XAI_API_KEY", "GROK_API_KEY"), "xai-sdk"),
    "groq": (("GROQ_API_KEY",), "groq"),
    "deepseek": (("DEEPSEEK_API_KEY",), "openai"),
    "together": (("TOGETHER_API_KEY",), "openai"),
    "fireworks": (("FIREWORKS_API_KEY",), "openai"),
    "openrouter": (("OPENROUTER_API_KEY",), "openai"),
    "azureai": (("AZUREAI_API_KEY",), "azure-ai-inference"),
    "bedrock": (("AWS_ACCESS_KEY_ID", "AWS_PROFILE"), "aioboto3"),
}
KEY, PLACE = "_API_KEY", "_BASE_URL"


def keys(env: Mapping[str, str]) -> list[Line]:
    """Which keys are set, by their names; a value is only looked at to see whether it is empty."""
    lines = []
    for provider, (names, package) in PROVIDERS.items():
        there = [name for name in names if env.get(name, "").strip()]
        if not there:
            continue
        what = f"{provider}/…: {' and '.join(there)} set"
        if installed(package):
            lines.append(Line("key", "ok", what))
        else:
            mend = f"pip install {package}"
            lines.append(Line("key", "warning", f"{what}, but {package} isn't installed", mend))
    lines += [Line("key", "ok", f"{what}: {names} set") for what, names in _served(env)]
    if lines:
        return lines
    return [Line("keys", "ok", "none set; teacher offline and local models need none")]


def _served(env: Mapping[str, str]) -> list[tuple[str, str]]:
    """Servers of one's own: NAME_BASE_URL, with NAME_API_KEY unless a provider has that name."""
    known = {name for names, _ in PROVIDERS.values() for name in names}
    found = []
    for name in sorted(env):
        stem = name.removesuffix(PLACE)
        if name == stem or not env[name].strip() or stem + KEY in known:
            continue
        if env.get(stem + KEY, "").strip():
            served = stem.lower().replace("_", "-")
            found.append((f"openai-api/{served}/…", f"{name} and {stem}{KEY}"))
    return found


def hub(env: Mapping[str, str]) -> Line:
    """Whether the Hub answers within two seconds; being off-line is nothing that must be mended."""
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        if env.get(name, "").strip().lower() in ("1", "true", "yes", "on"):
            return Line("Hub", "ok", f"not asked: {name} is set")
    place = env.get("HF_ENDPOINT", "").strip() or HUB
    host = urlsplit(place).hostname or "huggingface.co"  # no user and password of a mirror
    answers: list[bool] = []
    # A thread, since looking up a name may take longer than any timeout that one can set.
    asking = Thread(target=lambda: answers.append(_reachable(place)), daemon=True)
    asking.start()
    asking.join(HUB_SECONDS + 0.5)
    if any(answers):
        return Line("Hub", "ok", f"{host} answers")
    return Line(
        "Hub", "ok",
        f"off-line: {host} doesn't answer within {HUB_SECONDS:g} s; what is here already works",
        "fetch models of the Hub where there is a network, and give model: their folder",
    )  # fmt: skip


def _reachable(place: str) -> bool:
    if urlsplit(place).scheme not in ("http", "https"):
        return False
    try:
        request = urllib.request.Request(f"{place.rstrip('/')}/api/models?limit=1")
        with urllib.request.urlopen(request, timeout=HUB_SECONDS):
            return True
    except HTTPError as error:  # it answers, though not with what was asked for
        return error.code < 500 and error.code != 407
    except (OSError, ValueError):
        return False


def default_model(home: Path) -> Line:
    """Whether the model is there with which experiments run that name none."""
    name = next(iter(ALIASES))
    try:
        return Line("model", "ok", f"{name} at {find_model(name, home)}")
    except ModelError:
        return Line("model", "missing", f"{name} isn't here", f"midspec model get {name}")
