"""How the samples of a chunk are read: raw, or a packet of Opus."""

import importlib.util
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from realtime_mer.audio.limits import unfit
from realtime_mer.errors import ProtocolError
from realtime_mer.wire.sound import FRAME_BYTES, OPUS_RATE, Open
from realtime_mer.wording import installing

_OPUS = "av"  # PyAV, of the extra opus


class Decoder(Protocol):
    """Reads the chunks of one sender."""

    def decode(self, data: bytes) -> NDArray[np.float32]:
        """Return the samples of a chunk, ``(n, channels)``, full scale 1.

        Raises:
            ProtocolError: ``bad_chunk``, they are none.
        """

    def restart(self) -> None:
        """Forget what came before: what follows does not continue it."""


def decoder(opened: Open) -> Decoder:
    """Return what reads the chunks of a sender.

    Raises:
        ProtocolError: ``bad_format``, nothing here can read them.
    """
    problem = unfit(rate=opened.rate, channels=opened.channels)
    if problem is not None:
        raise ProtocolError("bad_format", f"{problem}: send less")
    if opened.format != "opus":
        return _Raw(opened)
    if opened.rate != OPUS_RATE or opened.channels > 2:
        raise ProtocolError(
            "bad_format",
            f"opus at {opened.rate} Hz with {opened.channels} channels: packets of Opus are "
            f"decoded to {OPUS_RATE} Hz, of one or two channels",
        )
    if importlib.util.find_spec(_OPUS) is None:
        raise ProtocolError(
            "bad_format",
            f"this service cannot decode Opus: send s16le or f32le; whoever runs it may install "
            f"what is missing: {installing('opus')}",
        )
    return _Opus(opened.channels)


class _Raw:
    def __init__(self, opened: Open) -> None:
        self._floats = opened.format == "f32le"
        self._channels = opened.channels
        self._frame = FRAME_BYTES[opened.format] * opened.channels

    def decode(self, data: bytes) -> NDArray[np.float32]:
        if len(data) % self._frame:
            raise ProtocolError(
                "bad_chunk",
                f"{len(data)} bytes of samples are no whole number of frames of {self._frame} "
                f"bytes: check `format` and `channels`",
            )
        if self._floats:
            samples = np.frombuffer(data, dtype="<f4").astype(np.float32)
        else:
            samples = np.frombuffer(data, dtype="<i2") * np.float32(1 / 32768)
        return samples.reshape(-1, self._channels)

    def restart(self) -> None:
        pass


class _Opus:
    """Packets of RFC 6716, one a chunk."""

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._codec = self._new()

    def decode(self, data: bytes) -> NDArray[np.float32]:
        import av

        if not data:
            return np.zeros((0, self._channels), dtype=np.float32)
        try:
            frames = self._codec.decode(av.Packet(data))
        except av.error.FFmpegError as error:
            raise ProtocolError("bad_chunk", f"no packet of Opus: {error}") from error
        parts = [_samples(frame) for frame in frames]
        if not parts:
            return np.zeros((0, self._channels), dtype=np.float32)
        samples = np.concatenate(parts)
        if samples.shape[1] != self._channels:  # a packet says itself how many it has
            samples = np.repeat(samples.mean(axis=1, keepdims=True), self._channels, axis=1)
        return np.ascontiguousarray(samples, dtype=np.float32)

    def restart(self) -> None:
        self._codec = self._new()

    def _new(self) -> Any:
        import av

        codec = cast(Any, av.CodecContext.create("libopus", "r"))
        codec.sample_rate = OPUS_RATE
        codec.layout = "mono" if self._channels == 1 else "stereo"
        codec.open()
        return codec


def _samples(frame: Any) -> NDArray[np.float32]:
    """Return a decoded frame as ``(n, channels)``, whichever way the decoder lays it out."""
    values = frame.to_ndarray()
    channels = len(frame.layout.channels)
    if values.dtype == np.int16:
        values = values * np.float32(1 / 32768)
    planar = frame.format.is_planar
    laid_out = values.T if planar else values.reshape(-1, channels)
    return np.asarray(laid_out, dtype=np.float32)
