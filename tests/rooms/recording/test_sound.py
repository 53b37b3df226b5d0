"""Of a room whose sound is recorded all is kept that its network heard, and everybody is told."""

import json
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from realtime_mer.rooms.recording.tap import AHEAD_S, SoundTap
from realtime_mer.rooms.recording.tape import Tape
from realtime_mer.sessions.sealing import Key
from realtime_mer.sessions.sound import SoundRecorder
from realtime_mer.sessions.store import FOLDER_VARIABLE, Session
from realtime_mer.wording import ROOM_NOTICES
from tests.command_line import call
from tests.drives import fill_up
from tests.rooms.serving import Feeder, Serving, Watcher, serving, until
from tests.sessions.test_recorder import small_disk  # noqa: F401
from tests.tones import HOP, RATE, tones

PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where sessions lie."""
    folder = tmp_path / "sessions"
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    return folder


def record(folder: Path, **options: Any) -> Any:
    return serving(folder, rooms=("hall",), record_sound=("hall",), **options)


def told_of(at: Serving, room: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{at.service.port}/rooms") as answer:
        rooms: list[dict[str, Any]] = json.load(answer)["rooms"]
    return next(one for one in rooms if one["name"] == room)


def sound_of(session: Session, to: Path) -> NDArray[np.float32]:
    to.write_bytes(session.sound())
    samples, rate = soundfile.read(to, dtype="float32")
    assert rate == RATE
    return np.asarray(samples)


@pytest.mark.parametrize("sealed", [False, True])
def test_the_sound_is_kept_at_its_places_and_who_sends_or_watches_is_told(
    sealed: bool, sessions: Path, tmp_path: Path
) -> None:
    key = Key.new(PASSPHRASE, n=2**10) if sealed else None
    sound = tones(2.0, music=0.9)
    with (
        record(tmp_path, key=key) as at,
        Watcher(at, "hall", "estimates", "status") as watcher,
        Feeder(at, "hall") as feeder,
        Feeder(at, "other") as other,
    ):
        ready = feeder.open()
        assert (ready["estimates_stored"], ready["sound_stored"]) == (True, True)
        assert ready["notice"] == ROOM_NOTICES[True, True]
        assert other.open()["sound_stored"] is False
        feeder.send(sound[:HOP])
        assert watcher.until("status")[-1]["recording"] == {"estimates": True, "sound": True}
        feeder.send(sound[HOP : 3 * HOP])
        feeder.send(sound[5 * HOP :], index=5 * HOP)  # two hops never came
        watcher.wait(19)
        assert told_of(at, "hall")["recording"] == {"estimates": True, "sound": True}
        assert told_of(at, "other")["recording"] is None
    (folder,) = sessions.iterdir()
    session = Session(folder, key=key)
    assert session.manifest.failures == ()
    kept = sound_of(session, tmp_path / "kept.flac")
    sound[3 * HOP : 5 * HOP] = 0
    np.testing.assert_allclose(kept, sound, atol=1e-3)  # an offset was taken out on the way


def test_after_a_restart_the_sound_begins_where_the_room_has_got_to(
    sessions: Path, tmp_path: Path
) -> None:
    for hops in (5, 3):
        with record(tmp_path) as at, Feeder(at, "hall") as feeder, Watcher(at, "hall") as watcher:
            begun = feeder.open()["next"]
            feeder.send(tones(hops / 10, music=0.9))
            watcher.wait(begun // HOP + hops - 1)
    first, second = sorted(sessions.iterdir(), key=lambda folder: folder.stat().st_mtime)
    starts = [Session(folder).manifest.audio_start for folder in (first, second)]
    assert starts == [0, 5 * HOP]
    assert len(sound_of(Session(second), tmp_path / "second.flac")) == 3 * HOP


def test_sessions_lists_reports_exports_and_deletes_what_was_recorded_of_a_room(
    sessions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with record(tmp_path) as at, Feeder(at, "hall") as feeder, Watcher(at, "hall") as watcher:
        feeder.open()
        feeder.send(tones(4.0, music=0.9))
        watcher.wait(39)
    (folder,) = sessions.iterdir()

    def run(*words: str) -> str:
        result = call(capsys, "sessions", *words)
        assert result.code == 0, result.err
        return result.out

    assert folder.name in run("list")
    for kind in ("flac", "jsonl"):
        run("export", folder.name, "--format", kind, "--out", str(tmp_path / f"out.{kind}"))
    assert soundfile.info(tmp_path / "out.flac").frames == 4 * RATE
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 40
    run("report", folder.name, "--out", str(tmp_path / "out.html"))
    assert "room hall" in (tmp_path / "out.html").read_text()
    assert "music" in run("replay", folder.name, "--speed", "max", "--no-window")
    run("delete", folder.name)
    assert list(sessions.iterdir()) == []


def test_a_full_disk_ends_the_recording_alone_and_everybody_is_told(
    small_disk: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(small_disk))
    with (
        record(tmp_path) as at,
        Watcher(at, "hall", "estimates", "status") as watcher,
        Feeder(at, "hall") as feeder,
    ):
        feeder.open()
        feeder.send(tones(0.5, music=0.9))
        watcher.wait(4)
        fill_up(small_disk / "much")
        hall = at.service.find("hall")
        assert hall is not None

        def stopped() -> bool:
            feeder.send(noise(0.1))
            return hall.recording() is not None and not hall.recording().sound

        until(stopped)
        while watcher.until("status")[-1]["recording"]["sound"]:
            pass
        until(lambda: any("recording of sound stopped" in line for line in at.said))
        with Feeder(at, "hall") as second:
            assert second.open(resume=feeder.ready["resume"])["sound_stored"] is False


def noise(seconds: float) -> NDArray[np.float32]:
    samples = np.random.default_rng(0).standard_normal(round(seconds * RATE)) * 0.1
    return samples.astype(np.float32)


# What was lost.


@pytest.mark.parametrize(("passed_s", "kept"), [(0.0, False), (8 * 3600.0, True)])
def test_a_night_that_was_lost_is_zeros_unless_it_has_not_passed(
    passed_s: float, kept: bool, tmp_path: Path
) -> None:
    now = [1000.0]
    tape = Tape(30 * RATE)
    recorder = SoundRecorder(tmp_path / "audio.flac", tape, rate=RATE)
    take = SoundTap(tape, rate=RATE, clock=lambda: now[0])
    take.write_with(recorder)
    take(noise(0.5), 0)
    now[0] += passed_s
    lost = 600 if kept else round(AHEAD_S + 1)
    take(noise(0.5), lost * RATE)
    recorder.close()
    assert (recorder.failure is None) is kept
    assert recorder.lost == 0
    samples, _ = soundfile.read(tmp_path / "audio.flac", dtype="float32")
    np.testing.assert_allclose(samples[: RATE // 2], noise(0.5), atol=1e-4)
    assert len(samples) == RATE // 2 + kept * (lost * RATE + RATE // 2)
    if kept:
        np.testing.assert_allclose(samples[-RATE // 2 :], noise(0.5), atol=1e-4)
        assert not samples[RATE // 2 : -RATE // 2].any()
