from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from midspec.config import Corpus, Experiment, TeacherModel, load_experiment
from midspec.errors import ConfigError
from midspec.experiment import plan
from midspec.make import judges_of
from midspec.parts import Aligned, Answered, Anti, Deliberative
from midspec.reported import resolved_yaml
from midspec.train.settings import LoopSettings

Values = dict[str, Any]
Change = Callable[[Callable[[Values], None]], Path]


def put(at: str, value: object) -> Callable[[Values], None]:
    """An edit that sets `arms.aft` and the like; a number is an index into a list."""

    def edit(values: Values) -> None:
        *above, last = at.split("/")
        place: Any = values
        for step in above:
            place = place[int(step) if isinstance(place, list) else step]
        place[int(last) if isinstance(place, list) else last] = value

    return edit


def drop(key: str) -> Callable[[Values], None]:
    return lambda values: values.pop(key)


def alone(key: str, value: object) -> Callable[[Values], None]:
    """An edit after which the experiment asks no question that names what is gone."""
    return lambda values: values.update({key: value, "contrasts": []})


ALIGNED = {"kind": "aligned", "spec": "old", "n": 5}


def by_llm(**changes: object) -> Callable[[Values], None]:
    """An edit after which an LLM writes the corpus and a set of aligned chats."""

    def edit(values: Values) -> None:
        values["teacher"] = "openai-api/fake/writer"
        values["corpora"]["old"].pop("items")
        values["demos"]["good"] = {**ALIGNED, **changes}

    return edit


BLEND = {"kind": "blend", "n": 10}
WRITTEN = {"kind": "opaque", "by": "teacher"}
MIX = {"kind": "mix", "name": "paper-section-4"}

