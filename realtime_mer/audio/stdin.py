"""Raw samples on standard input."""

import io
import queue
import threading
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from realtime_mer.audio.block import Block
from realtime_mer.audio.spec import RawFormat, SampleFormat, check_raw

_READ_BYTES = 1 << 16


class StdinSource:
    """A ``Source`` of raw interleaved samples from a byte stream, such as standard input.

    What is available is handed out at once, in whole frames. It has no clock: it waits for a slow
    reader, and the writer then waits too.

    Args:
        stream: binary stream, for example ``sys.stdin.buffer``; nothing else may read from it.
        rate: sample rate in Hz.
        channels: samples in a frame.
        sample_format: ``s16le``, ``s24le``, ``s32le``, ``f32le`` or ``u8``, as ffmpeg names them.

    Attributes:
        warning: what is to be told to the user at the end, in one line; None for nothing.

    Raises:
        InputError: the format is not one that sound can have.
    """

    def __init__(
        self, stream: IO[bytes], *, rate: int, channels: int, sample_format: SampleFormat
    ) -> None:
        check_raw(RawFormat(rate=rate, channels=channels, sample_format=sample_format))
        self.warning: str | None = None
        self._stream = stream
        self._rate = rate
        self._channels = channels
        self._format = sample_format
        self._rest = b""
        self._closed = threading.Event()
        # A read of a pipe cannot be interrupted everywhere, so a thread does it. It reads ahead by
        # one chunk at most, so that the writer feels how fast the sound is used.
        self._permits = threading.Semaphore(1)
        self._chunks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._reader: threading.Thread | None = None

    @property
    def name(self) -> str:
        """``standard input``."""
        return "standard input"

    @property
    def real_time(self) -> bool:
        """False: it can wait."""
        return False

    def read(self) -> Block | None:
        """Return what has come since, at least a frame; None at the end or once closed."""
        if self._reader is None:
            self._reader = threading.Thread(target=self._pump, daemon=True)
            self._reader.start()
        width = self._channels * _width(self._format)
        while not self._closed.is_set():
            chunk = self._chunks.get()
            if not chunk or self._closed.is_set():
                break
            self._permits.release()
            data = self._rest + chunk
            whole = len(data) // width * width
            self._rest = data[whole:]
            if whole:
                samples = _decode(data[:whole], self._format).reshape(-1, self._channels)
                return Block(samples=samples, rate=self._rate)
        if self._rest and not self._closed.is_set():
            self.warning = (
                f"standard input ended in the middle of a frame: the last {len(self._rest)} of "
                f"{width} bytes were left out; see that {self._format} and {self._channels} "
                "channel(s) are what the sender sends"
            )
        self._closed.set()
        return None

    def resume(self) -> None:
        """Go on after a time without reads: there is nothing to do."""

    def close(self) -> None:
        """Stop; a ``read`` in progress returns None at once, whether or not the sender stops."""
        self._closed.set()
        self._permits.release()
        self._chunks.put(b"")

    def _pump(self) -> None:
        chunk = b"-"
        while chunk:
            self._permits.acquire()
            if self._closed.is_set():
                return
            try:
                chunk = _read_available(self._stream)
            except (OSError, ValueError):  # the sender broke off, or the stream was closed
                chunk = b""
            self._chunks.put(chunk)


def _read_available(stream: IO[bytes]) -> bytes:
    """Wait for bytes and return those that are there; none at the end."""
    if isinstance(stream, io.BufferedReader):
        # Not its own read1: a thread that holds its lock at exit makes Python abort.
        stream = stream.raw
    return stream.read(_READ_BYTES) or b""


def _width(sample_format: SampleFormat) -> int:
    return {"s16le": 2, "s24le": 3, "s32le": 4, "f32le": 4, "u8": 1}[sample_format]


def _decode(data: bytes, sample_format: SampleFormat) -> NDArray[np.float32]:
    """Turn raw samples into float32 with full scale 1.0."""
    values: NDArray[Any]
    match sample_format:
        case "f32le":
            values, full_scale = np.frombuffer(data, dtype="<f4"), 1
        case "u8":
            values, full_scale = np.frombuffer(data, dtype=np.uint8).astype(np.float32) - 128, 2**7
        case "s16le":
            values, full_scale = np.frombuffer(data, dtype="<i2"), 2**15
        case "s32le":
            values, full_scale = np.frombuffer(data, dtype="<i4"), 2**31
        case "s24le":
            # As the upper three bytes of a 32-bit number, which keeps the sign.
            wide = np.zeros((len(data) // 3, 4), dtype=np.uint8)
            wide[:, 1:] = np.frombuffer(data, dtype=np.uint8).reshape(-1, 3)
            values, full_scale = wide.view("<i4")[:, 0], 2**31
    with np.errstate(invalid="ignore"):  # what is not a number is replaced and counted later
        return values.astype(np.float32) / np.float32(full_scale)
