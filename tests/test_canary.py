"""A key that the server repeats stands in no file, in no log, on no screen and in no archive."""

import tarfile
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from inspect_ai.log import read_eval_log

from tests import tiny
from tests.canary_server import serving
from tests.tiny import Said, midspec

KEY = "sk-canary/Zq9+Xw7=Yt5LmN0pQ"
OTHERS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY")
MODEL = "openai-api/canary/m"


def forms(key: str) -> list[bytes]:
    """The key, and as URLs and base64 have it, wherever it stands in what was encoded."""
    base64 = [b64encode(bytes(n) + key.encode()).decode()[4:-4] for n in range(3)]
    return [form.encode() for form in (key, quote(key), quote(key, safe=""), *base64)]


FORMS = forms(KEY)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, which is also where all caches are kept."""
    monkeypatch.chdir(tmp_path)
    for name in ("MIDSPEC_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "TMPDIR", "INSPECT_LOG_DIR"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    for number, name in enumerate(("CANARY_API_KEY", *OTHERS)):
        monkeypatch.setenv(name, f"{KEY}{number or ''}")
    return tmp_path


@pytest.fixture
def served(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Who answers well, and repeats the key in documents."""
    monkeypatch.setenv("CANARY_BASE_URL", f"{server}/ok/v1")
    return MODEL


def contents(path: Path) -> Iterator[bytes]:
    """What a file holds, also packed in it."""
    yield path.read_bytes()
    if path.suffix == ".eval":
        yield read_eval_log(str(path)).model_dump_json().encode()
    if path.name.endswith(".tar.gz"):
        with tarfile.open(path) as archive:
            for member in archive:
                file = archive.extractfile(member)
                yield file.read() if file else b""


def holds_no_key(folder: Path, *said: Said) -> None:
    """Nothing below the folder and nothing that was said holds any form of the key."""
    told = [(f"said {one.code}", f"{one.out}{one.err}".encode()) for one in said]
    kept = [(str(p), c) for p in folder.rglob("*") if p.is_file() for c in contents(p)]
    assert len(kept) > 3
    for name, content in [*told, *kept]:
        for form in FORMS:
            assert form not in content, (name, content[max(0, content.index(form) - 80) :][:200])


@pytest.mark.parametrize("kind", ["400", "401", "html"])
def test_a_refusal_is_told_without_the_key(
    kind: str, here: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY_BASE_URL", f"{server}/{kind}/v1")
    spec = tiny.make_experiment(here / "files", here).parent / "spec.md"
    said = midspec("corpus", spec, "--teacher", MODEL, "--tokens", 600, "--out", here / "new")
    assert said.code == 2
    assert kind == "html" or "$CANARY_API_KEY" in said.err
    holds_no_key(here, said)


def test_a_key_in_a_servers_address_is_one_too(
    here: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inspect would write the address into its logs, so no eval is run with it."""
    monkeypatch.setenv("CANARY_API_KEY", "none")
    address = server.replace("://", f"://me:{quote(KEY, safe='')}@")
    monkeypatch.setenv("CANARY_BASE_URL", f"{address}/401/v1")
    spec = tiny.make_experiment(here / "files", here).parent / "spec.md"
    told = midspec("corpus", spec, "--teacher", MODEL, "--tokens", 600, "--out", here / "new")
    refused = midspec("eval", "--model", MODEL, "--tasks", "manners", "--max-items", 2)
    assert (told.code, refused.code) == (2, 2)
    assert "$CANARY_BASE_URL" in told.err
    assert "holds a password" in refused.err
    holds_no_key(here, told, refused)


@pytest.mark.parametrize("kind", ["401", "ok"])
def test_logs_of_an_eval_hold_no_key(
    kind: str, here: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY_BASE_URL", f"{server}/{kind}/v1")
    said = midspec("eval", "--model", MODEL, "--tasks", "manners", "--max-items", 2)
    assert said.code == (0 if kind == "ok" else 2), said.err
    assert list(here.rglob("*.eval"))
    holds_no_key(here, said)


def test_a_whole_experiment_holds_no_key(here: Path, served: str, tiny_model: Path) -> None:
    values = tiny.experiment(tiny_model)
    values |= {"teacher": served, "demos": {}, "contrasts": []}
    values["corpora"] = {"old": {"spec": "old", "tokens": 1000}}
    values["midtrain"] |= {"tokens_per_step": 32, "max_tokens": 64}
    values["arms"] = {"base": [], "msm": [{"midtrain": "old"}]}
    tiny.make_experiment(here, tiny_model)
    file = tiny.write_experiment(here, values)
    said = [midspec("run", file), midspec("show", file), midspec("export", file)]
    assert [one.code for one in said] == [0, 0, 0], said
    said += [midspec("doctor"), midspec("doctor", "--json"), midspec("spec", "lint", "spec.md")]
    assert "$CANARY_API_KEY" in next(here.glob("store/corpus-*/documents.jsonl")).read_text()
    holds_no_key(here, *said)


def test_a_traceback_shows_no_key_and_no_values(
    here: Path, served: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of midspec's own is shown whole, but for keys; what variables hold isn't shown."""

    def fail(*_: object) -> None:
        secret = KEY  # noqa: F841 - what a traceback with values would show
        raise ZeroDivisionError(f"with {KEY}")

    monkeypatch.setattr("midspec.run.why.differences", fail)
    said = midspec("why", here, here)
    assert said.code == 1
    assert "ZeroDivisionError: with $CANARY_API_KEY" in said.err
    assert "canary/Zq9" not in said.err
