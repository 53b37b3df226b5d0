"""The sound of a session: sample by sample where it was, and readable after anything."""

import errno
import io
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import soundfile

from realtime_mer.audio.ring import RingBuffer
from realtime_mer.sessions import sealing
from realtime_mer.sessions import sound as sound_module
from realtime_mer.sessions.sealing import Key, sealed_path
from realtime_mer.sessions.sound import SoundRecorder
from tests.command_line import RATE, call, noise
from tests.patience import PATIENCE_S
from tests.sessions.sessions import PASSPHRASE, recorded
from tests.sessions.test_recorder import Forced, forced, small_disk  # noqa: F401  fixtures


def test_sample_n_of_the_file_is_sample_n_of_the_stream(tmp_path: Path) -> None:
    sound = noise(3)[:, 0]
    ring = RingBuffer(30 * RATE)
    recorder = SoundRecorder(tmp_path / "audio.flac", ring, rate=RATE)
    ring.write(sound[:10_001])
    ring.write_gap(500)
    ring.write(sound[10_001:])
    recorder.close()
    kept, rate = soundfile.read(tmp_path / "audio.flac", dtype="float32")
    expected = np.concatenate((sound[:10_001], np.zeros(500, np.float32), sound[10_001:]))
    assert rate == RATE
    assert len(kept) == len(expected)
    np.testing.assert_allclose(kept, expected, atol=1 / 2**15)
    assert (recorder.failure, recorder.lost) == (None, 0)


def test_what_the_disk_was_too_slow_for_becomes_zeros_and_is_counted(tmp_path: Path) -> None:
    ring = RingBuffer(RATE)
    sound = noise(5)[:, 0]
    # As if the disk had held its thread up from the beginning.
    with patch.object(SoundRecorder, "_PERIOD_S", 60.0):
        recorder = SoundRecorder(tmp_path / "audio.flac", ring, rate=RATE)
        for start in range(0, len(sound), 1000):
            ring.write(sound[start : start + 1000])
        recorder.close()
    kept, _ = soundfile.read(tmp_path / "audio.flac", dtype="float32")
    assert len(kept) == len(sound)
    assert recorder.lost == 4 * RATE
    assert not kept[: 4 * RATE].any()
    np.testing.assert_allclose(kept[4 * RATE :], sound[4 * RATE :], atol=1 / 2**15)


def test_a_long_gap_is_no_fault_of_the_disk(tmp_path: Path) -> None:
    ring = RingBuffer(RATE)
    recorder = SoundRecorder(tmp_path / "audio.flac", ring, rate=RATE)
    ring.write_gap(60 * RATE)
    sound = noise(0.5)[:, 0]
    ring.write(sound)
    recorder.close()
    kept, _ = soundfile.read(tmp_path / "audio.flac", dtype="float32")
    assert (len(kept), recorder.lost) == (60 * RATE + len(sound), 0)
    np.testing.assert_allclose(kept[60 * RATE :], sound, atol=1 / 2**15)


def test_who_makes_room_first_loses_nothing_however_fast_the_sound_comes(tmp_path: Path) -> None:
    ring = RingBuffer(RATE)
    sound = noise(20)[:, 0]
    # It would look for sound once a minute, if nobody asked for room.
    with patch.object(SoundRecorder, "_PERIOD_S", 60.0):
        recorder = SoundRecorder(tmp_path / "audio.flac", ring, rate=RATE)
        for start in range(0, len(sound), 10_000):
            recorder.make_room(10_000)
            ring.write(sound[start : start + 10_000])
        recorder.close()
    kept, _ = soundfile.read(tmp_path / "audio.flac", dtype="float32")
    assert recorder.lost == 0
    np.testing.assert_allclose(kept, sound, atol=1 / 2**15)


def test_a_session_that_ended_before_any_sound_came_says_so(capsys) -> None:
    session = recorded([], audio="audio.flac")
    SoundRecorder(session.folder / "audio.flac", RingBuffer(RATE), rate=RATE).close()
    args = ("--format", "flac", "--out", session.folder / "x.flac")
    complaint = call(capsys, "sessions", "export", session.name, *args).complaint()
    assert "ended before any of its sound was kept" in complaint


