"""The recorder: complete, never in the way, and readable after anything."""

import errno
import io
import json
import math
import os
import stat
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_mer.estimate import Status
from realtime_mer.sessions import recorder as recorder_module
from realtime_mer.sessions.sealing import Key, SealedWriter, sealed_path
from realtime_mer.sessions.store import EVENTS, MANIFEST, Session
from realtime_mer.wire.protocol import LevelMessage, Marker, encode
from tests.command_line import call, noise, write_model, write_sound
from tests.drives import fill_up, mounted
from tests.patience import PATIENCE_S
from tests.samples import sample_estimate
from tests.sessions.sessions import PASSPHRASE, begin, estimates, recorded
from tests.subscribers import status

UNIT = st.floats(-1, 1)


class FullDisk(io.FileIO):
    """Takes so many bytes and then says that there is no space left, as a file system does."""

    def __init__(self, path: Path, room: int) -> None:
        super().__init__(path, "ab")
        self._room = room

    def write(self, data: Any, /) -> int:
        if self._room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = super().write(bytes(data)[: self._room])
        self._room -= taken
        return taken


class BrokenDisk(io.FileIO):
    """Takes so many writes and fails from then on."""

    def __init__(self, path: Path, writes: int) -> None:
        super().__init__(path, "ab")
        self._left = writes

    def write(self, data: Any, /) -> int:
        if self._left == 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self._left -= 1
        return super().write(data)


class StuckDisk(io.FileIO):
    """Holds up every write until it is released."""

    def __init__(self, path: Path, released: threading.Event, writing: threading.Event) -> None:
        super().__init__(path, "ab")
        self._released, self._writing = released, writing

    def write(self, data: Any, /) -> int:
        self._writing.set()
        self._released.wait()
        return super().write(data)


class Forced:
    """The length of every file, and the names in every folder, when last forced to the disk."""

    def __init__(self) -> None:
        self.lengths: dict[int, int] = {}
        self.names: dict[int, set[str]] = {}
        self._changed = threading.Condition()
        self._fsync = os.fsync

    def fsync(self, handle: int) -> None:
        self._fsync(handle)
        found = os.fstat(handle)
        with self._changed:
            self.lengths[found.st_ino] = found.st_size
            if stat.S_ISDIR(found.st_mode):
                self.names[found.st_ino] = set(os.listdir(handle))
            self._changed.notify_all()

    def until(self, path: Path, length: int) -> None:
        """Wait until so many bytes of a file have been forced to the disk."""
        number = path.stat().st_ino
        with self._changed:
            assert self._changed.wait_for(lambda: self.lengths.get(number, 0) >= length, PATIENCE_S)

    def whole(self, path: Path) -> bool:
        found = path.stat()
        return self.lengths.get(found.st_ino) == found.st_size


@pytest.fixture
def forced(monkeypatch: pytest.MonkeyPatch) -> Forced:
    """What is forced to the disk, which goes on as always."""
    noted = Forced()
    monkeypatch.setattr(os, "fsync", noted.fsync)
    return noted


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of a few hundred kilobytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    with mounted(folder):
        yield folder


def test_every_message_is_kept_in_order() -> None:
    messages = [
        status("on air"),
        sample_estimate(seq=0),
        LevelMessage(t=0.1, level_dbfs=-20.0, peak_dbfs=-6.0),
        Marker(label="début", id="7", t=0.1, wall_time="2026-01-01T12:00:00.000+00:00"),
        sample_estimate(seq=1, wall_time=None, latency_ms=None, status=Status.GAP),
    ]
    session = recorded(messages)
    assert list(session.messages()) == messages
    assert session.manifest.ended_at is not None
    assert (session.manifest.estimates, session.manifest.markers) == (2, 1)
    assert session.manifest.seconds == 0.2


@settings(max_examples=25)
@given(st.lists(st.tuples(UNIT, UNIT, st.floats(0.0001, 2)), min_size=1, max_size=20))
def test_numbers_are_kept_to_the_bit(numbers: list[tuple[float, float, float]]) -> None:
    messages = [
        sample_estimate(seq=seq, valence=valence, arousal=arousal, valence_sd=sd)
        for seq, (valence, arousal, sd) in enumerate(numbers)
    ]
    sent = [encode(message) for message in messages]
    assert [encode(estimate) for estimate in recorded(messages).estimates()] == sent


