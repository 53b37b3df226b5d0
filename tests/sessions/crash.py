"""Records estimates and sound until it is killed; prints what it handed over, and when.

Run as ``python -m tests.sessions.crash FOLDER``.
"""

import sys
import time
from pathlib import Path

import numpy as np

from realtime_mer.audio.ring import RingBuffer
from realtime_mer.sessions.recorder import Recorder
from realtime_mer.sessions.sound import SoundRecorder
from realtime_mer.sessions.store import AUDIO
from tests.samples import sample_estimate
from tests.sessions.sessions import manifest

RATE = 24_000
HOP_S = 0.02  # five times as often as a live session


def main(folder: Path) -> None:
    folder.mkdir()
    recorder = Recorder(folder, manifest(folder, audio=AUDIO))
    ring = RingBuffer(30 * RATE)
    sound = SoundRecorder(folder / AUDIO, ring, rate=RATE)
    if "torch" in sys.modules:
        raise RuntimeError("the recorder brought torch along")
    noise = np.random.default_rng(0).normal(0, 0.1, round(RATE * HOP_S)).astype(np.float32)
    seq = 0
    while sound.failure is None:
        recorder.record(sample_estimate(seq=seq))
        ring.write(noise)
        print(f"{time.monotonic()} {seq} {ring.written}", flush=True)
        seq += 1
        time.sleep(HOP_S)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
