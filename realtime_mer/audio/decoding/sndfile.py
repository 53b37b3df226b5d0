"""libsndfile, read strictly forwards and to the end of the data."""

import io
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

from realtime_mer.audio.decoding.bytes import Window
from realtime_mer.audio.limits import LONGEST_S, unfit
from realtime_mer.errors import AudioFileError

MORE = "frames more than the file announces, which were read all the same"
FEWER = "frames fewer than the file announces"

NOTHING = -1
"""Frames announced by a header that says nothing of them."""

_PIECE_S = 0.25  # libsndfile drops the whole of a read in which the file breaks off


class Decoder(Protocol):
    """Sound that is decoded block by block.

    Attributes:
        rate: sample rate in Hz of what was read last, or of what comes first.
    """

    rate: int

    def read(self, frames: int) -> NDArray[np.float32]:
        """Return up to ``frames`` frames ``(n, channels)``; none at the end."""

    def take_faults(self) -> dict[str, int]:
        """Return in words what was found wrong since the last call, and how often."""

    def close(self) -> None:
        """Let go of it; from any thread."""


class Sequential(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no types
    """A sound file that is only read forwards.

    soundfile seeks after every read of a seekable file, which re-primes libsndfile's MP3 decoder:
    a variable-rate MP3 read block by block then differs from the same file read whole by up to
    0.4 of full scale, and a FLAC stream of unknown length cannot be read at all.
    """

    def seekable(self) -> bool:
        """False, whatever libsndfile says."""
        return False


class SndfileDecoder:
    """One sound file.

    Args:
        file: path, or a binary file; closed in the end.
        shown: what to call it in messages.
        announced: frames that its header promises; None for what libsndfile reads there,
            ``NOTHING`` where it says nothing.
        skip, drop: frames to leave out at the start, and at the end.
        share: part of the frames found there that the header promises, where that is all it says.
        slack: frames by which the header may be wrong without a word.
        faults: counts of what is wrong with its bytes; whoever feeds it may go on counting.
        settings: of ``soundfile.SoundFile``, for raw samples.

    Attributes:
        format: libsndfile's name of it.

    Raises:
        AudioFileError: it claims what no sound can be.
        soundfile.LibsndfileError: it cannot be decoded.
    """

    def __init__(
        self,
        file: Any,
        shown: str,
        *,
        announced: int | None = None,
        skip: int = 0,
        drop: int = 0,
        share: float = 1.0,
        slack: int = 0,
        faults: dict[str, int] | None = None,
        settings: dict[str, Any] | None = None,
    ) -> None:
        self._shown = shown
        self._lock = threading.Lock()  # closing frees what a read in another thread uses
        if isinstance(file, Path):
            # As bytes, because a name on POSIX may be no text; a name on Windows always is.
            file = os.fspath(file) if os.name == "nt" else os.fsencode(file)
        self._bytes = file
        try:
            self._file = Sequential(file, **(settings or {}))
        except (soundfile.LibsndfileError, TypeError):
            self._close_bytes()
            raise
        self.rate: int = self._file.samplerate
        self.format: str = self._file.format
        known = 0 < self._file.frames < 2**62
        found = round(self._file.frames * share) if known else NOTHING
        self._announced = found if announced is None else announced
        trouble = unfit(rate=self.rate, channels=self._file.channels)
        if trouble:
            self.close()
            raise AudioFileError(f"{shown} claims {trouble}: convert it")
        self._piece = max(1, round(self.rate * _PIECE_S))
        self._skip, self._drop = skip, drop
        self._kept: NDArray[np.float32] = np.zeros((0, self._file.channels), dtype=np.float32)
        self._slack = slack
        self._decoded = 0  # by libsndfile, what is skipped left out
        self._ended = False
        self._failure: str | None = None
        self._faults = {} if faults is None else faults

    def read(self, frames: int) -> NDArray[np.float32]:
        """Return up to ``frames`` frames ``(n, channels)``; none at the end.

        Raises:
            AudioFileError: it breaks off; what came before has been returned.
        """
        with self._lock:
            if self._file.closed:
                return self._kept[:0]
            parts = [self._kept]
            held = len(self._kept)
            while not self._ended and held < frames + self._drop:
                piece = self._decode(min(self._piece, frames + self._drop - held))
                parts.append(piece)
                held += len(piece)
        samples = np.concatenate(parts)
        if self._ended and self._decoded >= self._announced - self._slack:
            samples, self._drop = samples[: max(0, held - self._drop)], 0
        elif self._ended:
            self._drop = 0  # what would be left out at the end has been lost already
        given = samples[: min(frames, len(samples) - self._drop)]
        self._kept = samples[len(given) :]
        if not len(given) and self._ended:
            self._judge()
        return given

    def take_faults(self) -> dict[str, int]:
        """Return in words what was found wrong since the last call, and how often."""
        faults = dict(self._faults)
        self._faults.clear()
        return faults

    def close(self) -> None:
        """Let go of it; from any thread."""
        with self._lock:
            self._file.close()
            self._close_bytes()

    def _close_bytes(self) -> None:
        if isinstance(self._bytes, io.IOBase):
            self._bytes.close()

    def _decode(self, frames: int) -> NDArray[np.float32]:
        """Return the next frames; none where they are skipped, or at the end."""
        left = self._announced - self._decoded
        if left > 0:
            # So that what comes behind the announced end spoils nothing that comes before it.
            frames = min(frames, left)
        if self._skip:
            frames = min(self._skip, self._piece)
        try:
            piece: NDArray[np.float32] = self._file.read(frames, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            self._failure = error.error_string
            piece = self._kept[:0]
        if not len(piece):
            self._ended = True
        elif self._skip:
            self._skip -= len(piece)
            return piece[:0]
        self._decoded += len(piece)
        if self._decoded > LONGEST_S * self.rate:
            self._failure = f"more than {LONGEST_S / 3600:.0f} hours cannot be used"
            self._ended = True
            self._announced = max(self._announced, self._decoded + 1)
        return piece

    def _judge(self) -> None:
        """Compare what came with what was announced, once."""
        announced, self._announced = self._announced, NOTHING
        missing = announced - self._decoded
        failure, self._failure = self._failure, None
        cut_off = isinstance(self._bytes, Window) and self._bytes.exhausted and missing > 0
        if failure is not None and (missing > 0 or announced == NOTHING) and not cut_off:
            raise breaks_off(self._shown, self._decoded / self.rate, failure)
        if announced != NOTHING and abs(missing) > self._slack:
            self._faults[MORE if missing < 0 else FEWER] = abs(missing)


class Chain:
    """Decoders one after the other, as one.

    Args:
        links: opens the next; the first is opened at once.
        shown: what to call them in messages.
        stop: ends a read of their bytes in progress.
        close: lets go of their bytes.

    Raises:
        StopIteration: there is none.
    """

    def __init__(
        self,
        links: Iterator[Decoder],
        shown: str,
        *,
        stop: Callable[[], None] | None = None,
        close: Callable[[], None] | None = None,
    ) -> None:
        self._links = links
        self._shown = shown
        self._stop = stop
        self._close = close
        self._lock = threading.Lock()  # closing takes away what a read in another thread uses
        self._closed = threading.Event()
        self._faults: dict[str, int] = {}
        self._seconds = 0.0
        self._link: Decoder | None = next(links)
        self.rate = self._link.rate

    def read(self, frames: int) -> NDArray[np.float32]:
        """Return up to ``frames`` frames of one link ``(n, channels)``; none at the end."""
        with self._lock:
            while self._link is not None and not self._closed.is_set():
                samples = self._link.read(frames)
                for what, count in self._link.take_faults().items():
                    self._faults[what] = self._faults.get(what, 0) + count
                if len(samples):
                    self.rate = self._link.rate
                    self._seconds += len(samples) / self.rate
                    return samples
                self._link.close()
                self._link = self._next()
        return np.zeros((0, 1), dtype=np.float32)

    def take_faults(self) -> dict[str, int]:
        """Return in words what was found wrong since the last call, and how often."""
        faults, self._faults = self._faults, {}
        return faults

    def close(self) -> None:
        """Let go of all of it; from any thread."""
        self._closed.set()
        if self._stop is not None:
            self._stop()
        with self._lock:
            if self._link is not None:
                self._link.close()
            if self._close is not None:
                self._close()

    def _next(self) -> Decoder | None:
        try:
            return next(self._links, None)
        except soundfile.LibsndfileError as error:
            raise breaks_off(self._shown, self._seconds, error.error_string) from error


def breaks_off(shown: str, seconds: float, reason: str) -> AudioFileError:
    """Return the error of a file that ends too soon."""
    reason = reason.strip().removeprefix("Error : ").rstrip(".")
    return AudioFileError(
        f"{shown} breaks off after {seconds:.1f} s ({reason}): copy or convert it again"
    )
