"""Experiment files that can't be used, and what each is told."""

from tests.bad_inputs.row import GONE, Row

FILE = "experiment.yaml"
BINARY = bytes(range(256))
ALIASES = "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
LAUGHS = f"a: &a [x, x, x, x, x, x, x, x, x]\n{ALIASES}name: *i\n"  # 9⁹ values in ten lines


def plan(says: tuple[str, ...], text: str | bytes | None = None, **edit: object) -> Row:
    """`midspec plan` of the experiment with values changed (`a__b` is a.b), or of another file."""
    changes = {place.replace("__", "."): value for place, value in edit.items()}
    return Row(f"plan {FILE}", says, edit=changes, files={} if text is None else {FILE: text})


def evals(*names: object) -> dict[str, object]:
    """An edit: these evals, and no contrasts, which would name others."""
    return {"evals": list(names), "contrasts": []}


def arms(**steps: object) -> dict[str, object]:
    """An edit: these arms, and no contrasts."""
    return {"arms": steps, "contrasts": []}


UNREADABLE = [
    *(
        Row(f"{verb} gone.yaml", ("gone.yaml does not exist",))
        for verb in ("plan", "run", "report", "show", "analyze")
    ),
    Row("attribute gone.yaml --arm msm --eval x", ("gone.yaml does not exist",)),
    Row("chat msm -e gone.yaml", ("gone.yaml does not exist",)),
    Row("plan .", ("The experiment file . can't be read: Is a directory",)),
    plan(("holds no experiment", "Start from experiments/cheese.yaml"), ""),
    plan(("holds no experiment",), "- a\n- b\n"),
    plan(("is not a text file in UTF-8",), "name: café".encode("latin-1")),
    plan(("is not a text file in UTF-8",), BINARY),
    plan(("line 2: not valid YAML", "expected ',' or ']'"), "name: [a\n"),
    plan(("line 2: not valid YAML", "'\\t'"), "name:\n\t- a\n"),
    plan(("not valid YAML", "#x0000"), "name: a\0b"),
    plan(("line 1: not valid YAML", "'\\x00'"), 'specs: {old: "a\\0b"}'),
    plan(("line 1: not valid YAML", "'\\ud800'"), 'name: "\\ud800"'),
    plan(("line 2: not valid YAML ('name' is written twice)",), "name: x\nname: y\n"),
    plan(("not valid YAML (month must be in 1..12)",), "name: 2020-13-45\n"),
    plan(("line 1: not valid YAML", "expected a mapping"), "<<: 3\nname: x\n"),
    plan(("line 1", "constructor", "os.system"), 'name: !!python/object/apply:os.system ["true"]'),
    plan(("line 2: not valid YAML", "recursive"), "name: x\nspecs: &s\n  a: *s\n"),
    plan(("its aliases make more than 100,000 values", "Write them out"), LAUGHS),
    plan(("nested too deep",), "name: " + "[" * 3000),
    plan(("Exceeds the limit (4300 digits)",), f"seeds: [{'9' * 5000}]"),
    plan(("line 1: not valid YAML (the tag set)",), "evals: !!set {sense: null}\n"),
    plan(("line 1: not valid YAML (the tag binary)",), "name: !!binary aGk=\n"),
    plan(("line 1: not valid YAML (the tag omap)",), "arms: !!omap [a: []]\n"),
]

