"""Keeps the sound of a session as FLAC, in a thread of its own that reads the ring."""

import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import soundfile

from realtime_mer.audio.ring import RingBuffer


class SoundRecorder:
    """Write what passes through a ring to a FLAC file, mono, 16 bits, from its first sample.

    Sample n of the file is sample n of the stream: lost samples are zeros, and so is what the disk
    was too slow for (counted in ``lost``). Killing the program or a power cut loses at most the
    last second, and the file's head then says how much it holds.

    Args:
        path: the file; it must not exist.
        ring: may hold sound already, but not have lost any.
        rate: sample rate in Hz.

    Attributes:
        failure: why the recording ended too early, one line; None if it did not.
        lost: samples that became zeros because the disk was too slow.

    Raises:
        soundfile.LibsndfileError: the file cannot be made.
    """

    _PERIOD_S = 0.4
    _FLAC_BLOCK = 4096  # samples; libsndfile writes whole blocks

    def __init__(self, path: Path, ring: RingBuffer, *, rate: int) -> None:
        self.failure: str | None = None
        self.lost = 0
        self._path, self._ring, self._rate = path, ring, rate
        self._position = 0
        self._file = soundfile.SoundFile(
            path, "x", samplerate=rate, channels=1, format="FLAC", subtype="PCM_16"
        )
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sound-recorder", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write the rest and end the file. May be called twice."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            stopped = False
            while not stopped:
                stopped = self._stopped.wait(self._PERIOD_S)
                self._copy()
                self._file.flush()  # to the disk itself
                self._note_length()
            self._file.close()
        except (OSError, soundfile.LibsndfileError) as error:
            # libsndfile knows no more than "System error": nearly always a full disk.
            self.failure = f"recording of sound stopped, the session goes on: {error}"
            with suppress(soundfile.LibsndfileError):  # for the same reason
                self._file.close()

    def _copy(self) -> None:
        end = self._ring.written
        while self._position < end:
            length = min(self._rate, end - self._position)
            samples = self._ring.read(self._position, length)
            if samples is None:  # overwritten before it could be read
                samples = np.zeros(length, dtype=np.float32)
                self.lost += length
            self._file.write(samples)
            self._position += length

    def _note_length(self) -> None:
        """Write the number of samples into the file's head, which libsndfile does at the end only.

        STREAMINFO keeps it in the last 36 bits of 8 bytes at offset 18 (RFC 9639, section 8.2).
        """
        # The newest block stays in the encoder until a sample follows it.
        frames = max(0, self._position - 1) // self._FLAC_BLOCK * self._FLAC_BLOCK
        with self._path.open("r+b") as file:
            file.seek(18)
            head = int.from_bytes(file.read(8), "big")
            file.seek(18)
            file.write((head >> 36 << 36 | frames).to_bytes(8, "big"))
