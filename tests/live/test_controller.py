"""What the window is told of what it asked for: only what really happened."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from realtime_mer.audio.block import Block
from realtime_mer.audio.opening import Opened
from realtime_mer.audio.switch import SwitchableSource
from realtime_mer.errors import InputError
from realtime_mer.live.controller import Controller
from realtime_mer.live.outlets import Outlets, ServiceOptions
from realtime_mer.live.settings import LiveSettings, PhoneAccess
from realtime_mer.sessions.recording import Deck, Recording
from realtime_mer.shaping import Shaper
from realtime_mer.wire.control import (
    ChangeSource,
    Failed,
    Pause,
    Record,
    Report,
    SessionState,
    StopRecording,
)
from tests.command_line import noise, write_sound
from tests.sessions.sessions import manifest


class Sound:
    """A source with or without a clock."""

    def __init__(self, name: str, *, real_time: bool) -> None:
        self.name, self.real_time = name, real_time
        self.closed = threading.Event()

    def read(self) -> Block | None:
        if self.closed.is_set():
            return None
        return Block(samples=np.zeros((240, 1), np.float32), rate=24_000)

    def close(self) -> None:
        self.closed.set()


class Session:
    """A session that is steered by hand, and what its window has been told."""

    def __init__(self, *, real_time: bool, make: Callable[..., Recording]) -> None:
        self.sound = Sound("first", real_time=real_time)
        self.switch = SwitchableSource(self.sound)
        self.deck = Deck(make)
        self.outlets = Outlets()
        self.told: list[Report] = []
        self.recordings_told = 0
        self.controller = Controller(
            Opened(source=self.sound, spec="first.wav", device=None, why="given"),
            switch=self.switch,
            deck=self.deck,
            tell=self._tell,
            settings=LiveSettings(
                switch=self.switch,
                shaper=Shaper(),
                outlets=self.outlets,
                phones=PhoneAccess(self.outlets, ServiceOptions()),
            ),
        )
        self.controller.attach(self.told.append)

    def _tell(self) -> None:
        self.recordings_told += 1

    @property
    def state(self) -> SessionState:
        return [report for report in self.told if isinstance(report, SessionState)][-1]

    @property
    def failures(self) -> list[str]:
        return [report.message for report in self.told if isinstance(report, Failed)]


def recording(folder: Path) -> Recording:
    folder.mkdir(parents=True)
    return Recording(folder, manifest(folder))


@pytest.fixture
def song(tmp_path: Path) -> Path:
    return write_sound(tmp_path / "song.wav", noise(1))


def no_recording(*_: object) -> Recording:
    raise InputError("nothing can be written there")


def test_a_source_that_was_exchanged_is_told(song: Path) -> None:
    session = Session(real_time=True, make=no_recording)
    session.controller.carry_out(ChangeSource(source=str(song), device=None))
    assert session.failures == []
    assert session.sound.closed.is_set()
    assert session.switch.read() is not None
    session.controller.refresh()
    assert (session.state.source, session.state.title) == (str(song), "song.wav")


def test_a_change_that_the_session_refuses_leaves_the_old_source_playing_and_told(
    song: Path,
) -> None:
    # A file that waits for nobody cannot give way to one that plays in real time.
    session = Session(real_time=False, make=no_recording)
    session.controller.carry_out(ChangeSource(source=str(song), device=None))
    (failure,) = session.failures
    assert "cannot be exchanged while it runs" in failure
    assert (session.state.source, session.state.title) == ("first.wav", "first")
    assert not session.sound.closed.is_set()
    session.controller.carry_out(Pause())  # which sends the state anew
    assert (session.state.source, session.state.title) == ("first.wav", "first")
    assert session.switch.name == "first"


def test_a_change_after_the_end_is_refused_and_not_told_as_made(song: Path) -> None:
    session = Session(real_time=True, make=no_recording)
    session.switch.close()
    session.controller.carry_out(ChangeSource(source=str(song), device=None))
    (failure,) = session.failures
    assert "The session is over" in failure
    assert session.controller.state().source == "first.wav"


def test_a_source_that_cannot_be_opened_changes_nothing(tmp_path: Path) -> None:
    session = Session(real_time=True, make=no_recording)
    session.controller.carry_out(ChangeSource(source=str(tmp_path / "none.wav"), device=None))
    assert len(session.failures) == 1
    assert session.controller.state().source == "first.wav"
    assert session.switch.read() is not None
    assert not session.sound.closed.is_set()


def test_a_recording_that_cannot_be_begun_is_not_told_as_begun() -> None:
    session = Session(real_time=True, make=no_recording)
    session.controller.carry_out(Record(name="friday", sound=True))
    assert session.failures == ["nothing can be written there"]
    assert (session.state.recording, session.state.sound) == (None, False)
    assert session.recordings_told == 0


def test_a_second_recording_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    session = Session(real_time=True, make=lambda label, _sound: recording(tmp_path / str(label)))
    session.controller.carry_out(Record(name="friday", sound=False))
    assert session.state.recording == "friday"
    session.controller.carry_out(Record(name="saturday", sound=False))
    assert len(session.failures) == 1
    assert session.state.recording == "friday"
    assert session.recordings_told == 1
    session.controller.carry_out(StopRecording())
    assert session.state.recording is None
    assert session.recordings_told == 2


def test_to_end_a_recording_where_there_is_none_is_refused() -> None:
    session = Session(real_time=True, make=no_recording)
    session.controller.carry_out(StopRecording())
    assert session.failures == ["Nothing is being recorded."]
    assert session.recordings_told == 0