VALUES = [
    plan(("name is missing",), name=GONE),
    plan(("seed is not a known key; did you mean 'seeds'?",), seed=[0]),
    plan(("adapter.rnak is not a known key; did you mean 'rank'?",), adapter__rnak=3),
    plan(("adapter.rank: input should be greater than 0, got '-4'",), adapter__rank=-4),
    plan(("corpora.old.tokens: input should be greater than 0",), corpora__old__tokens=-5),
    plan(
        ("midtrain.learning_rate: input should be a finite number",), midtrain__learning_rate=1e999
    ),
    plan(
        ("midtrain.learning_rate: input should be", "'nan'"), midtrain__learning_rate=float("nan")
    ),
    plan(("name: input should be a valid string, got '3'",), name=3),
    plan(("name: a name can't be empty",), name=" "),
    plan(("name: a name is of what can be seen, and '\\x1b' can't",), name="a\x1b[2J"),
    plan(("arms.a b: a name is of what can be seen, and '\\n' can't",), **arms(**{"a\nb": []})),
    plan(("a name is of what can be seen, and '\\u202e' can't",), specs={"old\u202e": "spec.md"}),
    plan(
        ("demos.x/reasoning: a name ends in no /reasoning",),
        **{"demos__x/reasoning": {"kind": "replay"}},
    ),
    plan(("seeds: list should have at least 1 item",), seeds=[]),
    plan(("seeds.0: input should be greater than or equal to 0",), seeds=[-1]),
    plan(("seeds: 1 is listed twice",), seeds=[1, 1]),
    plan(
        (
            "seeds.0: input should be a valid integer",
            "got 'true'",
        ),
        seeds=[True],
    ),
    plan(
        (
            "max_items: input should be a valid integer",
            "got 'true'",
        ),
        max_items=True,
    ),
    plan(("corpora.old.tokens: input should be a valid integer",), corpora__old__tokens=True),
    plan(
        ("teacher.price.0: input should be greater than or equal to 0",),
        teacher={"model": "a/b", "price": [-3, 15]},
    ),
    plan(("name: the name 'cheese ' looks like another",), name="cheese "),
    plan(("the name 'cafe\\u0301' looks like another",), **arms(**{"cafe\u0301": []})),
    plan(("seeds.0: input should be less than 4294967296",), seeds=[2**70]),
    plan(("max_items: input should be greater than 0",), max_items=0),
    plan(("resources.device: input should be 'auto', 'cpu'",), resources={"device": "tpu"}),
    plan(("resources.host: 'x' is no port. Write HOST:PORT",), resources={"host": "a:x"}),
    plan(("teacher.connections: input should be greater than 0",), teacher={"connections": 0}),
    plan(("the teacher 'gpt' is no LLM. Name one as Inspect does",), teacher="gpt"),
    plan(("teacher: input should be a valid dictionary",), teacher=[1]),
    plan(("demos.cheese: kind must be one of opaque",), demos__cheese__kind="opake"),
    plan(
        ("shares are percent and make 50, not 100",),
        demos__b={"kind": "blend", "n": 5, "parts": {"cheese": 50}},
    ),
]