def test_every_line_is_json_with_the_time_of_day_at_which_it_was_recorded() -> None:
    before = datetime.now().astimezone().replace(microsecond=0)
    session = recorded([sample_estimate(), status("on air"), Marker(label="drop")])
    for line in (session.folder / EVENTS).read_text("utf-8").splitlines():
        at = datetime.fromisoformat(json.loads(line)["recorded_at"])
        assert before <= at <= datetime.now().astimezone()


def test_what_a_slow_disk_cannot_take_is_counted_and_holds_nobody_up() -> None:
    released, writing = threading.Event(), threading.Event()
    recorder = begin(capacity=4, open_file=lambda path: StuckDisk(path, released, writing))
    first, *others = estimates(15)
    recorder.record(first)
    assert writing.wait(PATIENCE_S)  # the first is in the thread's hands, and the queue is empty
    for estimate in others:
        recorder.record(estimate)
    assert recorder.lost == 10
    released.set()
    recorder.close()
    session = Session(recorder.folder)
    assert [estimate.seq for estimate in session.estimates()] == [0, 1, 2, 3, 4]
    assert session.manifest.lost == 10


def test_a_source_that_can_wait_loses_nothing() -> None:
    recorder = begin(capacity=2, wait=True)
    for estimate in estimates(500):
        recorder.record(estimate)
    recorder.close()
    assert recorder.lost == 0
    assert list(Session(recorder.folder).estimates()) == estimates(500)


@pytest.mark.skipif(os.name == "nt", reason="folders cannot be opened there")
@pytest.mark.parametrize("sealed", [False, True])
def test_what_is_recorded_is_forced_to_the_disk_while_it_goes_on_and_at_the_end(
    forced: Forced, sealed: bool
) -> None:
    recorder = begin(wait=True, key=Key.new(PASSPHRASE, n=2**10) if sealed else None)
    path = sealed_path(recorder.folder / EVENTS) if sealed else recorder.folder / EVENTS
    assert forced.whole(recorder.folder / MANIFEST)
    for seq in range(3):
        before = path.stat().st_size
        recorder.record(sample_estimate(seq=seq))
        forced.until(path, before + 100)  # nothing else comes
    recorder.record(sample_estimate(seq=3))
    recorder.close()
    assert forced.whole(path)
    assert forced.whole(recorder.folder / MANIFEST)
    assert MANIFEST in forced.names[recorder.folder.stat().st_ino]


@pytest.mark.parametrize("room", [0, 1, 1000, 5000])
def test_a_full_disk_ends_the_recording_alone_and_says_so(room: int) -> None:
    recorder = begin(open_file=lambda path: FullDisk(path, room), wait=True)
    for estimate in estimates(50):
        recorder.record(estimate)
    recorder.close()
    (failure,) = recorder.failures
    assert failure == "recording stopped, the session goes on: No space left on device"
    session = Session(recorder.folder)
    kept = list(session.estimates())
    assert kept == estimates(len(kept))
    assert len(kept) + recorder.lost == 50
    assert recorder.lost > 0
    assert session.damaged == 0
    assert session.manifest.failures == recorder.failures


@pytest.mark.parametrize("writes", range(7))
def test_an_error_at_any_write_ends_the_recording_alone_and_keeps_what_was_written(
    writes: int,
) -> None:
    recorder = begin(open_file=lambda path: BrokenDisk(path, writes), wait=True)
    for estimate in estimates(6):
        recorder.record(estimate)
    recorder.close()
    session = Session(recorder.folder)
    assert list(session.estimates()) == estimates(writes)
    assert recorder.lost == session.manifest.lost == 6 - writes
    assert session.damaged == 0
    assert bool(recorder.failures) == (writes < 6)