def test_nobody_waits_for_a_recording_that_has_ended(tmp_path: Path) -> None:
    ring = RingBuffer(RATE)
    recorder = SoundRecorder(tmp_path / "audio.flac", ring, rate=RATE)
    recorder.close()
    ring.write(noise(1)[:, 0])
    recorder.make_room(RATE)  # would wait for ever


def test_the_file_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "audio.flac"
    ring = RingBuffer(30 * RATE)
    noted = threading.Event()
    flush = SoundRecorder._flush

    def telling(recorder: SoundRecorder) -> None:
        flush(recorder)
        if recorder._position:
            noted.set()

    with patch.object(SoundRecorder, "_flush", telling):
        recorder = SoundRecorder(path, ring, rate=RATE)
        sound = noise(1)[:, 0]
        ring.write(sound)
        assert noted.wait(PATIENCE_S)
        kept, _ = soundfile.read(path, dtype="float32")
        recorder.close()
    assert RATE - 4096 <= len(kept) <= RATE
    np.testing.assert_allclose(kept, sound[: len(kept)], atol=1 / 2**15)


def test_encrypted_sound_is_forced_to_the_disk_while_it_goes_on_and_at_the_end(
    tmp_path: Path,
    forced: Forced,  # noqa: F811
) -> None:
    ring = RingBuffer(30 * RATE)
    recorder = SoundRecorder(
        tmp_path / "audio.flac", ring, rate=RATE, key=Key.new(PASSPHRASE, n=2**10)
    )
    path = sealed_path(tmp_path / "audio.flac")
    for _ in range(2):
        before = path.stat().st_size
        ring.write(noise(1)[:, 0])
        forced.until(path, before + RATE // 2)  # noise takes a byte a sample and more
    recorder.close()
    assert forced.whole(path)


def test_a_full_disk_ends_the_sound_alone_and_says_so(small_disk: Path) -> None:  # noqa: F811
    ring = RingBuffer(30 * RATE)
    recorder = SoundRecorder(small_disk / "audio.flac", ring, rate=RATE)
    ring.write(noise(20)[:, 0])
    recorder.close()
    assert recorder.failure is not None
    assert recorder.failure.startswith("recording of sound stopped, the session goes on")


def test_neither_recorder_imports_torch_qt_or_a_sound_card() -> None:
    code = (
        "import sys, realtime_mer.sessions.recording\n"
        "print(*{'torch', 'PySide6', 'sounddevice', 'soundcard', 'pyarrow'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "\n"


def test_an_existing_file_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "audio.flac").write_bytes(b"precious")
    with pytest.raises((OSError, soundfile.LibsndfileError)):
        SoundRecorder(tmp_path / "audio.flac", RingBuffer(RATE), rate=RATE)
    assert (tmp_path / "audio.flac").read_bytes() == b"precious"


@pytest.mark.parametrize("sealed", [False, True])
def test_an_error_of_the_disk_at_any_write_of_sound_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sealed: bool
) -> None:
    key = Key.new(PASSPHRASE, n=2**10) if sealed else None
    left = 0

    class BrokenDisk(io.FileIO):
        def write(self, data: Any, /) -> int:
            nonlocal left
            left -= 1
            if left == 0:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return super().write(data)

    monkeypatch.setattr(sound_module, "FileIO", BrokenDisk)
    monkeypatch.setattr(
        sealing, "_open_unbuffered", lambda path: BrokenDisk(path, "x"), raising=True
    )
    told = []
    for at in range(2 if sealed else 1, 20):
        left = at
        ring = RingBuffer(30 * RATE)
        recorder = SoundRecorder(tmp_path / f"{at}.flac", ring, rate=RATE, key=key)
        ring.write(noise(1)[:, 0])
        recorder.close()
        told.append(recorder.failure)
        if recorder.failure is None:
            break
    assert told[:-1] == ["recording of sound stopped, the session goes on: Input/output error"] * (
        len(told) - 1
    )
    assert len(told) > 2