NAMES = [
    plan(("evals: list should have at least 1 item",), **evals()),
    plan(("evals.0: input should be a valid string",), **evals(3)),
    plan((FILE, "evals: 'capabilty' is not known. Use preference/ITEMS"), **evals("capabilty")),
    plan(("evals: manners is listed twice",), **evals("manners", "manners")),
    plan((FILE, "There is no item set 'gone.jsonl'. Shipped: "), **evals("preference/gone.jsonl")),
    plan(
        (FILE, "There is no item set '../../../etc/passwd'"),
        **evals("preference/../../../etc/passwd"),
    ),
    plan((FILE, "knowledge/odl asks about a spec that isn't there"), **evals("knowledge/odl")),
    plan((FILE, "is judged by an LLM, and there is no judge"), **evals("open-qa/old")),
    plan(("the Inspect task none_such:task isn't there",), **evals("inspect/none_such:task")),
    plan((FILE, "inspect/ names no Inspect task"), **evals("inspect/")),
    plan(("arms: dictionary should have at least 1 item",), **arms()),
    plan(("arms.a: input should be a valid list, got 'None'",), **arms(a=None)),
    plan(
        ("arms.a.0.miditrain is not a known key; did you mean 'midtrain'?",),
        **arms(a=[{"miditrain": "old"}]),
    ),
    plan(
        ("arms.a, step 1 names the corpus 'odl'", "did you mean 'old'?"),
        **arms(a=[{"midtrain": "odl"}]),
    ),
    plan(
        ("arms.a, step 1: prompt must be an arm's last step",),
        **arms(a=[{"prompt": "old"}, {"midtrain": "old"}]),
    ),
    plan(("arms: 'papr' is not known. Ready-made arms are paper",), arms="papr", contrasts=[]),
    plan(
        ("contrasts[0] names the arm 'nope'",),
        contrasts=[{"eval": "preference/items.jsonl", "arm": "nope", "against": ["msm"]}],
    ),
    plan(
        ("contrasts.0.against: msm is named twice",),
        contrasts=[{"eval": "preference/items.jsonl", "arm": "msm", "against": ["msm"]}],
    ),
    plan(("The model owner/name@main is no name of the Hub's",), model="owner/name@main"),
    plan(
        ("contrasts[0] names the eval 'x'",),
        contrasts=[{"eval": "x", "arm": "msm", "against": ["base"]}],
    ),
    plan(
        ("corpora.old.spec names the spec 'odl'", "did you mean 'old'?"), corpora__old__spec="odl"
    ),
    plan(
        ("corpora.x is from 'odl', which is not defined; did you mean 'old'?",),
        corpora__x={"from": "odl", "drop": 0.5},
    ),
    plan(("corpora.x is from x, which is itself from x",), corpora__x={"from": "x", "drop": 0.5}),
    plan(("leave_out.x names the arm 'nope'",), leave_out={"x": {"arm": "nope", "by": "type"}}),
    plan(
        (FILE, "leave_out.x: the arm base is trained on no corpus"),
        leave_out={"x": {"arm": "base", "by": "type"}},
    ),
    plan(
        (FILE, "leave_out.x: 99 groups are wanted, but old has 3 clauses"),
        leave_out={"x": {"arm": "msm", "by": "clause", "groups": 99}},
    ),
]

PLACES = [
    plan(("gone.md does not exist. Check its path",), specs={"old": "gone.md"}),
    plan(("is a folder. Name a Markdown file",), specs={"old": "."}),
    plan(("File name too long",), specs={"old": "a" * 300}),
    Row(f"plan {FILE}", ("spec.md is not UTF-8 (byte 128",), files={"spec.md": BINARY}),
    Row(f"run {FILE}", ("spec.md is empty. Write at least a paragraph",), files={"spec.md": ""}),
    Row(f"run {FILE}", ("items.jsonl, line 1: not JSON",), files={"items.jsonl": '{"id": 1'}),
    Row(
        f"plan {FILE}",
        ("items.jsonl, line 1", "a number too long"),
        files={"items.jsonl": '{"id": ' + "1" * 5000 + "}"},
    ),
    Row(
        f"plan {FILE}",
        ("items.jsonl, line 1", "nested too deep"),
        files={"items.jsonl": "[" * 100_000},
    ),
    Row(
        f"plan {FILE}",
        ("items.jsonl, line 1: holds half a character",),
        files={"items.jsonl": '{"id": "\\ud800"}'},
    ),
    Row(
        f"plan {FILE}",
        ("items.jsonl, row 1: has id; a Item has",),
        files={"items.jsonl": '{"id": "a"}\n'},
    ),
    plan(("The model 'smollm3' is unknown", "not a folder"), model="smollm3"),
    plan(("The model '../../etc' is unknown",), model="../../etc"),
    plan(("spec.md' is unknown",), model="./spec.md"),
    Row(f"plan {FILE}", ("m holds no config.json",), edit={"model": "m"}, files={"m/x": ""}),
    Row(
        f"run {FILE}",
        ("config.json is not readable JSON",),
        edit={"model": "m"},
        files={"m/config.json": "{"},
    ),
    Row(
        f"run {FILE}",
        ("config.json names no model_type",),
        edit={"model": "m"},
        files={"m/config.json": "{}"},
    ),
]

ROWS = [*UNREADABLE, *VALUES, *NAMES, *PLACES]
