"""A ``Block`` of sound, and the ``Source`` that hands such blocks over.

A block says what was lost before it, so that time stays true however the sound was captured.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """A piece of sound as the source delivered it.

    Attributes:
        samples: float32 ``(frames, channels)``, full scale 1.0; may hold no frame.
        rate: sample rate in Hz; a device that was reopened may have changed it.
        arrived_at: ``time.monotonic()`` when the last frame arrived; None without a real clock.
        missing: frames, at ``rate``, that were lost just before this block.
        xruns: input overflows that happened just before this block.
        reconnecting: the device is gone and being reopened; such blocks hold no frame.
        paused: somebody asked for a pause; such blocks hold no frame.
        faults: in words what was found wrong with the source since the last block, and how often.
        fresh: what was heard before has nothing to do with this block and those after it.
    """

    samples: NDArray[np.float32]
    rate: int
    arrived_at: float | None = None
    missing: int = 0
    xruns: int = 0
    reconnecting: bool = False
    paused: bool = False
    fresh: bool = False
    faults: Mapping[str, int] = field(default_factory=dict)


class Source(Protocol):
    """Anything that delivers sound block by block. Used from one thread, apart from ``close``."""

    @property
    def name(self) -> str:
        """What a person would call it: a device name or a path."""

    @property
    def real_time(self) -> bool:
        """Whether a real clock drives it: such a source cannot wait for a slow reader."""

    def read(self) -> Block | None:
        """Block until sound is there and return it; None at the end. Raises AudioError."""

    def close(self) -> None:
        """Stop; a ``read`` in progress in another thread returns None soon. May be called twice."""


@runtime_checkable
class PatientSource(Source, Protocol):
    """A source whose sound waits while nobody reads it: a file, the demo piece, a pipe."""

    def resume(self) -> None:
        """Go on after a time without reads: where a clock paces it, that begins anew."""


@runtime_checkable
class PacedSource(Source, Protocol):
    """A source that a clock of ours may pace: a file or the demo piece."""

    @property
    def speed(self) -> float | None:
        """Seconds of sound in a second; None where no clock paces it."""

    def pace(self, speed: float) -> None:
        """Play at another speed, where a clock paces it. From any thread."""
