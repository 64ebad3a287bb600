"""Packages and extras by what their metadata say."""

import pytest
from packaging.requirements import Requirement

from midspec.doctor import installed
from midspec.doctor.installed import EXTRAS, extras, packages, requirements


def test_what_every_run_needs_is_apart_from_the_extras() -> None:
    base = {one.name for one in requirements("")}
    assert {"torch", "transformers", "pydantic"} <= base
    assert "inspect-ai" not in base and "ray" not in base
    assert [one.name for one in requirements("ray")] == ["ray"]


def test_an_extra_that_names_another_asks_for_that_one_s_packages() -> None:
    assert {one.name for one in requirements("evals")} == {"inspect-ai", "openai", "inspect-evals"}


def test_every_extra_is_known_or_for_those_who_work_on_midspec() -> None:
    from importlib.metadata import metadata

    assert set(EXTRAS) <= set(metadata("midspec").get_all("Provides-Extra") or [])


def test_a_package_that_is_missing_or_too_old_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert packages().state == "ok"
    wanted = [Requirement("no-such-package>=1"), Requirement("numpy>=999"), Requirement("numpy>=1")]
    monkeypatch.setattr(installed, "requirements", lambda extra: wanted)
    found = packages()
    assert (found.state, found.needed) == ("missing", True)
    assert "no-such-package isn't installed; numpy is " in found.found
    assert ">=999 is needed" in found.found
    assert found.found.count("numpy") == 1


def test_an_extra_is_there_or_says_how_to_get_it() -> None:
    def wanted(extra: str) -> list[Requirement]:
        return [Requirement("numpy>=1" if extra == "llm" else "no-such-package")]

    lines = {line.name: line for line in extras(wanted)}
    assert lines["[llm]"].state == "ok" and "numpy" in lines["[llm]"].found
    assert lines["[ray]"].state == "missing"
    assert lines["[ray]"].mend == "pip install 'midspec[ray]'"
    assert not any(line.needed for line in lines.values())
