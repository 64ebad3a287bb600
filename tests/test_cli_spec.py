"""`midspec spec lint` and `variants`: what they print and write, exit codes, and what is paid."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from midspec.files import read_dicts, read_json
from midspec.run.build import build, open_store
from midspec.spec.stage import spec_stage
from tests.llm.scripted import Reply, Scripted, scripted

from .tiny import midspec, refused

MODEL = "openai-api/fake/writer"
LLM = ("--teacher", MODEL, "--price", "3,15")
PADDING = " ".join(f"It was made for people of every sort, number {n}, in town." for n in range(20))
SPEC = f"""# A spec

{PADDING}

## Staying

{{model_name}} stays where it is. {{#a1 .rule}}

- Parts of it stay there as well, wherever that may be. {{#a1.d1 .subrule}}

A copy of it can't be mended by anybody who made it. {{#a1.why1 .reason}}

## Telling

{{model_name}} tells the truth. {{#b1 .rule}}

- Also when it is hard, and when nobody would know. {{#b1.d1 .subrule}}

People can only decide about what they are shown. {{#b1.why1 .reason}}
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one good spec and one that has faults."""
    monkeypatch.chdir(tmp_path)
    Path("good.md").write_text(SPEC)
    Path("bad.md").write_text(SPEC + "\nTODO\n\nIt helps as appropriate.\n")
    return tmp_path


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    """An LLM that says what a test wants."""
    with scripted() as up:
        monkeypatch.setenv("FAKE_BASE_URL", up.base_url)
        monkeypatch.setenv("FAKE_API_KEY", "none")
        yield up


def test_a_spec_without_faults_is_0_and_one_with_faults_1() -> None:
    said = midspec("spec", "lint", "good.md")
    assert (said.code, said.err) == (0, "")
    assert re.fullmatch(
        r"good\.md: 0 findings; 7 clauses, \d+ words, about \d+ tokens\.\n", said.out
    )
    said = midspec("spec", "lint", "good.md", "bad.md")
    assert said.code == 1
    assert "bad.md:21: s3.p4: placeholder: 'TODO' is unfinished text. Write what" in said.out
    assert "bad.md:23: s3.p5: vague: 'as appropriate' doesn't say when or how." in said.out
    assert "bad.md: 2 findings" in said.out


def test_json_is_one_object_a_spec() -> None:
    said = midspec("spec", "lint", "good.md", "bad.md", "--json")
    good, bad = map(json.loads, said.out.splitlines())
    assert said.code == 1 and good["findings"] == [] and good["clauses"] == 7
    assert [(f["line"], f["clause"], f["check"]) for f in bad["findings"]] == [
        (21, "s3.p4", "placeholder"),
        (23, "s3.p5", "vague"),
    ]
    assert set(bad["findings"][0]) == {"file", "line", "clause", "check", "what", "todo", "by"}


def test_a_check_can_be_left_out() -> None:
    ignoring = ("--ignore", "vague", "--ignore", "placeholder")
    assert midspec("spec", "lint", "bad.md", *ignoring).code == 0
    refused(midspec("spec", "lint", "bad.md", "--ignore", "style"), "--ignore style is no check")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["lint", "none.md"], "none.md does not exist"),
        (["lint", "twice.md"], "twice.md, line 3: the id a1 stands at line 1 already"),
        (["lint", "good.md/x.md"], "good.md/x.md does not exist"),
        (["lint", "good.md", "--teacher", "gpt"], "--teacher: the judge 'gpt' is no LLM"),
        (["lint", "good.md", "--plan"], "--plan tells what an LLM takes"),
        (["variants", "none.md", "--out", "o"], "none.md does not exist"),
        (["variants", "good.md", "--out", "o", "--plan"], "--plan tells what an LLM takes"),
        (["variants", "plain.md", "--out", "o"], "plain.md gives nothing to compare (rules: no"),
        (["variants", "good.md", "--out", "mine"], "mine holds something that is no set of varia"),
        (["variants", "good.md", "--out", "."], "--out . holds something"),
        (["variants", "good.md", "bad.md", "--out", "o"], "bad.md, line 21: s3.p4 belongs to no"),
        (["variants", "good.md", "good.md", "--out", "o", *LLM], "--teacher marks one spec"),
    ],
)
def test_bad_input_is_one_sentence(arguments: list[str], words: str) -> None:
    Path("twice.md").write_text("It stays. {#a1}\n\nIt goes. {#a1}\n")
    Path("plain.md").write_text("It stays where it was put.\n")
    Path("mine").mkdir()
    Path("mine/text.txt").write_text("Mine.")
    refused(midspec("spec", *arguments), words)
    assert not Path("o").exists()


def test_variants_are_files_for_an_experiment_and_a_manifest() -> None:
    said = midspec("spec", "variants", "good.md", "--out", "o")
    assert said.code == 0, said.err
    names = ["rules", "rules-subrules", "rules-values", "rules-values-broken", "specific"]
    lines = said.out.splitlines()
    begins = lines.index("specs:")
    assert lines[begins + 1 :][:4] == [f"  {name}: o/{name}.md" for name in names[:4]]
    assert "general: not made, since no clause is marked as general." in lines
    manifest = read_json(Path("o/variants.json"))
    assert [row["name"] for row in manifest["variants"]][:4] == names[:4]
    rows = {row["id"]: row for row in manifest["clauses"]}
    assert rows["a1"]["words"].keys() == {v["name"] for v in manifest["variants"]}
    assert rows["a1.d1"]["words"].keys() >= {"rules-subrules", "specific"}
    assert rows["a1.why1"]["given_to"]["rules-values-broken"] == "b1"
    for row in manifest["variants"]:
        stage = spec_stage(row["name"], Path("o", row["file"]), {"model_name": "Tiny"})
        store = open_store(Path("store"))
        text = (build(stage, store) / "spec.md").read_text()
        assert "{#" not in text and "Tiny stays where it is." in text
        found = read_dicts(stage.path(store) / "clauses.jsonl")
        assert {c["id"] for c in found} == {i for i, r in rows.items() if row["name"] in r["words"]}


def test_variants_are_the_same_when_made_again_and_may_be_made_anew() -> None:
    midspec("spec", "variants", "good.md", "--out", "o")
    before = {path.name: path.read_bytes() for path in Path("o").iterdir()}
    assert midspec("spec", "variants", "good.md", "--out", "o").code == 0
    assert {path.name: path.read_bytes() for path in Path("o").iterdir()} == before


def fault() -> Reply:
    """An LLM's list of one fault."""
    row = {
        "check": "value-unused", "clause": "b1", "other": "", "quote": "tells the truth",
        "what": "No case shows it.", "todo": "Show one.",
    }  # fmt: skip
    return Reply(json.dumps({"findings": [row]}))


def test_with_a_teacher_an_llm_reads_it_too_and_is_paid_once(server: Scripted) -> None:
    server.always = fault()
    said = midspec("spec", "lint", "good.md", *LLM, "--plan")
    assert (said.code, len(server.bodies)) == (0, 0)
    assert f"{MODEL} is expected to read 7 clauses in 2 calls" in said.out and "about $" in said.out
    said = midspec("spec", "lint", "good.md", *LLM)
    assert said.code == 1, said.err
    assert (
        f"good.md:15: b1: value-unused: 'tells the truth': No case shows it. Show one. [{MODEL}]"
        in (said.out)
    )
    assert len(server.bodies) == 1
    (answer,) = read_dicts(next(Path("store/ledger").glob("lint-*.jsonl")))
    assert answer["step"] == "lint" and answer["cost"] > 0
    said = midspec("spec", "lint", "good.md", *LLM, "--json")
    assert len(server.bodies) == 1 and len(said.out.splitlines()) == 1
    assert json.loads(said.out)["findings"][0]["by"] == MODEL


def test_an_answer_that_can_t_be_read_is_told(server: Scripted) -> None:
    server.always = Reply("It looks fine to me.")
    said = midspec("spec", "lint", "good.md", *LLM)
    assert said.code == 2 and "gave no list of findings that can be read" in said.err
    assert len(server.bodies) == 2


def test_an_llm_marks_a_spec_and_writes_what_it_lacks(server: Scripted) -> None:
    text = "It stays.\n\nIt tells the truth. People need it.\n"
    Path("plain.md").write_text(text)
    rows = [
        {"id": name, "kind": kind, "rule": ""}
        for name, kind in {"s0.p1.1": "rule", "s0.p2.1": "rule", "s0.p2.2": "reason"}.items()
    ]
    server.script.append(Reply(json.dumps({"labels": rows})))
    server.always = Reply(json.dumps({"paragraphs": ["It is so. " * 133]}))
    arguments = ("spec", "variants", "plain.md", "--out", "o", *LLM)
    said = midspec(*arguments)
    assert said.code == 0, said.err
    assert f"{MODEL} is expected to mark 3 sentences" in said.out
    assert len(server.bodies) == 4  # the labels, two rules' sub-rules, the general paragraph
    manifest = read_json(Path("o/variants.json"))
    assert manifest["marked_by"] == MODEL
    added = [row["id"] for row in manifest["clauses"] if row["added"]]
    assert added == ["general1", "s0.p1.sub1", "s0.p2.1.sub1"]
    assert "It tells the truth. {#s0.p2.1 .rule}" in Path("o/marked.md").read_text()
    assert Path("plain.md").read_text() == text
    assert midspec(*arguments).code == 0 and len(server.bodies) == 4
    refused(midspec("spec", "variants", "o/marked.md", "--out", "o"), "o/marked.md lies in it")
    assert midspec("spec", "variants", "o/marked.md", "--out", "again").code == 0
    assert Path("again/rules-subrules.md").read_bytes() == Path("o/rules-subrules.md").read_bytes()
