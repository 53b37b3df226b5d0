"""Pictures of the wall and of the page that sends, of a real service that hears real sound.

``python -m tests.web.room_pictures FOLDER`` takes them. Each room hears the built-in piece from
another place on, but for some that have the troubles that a wall is there for. At the end it says
what share of a core the browser takes for the wall, and for an empty page right after it.
"""

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

import numpy as np
import psutil
import soundfile
from numpy.typing import NDArray

from realtime_mer.audio.demo import compose
from realtime_mer.recognizer.loading import load_recognizer
from realtime_mer.sessions.store import FOLDER_VARIABLE
from tests.rooms.serving import Feeder, Serving, serving
from tests.web.browser import DESKTOP, PHONE, Browser, browser

RATE = 24_000
TABLET, LYING_TABLET = (820, 1180), (1180, 820)
_BLOCK_S = 0.1
_GOLDEN = (5**0.5 - 1) / 2
_WATCHED_S = 20.0
_NOISE = np.random.default_rng(0)
_TROUBLES: dict[int, Callable[[NDArray[np.float32]], NDArray[np.float32]]] = {
    2: lambda sound: sound * np.float32(0),
    4: lambda sound: np.float32(0.05) * _NOISE.standard_normal(len(sound), dtype=np.float32),
    6: lambda sound: sound * np.float32(1e-5),
}
_RECORDED = {
    "rooms": ("stage-1", "stage-6"),
    "record": ("stage-1",),
    "record_sound": ("stage-6",),
}
_GOES, _STOPS, _ENDS = 3, 7, 9  # rooms that somebody feeds for a while


class Crowd(threading.Thread):
    """Feeds many rooms by the clock.

    Args:
        microphones: one a room.
        piece: mono, at ``RATE``.
    """

    def __init__(self, microphones: dict[int, Feeder], piece: NDArray[np.float32]) -> None:
        super().__init__(name="crowd")
        self.silent: set[int] = set()
        self.ended = threading.Event()
        self._microphones, self._piece = microphones, piece

    def run(self) -> None:
        block, at = round(_BLOCK_S * RATE), 0
        due = time.monotonic()
        while not self.ended.wait(max(0.0, due - time.monotonic())):
            due += _BLOCK_S
            for number, one in self._microphones.items():
                if number not in self.silent:
                    # Neighbours in the piece are none on the wall.
                    own = round((number * _GOLDEN) % 1 * len(self._piece))
                    begin = (at + own) % (len(self._piece) - block)
                    sound = self._piece[begin : begin + block]
                    one.send(_TROUBLES.get(number, lambda sound: sound)(sound))
            at += block


def wall(
    tab: Browser, at: Serving, *, rooms: int, sizes: dict[str, tuple[int, int]], to: Path
) -> None:
    """Take pictures of the wall once its rooms have sounded for a while."""
    names = [f"stage-{number}" for number in range(1, rooms + 1)]
    piece = compose(sample_rate=RATE).mean(axis=1).astype(np.float32)
    with ExitStack() as stack:
        goes = stack.enter_context(ExitStack())
        microphones = {}
        for number, name in enumerate(names):
            one = (goes if number == _GOES else stack).enter_context(Feeder(at, name))
            one.open()
            microphones[number] = one
        crowd = Crowd(microphones, piece)
        crowd.start()
        try:
            tab.open(at.service, page="rooms", size=next(iter(sizes.values())))
            time.sleep(20)
            crowd.silent |= {_GOES, _STOPS, _ENDS}
            goes.close()
            microphones[_ENDS].end()
            time.sleep(10)
            for name, size in sizes.items():
                for theme in ("dj", "therapy"):
                    tab.resize(size)
                    tab.js("document.documentElement.dataset.theme = arguments[0]", theme)
                    time.sleep(1.5)
                    suffix = "" if theme == "dj" else "-therapy"
                    tab.screenshot(to / f"{name}{suffix}.png")
            tab.resize(DESKTOP)
            of_wall = cores(tab)
            tab.driver.get("about:blank")
            of_nothing = cores(tab)
            print(f"the wall takes {of_wall:.3f} of a core, an empty page {of_nothing:.3f}")
        finally:
            crowd.ended.set()
            crowd.join()


def cores(tab: Browser) -> float:
    """Return how many cores a browser takes, over a while; all its processes together."""
    driver = psutil.Process(tab.driver.service.process.pid)

    def spent_s() -> float:
        times = [one.cpu_times() for one in driver.children(recursive=True)]
        return sum(one.user + one.system for one in times)

    time.sleep(2.0)  # what it does once is over then
    begun, before = time.monotonic(), spent_s()
    time.sleep(_WATCHED_S)
    return (spent_s() - before) / (time.monotonic() - begun)


def sending(at: Serving, to: Path) -> None:
    """Take a picture of the page that sends, on a phone, while it hears the piece."""
    with tempfile.TemporaryDirectory() as folder:
        song = Path(folder) / "song.wav"
        soundfile.write(song, compose(sample_rate=48_000), 48_000, subtype="PCM_16")
        flags = (
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-audio-capture={song}",
        )
        with browser(*flags) as tab:
            tab.open(at.service, page="rooms/lobby/send", size=PHONE)
            tab.screenshot(to / "rooms-send-before.png")
            tab.js("document.getElementById('start').click()")
            time.sleep(8)
            tab.screenshot(to / "rooms-send.png")


def main(folder: Path, *, rooms: int) -> None:
    """Write the pictures into a folder."""
    recognizer = load_recognizer("default", "light")
    sizes = {f"wall-{rooms}-{name}": size for name, size in _SIZES.items()}
    with (
        tempfile.TemporaryDirectory() as kept,
        patch.dict(os.environ, {FOLDER_VARIABLE: f"{kept}/sessions"}),
        serving(Path(kept), recognizer=recognizer, **_RECORDED) as at,
    ):
        with browser() as tab:
            wall(tab, at, rooms=rooms, sizes=sizes, to=folder)
        sending(at, folder)


_SIZES = {"desktop": DESKTOP, "tablet": TABLET, "lying-tablet": LYING_TABLET, "phone": PHONE}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.web.room_pictures")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rooms", type=int, default=12)
    options = parser.parse_args()
    main(options.folder, rooms=options.rooms)
