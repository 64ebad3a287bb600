import pytest

from midspec.evals import grade


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge that stalls is given up after a second."""
    monkeypatch.setattr(grade, "ATTEMPT_SECONDS", 1)
    monkeypatch.setattr(grade, "MAX_RETRIES", 0)
