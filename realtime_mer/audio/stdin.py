"""Sound on standard input: raw samples, or a sound file as it comes."""

from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from realtime_mer.audio.block import Block
from realtime_mer.audio.decoding.bytes import ByteStream
from realtime_mer.audio.decoding.formats import open_stream
from realtime_mer.audio.decoding.marks import recognise
from realtime_mer.audio.decoding.sndfile import Decoder
from realtime_mer.audio.picking import Picked, lacking, pick
from realtime_mer.audio.pipe import Pipe
from realtime_mer.audio.spec import RawFormat, SampleFormat, check_raw
from realtime_mer.errors import AudioFileError
from realtime_mer.wording import counted

_DECODED_S = 0.25  # of a block, which is read as soon as so much has come


class StdinSource:
    """A ``Source`` of raw interleaved samples from a byte stream, such as standard input.

    Where a sound file comes instead, it is decoded, whatever the format was said to be.

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
        self._rate = rate
        self._channels = channels
        self._format = sample_format
        self._rest = b""
        self._pipe = Pipe(stream)
        self._bytes = ByteStream(lambda _: self._pipe.read())
        self._decoder: Decoder | None = None
        self._begun = False
        self._picked: Picked | None = None

    @property
    def name(self) -> str:
        """``standard input``."""
        return "standard input"

    @property
    def real_time(self) -> bool:
        """False: it can wait."""
        return False

    def pick(self, channels: Picked) -> None:
        """Hear these channels only, counted from 0."""
        self._picked = channels

    def read(self) -> Block | None:
        """Return what has come since, at least a frame; None at the end or once closed.

        Raises:
            AudioFileError: what comes is a sound file that cannot be decoded as it comes, or lacks
                a picked channel.
        """
        if not self._begun:
            self._begin()
        if self._decoder is not None:
            return self._decoded(self._decoder)
        width = self._channels * _width(self._format)
        while not self._pipe.closed and (chunk := self._bytes.take_some()):
            data = self._rest + chunk
            whole = len(data) // width * width
            self._rest = data[whole:]
            if whole:
                samples = _decode(data[:whole], self._format).reshape(-1, self._channels)
                return Block(samples=self._heard(samples), rate=self._rate)
        if self._rest and not self._pipe.closed:
            self.warning = (
                f"standard input ended in the middle of a frame: the last {len(self._rest)} of "
                f"{width} bytes were left out; see that the sender sends {self._format} and "
                f"{counted(self._channels, 'channel')}"
            )
        self._pipe.close()
        return None

    def resume(self) -> None:
        """Go on after a time without reads: there is nothing to do."""

    def close(self) -> None:
        """Stop; a ``read`` in progress returns None at once, whether or not the sender stops."""
        self._pipe.close()
        if self._decoder is not None:
            self._decoder.close()

    def _begin(self) -> None:
        """Look whether a sound file comes, and not samples."""
        self._begun = True
        kind = recognise(self._bytes)
        if kind is None or self._pipe.closed:
            return
        self._decoder = open_stream(self._bytes, kind, self.name, stop=self._pipe.close)
        self.warning = (
            f"{self.name} was a {kind} file and was decoded as one, whatever --rate and "
            "--format say"
        )

    def _decoded(self, decoder: Decoder) -> Block | None:
        samples = decoder.read(round(decoder.rate * _DECODED_S))
        faults = decoder.take_faults()
        if self._pipe.closed or not (len(samples) or faults):
            self.close()
            return None
        return Block(samples=self._heard(samples), rate=decoder.rate, faults=faults)

    def _heard(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        if not len(samples):
            return samples
        if problem := lacking(self._picked, channels=samples.shape[1], name=self.name):
            raise AudioFileError(problem)
        return pick(samples, self._picked)


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
