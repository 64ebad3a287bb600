"""The packages that midspec needs, and those of its extras, by their metadata: none is imported."""

from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, distribution, version

from packaging.requirements import Requirement

from midspec.doctor.line import Line
from midspec.pages.html import count

# What each extra is for; an extra of another name is for those who work on midspec.
EXTRAS = {
    "llm": "LLM teachers, judges and generated evals",
    "evals": "evals of inspect_evals beside midspec's own",
    "data": "instruction mixes from the Hub",
    "ray": "stages on a cluster",
    "cloud": "stores at s3:// and gs://",
}
Wanted = Callable[[str], list[Requirement]]  # the requirements of an extra; of "" all the others


def packages() -> Line:
    """Whether all that midspec cannot do without is there, in versions that fit."""
    wanted = requirements("")
    problems = [said for one in wanted if (said := problem(one))]
    if not problems:
        return Line("packages", "ok", f"{count(len(wanted), 'package')}, all there", needed=True)
    return Line("packages", "missing", "; ".join(problems), "pip install --upgrade midspec", True)


def extras(wanted: Wanted | None = None) -> list[Line]:
    """A line for each extra that adds something to a run, and one for vLLM, which is none."""
    asked = wanted or requirements
    lines = [_extra(name, what, asked(name)) for name, what in EXTRAS.items()]
    vllm = installed("vllm")
    return [
        *lines,
        Line("vllm", "ok", f"{vllm} (engine: vllm)")
        if vllm
        else Line(
            "vllm", "missing", "answers by vLLM, on a GPU (engine: vllm)", "pip install vllm"
        ),
    ]


def _extra(name: str, what: str, wanted: list[Requirement]) -> Line:
    problems = [said for one in wanted if (said := problem(one))]
    if problems or not wanted:
        lacks = f": {'; '.join(problems)}" if problems else ""
        return Line(f"[{name}]", "missing", f"{what}{lacks}", f"pip install 'midspec[{name}]'")
    there = ", ".join(f"{one.name} {installed(one.name)}" for one in wanted)
    return Line(f"[{name}]", "ok", f"{there} ({what})")


def requirements(extra: str) -> list[Requirement]:
    """What midspec asks for in an extra, other extras that it names resolved; or without one."""
    try:
        told = distribution("midspec").requires or []
    except PackageNotFoundError:
        return []
    return list(_those(extra, [Requirement(text) for text in told]))


def _those(extra: str, told: list[Requirement]) -> Iterator[Requirement]:
    for one in told:
        always = one.marker is None or one.marker.evaluate({"extra": ""})
        asked = one.marker is None or one.marker.evaluate({"extra": extra})
        if not asked or (extra and always):
            continue
        if one.name != "midspec":
            yield one
        for other in sorted(one.extras) if one.name == "midspec" else []:
            yield from _those(other, told)


def problem(wanted: Requirement) -> str:
    """What is wrong with one package; nothing if it is there in a version that fits."""
    there = installed(wanted.name)
    if there is None:
        return f"{wanted.name} isn't installed"
    if not wanted.specifier.contains(there, prereleases=True):
        return f"{wanted.name} is {there}, and {wanted.specifier} is needed"
    return ""


def installed(name: str) -> str | None:
    """The version of a package; None where it isn't there."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None
