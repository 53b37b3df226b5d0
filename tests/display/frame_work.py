"""Measure the work of a frame: ``python -m tests.display.frame_work`` prints median and p99, and
the memory of the process after a quarter of the frames and after all (216 000 are an hour).

Frames are driven one after another, as fast as they go, on a clock that advances a sixtieth of a
second each; an estimate and a level with its spectrum come every sixth. Counted is the processor
time of the window's thread from looking into the slot until everything new is painted; a busy
machine makes frames late, but not this number larger by its waiting. On another platform than
offscreen (``QT_QPA_PLATFORM=xcb`` in a virtual X screen) it holds the transfer to the screen too.
"""

import argparse
import math
import os
import time

import numpy as np
import psutil
from numpy.typing import NDArray

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["PYQTGRAPH_QT_LIB"] = "PySide6"

from PySide6.QtWidgets import QApplication

from realtime_mer.display.latest import Latest
from realtime_mer.display.snapshot import Link, Snapshot
from realtime_mer.display.theme import LayoutName
from realtime_mer.display.window.main import Window
from realtime_mer.estimate import Status
from realtime_mer.wire.protocol import Hello, LevelMessage
from tests.samples import sample_estimate

HELLO = Hello(server_version="1", model="default", hop=0.1, window=3.0, sample_rate=24_000)


def measure(
    frames: int, size: tuple[int, int], layout: LayoutName
) -> tuple[NDArray[np.float64], list[float]]:
    """Return what the frames took.

    Returns:
        Milliseconds of processor time of every frame, ``(frames,)``; resident memory in MB after
        each quarter of them.
    """
    app = QApplication.instance() or QApplication(["frame work"])
    latest = Latest(Snapshot())
    window = Window(latest, url="ws://127.0.0.1:8765", layout=layout)
    window.stop()
    window.resize(*size)
    window.show()
    for _ in range(20):
        app.processEvents()
    work = np.empty(frames)
    work.fill(0.0)  # so that its memory is there from the start
    resident = []
    process = psutil.Process()
    now = 1000.0
    levels: tuple[LevelMessage, ...] = ()
    rng = np.random.default_rng(0)
    warm = 60 * 300  # five minutes of sound: everything drawn is at its longest
    for frame in (*range(-warm, 0, 6), *range(frames)):
        if frame % 6 == 0:
            t = (frame + warm + 1) / 60
            mel = tuple(rng.integers(0, 256, 64).tolist())
            levels = (
                *levels[-63:],
                LevelMessage(t=t, level_dbfs=-20 + 9 * math.sin(9 * t), peak_dbfs=-8.0, mel=mel),
            )
            angle = t / 3
            latest.put(
                Snapshot(
                    link=Link.CONNECTED,
                    hello=HELLO,
                    levels=levels,
                    source="demo",
                    status=Status.MUSIC,
                    estimates=(
                        sample_estimate(
                            seq=frame,
                            t=t,
                            valence=0.6 * math.cos(angle) + 0.03 * math.sin(13 * t),
                            arousal=0.6 * math.sin(angle) + 0.03 * math.cos(17 * t),
                        ),
                    ),
                )
            )
        now += 1 / 60 if frame >= 0 else 1 / 10
        start = time.thread_time()
        window.refresh(now)
        app.processEvents()
        if frame >= 0:
            work[frame] = 1000 * (time.thread_time() - start)
            if (frame + 1) % (frames // 4) == 0:
                resident.append(process.memory_info().rss / 1e6)
    return work, resident


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, default=1200)
    parser.add_argument("--only", choices=("dj", "therapy"), help="this layout, at 1920 x 1080")
    options = parser.parse_args()
    runs: list[tuple[tuple[int, int], LayoutName]] = [
        ((1280, 800), "dj"),
        ((1920, 1080), "dj"),
        ((1920, 1080), "therapy"),
    ]
    for size, layout in runs:
        if options.only is not None and (options.only, 1920) != (layout, size[0]):
            continue
        work, resident = measure(options.frames, size, layout)
        for what, part in (("all frames", work), ("with an estimate", work[::6])):
            median, p99 = np.percentile(part, [50, 99])
            print(f"{size} {layout}, {what}: median {median:.2f} ms, p99 {p99:.2f} ms")
        memory = ", ".join(f"{quarter:.1f}" for quarter in resident)
        print(f"{size} {layout}: resident memory after each quarter {memory} MB")
