"""A chunk of a room's sound on its way through NATS, as bytes (pure).

It says by itself where it belongs, so that it can be read twice, late, or by somebody else.
"""

import math
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime_mer.errors import ProtocolError

MAX_SAMPLES = 1 << 16
"""Most samples of a chunk: 2.7 s at 24 kHz, 256 KiB, a quarter of what NATS takes."""

_HEAD = struct.Struct("<BBxxIQQQd")
_VERSION = 1
_FRESH = 1
_FARTHEST = 1 << 53


@dataclass(frozen=True, kw_only=True, slots=True)
class SoundChunk:
    """Sound of a room, and where in the room's time it lies.

    Attributes:
        epoch: which feeder it is of: each that takes the room has a higher one.
        position: of its first sample, counted from where the room began, at the recogniser's rate.
        samples: float32 ``(n,)``; may be none where only ``missing`` is told.
        missing: samples that were lost just before it.
        fresh: what came before those has nothing to do with it.
        captured_at: when its first sample was captured, in seconds since 1970; None where the sound
            does not happen now.
        gaps: how often sound of the room was lost so far.
    """

    epoch: int
    position: int
    samples: NDArray[np.float32]
    missing: int = 0
    fresh: bool = False
    captured_at: float | None = None
    gaps: int = 0

    @property
    def start(self) -> int:
        """The position of the first sample that it tells of, lost or not."""
        return self.position - self.missing

    @property
    def end(self) -> int:
        """The position behind its last sample."""
        return self.position + len(self.samples)

    def encode(self) -> bytes:
        """Return it as bytes, little-endian."""
        head = _HEAD.pack(
            _VERSION,
            _FRESH if self.fresh else 0,
            min(self.gaps, 2**32 - 1),
            self.epoch,
            self.position,
            self.missing,
            math.nan if self.captured_at is None else self.captured_at,
        )
        return head + np.ascontiguousarray(self.samples, dtype="<f4").tobytes()


def parse_chunk(data: bytes) -> SoundChunk:
    """Read a chunk.

    Raises:
        ProtocolError: ``bad_chunk``, it is none, or one of another version.
    """
    if len(data) < _HEAD.size:
        raise ProtocolError("bad_chunk", f"a chunk of {len(data)} bytes has no head")
    version, flags, gaps, epoch, position, missing, captured_at = _HEAD.unpack_from(data)
    if version != _VERSION:
        raise ProtocolError(
            "bad_chunk",
            f"a chunk of version {version}, and this is {_VERSION}: let nodes and workers be of "
            "one version of realtime-mer",
        )
    count, rest = divmod(len(data) - _HEAD.size, 4)
    if rest or count > MAX_SAMPLES:
        raise ProtocolError("bad_chunk", f"{len(data)} bytes are no chunk")
    if not missing <= position < _FARTHEST or epoch >= _FARTHEST or math.isinf(captured_at):
        raise ProtocolError("bad_chunk", f"a chunk at position {position}, {missing} missing")
    samples = np.frombuffer(data, dtype="<f4", offset=_HEAD.size).astype(np.float32)
    if not np.isfinite(samples).all():
        raise ProtocolError("bad_chunk", "a sample is no number")
    return SoundChunk(
        epoch=epoch,
        position=position,
        samples=samples,
        missing=missing,
        fresh=bool(flags & _FRESH),
        captured_at=None if math.isnan(captured_at) else captured_at,
        gaps=gaps,
    )
