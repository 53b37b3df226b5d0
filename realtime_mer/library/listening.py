"""Listening to a file once, for what its sound is known by."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from realtime_mer.audio.block import Block, Source
from realtime_mer.audio.files import FileSource
from realtime_mer.audio.intake import MAX_LEVEL
from realtime_mer.library.fingerprint import BAND_EDGES_HZ, fingerprint
from realtime_mer.library.loudness import Gate, k_weighting, of_channels
from realtime_mer.library.sound import Sound

MOST_KEPT = 1 << 27
"""Bytes of a decoded file that are kept until the network hears it: six minutes of stereo."""

_FRAME_S = 0.1  # the step of BS.1770's blocks, and fine enough for a fingerprint

Floats = NDArray[np.float32]


class Listener:
    """Takes the blocks of one file, in order, and tells its ``Sound``.

    All is read off the spectra of tenths of a second, each of which is transformed once.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._seconds = 0.0
        self._kind = (0, 0)  # rate and channels
        self._rest: Floats = np.zeros((0, 0), dtype=np.float32)
        self._gate = Gate()
        self._bands: list[Floats] = []

    def take(self, block: Block) -> None:
        """Take the next block."""
        frames, channels = block.samples.shape
        if not frames:
            return
        samples = np.ascontiguousarray(block.samples, dtype="<f4")
        if (block.rate, channels) != self._kind:
            self._begin(block.rate, channels)
        self._hash.update(samples.data)
        self._seconds += frames / block.rate
        samples = np.concatenate((self._rest, samples))
        if not (samples.max() <= MAX_LEVEL and samples.min() >= -MAX_LEVEL):  # of NaN too
            finite = np.where(np.isfinite(samples), samples, np.float32(0))
            samples = np.clip(finite, -MAX_LEVEL, MAX_LEVEL)
        whole = len(samples) // self._size
        self._rest = samples[whole * self._size :]
        if whole:
            self._hear(samples[: whole * self._size].reshape(whole, self._size, channels))

    def sound(self) -> Sound:
        """Return what is known after the last block."""
        bands = np.concatenate(self._bands) if self._bands else np.zeros((0, 1), dtype=np.float32)
        return Sound(
            sha256=self._hash.hexdigest(),
            seconds=round(self._seconds, 6),
            loudness_lufs=self._gate.loudness(),
            fingerprint=fingerprint(bands),
        )

    def _begin(self, rate: int, channels: int) -> None:
        self._kind = (rate, channels)
        self._hash.update(f"{rate} Hz, {channels} channels".encode())
        self._size = max(2, round(rate * _FRAME_S))
        self._rest = np.zeros((0, channels), dtype=np.float32)
        frequencies = np.fft.rfftfreq(self._size, 1 / rate)
        # Parseval: both halves of the spectrum, and the mean of squares from a sum.
        self._power = np.full(len(frequencies), 2 / self._size**2, dtype=np.float32)
        self._power[0] /= 2
        if self._size % 2 == 0:
            self._power[-1] /= 2
        self._weights = (self._power * k_weighting(frequencies)).astype(np.float32)
        self._channels = of_channels(channels)
        starts = np.searchsorted(frequencies, BAND_EDGES_HZ)
        self._starts = np.minimum(starts, len(frequencies) - 1)

    def _hear(self, frames: Floats) -> None:
        spectra = np.fft.rfft(frames, axis=1)
        squared = spectra.real**2 + spectra.imag**2  # (frames, bins, channels)
        self._gate.add(np.einsum("fbc,b,c->f", squared, self._weights, self._channels))
        power = squared.sum(axis=2, dtype=np.float32) * self._power
        self._bands.append(np.add.reduceat(power, self._starts, axis=1)[:, :-1].astype(np.float32))


def listen(path: str) -> tuple[Sound, Source]:
    """Decode a file, and return its sound and a source that gives that sound once more.

    Up to ``MOST_KEPT`` bytes are kept decoded; a longer file is decoded again.

    Raises:
        AudioFileError: the file is missing, broken or empty.
    """
    source, listener = FileSource(path, paced=False), Listener()
    blocks: list[Block] = []
    kept = 0
    try:
        while (block := source.read()) is not None:
            listener.take(block)
            kept += block.samples.nbytes
            if kept <= MOST_KEPT:
                blocks.append(block)
            else:
                blocks.clear()
    finally:
        source.close()
    again = _Again(source.name, blocks) if kept <= MOST_KEPT else FileSource(path, paced=False)
    return listener.sound(), again


class _Again:
    """A ``Source`` of blocks that were decoded before; each is let go once it is read."""

    real_time = False

    def __init__(self, name: str, blocks: Sequence[Block]) -> None:
        self.name = name
        self._blocks = list(reversed(blocks))

    def read(self) -> Block | None:
        """Return the next block; None at the end or once closed."""
        return self._blocks.pop() if self._blocks else None

    def close(self) -> None:
        """Stop."""
        self._blocks.clear()