# What is done to a good experiment, and the words that the error must have.
BAD: list[tuple[Callable[[Values], None], tuple[str, ...]]] = [
    # unknown keys, at each level, with a suggestion
    (put("spec", {}), ("spec is not a known key", "did you mean 'specs'?")),
    (put("zebra", 1), ("zebra is not a known key. Known: adapter, arms",)),
    (put("identity/model_nam", "x"), ("identity.model_nam ", "did you mean 'model_name'?")),
    (put("corpora/old/token", 5), ("corpora.old.token ", "did you mean 'tokens'?")),
    (put("demos/cheese/m", 5), ("demos.cheese.m ", "not a known key")),
    (put("demos/chat/max_tokens", 5), ("demos.chat.max_tokens", "'max_new_tokens'?")),
    (put("adapter/rnk", 5), ("adapter.rnk ", "did you mean 'rank'?")),
    (put("midtrain/lr", 5), ("midtrain.lr ", "learning_rate")),
    (put("finetune/epoch", 5), ("finetune.epoch ", "did you mean 'epochs'?")),
    (put("arms/aft/0", {"finetun": "chat"}), ("arms.aft.0.finetun", "did you mean 'finetune'?")),
    (put("contrasts/0/agains", ["aft"]), ("contrasts.0.agains ", "did you mean 'against'?")),
    # missing keys
    (drop("name"), ("name is missing",)),
    (drop("specs"), ("specs is missing",)),
    (drop("arms"), ("arms is missing",)),
    (drop("evals"), ("evals is missing",)),
    (put("corpora/old", {"tokens": 5}), ("corpora.old.spec is missing",)),
    (put("demos/cheese", {"kind": "opaque"}), ("demos.cheese.spec is missing",)),
    (put("demos/cheese", {"n": 5}), ("demos.cheese", "kind must be one of opaque, replay")),
    (put("contrasts/0", {"arm": "aft"}), ("contrasts.0.eval is missing", "against is missing")),
    # wrong types and values
    (put("name", 5), ("name: ", "valid string", "got '5'")),
    (put("specs", ["spec.md"]), ("specs: ", "valid dictionary")),
    (put("arms", [["finetune"]]), ("arms: ", "valid dictionary")),
    (put("teacher", ["a/b"]), ("teacher: input should be a valid dictionary, got",)),
    (put("demos", {"why@5": BLEND}), ("demos.why@5: ", "a name ends in no /reasoning and no @")),
    (put("corpora", {"a/reasoning": {"spec": "old"}}), ("corpora.a/reasoning: ", "a name ends")),
    (put("arms/base", None), ("arms.base: ", "valid list", "got 'None'")),
    (put("arms/aft", "chat"), ("arms.aft: ", "valid list", "got 'chat'")),
    (put("arms/aft/0", "finetune"), ("arms.aft.0", "finetune")),
    (put("demos/cheese/kind", "opaqe"), ("demos.cheese", "kind must be one of opaque, replay")),
    (put("corpora/old/tokens", "many"), ("corpora.old.tokens", "valid integer", "got 'many'")),
    (put("corpora/old/tokens", 0), ("corpora.old.tokens", "greater than 0", "got '0'")),
    (put("corpora/old/tokens", -5), ("corpora.old.tokens", "greater than 0", "got '-5'")),
    (put("corpora/old/tokens", 1.5), ("corpora.old.tokens", "integer", "got '1.5'")),
    (put("demos/cheese/n", 0), ("demos.cheese.n", "greater than 0")),
    (put("max_items", 0), ("max_items", "greater than 0")),
    (put("half", "heldout"), ("half", "'held-out'", "got 'heldout'")),
    (put("teacher", "oflfine"), ("corpora.old", "teacher 'oflfine' is no LLM", "or offline")),
    (put("teacher", {"modle": "a/b"}), ("teacher.modle ", "did you mean 'model'?")),
    (put("teacher", {"max_cost": 0}), ("teacher.max_cost", "greater than 0")),
    (put("teacher", {"max_tokens": 1.5}), ("teacher.max_tokens", "valid integer")),
    (put("teacher", {"connections": 0}), ("teacher.connections", "greater than 0")),
    (put("teacher", {"timeout": 0}), ("teacher.timeout", "greater than 0")),
    (put("teacher", {"min_yield": 2}), ("teacher.min_yield", "less than or equal to 1")),
    (put("teacher", {"temperature": -1}), ("teacher.temperature", "greater than or equal to 0")),
    (put("teacher", {"reasoning_effort": "hgh"}), ("teacher.reasoning_effort", "'high'")),
    (put("teacher", {"price": [3]}), ("teacher.price", "missing")),
    # what a corpus asks of its teacher
    (put("teacher", "a/b"), ("corpora.old.items", "offline teacher", "a/b writes from the spec")),
    (put("corpora/old/form", "qa"), ("corpora.old.form takes an LLM teacher",)),
    (put("corpora/old/framing", "humans"), ("corpora.old.framing takes an LLM teacher",)),
    (put("corpora/old/revise", 1), ("corpora.old.revise takes an LLM teacher",)),
    (put("corpora/old/judge", "a/b"), ("corpora.old.judge takes an LLM teacher",)),
    (put("corpora/old/balance", True), ("corpora.old.balance takes an LLM teacher",)),
    (put("corpora/old/planner", "spec"), ("corpora.old.planner takes an LLM teacher",)),
    (put("corpora/old/prompts", "small"), ("corpora.old.prompts takes an LLM teacher",)),
    (put("corpora/old/planner", "me"), ("corpora.old.planner", "'teacher' or 'spec'")),
    (put("corpora/old/judge", "offline"), ("corpora.old: the judge 'offline' is no LLM",)),
    (put("corpora/old/judge", {"mdl": "a/b"}), ("corpora.old.judge.mdl ", "mean 'model'?")),
    (put("corpora/old/form", "verse"), ("corpora.old.form", "'both'", "got 'verse'")),
    (put("corpora/old/framing", "it"), ("corpora.old.framing", "'humans'", "got 'it'")),
    (put("corpora/old/attribution", "lost"), ("corpora.old.attribution", "'kept' or 'broken'")),
    (put("corpora/old/revise", 9), ("corpora.old.revise", "less than or equal to 3")),
    (put("corpora/old/documents", 0), ("corpora.old.documents", "greater than 0")),
    (put("corpora/old/document_tokens", 5), ("corpora.old.document_tokens", "equal to 20")),
    (put("corpora/old/other_name", "Zed"), ("corpora.old: framing other-model", "go together")),
    (put("corpora/old/mix", {"file": "x.txt"}), ("corpora.old.mix.share is missing",)),
    (put("corpora/old/mix", {"fiel": "x", "share": 0.5}), ("corpora.old.mix.fiel ", "'file'?")),
    (put("corpora/old/mix", {"file": "x.txt", "share": 1}), ("mix.share", "less than 1")),
    (put("corpora/old/mix", {"file": "x.txt", "share": 0.5}), ("x.txt does not exist",)),
    # what demonstrations ask of the teacher
    (put("demos/good", ALIGNED | {"judge": "a/b"}), ("demos.good.judge takes an LLM teacher",)),
    (put("demos/good", ALIGNED | {"query_kinds": ["plain"]}), ("good.query_kinds takes an LLM",)),
    (by_llm(items="contrasts.jsonl"), ("demos.good.items", "writes from the spec. Leave it out")),
    (put("demos/cheese/by", "me"), ("demos.cheese.by", "'table' or 'teacher'")),
    (put("demos/cheese/by", "teacher"), ("demos.cheese: by teacher takes an LLM", "set by: table")),
    (put("demos/cheese/domain", "bread"), ("demos.cheese.domain is for chats that an LLM writes",)),
    (put("demos/cheese/judge", "a/b"), ("demos.cheese.judge is for", "Set by: teacher (--teacher")),
    (by_llm(**WRITTEN, judge="offline"), ("demos.good: the judge 'offline' is no LLM",)),
    (by_llm(**WRITTEN, query_kinds=["plain"]), ("demos.good.query_kinds is not a known key",)),
    (put("demos/good", {**ALIGNED, "style": "duty"}), ("demos.good.style", "'value' or 'rule'")),
    (put("demos/good", {"kind": "anti", "spec": "old"}), ("demos.good.n is missing",)),
    (put("demos/good", {**ALIGNED, "spec": "odl"}), ("demos.good.spec", "did you mean 'old'?")),
    (put("demos/good", {**ALIGNED, "best_off": 2}), ("demos.good.best_off ", "mean 'best_of'?")),
    (put("demos/good", {**ALIGNED, "judge": {"mdl": "a/b"}}), ("demos.good.judge.mdl ", "'model'")),
    (by_llm(judge="offline"), ("demos.good: the judge 'offline' is no LLM",)),
    (
        by_llm(query_kinds=["plain", "riddle"]),
        ("demos.good.query_kinds: riddle isn't known. Known: plain, dilemma",),
    ),
    (
        put("arms/aft/0/finetune", "cheese/reasoning"),
        ("arms.aft, step 1: cheese has no reasoning", "aligned, deliberative and anti"),
    ),
    (put("arms/aft/0/finetune", "chat/reasoning"), ("chat has no reasoning",)),
    (put("arms/aft/0/finetune", "chatt/reasoning"), ("demos 'chatt'", "did you mean 'chat'?")),
    (put("arms/aft/0/finetune", "cheese@61"), ("61 chats of cheese are wanted, which has 60",)),
    (put("arms/aft/0/finetune", "cheese@0"), ("0 chats of cheese", "a number from 1")),
    (put("demos/b", BLEND | {"parts": {"cheese": 60, "chat": 30}}), ("demos.b.parts", "make 90")),
    (put("demos/b", BLEND | {"parts": {"chese": 100}}), ("demos.b.parts", "did you mean 'cheese'")),
    (put("demos/b", BLEND | {"parts": {"b": 100}}), ("demos.b", "is a blend itself")),
    # an instruction mix that is judged
    (put("demos/it", MIX | {"judge": "a/b"}), ("demos.it: spec (", "go together; spec is missing")),
    (put("demos/it", MIX | {"spec": "old"}), ("demos.it: spec (", "together; judge is missing")),
    (put("demos/it", MIX | {"spec": "odl", "judge": "a/b"}), ("demos.it.spec", "mean 'old'?")),
    (
        put("demos/it", MIX | {"spec": "old", "judge": "offline"}),
        ("demos.it: the judge 'offline' is no LLM", "PROVIDER/MODEL"),
    ),
    (put("demos/it", MIX | {"judge": {"mdl": "a/b"}}), ("demos.it.judge.mdl ", "mean 'model'?")),
    (put("seeds", []), ("seeds", "at least 1")),
    (put("seeds", 3), ("seeds", "valid list")),
    (put("seeds", ["a"]), ("seeds.0", "valid integer", "got 'a'")),
    (put("seeds", [-1]), ("seeds", "-1")),
    (put("seeds", [0, 1, 0]), ("seeds", "0", "twice")),
    (alone("evals", ["preference/america"] * 2), ("evals", "preference/america", "twice")),
    (put("adapter/method", "qlora"), ("adapter.method", "'lora' or 'full'", "got 'qlora'")),
    (put("adapter/rank", 0), ("adapter.rank", "greater than 0")),
    (put("adapter/first_layer", -1), ("adapter.first_layer", "greater than or equal to 0")),
    (put("midtrain/learning_rate", "fast"), ("midtrain.learning_rate", "valid number")),
    (put("midtrain/learning_rate", 0), ("midtrain.learning_rate", "greater than 0")),
    (put("midtrain/epochs", 0), ("midtrain.epochs", "greater than 0")),
    (put("midtrain/tokens_per_step", 0), ("midtrain.tokens_per_step", "greater than 0")),
    (put("finetune/max_tokens", 0), ("finetune.max_tokens", "greater than")),
    (put("finetune/warmup_fraction", 2), ("finetune.warmup_fraction", "less than")),
    # names that nothing defines
    (put("corpora/old/spec", "odl"), ("corpora.old.spec", "spec 'odl'", "did you mean 'old'?")),
    (put("demos/cheese/spec", "x"), ("demos.cheese.spec", "spec 'x'", "Known: old.")),
    (put("arms/msm/0/midtrain", "odl"), ("arms.msm, step 1", "corpus 'odl'", "mean 'old'?")),
    (put("arms/aft/0/finetune/1", "chatt"), ("arms.aft, step 1", "demos 'chatt'", "mean 'chat'?")),
    (put("arms/reference/0/prompt", "x"), ("arms.reference, step 1", "spec 'x'", "Known: old.")),
    (put("contrasts/0/arm", "msn"), ("contrasts[0]", "arm 'msn'", "did you mean 'msm'?")),
    (put("contrasts/0/against", ["aft", "nil"]), ("contrasts[0]", "arm 'nil'", "Known: aft,")),
    (put("contrasts/0/eval", "preference/x"), ("contrasts[0]", "eval 'preference/x'")),
    (alone("evals", ["mmlu"]), ("evals", "'mmlu' is not known", "preference/ITEMS")),
    # arms that make no sense
    (alone("arms", {}), ("arms", "at least 1")),
    (put("arms/aft/0/finetune", []), ("arms.aft.0.finetune", "at least 1")),
    (put("arms/aft/0", {}), ("arms.aft, step 1", "one of midtrain, finetune, interleave, prompt")),
    (
        put("arms/aft/0", {"midtrain": "old", "finetune": "chat"}),
        ("arms.aft, step 1", "one of midtrain, finetune, interleave, prompt"),
    ),
    (put("arms/aft/0", {"midtrain": None}), ("arms.aft, step 1", "midtrain")),
    (put("arms/aft/0", {"prompt": ""}), ("arms.aft, step 1", "prompt")),
    (
        put("arms/aft", [{"prompt": "old"}, {"finetune": "chat"}]),
        ("arms.aft, step 1", "prompt must be an arm's last step"),
    ),
    (alone("evals", []), ("evals", "at least 1")),
    (put("contrasts/0/against", []), ("contrasts.0.against", "at least 1")),
    # files that the experiment names
    (put("specs/old", "gone.md"), ("gone.md does not exist", "specs:")),
    (put("specs/old", "."), ("is a folder", "Markdown")),
    (put("corpora/old/items", "gone.jsonl"), ("gone.jsonl does not exist",)),
    (alone("evals", ["preference/amerika"]), ("no item set 'amerika'", "affordability, america")),
    (alone("evals", ["preference/gone.jsonl"]), ("no item set", "gone.jsonl")),
]


