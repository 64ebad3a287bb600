"""Keys by name only, the Hub within a time, and the default model."""

import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from midspec.doctor import outside
from midspec.doctor.outside import default_model, hub, keys

CANARY = "sk-canary-2718281828"


@pytest.fixture
def answering() -> Iterator[HTTPServer]:
    """A server that knows nothing, and says so at once."""
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_key_is_told_by_its_name_and_never_by_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "installed", lambda name: "1" if name == "openai" else None)
    env = {name: CANARY for names, _ in outside.PROVIDERS.values() for name in names}
    env |= {"LOCAL_BASE_URL": f"http://user:{CANARY}@localhost", "LOCAL_API_KEY": CANARY}
    env |= {"HF_ENDPOINT": f"ftp://user:{CANARY}@mirror.example"}
    lines = keys(env)
    told = " ".join(f"{line.found} {line.mend}" for line in [*lines, hub(env)])
    assert "OPENAI_API_KEY set" in told and "ANTHROPIC_API_KEY" in told
    assert CANARY not in told and CANARY[:8] not in told and str(len(CANARY)) not in told


def test_a_key_whose_package_is_missing_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "installed", lambda name: None)
    (line,) = keys({"ANTHROPIC_API_KEY": CANARY, "OPENAI_API_KEY": "  "})
    assert (line.state, line.mend) == ("warning", "pip install anthropic")


def test_a_server_of_one_s_own_takes_its_place_and_a_key() -> None:
    env = {"MY_VLLM_BASE_URL": "http://localhost:8000/v1", "MY_VLLM_API_KEY": "any"}
    (line,) = keys(env)
    assert line.found == "openai-api/my-vllm/…: MY_VLLM_BASE_URL and MY_VLLM_API_KEY set"
    assert keys({"MY_VLLM_BASE_URL": "http://localhost:8000/v1"})[0].found.startswith("none set")


def test_no_key_is_no_fault() -> None:
    (line,) = keys({"PATH": "/bin"})
    assert (line.state, line.mend) == ("ok", "")


def test_a_hub_that_answers_is_reachable_whatever_it_answers(answering: HTTPServer) -> None:
    line = hub({"HF_ENDPOINT": f"http://127.0.0.1:{answering.server_port}"})
    # BaseHTTPRequestHandler answers 501, as a broken mirror would.
    assert line.found.startswith("off-line: 127.0.0.1 doesn't answer")
    BaseHTTPRequestHandler.do_GET = lambda self: self.send_error(404)  # type: ignore[attr-defined]
    try:
        line = hub({"HF_ENDPOINT": f"http://127.0.0.1:{answering.server_port}/"})
    finally:
        del BaseHTTPRequestHandler.do_GET  # type: ignore[attr-defined]
    assert line.found == "127.0.0.1 answers"


def test_a_hub_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "HUB_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        line = hub({"HF_ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}"})
    assert line.state == "ok" and line.found.startswith("off-line: 127.0.0.1")
    assert line.mend


def test_a_hub_that_is_switched_off_isn_t_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "_reachable", lambda place: pytest.fail("asked"))
    assert hub({"HF_HUB_OFFLINE": "1"}).found == "not asked: HF_HUB_OFFLINE is set"


def test_the_default_model_is_there_or_says_how_to_get_it(tmp_path: Path) -> None:
    line = default_model(tmp_path)
    assert (line.state, line.mend) == ("missing", "midspec model get smollm2-135m")
    assert not line.needed  # a run may name another model
    folder = tmp_path / "models" / "smollm2-135m"
    folder.mkdir(parents=True)
    (folder / "midspec.json").write_text("{}")
    assert default_model(tmp_path).state == "ok"
