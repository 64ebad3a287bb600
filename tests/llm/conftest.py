from collections.abc import Iterator

import pytest

from .scripted import Scripted, scripted

KEY = "sk-not-to-be-shown-4711"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    """A chat API under the name `openai-api/fake/writer`."""
    with scripted() as server:
        monkeypatch.setenv("FAKE_BASE_URL", server.base_url)
        monkeypatch.setenv("FAKE_API_KEY", KEY)
        yield server
