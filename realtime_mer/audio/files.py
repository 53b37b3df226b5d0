"""Sound from files: anything libsndfile decodes, and what ffmpeg decodes where it is installed."""

import math
import os
import threading
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from realtime_mer.audio.block import Block
from realtime_mer.audio.decoding.bytes import ByteStream
from realtime_mer.audio.decoding.formats import open_file, open_stream
from realtime_mer.audio.decoding.marks import recognise
from realtime_mer.audio.decoding.sndfile import Decoder
from realtime_mer.audio.intake import Intake
from realtime_mer.audio.limits import MOST_CHANNELS
from realtime_mer.audio.pacing import Pacer
from realtime_mer.audio.picking import Picked, lacking, pick
from realtime_mer.audio.pipe import Pipe
from realtime_mer.audio.spec import check_file
from realtime_mer.errors import AudioFileError
from realtime_mer.wording import legible

_PACED_BLOCK_S = 0.02  # small beside a hop of 0.1 s, so that pacing adds little latency
_UNPACED_BLOCK_S = 30.0  # long blocks make the network several times faster
_MOST_VALUES = 1 << 22  # of a block, over all its channels: 16 MiB


def load_audio(
    path: str | PathLike[str], *, sample_rate: int = 24_000, longest_s: float | None = None
) -> NDArray[np.float32]:
    """Decode a file to mono at one rate.

    Any sample rate, channel count and format that libsndfile reads (WAV, FLAC, Ogg Vorbis, Opus,
    MP3, AIFF, ...), and through ffmpeg, where it is installed, the rest (AAC in .m4a, ...). The
    samples are the very ones that a live session playing the file gets.

    Args:
        path: the file.
        sample_rate: rate of the result in Hz.
        longest_s: read no further than so many seconds from its start; None for the whole file.

    Returns:
        float32 ``(n,)``, full scale 1.0, values that are not finite 0; of a whole file
        n = round(frames * sample_rate / file's rate).

    Raises:
        AudioFileError: the file is missing, not audio, empty, or breaks off.
    """
    source = FileSource(path, paced=False)
    intake = Intake(target_rate=sample_rate)
    parts: list[NDArray[np.float32]] = []
    most = math.inf if longest_s is None else round(longest_s * sample_rate)
    try:
        while sum(len(part) for part in parts) < most and (block := source.read()) is not None:
            parts += [piece.samples for piece in intake.push(block)]
    finally:
        source.close()
    parts += [piece.samples for piece in intake.flush()]
    samples = np.concatenate(parts)
    return samples if len(samples) <= most else samples[: int(most)]


class FileSource:
    """A ``Source`` that decodes a file, as fast as it is read or paced in real time.

    Paced, a block is handed out when its last frame would have been captured: ``arrived_at`` is
    that moment on the monotonic clock, counted in frames from the first ``read``, so a slow reader
    catches up without shifting the timeline. Memory use does not depend on the file's length.

    Args:
        path: the file.
        paced: whether to play it in real time.

    Raises:
        AudioFileError: the file is missing, empty or not audio; from ``read``, where it breaks
            off, after everything that could be decoded was handed out, or lacks a picked channel.
    """

    def __init__(self, path: str | PathLike[str], *, paced: bool) -> None:
        self._path = os.fspath(path)
        self._name = legible(Path(path).name)
        self._closed = threading.Event()
        self._decoder = _open(Path(path), self._path)
        self._block_s = _PACED_BLOCK_S if paced else _UNPACED_BLOCK_S
        self._most = _MOST_VALUES // MOST_CHANNELS  # until the channels are known
        self._pacer = Pacer(rate=self.rate) if paced else None
        self._empty = True
        self._picked: Picked | None = None

    @property
    def name(self) -> str:
        """The file's name without its folders, which are not every subscriber's business."""
        return self._name

    @property
    def real_time(self) -> bool:
        """Whether it is paced by the clock."""
        return self._pacer is not None

    @property
    def rate(self) -> int:
        """Sample rate in Hz of what was read last; the links of a chain may differ."""
        return self._decoder.rate

    @property
    def speed(self) -> float | None:
        """Seconds of sound in a second, from any thread; None where no clock paces it."""
        return None if self._pacer is None else self._pacer.speed

    def pace(self, speed: float) -> None:
        """Play at another speed, where a clock paces it. From any thread."""
        if self._pacer is not None:
            self._pacer.speed = speed

    def pick(self, channels: Picked) -> None:
        """Hear these channels only, counted from 0."""
        self._picked = channels

    def read(self) -> Block | None:
        """Return the next block; None at the end or once closed."""
        if self._closed.is_set():
            return None
        rate = self.rate
        size = max(1, min(self._most, round(rate * self._block_s)))
        samples = self._decoder.read(size)
        if self._closed.is_set():
            return None
        faults = self._decoder.take_faults()
        if not len(samples):
            if faults:  # of the end, which comes with the next read
                return Block(samples=samples, rate=rate, faults=faults)
            self.close()
            if self._empty:
                raise AudioFileError(f"{self._path} holds no sound: it has a header and no samples")
            return None
        self._empty = False
        self._most = _MOST_VALUES // samples.shape[1]
        if problem := lacking(self._picked, channels=samples.shape[1], name=self._path):
            raise AudioFileError(problem)
        samples = pick(samples, self._picked)
        if self._pacer is None:
            return Block(samples=samples, rate=self.rate, faults=faults)
        if self.rate != rate:
            self._pacer.restart(rate=self.rate)
        due = self._pacer.wait(len(samples))
        if due is None:
            return None
        return Block(samples=samples, rate=self.rate, arrived_at=due, faults=faults)

    def resume(self) -> None:
        """Go on after a time without reads: the clock begins anew."""
        if self._pacer is not None:
            self._pacer.restart()

    def close(self) -> None:
        """Stop; a paced ``read`` in progress returns None at once."""
        self._closed.set()
        if self._pacer is not None:
            self._pacer.close()
        self._decoder.close()


def _open(path: Path, shown: str) -> Decoder:
    try:
        check_file(shown)
        return open_file(path, shown) if path.is_file() else _open_pipe(path, shown)
    except OSError as error:
        raise AudioFileError(f"{shown} cannot be opened: {error.strerror or error}") from error


def _open_pipe(path: Path, shown: str) -> Decoder:
    """Return the decoder of what can be read only once: a pipe, or what a shell makes of <(...)."""
    file = path.open("rb", buffering=0)
    if file.isatty():
        file.close()
        raise AudioFileError(f"{shown} is a terminal: pipe a sound file into it, or name one")
    pipe = Pipe(file)
    stream = ByteStream(lambda _: pipe.read())
    try:
        kind = recognise(stream)
        if kind is not None:
            return open_stream(stream, kind, shown, stop=pipe.close)
    except AudioFileError:
        pipe.close()
        raise
    pipe.close()
    if not stream.position and not stream.peek(1):
        raise AudioFileError(f"{shown} is a pipe that nothing came out of: check what writes to it")
    raise AudioFileError(
        f"{shown} is a pipe of raw samples, or of a format that cannot be told: state theirs, as "
        f"in `realtime-mer live - --rate 44100 --channels 2 --format s16le < {shown}`"
    )
