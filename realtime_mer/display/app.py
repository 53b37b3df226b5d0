"""The process of the window: application, reader, pipe, signals, exit."""

import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from realtime_mer.client.streams import Subscription, subscribe
from realtime_mer.display.latest import Latest
from realtime_mer.display.pipe import SessionPipe
from realtime_mer.display.preferences import user_settings
from realtime_mer.display.reader import Reader
from realtime_mer.display.snapshot import Snapshot
from realtime_mer.display.theme import THEMES, LayoutName
from realtime_mer.display.window.main import Window
from realtime_mer.errors import InputError
from realtime_mer.leaving import ending_signals

_STREAMS = ("estimates", "status", "level", "markers")
BACKLOG = 64
"""Estimates, and levels, that wait while the window is held up; a ``Snapshot`` keeps as many."""

_STDIN, _STDOUT = 0, 1


def subscription(url: str, *, token: str | None) -> Callable[[], Subscription]:
    """Return what opens a connection to a service, with the minutes before that are drawn."""
    return partial(
        subscribe,
        url,
        streams=_STREAMS,
        history=max(theme.line_s for theme in THEMES.values()),
        token=token,
        reconnect=False,
        events=True,
        backlog=BACKLOG,
    )


def run(
    url: str,
    *,
    token: str | None,
    link: str | None,
    screenshot: Path | None,
    after: float,
    layout: LayoutName | None = None,
    controls: bool = False,
    size: tuple[int, int] | None = None,
) -> int:
    """Show the window until it is closed and return 0; arguments as in ``display.main``.

    Args:
        size: width and height in pixels, instead of the remembered ones.

    Raises:
        InputError: an address that cannot be used, or the screenshot cannot be written.
    """
    messages = subscription(url, token=token)
    messages()  # connects to nothing yet, but refuses an impossible address before a window opens
    application = QApplication.instance() or QApplication(["realtime-mer"])
    latest = Latest(Snapshot())
    reader = Reader(messages, latest=latest)
    window = Window(
        latest,
        url=url,
        link=link,
        mark=reader.mark,
        pipe=SessionPipe(_STDIN, _STDOUT) if controls else None,
        # A picture is of the window as everybody has it, and changes nobody's.
        settings=user_settings() if screenshot is None else None,
        layout=layout,
    )
    if size is not None:
        window.resize(*size)
    # Python runs signal handlers between bytecodes: the redraw timer brings it there. A quit from a
    # timer of its own also holds when the signal comes before the event loop runs.
    previous = {
        number: signal.signal(number, lambda *_: QTimer.singleShot(0, application.quit))
        for number in ending_signals()
    }
    written = screenshot is None

    def take_screenshot() -> None:
        nonlocal written
        written = screenshot is not None and window.take_picture(screenshot)
        window.close()

    if screenshot is not None:
        QTimer.singleShot(int(1000 * after), take_screenshot)
    window.show()
    reader.start()
    try:
        application.exec()
    finally:
        window.close()  # remembers how it was, also at a signal
        reader.stop()
        for number, handler in previous.items():
            signal.signal(number, handler)
    if not written:
        raise InputError(f"no picture was written to {screenshot}: does its folder exist?")
    return 0