@pytest.mark.parametrize(
    ("edit", "words"), [pytest.param(edit, words, id=" ".join(words)) for edit, words in BAD]
)
def test_a_bad_experiment_is_refused_before_anything_runs(
    changed: Change, tiny_model: Path, edit: Callable[[Values], None], words: tuple[str, ...]
) -> None:
    path = changed(edit)
    with pytest.raises(ConfigError) as caught:
        plan(load_experiment(path), tiny_model)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"name: [a\narms: }", r"line 2: not valid YAML"),
        (b"\tname: tabs", r"line 1: not valid YAML"),
        (b"name: \x01", "not valid YAML"),
        (b"name: !!python/object:os.system x", "not valid YAML"),
        (b"- name: a", "holds no experiment. Start from"),
        (b"", "holds no experiment. Start from"),
        (b"just words", "holds no experiment. Start from"),
        (b"name: caf\xe9", "is not a text file in UTF-8"),
        (b"name: a\nname: b", "line 2.*name.*twice"),
        (b"name: a\n? [b]\n: c", "line 2: not valid YAML .a key is a list or a mapping"),
        (b"name: 2024-13-45", "not valid YAML|valid string"),
    ],
)
def test_a_file_that_is_no_experiment_is_one_sentence(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"bad\.yaml.*{words}"):
        load_experiment(path)


