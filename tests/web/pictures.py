"""Pictures of the browser display for the documentation.

``python -m tests.web.pictures FOLDER`` takes them of an invented piece, and with ``--url LINK`` of
a running service, each after so many seconds as ``--after`` says.
"""

import argparse
import time
from pathlib import Path

from realtime_mer.estimate import Status
from realtime_mer.service.server import Service
from realtime_mer.wire.protocol import StatusMessage
from tests.web.browser import DESKTOP, HELLO, PHONE, Browser, browser, piece, publish

_CONNECTED = "document.documentElement.dataset.link === 'connected'"
_PICTURES = {
    "browser-dj.png": ("dj", DESKTOP, 64.0),
    "browser-therapy.png": ("therapy", DESKTOP, 190.0),
    "browser-phone.png": ("dj", PHONE, 44.0),
}
_NOTES = {
    "dj": ("strings come in", "breakdown", "drop"),
    "therapy": ("breath slows", "she looks up at the window", "left hand taps the beat"),
}
_LIVE_SECONDS = 25  # of them at the speed of sound, for the trail
_SOURCE = StatusMessage(
    status=Status.MUSIC, detail="", t=0.0, wall_time=None, source="an invented piece"
)


def _play(tab: Browser, service: Service, *, seconds: float, notes: tuple[str, ...]) -> None:
    service.publish(_SOURCE)
    estimates = list(piece(seconds))
    live = len(estimates) - 10 * _LIVE_SECONDS
    moments = dict(zip((live // 3, live // 2, live - 20), notes, strict=True))
    for seq, estimate in enumerate(estimates):
        publish(service, estimate)
        if seq in moments:
            tab.js("note.value = arguments[0]; mark.click()", moments[seq])
        time.sleep(0.1 if seq > live else 0.004)


def main(folder: Path, *, url: str | None, after: float) -> None:
    """Write the pictures into a folder."""
    with browser() as tab:
        for name, (theme, size, seconds) in _PICTURES.items():
            fragment = f"#theme={theme}"
            if url is None:
                with Service(hello=HELLO, port=0) as service:
                    tab.open(service, fragment=fragment, size=size)
                    tab.wait_for(_CONNECTED)
                    _play(tab, service, seconds=seconds, notes=_NOTES[theme])
                    tab.screenshot(folder / name)
                continue
            tab.resize(size)
            tab.driver.get("about:blank")
            tab.driver.get(f"{url}&theme={theme}" if "#" in url else f"{url}{fragment}")
            tab.wait_for(_CONNECTED)
            time.sleep(after)
            tab.screenshot(folder / name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.web.pictures")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--url", help="link of a running service, with #token=… where it asks")
    parser.add_argument("--after", type=float, default=60.0, metavar="SECONDS")
    options = parser.parse_args()
    main(options.folder, url=options.url, after=options.after)
