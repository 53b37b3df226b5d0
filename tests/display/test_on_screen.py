"""The programs on a real screen, driven by the keyboard, and watched only from outside."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Event, Thread

import psutil
import pytest
from PySide6.QtGui import QColor, QImage

from realtime_mer.client.streams import subscribe
from realtime_mer.display.theme import DJ, THERAPY, Theme
from realtime_mer.errors import ServiceError
from realtime_mer.estimate import Status
from realtime_mer.sessions.store import Session
from realtime_mer.wire.protocol import Marker, RecordingState, ServerMessage, StatusMessage
from tests.command_line import command, noise, remarks, write_model, write_sound
from tests.display.screen import SIZE, Screen, until, virtual_screen
from tests.display.test_process import playing
from tests.patience import PATIENCE_S

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="X11"),
]

_END_OF_PNG = b"IEND\xaeB`\x82"


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Screen]:
    home = tmp_path / "home"
    (home / "Pictures").mkdir(parents=True, mode=0o700)
    with virtual_screen(home) as screen:
        yield screen


@contextmanager
def running(screen: Screen, *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``realtime-mer`` on the screen, its output in the file ``said``."""
    with (screen.home / "said").open("ab") as said:
        process = subprocess.Popen(
            command(*arguments),
            env=screen.env,
            cwd=screen.home,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            for left in [*family(process), process]:
                left.kill()
        process.wait()


def family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Return the processes that one has started, and those that these have."""
    return psutil.Process(process.pid).children(recursive=True)


class Listener:
    """Keeps what a service tells everybody about its state."""

    def __init__(self, url: str) -> None:
        self._heard: list[ServerMessage] = []
        self._url = url
        Thread(target=self._listen, daemon=True).start()
        until(lambda: self._heard, "the service")

    def _listen(self) -> None:
        streams = ("status", "markers")
        # One that looked for a service that is gone would do so until the last test.
        with (
            suppress(ServiceError),
            subscribe(
                self._url, streams=streams, reconnect=False, events=True, backlog=256
            ) as messages,
        ):
            for message in messages:
                self._heard.append(message)

    def marker(self, label: str, *, ask: Callable[[], object] = lambda: None) -> None:
        """Wait for a marker, and ask for it again: a busy window may not have met its service."""

        def heard() -> bool:
            return any(m.label == label for m in self._heard if isinstance(m, Marker))

        def asked() -> bool:
            ask()
            answered_by = time.monotonic() + 2
            while not heard() and time.monotonic() < answered_by:
                Event().wait(0.02)
            return heard()

        until(asked, label)

    def status(self, fits: Callable[[StatusMessage], bool], what: str) -> None:
        """Wait until the newest status fits."""

        def newest() -> bool:
            told = [m for m in self._heard if isinstance(m, StatusMessage)]
            return bool(told) and fits(told[-1])

        until(newest, what)


def look(screen: Screen) -> QImage:
    """Press the key for a picture of the window and return that."""
    pictures = screen.home / "Pictures"
    before = set(pictures.iterdir())
    screen.press("s")
    until(lambda: set(pictures.iterdir()) - before, "a picture")
    (path,) = set(pictures.iterdir()) - before
    until(lambda: path.read_bytes().endswith(_END_OF_PNG), "all of the picture")
    return QImage(str(path))


def shows(picture: QImage, theme: Theme) -> bool:
    """Return whether the window is in a layout: its ground shows at the edge."""
    return picture.pixelColor(2, picture.height() // 2) == QColor(theme.background)


def test_the_window_opens_obeys_the_keyboard_and_closes(screen: Screen) -> None:
    with playing() as service, running(screen, "display", service.url) as process:
        listener = Listener(service.url)
        window = screen.window()
        assert screen.geometry(window)[2:] == (1280, 800)
        until(lambda: service.clients == 2, "the window at the service")

        listener.marker("marker", ask=partial(screen.press, "m"))
        screen.press("n")
        screen.window("Marker with a note")
        screen.write("the drop")
        screen.press("Return")
        listener.marker("the drop")

        screen.window()
        assert shows(look(screen), DJ)
        screen.press("t")
        assert shows(look(screen), THERAPY)

        screen.press("F11")
        until(lambda: screen.geometry(window) == (0, 0, *SIZE), "a full screen")
        screen.press("F11")
        until(lambda: screen.geometry(window)[2:] == (1280, 800), "the window as it was")

        screen.press("ctrl+q")
        assert process.wait(PATIENCE_S) == 0
        until(lambda: service.clients == 1, "the end of the connection")
    assert remarks((screen.home / "said").read_text()) == []


def test_the_window_comes_back_as_it_was_left(screen: Screen) -> None:
    with playing() as service:
        with running(screen, "display", service.url) as process:
            window = screen.window()
            assert "ABOVE" not in screen.states(window)
            screen.place(window, 210, 120, 1000, 720)
            until(lambda: screen.geometry(window)[2:] == (1000, 720), "another size")
            screen.press("t")
            screen.press("a")  # it is another window from here on, to X11
            until(lambda: "ABOVE" in screen.states(screen.window()), "a window on top")
            left = screen.geometry(screen.window())
            screen.press("ctrl+w")
            assert process.wait(PATIENCE_S) == 0
        with running(screen, "display", service.url) as process:
            window = screen.window()
            until(lambda: screen.geometry(window) == left, "the window where it was")
            assert "ABOVE" in screen.states(window)
            assert shows(look(screen), THERAPY)
            screen.press("ctrl+q")
            assert process.wait(PATIENCE_S) == 0


def test_a_session_is_run_from_its_window(screen: Screen, tmp_path: Path) -> None:
    model = write_model(tmp_path)
    song, other = (write_sound(tmp_path / f"{name}.wav", noise(300)) for name in ("song", "other"))
    broken = tmp_path / "broken.mp3"
    broken.write_text("This is no sound.")
    paused = Status.PAUSED

    def open_file(path: Path) -> None:
        screen.press("ctrl+o")
        screen.window("Listen to a file")
        screen.write(str(path))
        screen.press("Return")
        screen.window()

    with running(screen, "live", song, "--port", 0, "--model", model) as process:
        said = screen.home / "said"
        (url,) = until(lambda: re.findall(r"ws://\S+", said.read_text()), "the service")
        listener = Listener(url)
        window = screen.window()
        started = family(process)
        listener.status(lambda told: told.status is Status.MUSIC, "music")

        screen.press("ctrl+r")
        screen.window("Record the session")
        screen.write("friday")
        screen.press("Return")
        screen.window()
        without_sound = RecordingState(estimates=True, sound=False)
        listener.status(lambda told: told.recording == without_sound, "a recording")

        screen.press("t")
        screen.press("n")
        screen.write("tears")
        screen.press("Return")
        listener.marker("tears")
        screen.press("Escape")  # leaves the field: letters are keys again
        screen.press("m")
        listener.marker("marker")

        screen.press("ctrl+p")
        listener.status(lambda told: told.status is paused, "a pause")
        screen.press("ctrl+p")
        listener.status(lambda told: told.status is Status.MUSIC, "music again")
        screen.press("ctrl+BackSpace")
        listener.status(lambda told: told.status is Status.WARMING_UP, "a new beginning")

        open_file(other)
        listener.status(lambda told: told.source == other.name, "the other file")
        open_file(broken)
        screen.press("ctrl+p")  # is asked for after the file, so it is known by then what that is
        listener.status(lambda told: told.status is paused, "a pause")
        listener.status(lambda told: told.source == other.name, "the file from before")
        screen.press("ctrl+p")
        listener.status(lambda told: told.status is Status.MUSIC, "music from there")

        screen.press("ctrl+shift+r")
        listener.status(lambda told: told.recording != without_sound, "the end of the recording")
        assert shows(look(screen), THERAPY)
        screen.press("ctrl+q")
        until(lambda: not screen.geometry(window), "the end of the window")
        assert process.poll() is None  # the session goes on in the terminal
        until(lambda: "The window is closed" in said.read_text(), "word of it there")
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
        assert not any(child.is_running() for child in started)

    (folder,) = (screen.home / "sessions").iterdir()
    assert folder.name.startswith("friday")
    session = Session(folder)
    assert [m.label for m in session.messages() if isinstance(m, Marker)] == ["tears", "marker"]
    assert len(list(session.estimates())) > 10
    shown = subprocess.run(
        command("sessions", "show", "friday"),
        env=screen.env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "markers: 2" in shown.stdout
    assert "sound: not kept" in shown.stdout
