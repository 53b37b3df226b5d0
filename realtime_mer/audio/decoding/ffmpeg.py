"""What libsndfile cannot read, through ffmpeg where it is installed."""

import re
import struct
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import IO, cast

import numpy as np
from numpy.typing import NDArray

from realtime_mer.audio.decoding.sndfile import breaks_off
from realtime_mer.audio.limits import unfit
from realtime_mer.errors import AudioFileError

DAMAGED = "complaints of ffmpeg, which finds the file damaged or cut off: sound is missing"

_MOST_COMPLAINTS = 1 << 20  # bytes of them that are read

FFMPEG = ("ffmpeg", "-nostdin", "-v", "error", "-protocol_whitelist", "file,pipe")
"""How ffmpeg is begun. Only local files: a playlist must not make it fetch anything."""


class FfmpegDecoder:
    """Reads ffmpeg's output as a Sun audio stream, whose header is six 32-bit numbers.

    Args:
        path: the file.
        shown: what to call it in messages.

    Raises:
        AudioFileError: ffmpeg cannot decode it either, or it claims what no sound can be; from
            ``read``, where ffmpeg itself ended too soon.
    """

    _HEADER = struct.Struct(">4s5I")

    def __init__(self, path: Path, shown: str) -> None:
        self._shown = shown
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115  a pipe could fill and block
        self._process = subprocess.Popen(
            [*FFMPEG, "-i", f"file:{path}", "-map", "0:a:0", "-c:a", "pcm_f32be", "-f", "au", "-"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
        )
        self._output = cast(IO[bytes], self._process.stdout)
        self._decoded = 0
        self._judged = False
        self._faults: dict[str, int] = {}
        self._lock = threading.Lock()
        header = self._output.read(self._HEADER.size)
        if len(header) < self._HEADER.size:
            reason = self._reason()
            self.close()
            raise AudioFileError(
                f"{shown} is not audio that can be decoded ({reason}): "
                "give a WAV, FLAC, MP3, Ogg or M4A file"
            )
        _, offset, _, _, self.rate, self._channels = self._HEADER.unpack(header)
        if trouble := unfit(rate=self.rate, channels=self._channels):
            self.close()
            raise AudioFileError(f"{shown} claims {trouble}: convert it")
        self._output.read(offset - self._HEADER.size)

    def read(self, frames: int) -> NDArray[np.float32]:
        """Return up to ``frames`` frames ``(n, channels)``; none at the end."""
        width = 4 * self._channels
        with self._lock:
            if self._output.closed:
                return np.zeros((0, self._channels), dtype=np.float32)
            data = self._output.read(frames * width)
            if not data:
                self._judge()
        samples = np.frombuffer(data[: len(data) // width * width], dtype=">f4")
        self._decoded += len(samples) // self._channels
        return samples.astype(np.float32).reshape(-1, self._channels)

    def take_faults(self) -> dict[str, int]:
        """Return in words what ffmpeg found wrong since the last call, and how often."""
        faults, self._faults = self._faults, {}
        return faults

    def close(self) -> None:
        """End ffmpeg; from any thread."""
        self._process.kill()  # ends a read in progress, which holds the lock
        with self._lock:
            self._process.wait()
            self._output.close()
            self._complaints.close()

    def _judge(self) -> None:
        """Tell what ffmpeg complained of, once; it went on to decode what it could.

        Raises:
            AudioFileError: it did not come to the end.
        """
        if self._judged:
            return
        self._judged = True
        complaints = self._complaints_said()
        if self._process.returncode != 0:
            reason = complaints[-1] if complaints else f"ffmpeg: {self._process.returncode}"
            raise breaks_off(self._shown, self._decoded / self.rate, reason)
        if complaints:
            self._faults = {DAMAGED: len(complaints)}

    def _reason(self) -> str:
        """Return why there is no sound at all."""
        complaints = self._complaints_said()
        said = " ".join(complaints)
        if "moov atom not found" in said:
            return "its index, which lies at the end, is missing: it was cut off"
        if not complaints or "matches no streams" in said:
            return "no audio in it"
        return complaints[-1]

    def _complaints_said(self) -> list[str]:
        """Return ffmpeg's messages, without the addresses and names it puts in front."""
        self._process.wait()
        self._complaints.seek(0)
        lines = self._complaints.read(_MOST_COMPLAINTS).decode(errors="replace").splitlines()
        return [re.sub(r"^(\[[^]]*\] |file:.*?: )*", "", line) for line in lines]
