"""Records estimates and sound until it is killed, and kills what does so.

Run as ``python -m tests.sessions.crash FOLDER plain|encrypted`` it records, and prints what it
handed over and when, and how much of it the recorders say is on the disk. ``record_and_kill``
starts it, kills it and says what was lost.
"""

import io
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from realtime_mer.audio.ring import RingBuffer
from realtime_mer.errors import InputError
from realtime_mer.sessions.recorder import Recorder
from realtime_mer.sessions.sealing import Key
from realtime_mer.sessions.sound import SoundRecorder
from realtime_mer.sessions.store import AUDIO, LockedSession, open_folder
from tests.samples import sample_estimate
from tests.sessions.sessions import PASSPHRASE, manifest

RATE = 24_000
HOP_S = 0.02  # five times as often as a live session
LONGEST = 130  # hops until it is killed


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What a kill cost.

    Attributes:
        estimates, samples: how many were on the disk by the recorders' own word.
        recorded_s: seconds from the first hop that was handed over to the kill.
        estimates_s, sound_s: seconds from the first hop that is not in the files to the kill; 0
            where none is missing.
    """

    estimates: int
    samples: int
    recorded_s: float
    estimates_s: float
    sound_s: float


def record_and_kill(folder: Path, *, hops: int, encrypted: bool) -> Loss:
    """Kill a recorder after so many hops, open what it left, and return what is missing.

    Raises:
        AssertionError: the session does not open, holds anything but the first estimates, or lacks
            what the recorders had said is on the disk.
    """
    mode = "encrypted" if encrypted else "plain"
    command = [sys.executable, "-m", "tests.sessions.crash", str(folder), mode]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        handed_over = []
        on_disk = (0, 0)
        for line in child.stdout:
            at, seq, samples, *said = line.split()
            on_disk = (int(said[0]), int(said[1]))
            handed_over.append((float(at), int(seq), int(samples)))
            if len(handed_over) == hops:
                break
        killed = time.monotonic()
        child.kill()
    assert len(handed_over) == hops
    found = open_folder(folder)
    assert isinstance(found, LockedSession) == encrypted
    session = found.unlock(PASSPHRASE) if isinstance(found, LockedSession) else found
    seqs = [estimate.seq for estimate in session.estimates()]
    assert session.problems() == []
    assert seqs == list(range(len(seqs)))
    assert session.manifest.ended_at is None
    try:
        sound, _ = soundfile.read(io.BytesIO(session.sound()))
    except (InputError, soundfile.LibsndfileError, ValueError):
        # Killed before the first block was written, or before its length was noted.
        sound = np.zeros(0)
    assert session.problems() == []
    assert len(seqs) >= on_disk[0]
    assert len(sound) >= on_disk[1]

    def lost(kept: list[bool]) -> float:
        return killed - handed_over[kept.index(False)][0] if False in kept else 0.0

    return Loss(
        estimates=on_disk[0],
        samples=on_disk[1],
        recorded_s=killed - handed_over[0][0],
        estimates_s=lost([seq < len(seqs) for _, seq, _ in handed_over]),
        sound_s=lost([samples <= len(sound) for _, _, samples in handed_over]),
    )


def main(folder: Path, *, encrypted: bool) -> None:
    folder.mkdir()
    # A cheap key: how it is derived has no part in this.
    key = Key.new(PASSPHRASE, n=2**10) if encrypted else None
    recorder = Recorder(folder, manifest(folder, audio=AUDIO), key=key)
    ring = RingBuffer(30 * RATE)
    sound = SoundRecorder(folder / AUDIO, ring, rate=RATE, key=key)
    if "torch" in sys.modules:
        raise RuntimeError("the recorder brought torch along")
    noise = np.random.default_rng(0).normal(0, 0.1, round(RATE * HOP_S)).astype(np.float32)
    seq = 0
    while sound.failure is None:
        recorder.record(sample_estimate(seq=seq))
        ring.write(noise)
        said = f"{recorder.estimates} {sound.kept}"
        print(f"{time.monotonic()} {seq} {ring.written} {said}", flush=True)
        seq += 1
        time.sleep(HOP_S)


if __name__ == "__main__":
    main(Path(sys.argv[1]), encrypted=sys.argv[2] == "encrypted")
