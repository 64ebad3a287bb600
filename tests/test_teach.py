from pathlib import Path

import pytest

from midspec.errors import ConfigError, ModelError
from midspec.llm.settings import Limits, Purse
from midspec.parts import TeacherModel
from midspec.teach import amount, higher, limits_of, price

LLM = TeacherModel(model="openai-api/fake/writer")


def test_limits_are_the_teacher_s_settings_and_the_store_s_ledger(tmp_path: Path) -> None:
    teacher = TeacherModel(
        model="openai-api/fake/writer", max_cost=5, max_tokens=9_000, connections=3, timeout=7,
        min_yield=0.2, price=(3, 15),
    )  # fmt: skip
    found = limits_of(teacher, [], tmp_path / "store", tmp_path / "home")
    assert found == Limits(
        ledger=tmp_path / "store" / "ledger", max_cost=5, max_tokens=9_000, connections=3,
        timeout=7, min_yield=0.2, model_folders={},
        prices={"openai-api/fake/writer": (3, 15)},
    )  # fmt: skip


def test_a_judge_s_price_is_its_own(tmp_path: Path) -> None:
    judge = TeacherModel(model="openai-api/fake/judge", price=(1, 2))
    assert limits_of(LLM, [judge], tmp_path, tmp_path).prices == {judge.model: (1, 2)}


def test_where_only_judges_are_asked_their_settings_are_the_limits(tmp_path: Path) -> None:
    judge = TeacherModel(model="openai-api/fake/judge", max_cost=2, connections=4, price=(1, 2))
    found = limits_of(TeacherModel(), [judge, judge], tmp_path, tmp_path)
    assert (found.max_cost, found.connections, found.prices) == (2, 4, {judge.model: (1, 2)})
    beside = limits_of(LLM.model_copy(update={"max_cost": 9}), [judge], tmp_path, tmp_path)
    assert (beside.max_cost, beside.connections) == (9, 50)
    with pytest.raises(ConfigError, match=r"judges .* differ in max_cost: 2.0 and None. Set it al"):
        limits_of(TeacherModel(), [judge, LLM], tmp_path, tmp_path)


def test_a_judge_alone_needs_the_packages_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("midspec.llm.settings.find_spec", lambda name: None)
    limits_of(TeacherModel(), [], tmp_path, tmp_path)
    with pytest.raises(ConfigError, match=r"pip install 'midspec\[llm\]'"):
        limits_of(TeacherModel(), [LLM], tmp_path, tmp_path)


def test_local_weights_are_known_by_name_and_found_by_folder(
    tmp_path: Path, tiny_model: Path
) -> None:
    local = TeacherModel(model=f"hf/{tiny_model}")
    for teacher, judges in ((local, []), (LLM, [local])):
        folders = limits_of(teacher, judges, tmp_path, tmp_path).model_folders
        assert folders == {f"hf/{tiny_model.name}": tiny_model}


@pytest.mark.parametrize("teacher", [LLM, TeacherModel(model="hf/smollm2-135m")])
def test_a_local_model_that_is_not_here_is_told_before_anything_is_asked(
    tmp_path: Path, teacher: TeacherModel
) -> None:
    with pytest.raises((ConfigError, ModelError), match="midspec model get smollm2-135m"):
        limits_of(teacher, [TeacherModel(model="hf/smollm2-135m")], tmp_path, tmp_path)


def test_a_limit_of_the_command_line_goes_before_the_experiment_s() -> None:
    limits = Limits(max_cost=5.0, max_tokens=100)
    assert higher(limits, None, None) == limits
    assert higher(limits, 9.0, "2k") == Limits(purse=Purse(9.0), max_tokens=2_000)


@pytest.mark.parametrize(
    ("text", "value"),
    [("8M", 8_000_000), ("120k", 120_000), ("1.5b", 1_500_000_000), ("8_000", 8_000),
     ("8,000", 8_000), (" 7 ", 7)],
)  # fmt: skip
def test_amounts_are_read_as_people_write_them(text: str, value: int) -> None:
    assert amount(text, "--tokens") == value


@pytest.mark.parametrize("text", ["", "M", "-1", "0", "1e6", "8 million", "0.1", "∞"])
def test_what_is_no_amount_is_told_with_its_flag(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--tokens .*is no amount"):
        amount(text, "--tokens")


def test_a_price_is_dollars_in_and_out() -> None:
    assert price("3,15") == (3.0, 15.0)
    assert price("0, 0.4") == (0.0, 0.4)
    for wrong in ("3", "3,15,1", "a,b", "-1,2", "inf,1", "nan,1", ""):
        with pytest.raises(ConfigError, match="is no price"):
            price(wrong)
