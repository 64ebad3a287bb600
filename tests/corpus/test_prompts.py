"""The prompts' files: what is filled in them, and that none is left unused."""

import asyncio
import json
import re
from collections.abc import Mapping
from contextlib import aclosing
from pathlib import Path

import pytest

from midspec.corpus import prompts
from midspec.corpus.author import Author, Style
from midspec.corpus.outline import Outline
from midspec.corpus.prompts import VERDICT_SCHEMA, prompt
from midspec.llm.ledger import Call
from midspec.spec.read import clauses
from midspec.text import fill_in
from midspec.write import prompts as shared
from midspec.write.flow import Needed
from midspec.write.lists import LIST_SCHEMA
from midspec.write.sheet import make_sheet

from .fakes import IDENTITY, PROSE, RULES, FakeAsker, lister, pretend

FOLDER = Path(prompts.__file__).with_suffix("")
SHARED = Path(shared.__file__).with_suffix("")
FILES = {
    path.relative_to(folder).as_posix(): path
    for folder in (FOLDER, SHARED)
    for path in folder.rglob("*.md")
}
PLACEHOLDER = re.compile(r"\{[a-z_]+\}")
FRAMINGS = (
    "does",
    "should",
    "assistants",
    "assistants-should",
    "one-should",
    "other-model",
    "humans",
)
FAITHFUL = json.dumps({"faithful": True, "contradictions": [], "inventions": [], "reason": ""})


def run(made: Author, documents: int) -> None:
    """Have so many documents written."""

    async def work() -> None:
        needed = Needed(documents)
        async with aclosing(made.outcomes(needed)) as outcomes:
            async for _ in outcomes:
                needed.taken += 1
                needed.rows -= 1
                if not needed.rows:
                    break

    asyncio.run(work())


def small_run(spec: str) -> list[Call]:
    """Every call of a run with a teacher that writes by small prompts and leaves planning alone."""
    asker = FakeAsker()
    planner = Outline(asker, make_sheet(spec, clauses(spec), small=True), IDENTITY, 0, prompt, 1)  # type: ignore[arg-type]
    made = Author(asker, None, planner, Style(prompts="small", planner="spec"), "old")  # type: ignore[arg-type]
    run(made, 12)
    return asker.calls


def whole_run(spec: str, structured: bool) -> list[Call]:
    """Every call of a run that takes every way: both forms, all framings, revision and a judge;
    the first answer to every list is broken."""
    seen: set[str] = set()

    def broken_first(call: Call) -> str:
        first = call.step not in seen
        seen.add(call.step)
        return '{"items": [{"na' if first else pretend(call)

    calls = []
    for framing in FRAMINGS:
        lists = ("domains", "subdomains", "assertions", "document_types", "ideas")
        asker = FakeAsker(dict.fromkeys(lists, broken_first), structured=structured)
        judge = FakeAsker({"judge": lambda call: FAITHFUL}, structured=structured)
        other = "Zed" if framing == "other-model" else ""
        style = Style(form="both", framing=framing, other_name=other, revise=1)
        made = Author(asker, judge, lister(asker, spec), style, "old")  # type: ignore[arg-type]
        run(made, 50)
        calls += asker.calls + judge.calls
    return calls


@pytest.mark.parametrize("structured", [False, True])
@pytest.mark.parametrize("spec", [PROSE, RULES], ids=["prose", "rules"])
def test_no_placeholder_is_left_open(spec: str, structured: bool) -> None:
    calls = whole_run(spec, structured)
    steps = {call.step.removesuffix(" (repair)") for call in calls}
    assert steps == {"domains", "subdomains", "assertions", "document_types", "ideas", "document",
                     "qa", "critique", "revise", "judge"}  # fmt: skip
    assert any(call.step.endswith(" (repair)") for call in calls)
    for call in calls:
        assert not PLACEHOLDER.findall(call.system + call.user), call.step


@pytest.mark.parametrize("spec", [PROSE, RULES], ids=["prose", "rules"])
def test_no_placeholder_of_a_small_prompt_is_left_open(spec: str) -> None:
    calls = small_run(spec)
    assert {call.step for call in calls} == {"document"}
    for call in calls:
        assert not PLACEHOLDER.findall(call.system + call.user)


def test_every_file_is_used_and_each_of_its_placeholders_filled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    filled: dict[str, set[str]] = {}

    def recording(text: str, values: Mapping[str, str]) -> str:
        filled.setdefault(text, set()).update(values)
        return fill_in(text, values)

    monkeypatch.setattr(shared, "fill_in", recording)
    for spec in (PROSE, RULES):
        for structured in (False, True):
            whole_run(spec, structured)
        small_run(spec)
    for name, path in FILES.items():
        text = path.read_text(encoding="utf-8").strip()
        assert text in filled, f"{name} is used by nothing"
        asked = {found.strip("{}") for found in PLACEHOLDER.findall(text)}
        assert asked <= filled[text], name


def test_both_forms_have_the_same_prompts_with_the_same_placeholders() -> None:
    prose = {name.partition("/")[2] for name in FILES if name.startswith("prose/")}
    rules = {name.partition("/")[2] for name in FILES if name.startswith("rules/")}
    assert prose == rules == {"system.md", "domains.md", "subdomains.md", "assertions.md",
                              "document.md"}  # fmt: skip
    for name in prose:
        one, other = (set(PLACEHOLDER.findall(FILES[f"{form}/{name}"].read_text("utf-8")))
                      for form in ("prose", "rules"))  # fmt: skip
        assert one == other, name


def test_a_form_s_own_prompt_goes_before_the_common_one() -> None:
    values = {"model_name": "Tiny", "n": "3"}
    assert "that one rule or several related rules govern" in prompt("domains", "rules", values)
    assert "of what Tiny values" in prompt("domains", "prose", values)
    assert prompt("existing", "rules", {}) == prompt("existing", "prose", {})


def test_no_prompt_gives_ids_or_tags_that_an_answer_could_copy_into_a_document() -> None:
    """Ids stand in the system message alone; a draft's prompt quotes the passages without."""
    for call in whole_run(PROSE, False):
        if call.step in ("document", "qa", "revise"):
            assert not re.search(r"\[s\d+\.p\d+\]", call.user)
            assert call.user.rstrip().endswith("between <document> and </document>.")


@pytest.mark.parametrize("schema", [LIST_SCHEMA, VERDICT_SCHEMA])
def test_a_schema_is_strict_json(schema: str) -> None:
    """Providers that check answers against a schema want every key required and no others."""
    found = json.loads(schema)
    assert found["additionalProperties"] is False
    assert set(found["required"]) == set(found["properties"])


def test_the_forms_of_lists_say_what_readers_rely_on() -> None:
    assert "a numbered list of 7 items" in prompt("format_list", "prose", {"n": "7"})
    assert "a JSON object" in prompt("format_json", "prose", {"n": "7"})
