"""How samples are written for a room: the formats of its protocol."""

import importlib.util
from collections.abc import Callable, Iterator
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from realtime_mer.errors import InputError
from realtime_mer.wire.sound import OPUS_RATE, Format
from realtime_mer.wording import installing

RAW_RATE = 24_000
"""Samples a second that are sent: what the network that ships hears."""

_OPUS = "av"  # PyAV, of the extra opus
_PACKET_S = 0.02

OPUS_BITS_PER_S = 64_000
"""Of what is sent as Opus."""


class Writer(Protocol):
    """Writes the sound of one sender.

    Attributes:
        rate: samples a second that it takes.
        quantum: it wants whole multiples of so many, and fills up what is less with zeros.
    """

    rate: int
    quantum: int

    def write(self, index: int, samples: NDArray[np.float32]) -> Iterator[tuple[int, bytes]]:
        """Yield chunks, each with the index of its first sample.

        Args:
            index: of the first sample.
            samples: ``(n,)``, full scale 1.
        """


def writer(form: Format) -> Writer:
    """Return what writes a format.

    Raises:
        InputError: nothing here can.
    """
    if form != "opus":
        return _Raw(s16le if form == "s16le" else f32le)
    if importlib.util.find_spec(_OPUS) is None:
        raise InputError(f"--format opus needs what is not installed: {installing('opus')}")
    return _Opus()


def s16le(samples: NDArray[np.float32]) -> bytes:
    """Return samples as 16-bit numbers, little-endian; what is over full scale is cut off."""
    scaled = np.rint(samples * np.float32(32768))
    return bytes(np.clip(scaled, -32768, 32767).astype("<i2"))


def f32le(samples: NDArray[np.float32]) -> bytes:
    """Return samples as 32-bit floats, little-endian."""
    return bytes(samples.astype("<f4"))


class _Raw:
    def __init__(self, encode: Callable[[NDArray[np.float32]], bytes]) -> None:
        self.rate, self.quantum = RAW_RATE, 1
        self._encode = encode

    def write(self, index: int, samples: NDArray[np.float32]) -> Iterator[tuple[int, bytes]]:
        yield index, self._encode(samples)


class _Opus:
    """A packet a chunk; after a gap it begins anew, as its reader does."""

    def __init__(self) -> None:
        self.rate, self.quantum = OPUS_RATE, round(_PACKET_S * OPUS_RATE)
        self._next = 0
        self._codec = self._new()

    def write(self, index: int, samples: NDArray[np.float32]) -> Iterator[tuple[int, bytes]]:
        import av

        if index != self._next:
            self._codec = self._new()
        samples = np.pad(samples, (0, -len(samples) % self.quantum))
        self._next = index + len(samples)
        for start in range(0, len(samples), self.quantum):
            part = samples[None, start : start + self.quantum]
            frame = av.AudioFrame.from_ndarray(part, format="flt", layout="mono")
            frame.sample_rate = self.rate
            for packet in self._codec.encode(frame):
                yield index + start, bytes(packet)

    def _new(self) -> Any:
        import av

        codec = cast(Any, av.CodecContext.create("libopus", "w"))
        codec.sample_rate, codec.layout, codec.format = self.rate, "mono", "flt"
        codec.bit_rate = OPUS_BITS_PER_S
        codec.open()
        return codec
