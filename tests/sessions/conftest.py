"""Sessions of a test are kept in a folder of its own."""

from pathlib import Path

import pytest

from realtime_mer.sessions.store import FOLDER_VARIABLE


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "sessions"
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    return folder
