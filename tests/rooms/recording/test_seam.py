"""Where one session of a room ends and the next begins nothing is lost, and nothing is twice."""

import json
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from realtime_mer.errors import InputError
from realtime_mer.estimate import Estimate
from realtime_mer.rooms.recording import recorded
from realtime_mer.rooms.recording.recordings import RoomRecordings
from realtime_mer.sessions.manifest import MANIFEST
from realtime_mer.sessions.sealing import Key
from realtime_mer.sessions.store import FOLDER_VARIABLE, Session
from realtime_mer.wire.protocol import Marker, StatusMessage
from tests.command_line import call
from tests.patience import PATIENCE_S
from tests.rooms.serving import Feeder, Serving, Watcher, serving, until
from tests.tones import HOP, tones


@pytest.fixture
def sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where sessions lie."""
    folder = tmp_path / "sessions"
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    return folder


def tomorrow(at: Serving) -> None:
    """Let it be the next day."""
    recordings: RoomRecordings = at.service._recordings
    loop, is_so = at.service._loop, threading.Event()
    assert loop is not None

    def turn() -> None:
        recordings._due = datetime.now().astimezone() - timedelta(seconds=1)
        recordings.look()
        is_so.set()

    loop.call_soon_threadsafe(turn)
    assert is_so.wait(PATIENCE_S)


def turned(at: Serving, room: str = "hall") -> None:
    """Wait until its next session has taken over."""
    one = at.service._recordings._rooms[room]
    until(lambda: one._next is None)


def ordered(folder: Path, key: Key | None = None) -> list[Session]:
    found = [Session(each, key=key) for each in folder.iterdir()]
    return sorted(found, key=lambda session: session.manifest.started_at)


def seqs(session: Session) -> list[int]:
    return [each.seq for each in session.estimates()]


@pytest.mark.parametrize("sealed", [False, True])
def test_each_sample_estimate_and_marker_is_in_one_of_the_two(
    sealed: bool, sessions: Path, tmp_path: Path
) -> None:
    key = Key.new("correct horse battery staple", n=2**10) if sealed else None
    sound = tones(3.0, music=0.9)
    cut = 13 * HOP + 700  # amid a hop
    with (
        serving(tmp_path, rooms=("hall",), record_sound=("hall",), key=key) as at,
        Watcher(at, "hall", "estimates", "status", "markers") as watcher,
        Feeder(at, "hall") as feeder,
    ):
        feeder.open()
        feeder.send(sound[:cut])
        watcher.wait(12)
        watcher.say("marker", label="before")
        watcher.until("marker")
        room = at.service.find("hall")
        assert room is not None
        until(lambda: room.position == cut)
        tomorrow(at)
        feeder.send(sound[cut:])
        watcher.wait(29)
        turned(at)
        watcher.say("marker", label="after")
        watcher.until("marker")
    first, second = ordered(sessions, key)
    assert seqs(first) + seqs(second) == list(range(30))
    assert seqs(first)[-1] == 12  # what is amid the seam is of the sound after it
    assert [
        [each.label for each in one.messages() if isinstance(each, Marker)]
        for one in (first, second)
    ] == [["before"], ["after"]]
    begins = next(each for each in second.messages())
    assert isinstance(begins, StatusMessage)
    assert second.manifest.audio_start == cut
    kept = []
    for session in (first, second):
        assert session.manifest.failures == ()
        path = tmp_path / f"{session.name}.flac"
        path.write_bytes(session.sound())
        kept.append(soundfile.read(path, dtype="float32")[0])
    assert len(kept[0]) == cut
    np.testing.assert_allclose(np.concatenate(kept), sound, atol=1e-3)


def test_old_days_are_deleted_while_the_service_runs_and_empty_ones_leave_nothing(
    sessions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        serving(tmp_path, rooms=("hall", "other"), record=("hall", "other")) as at,
        Watcher(at, "hall") as watcher,
        Feeder(at, "hall") as feeder,
    ):
        feeder.open()
        feeder.send(tones(0.5, music=0.9))
        watcher.wait(4)
        tomorrow(at)
        for room in ("hall", "other"):
            turned(at, room)
        until(lambda: len(list(sessions.iterdir())) == 3)  # that of the other room was empty
        old = min(sessions.glob("hall-*"), key=lambda each: Session(each).manifest.started_at)
        until(lambda: Session(old).manifest.ended_at is not None)
        aged: dict[str, Any] = json.loads((old / MANIFEST).read_text())
        aged["started_at"] = "2020-01-01T00:00:00+00:00"
        (old / MANIFEST).write_text(json.dumps(aged))
        deleted = call(capsys, "sessions", "delete", "--older-than", 30)
        assert deleted.code == 0, deleted.err
        assert deleted.out == f"deleted {old.name}\n"
        feeder.send(tones(0.5, music=0.9))
        watcher.wait(9)
    (left,) = sessions.iterdir()
    assert seqs(Session(left)) == list(range(5, 10))


def test_where_the_next_cannot_begin_the_one_before_goes_on_with_all(
    sessions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = tones(2.0, music=0.9)
    with (
        serving(tmp_path, rooms=("hall",), record_sound=("hall",)) as at,
        Watcher(at, "hall") as watcher,
        Feeder(at, "hall") as feeder,
    ):
        feeder.open()
        feeder.send(sound[: 10 * HOP])
        watcher.wait(9)

        def refuse(label: str, *, now: datetime) -> Path:
            raise InputError("there is no room for it.")

        monkeypatch.setattr(recorded, "create_folder", refuse)
        tomorrow(at)
        feeder.send(sound[10 * HOP : 12 * HOP])
        feeder.send(sound[13 * HOP :], index=13 * HOP)
        watcher.wait(19)
        turned(at)
        assert any("no room for it. Its session of before goes on" in line for line in at.said)
    (session,) = ordered(sessions)
    assert seqs(session) == list(range(20))
    path = tmp_path / "kept.flac"
    path.write_bytes(session.sound())
    sound[12 * HOP : 13 * HOP] = 0
    np.testing.assert_allclose(soundfile.read(path, dtype="float32")[0], sound, atol=1e-3)


def test_an_estimate_that_is_late_goes_where_its_sound_is(
    sessions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        serving(tmp_path, rooms=("hall",), record=("hall",)) as at,
        Feeder(at, "hall") as feeder,
        Watcher(at, "hall") as watcher,
    ):
        feeder.open()
        room = at.service.find("hall")
        assert room is not None
        told: list[Any] = []
        monkeypatch.setattr(type(room), "tell", lambda self, *what, now: told.append(what))
        feeder.send(tones(0.5, music=0.9))
        until(lambda: len(told) == 5)
        tomorrow(at)
        one = at.service._recordings._rooms["hall"]
        until(lambda: one._next is not None and one._next.made.done())
        monkeypatch.undo()
        monkeypatch.setenv(FOLDER_VARIABLE, str(sessions))
        loop = at.service._loop
        assert loop is not None
        for estimate, level in told:
            loop.call_soon_threadsafe(lambda e=estimate, v=level: room.tell(e, v, now=0.0))
        watcher.wait(4)
        turned(at)
        feeder.send(tones(0.5, music=0.9))
        watcher.wait(9)
    first, second = ordered(sessions)
    assert seqs(first) == list(range(5))
    assert seqs(second) == list(range(5, 10))
    assert all(isinstance(each, Estimate) for each in first.estimates())
