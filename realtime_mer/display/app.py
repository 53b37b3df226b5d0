"""The process of the window: application, reader, signals, exit."""

import signal
from functools import partial
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from realtime_mer.client import subscribe
from realtime_mer.display.latest import Latest
from realtime_mer.display.reader import Reader
from realtime_mer.display.snapshot import Snapshot
from realtime_mer.display.window import Window
from realtime_mer.errors import InputError

_STREAMS = ("estimates", "status")


def run(
    url: str,
    *,
    token: str | None,
    link: str | None,
    screenshot: Path | None,
    after: float,
) -> int:
    """Show the window until it is closed and return 0; arguments as in ``display.main``.

    Raises:
        InputError: an address that cannot be used, or the screenshot cannot be written.
    """
    messages = partial(subscribe, url, streams=_STREAMS, token=token, reconnect=False, events=True)
    messages()  # connects to nothing yet, but refuses an impossible address before a window opens
    application = QApplication.instance() or QApplication(["realtime-mer"])
    latest = Latest(Snapshot())
    reader = Reader(messages, latest=latest)
    window = Window(latest, url=url, link=link)
    # Python runs signal handlers between bytecodes: the redraw timer brings it there. A quit from a
    # timer of its own also holds when the signal comes before the event loop runs.
    previous = {
        number: signal.signal(number, lambda *_: QTimer.singleShot(0, application.quit))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    written = screenshot is None

    def take_screenshot() -> None:
        nonlocal written
        written = window.grab().save(str(screenshot), "PNG")
        window.close()

    if screenshot is not None:
        QTimer.singleShot(int(1000 * after), take_screenshot)
    window.show()
    reader.start()
    try:
        application.exec()
    finally:
        reader.stop()
        for number, handler in previous.items():
            signal.signal(number, handler)
    if not written:
        raise InputError(f"no picture was written to {screenshot}: does its folder exist?")
    return 0