@pytest.mark.parametrize(
    ("name", "words"), [("gone.yaml", "does not exist"), (".", "can't be read: Is a directory")]
)
def test_a_missing_file_or_a_folder_is_one_sentence(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_experiment(tmp_path / name)


def test_an_arm_that_is_written_twice_is_not_lost(tiny_experiment: Path) -> None:
    text = tiny_experiment.read_text()
    tiny_experiment.write_text(text.replace("  msm:\n", "  aft:\n", 1))
    with pytest.raises(ConfigError, match=r"aft.*twice"):
        load_experiment(tiny_experiment)


def test_every_mistake_is_told_at_once(changed: Change) -> None:
    def edit(values: Values) -> None:
        values["corpora"]["old"] |= {"token": 5, "draw": "x"}
        del values["name"]

    with pytest.raises(ConfigError) as caught:
        load_experiment(changed(edit))
    assert len(str(caught.value).splitlines()) == 3


def test_demos_named_after_a_kind_keep_their_name_in_the_sentence(changed: Change) -> None:
    wrong = {"kind": "opaque", "spec": "old", "number": 5}
    with pytest.raises(ConfigError, match=r"demos\.opaque\.number is not a known key"):
        load_experiment(changed(lambda values: values["demos"].update(opaque=wrong)))


def test_paths_are_relative_to_the_experiment_file(
    changed: Change, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def edit(values: Values) -> None:
        values["evals"] = ["preference/items.jsonl"]
        values["contrasts"] = []

    path = changed(edit)
    monkeypatch.chdir(tmp_path)
    experiment = load_experiment(path)
    assert experiment.specs["old"] == path.parent / "spec.md"
    assert experiment.corpora["old"].items == path.parent / "contrasts.jsonl"
    plan(experiment, tiny_model)  # finds items.jsonl beside the experiment


def test_one_name_in_place_of_a_list_is_a_list_of_one(changed: Change) -> None:
    experiment = load_experiment(changed(put("arms/msm/0/midtrain", "old")))
    assert experiment.arms["msm"][0].midtrain == ["old"]


def test_the_resolved_experiment_has_every_default_and_no_path(
    changed: Change, tiny_model: Path
) -> None:
    path = changed(alone("evals", ["preference/america"]))
    text = resolved_yaml(load_experiment(path))
    resolved = yaml.safe_load(text)
    assert resolved["half"] == "held-out"
    assert resolved["adapter"] | {"method": "lora", "rank": 4, "alpha": 8} == resolved["adapter"]
    assert resolved["finetune"]["warmup_fraction"] == LoopSettings().warmup_fraction
    assert resolved["corpora"]["old"]["draw"] == 0
    assert resolved["specs"] == {"old": "spec.md"}
    assert str(path.parent) not in text
    assert str(tiny_model.parent) not in text


def test_the_resolved_experiment_names_a_local_teacher_without_its_path(
    changed: Change, tiny_model: Path
) -> None:
    def edit(values: Values) -> None:
        values["teacher"] = f"hf/{tiny_model}"
        values["corpora"]["old"] = {"spec": "old", "judge": f"hf/{tiny_model}"}

    resolved = yaml.safe_load(resolved_yaml(load_experiment(changed(edit))))
    assert resolved["teacher"]["model"] == f"hf/{tiny_model.name}"
    assert resolved["corpora"]["old"]["judge"]["model"] == f"hf/{tiny_model.name}"


def test_a_teacher_or_judge_by_name_alone_has_every_default(changed: Change) -> None:
    def edit(values: Values) -> None:
        values["teacher"] = "anthropic/claude-sonnet-4-5"
        values["corpora"]["old"] = {"spec": "old", "judge": "openai/gpt-5-mini"}

    experiment = load_experiment(changed(edit))
    assert experiment.teacher == TeacherModel(model="anthropic/claude-sonnet-4-5")
    assert experiment.corpora["old"].judge == TeacherModel(model="openai/gpt-5-mini")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"kind": "aligned", "style": "rule"}, Aligned),
        ({"kind": "deliberative", "best_of": 3}, Deliberative),
        ({"kind": "anti", "query_kinds": ["plain"]}, Anti),
    ],
)
def test_chats_by_an_llm_are_kinds_of_demos(
    changed: Change, tiny_model: Path, values: Values, kind: type[Answered]
) -> None:
    edit = by_llm(**values, judge=f"hf/{tiny_model}")
    experiment = load_experiment(changed(edit))
    found = experiment.demos["good"]
    assert type(found) is kind
    assert isinstance(found, Answered) and found.judge
    assert found.judge == TeacherModel(model=f"hf/{tiny_model}")
    assert values.items() <= found.model_dump().items()
    assert judges_of(experiment) == [found.judge]
    assert str(tiny_model.parent) not in resolved_yaml(experiment)


def test_a_mix_lies_beside_the_experiment_file(changed: Change) -> None:
    mix = {"file": "web.txt", "share": 0.5}
    path = changed(put("corpora/old/mix", mix))
    found = load_experiment(path).corpora["old"].mix
    assert found and found.file == path.parent / "web.txt"


def test_exponents_without_a_point_are_numbers(tmp_path: Path) -> None:
    """YAML reads 7e-4 as a string; every paper writes learning rates so."""
    values = yaml.safe_load("{name: a, specs: {}, arms: {base: []}, evals: [preference/america]}")
    values["midtrain"] = yaml.safe_load("{learning_rate: 7e-4}")
    assert Experiment.model_validate(values).midtrain.learning_rate == 7e-4


def test_defaults_are_the_paper_s() -> None:
    assert LoopSettings().learning_rate == 1e-4
    assert LoopSettings().warmup_fraction == 0.05
    assert Corpus(spec="old").draw == 0
