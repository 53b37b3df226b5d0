"""The window as people get it: a process of its own, beside a real service."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from realtime_mer import display
from realtime_mer.client.streams import subscribe
from realtime_mer.display.app import BACKLOG, subscription
from realtime_mer.display.latest import Latest
from realtime_mer.display.reader import Reader
from realtime_mer.display.snapshot import Snapshot
from realtime_mer.display.window.main import Window
from realtime_mer.display.window.memory import Memory
from realtime_mer.leaving import ending_signals
from realtime_mer.service.server import Service
from realtime_mer.wire.protocol import Hello, LevelMessage, Marker
from tests.patience import PATIENCE_S
from tests.samples import sample_estimate
from tests.subscribers import in_loop

HELLO = Hello(server_version="1", model="default", hop=0.1, window=3.0, sample_rate=24_000)


@contextmanager
def playing(*, port: int = 0, mood: str = "calm", token: str | None = None) -> Iterator[Service]:
    """Run a service that publishes an estimate every 20 ms."""
    stop = threading.Event()

    def publish() -> None:
        seq = 0
        while not stop.wait(0.02):
            service.publish(sample_estimate(seq=seq, mood=mood))
            seq += 1

    with Service(hello=HELLO, port=port, token=token) as service:
        thread = threading.Thread(target=publish)
        thread.start()
        try:
            yield service
        finally:
            stop.set()
            thread.join()


def test_a_window_that_was_held_up_finds_every_column_of_a_backlog() -> None:
    def level(number: int) -> LevelMessage:
        mel = (number,) * 64
        return LevelMessage(t=number / 10, level_dbfs=-20.0, peak_dbfs=-6.0, mel=mel)

    memory, snapshot = Memory(now=0.0), Snapshot()
    with Service(hello=HELLO, port=0) as service:
        service.publish(level(1))
        with subscribe(
            service.url, streams=["level"], reconnect=False, events=True, backlog=BACKLOG
        ) as messages:
            while not snapshot.levels:
                snapshot = snapshot.after(next(messages))
            for number in range(2, 32):  # nobody reads meanwhile
                service.publish(level(number))
            while snapshot.levels[-1].t < 3.1:
                snapshot = snapshot.after(next(messages))
    memory.take(snapshot, now=1.0)
    assert memory.spectrum.columns()[-31:, 0].tolist() == list(range(1, 32))
    assert memory.spectrum.missed == 0


def test_the_window_follows_a_service_that_goes_and_comes_back(qtbot: QtBot) -> None:
    latest = Latest(Snapshot())
    with playing(mood="calm") as service:
        port = service.port
        url = f"ws://127.0.0.1:{port}"
        window = Window(latest, url=url)
        qtbot.addWidget(window)
        reader = Reader(
            lambda: subscribe(url, streams=["estimates", "status"], reconnect=False, events=True),
            latest=latest,
            waits=(0.05,),
        )
        reader.start()
        qtbot.waitUntil(
            lambda: window.face.heading.mood.text() == "calm", timeout=PATIENCE_S * 1000
        )
        assert window.face.status.text() == "music"
        assert "model default" in window.face.foot.origin.toolTip()
    qtbot.waitUntil(lambda: window.face.status.text() == "reconnecting", timeout=PATIENCE_S * 1000)
    with playing(port=port, mood="sad"):
        qtbot.waitUntil(lambda: window.face.heading.mood.text() == "sad", timeout=PATIENCE_S * 1000)
        assert window.face.status.text() == "music"
        reader.stop()


def test_a_window_that_comes_late_shows_the_minutes_before(qtbot: QtBot) -> None:
    with Service(hello=HELLO, port=0) as service:
        for seq in range(2000):
            service.publish(sample_estimate(seq=seq))
            if seq % 50 == 0:
                in_loop(service, lambda: None)
        service.publish(Marker(label="verse", t=150.0))
        latest = Latest(Snapshot())
        window = Window(latest, url=service.url)
        qtbot.addWidget(window)
        reader = Reader(subscription(service.url, token=None), latest=latest)
        reader.start()

        def drawn_seconds() -> float:
            (lines,) = window.face.lines[0].lines() or ([[0.0]],)
            return float(lines[-1][0] - lines[0][0])

        qtbot.waitUntil(lambda: window.face.lines[0].lines() != [], timeout=PATIENCE_S * 1000)
        qtbot.waitUntil(lambda: drawn_seconds() > 115, timeout=PATIENCE_S * 1000)
        assert [marker.label for marker in window._memory.markers] == ["verse"]
        assert not window.notice.isVisible()
        reader.stop()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals are sent the POSIX way")
@pytest.mark.parametrize("number", ending_signals())
def test_a_signal_ends_the_window_with_code_0(qtbot: QtBot, number: signal.Signals) -> None:
    with playing(token="secret") as service:
        process = display.spawn(f"ws://127.0.0.1:{service.port}", token="secret")
        try:
            qtbot.waitUntil(lambda: service.clients > 0, timeout=PATIENCE_S * 1000)
            process.send_signal(number)
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()
            process.wait()


@pytest.mark.slow
@pytest.mark.parametrize(("factor", "layout"), [(1, "dj"), (2, "dj"), (2, "therapy")])
def test_a_screenshot_of_a_running_service_is_written(
    tmp_path: Path, factor: int, layout: str
) -> None:
    picture = tmp_path / "window.png"
    with playing() as service:
        result = subprocess.run(
            [
                *(sys.executable, "-m", "realtime_mer.display"),
                f"ws://127.0.0.1:{service.port}",
                *("--screenshot", str(picture), "--after", "1", "--layout", layout),
            ],
            env={**os.environ, "QT_SCALE_FACTOR": str(factor)},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    assert (result.returncode, result.stderr) == (0, "")
    image = QImage(str(picture))
    assert (image.width(), image.height()) == (1280 * factor, 800 * factor)


def test_closing_the_window_ends_it_with_code_0(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    closing = QTimer()
    closing.setSingleShot(True)
    shown: list[Window] = []
    show = Window.show

    def note(window: Window) -> None:
        show(window)
        shown.append(window)

    monkeypatch.setattr(Window, "show", note)
    closing.timeout.connect(lambda: shown[0].close())
    closing.start(0)
    with playing() as service:
        assert display.main(f"ws://127.0.0.1:{service.port}") == 0


def fails(*arguments: str, **environ: str) -> str:
    """Run the window and return the one line with which it fails."""
    result = subprocess.run(
        [sys.executable, "-m", "realtime_mer.display", *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        env={**os.environ, **environ},
    )
    assert result.returncode == 1
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line


def test_an_impossible_address_is_refused_in_one_line() -> None:
    assert "ws://HOST:PORT" in fails("ws://:not a port")


def test_a_missing_package_is_named_with_what_to_type(tmp_path: Path) -> None:
    # A finder that hides PySide6, as in an installation without the extra.
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Hide:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'PySide6':\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Hide())\n"
    )
    line = fails("ws://127.0.0.1:1", PYTHONPATH=str(tmp_path))
    assert "pip install 'realtime-mer[display]'" in line


def test_a_picture_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    picture = tmp_path / "no such folder" / "window.png"
    line = fails("ws://127.0.0.1:1", "--screenshot", str(picture), "--after", "0.1")
    assert str(picture) in line


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere Qt has a screen")
@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "there is no screen"),
        ({"DISPLAY": ":9999"}, "could not connect to display :9999"),
        ({"DISPLAY": ":0", "QT_QPA_PLATFORM": "nonsense"}, "nonsense"),
    ],
)
@pytest.mark.parametrize(
    "program", [["realtime_mer.cli", "display"], ["realtime_mer.display"]], ids=" ".join
)
def test_without_a_screen_that_answers_one_line_says_so(
    environ: dict[str, str], words: str, program: list[str]
) -> None:
    without = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    others = {name: value for name, value in os.environ.items() if name not in without}
    result = subprocess.run(
        [sys.executable, "-m", *program, "ws://127.0.0.1:1"],
        env={**others, **environ},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert result.returncode == 1
    line = result.stderr.strip().splitlines()[-1]
    assert line.startswith("realtime-mer: ")
    assert words in line
    assert len(result.stderr.strip().splitlines()) <= 2  # what it is about to do, and the refusal