@pytest.mark.parametrize("writes", range(8))
def test_the_same_of_an_encrypted_recording(monkeypatch: pytest.MonkeyPatch, writes: int) -> None:
    key = Key.new(PASSPHRASE, n=2**10)

    def open_broken(path: Path, *, key: Key, purpose: str) -> SealedWriter:
        return SealedWriter(BrokenDisk(path, 1 + writes), key=key, purpose=purpose)

    monkeypatch.setattr(recorder_module, "open_sealed", open_broken)
    recorder = begin(key=key, wait=True)
    for estimate in estimates(6):
        recorder.record(estimate)
    recorder.close()
    session = Session(recorder.folder, key=key)
    assert list(session.estimates()) == estimates(min(writes, 6))
    assert session.problems() == []
    assert bool(recorder.failures) == (writes < 7)  # the last write notes the end


def test_a_number_that_is_none_is_counted_and_the_rest_is_kept() -> None:
    session = recorded([sample_estimate(seq=0), sample_estimate(seq=1, t=math.nan)])
    assert [estimate.seq for estimate in session.estimates()] == [0]
    assert session.manifest.lost == 1
    assert session.manifest.failures == ()


@pytest.mark.slow
def test_a_torn_last_line_is_ignored_wherever_it_was_torn() -> None:
    session = recorded(estimates(3))
    path = session.folder / EVENTS
    whole = path.read_bytes()
    last = whole.rstrip(b"\n").rindex(b"\n") + 1
    for end in range(last, len(whole)):
        path.write_bytes(whole[:end])
        assert [estimate.seq for estimate in session.estimates()] == [0, 1]
        assert session.damaged == 0


def test_a_line_in_the_middle_that_cannot_be_read_costs_that_line_and_is_counted() -> None:
    session = recorded(estimates(3))
    path = session.folder / EVENTS
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1] = b"\0" * 100 + b"\xff\n"
    path.write_bytes(b"".join(lines))
    assert [estimate.seq for estimate in session.estimates()] == [0, 2]
    assert session.damaged == 1


def test_a_session_that_was_never_ended_opens_and_is_counted() -> None:
    recorder = begin(wait=True)
    before = (recorder.folder / MANIFEST).read_bytes()
    for message in [*estimates(3), Marker(label="drop")]:
        recorder.record(message)
    recorder.close()
    (recorder.folder / MANIFEST).write_bytes(before)  # as a crash leaves it
    session = Session(recorder.folder)
    totals = session.totals()
    assert session.manifest.ended_at is None
    assert (totals.estimates, totals.markers, totals.seconds) == (3, 1, 0.3)


def test_what_comes_after_the_end_is_none_of_its_business() -> None:
    recorder = begin()
    recorder.close()
    recorder.record(sample_estimate())
    recorder.close()
    assert list(Session(recorder.folder).messages()) == []


@pytest.mark.parametrize("sound", [False, True])
def test_a_live_session_survives_a_disk_that_fills_up(
    sound: bool,
    small_disk: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("REALTIME_MER_SESSIONS", str(small_disk))
    write_sound(tmp_path / "song.wav", noise(60))
    options = ("--speed", "max", "--record", "--no-window", "--model", write_model(tmp_path))
    too = ("--record-audio",) if sound else ()
    result = call(capsys, "live", tmp_path / "song.wav", *options, *too)
    assert "A part of what was to be recorded is missing" in result.complaint()
    assert "recording stopped, the session goes on: No space left on device" in result.out
    assert ("recording of sound stopped, the session goes on: No space" in result.out) == sound
    assert "heard 60.0 s: 600 estimates" in result.out
    (folder,) = small_disk.iterdir()
    kept = [estimate.seq for estimate in Session(folder).estimates()]
    assert 0 < len(kept) < 600
    assert kept == list(range(len(kept)))


def test_a_disk_that_is_full_from_the_start_is_told_in_one_line_and_leaves_nothing(
    small_disk: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("REALTIME_MER_SESSIONS", str(small_disk))
    fill_up(small_disk / "filler")
    options = ("--speed", "max", "--record", "x", "--no-window", "--model", write_model(tmp_path))
    complaint = call(capsys, "live", "demo", *options).complaint()
    assert "No space left on device" in complaint
    assert [path.name for path in small_disk.iterdir()] == ["filler"]
