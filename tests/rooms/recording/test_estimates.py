"""Of a room that is recorded all that is estimated is kept, and everybody is told."""

import json
import urllib.request
from pathlib import Path

import pytest

from realtime_mer.estimate import Estimate
from realtime_mer.sessions.sealing import Key
from realtime_mer.sessions.store import FOLDER_VARIABLE, Session
from realtime_mer.wire.protocol import Marker
from tests.rooms.serving import Feeder, Watcher, serving
from tests.tones import tones


@pytest.mark.parametrize("sealed", [False, True])
def test_what_is_estimated_is_kept_as_a_session_without_sound(
    sealed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = tmp_path / "sessions"
    monkeypatch.setenv(FOLDER_VARIABLE, str(sessions))
    key = Key.new("correct horse battery staple") if sealed else None
    options = {"rooms": ("hall", "other"), "record": ("hall",), "key": key}
    with (
        serving(tmp_path / "rooms", **options) as at,
        Watcher(at, "hall", "estimates", "status", "markers") as watcher,
        Feeder(at, "hall") as feeder,
        Feeder(at, "other") as other,
    ):
        ready = feeder.open()
        assert (ready["estimates_stored"], ready["sound_stored"]) == (True, False)
        assert "stored" in ready["notice"]
        assert other.open()["estimates_stored"] is False
        found = at.all_of("hall")
        feeder.send(tones(1.0, music=0.9))
        watcher.wait(9)
        watcher.say("marker", label="here")
        watcher.until("marker")
        url = f"http://127.0.0.1:{at.service.port}/rooms"
        with urllib.request.urlopen(url) as answer:
            listed = json.load(answer)["rooms"]
        assert [room["recording"] for room in listed] == [{"estimates": True, "sound": False}, None]
    (folder,) = sessions.iterdir()
    assert folder.name.startswith("hall-")
    assert not any("audio" in path.name for path in folder.iterdir())
    session = Session(folder, key=key)
    kept = list(session.messages())
    assert [m.to_dict() for m in kept if isinstance(m, Estimate)] == found
    assert [m.label for m in kept if isinstance(m, Marker)] == ["here"]
