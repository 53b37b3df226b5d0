"""The ring buffer between the capture thread and the inference thread."""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime_mer.errors import InputError


@dataclass(frozen=True, kw_only=True, slots=True)
class LostSamples:
    """Samples that never came, replaced by zeros.

    Attributes:
        start: position of the first, counted in samples from the start of the stream.
        length: how many.
    """

    start: int
    length: int

    def overlap(self, start: int, length: int) -> int:
        """Return how many of its samples lie within ``[start, start + length)``."""
        return max(0, min(self.start + self.length, start + length) - max(self.start, start))


class RingBuffer:
    """Mono samples of one producer thread for one consumer thread.

    Positions count samples from the start of the stream. Every sample is stored twice, one capacity
    apart, so that any stretch is one contiguous slice. The producer publishes by a single store of
    ``written``, which the interpreter makes atomic; nothing is locked or allocated while writing
    samples. The consumer copies first and then checks that it was not lapped meanwhile.

    Args:
        capacity: samples kept, >= 1.
    """

    _STAMPS = 1024  # arrival times kept; at 10 ms a block that is 10 s

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise InputError(f"A ring of {capacity} samples cannot be made; give 1 or more.")
        self.capacity = capacity
        self.written = 0
        self.overruns = 0
        self._claimed = 0
        self._data: NDArray[np.float32] = np.zeros(2 * capacity, dtype=np.float32)
        self._stamp_ends = np.zeros(self._STAMPS, dtype=np.int64)
        self._arrivals = np.full(self._STAMPS, np.nan)
        self._captures = np.full(self._STAMPS, np.nan)
        self._stamped = 0
        self._gaps: deque[LostSamples] = deque(maxlen=256)
        self._resets: deque[int] = deque(maxlen=256)

    def write(
        self,
        samples: NDArray[np.float32],
        arrived_at: float | None = None,
        *,
        captured_at: float | None = None,
    ) -> None:
        """Append samples (producer).

        Args:
            samples: float32 ``(n,)``; of more than the capacity only the newest are kept.
            arrived_at: ``time.monotonic()`` when they came here.
            captured_at: the same clock when the last one was captured, which is earlier where
                something on the way had held it back.
        """
        self._claimed = self.written + len(samples)
        kept = samples[-self.capacity :]
        start = (self.written + len(samples) - len(kept)) % self.capacity
        self._store(start, kept)
        self._publish(len(samples), arrived_at, captured_at)

    def write_gap(
        self,
        length: int,
        arrived_at: float | None = None,
        *,
        captured_at: float | None = None,
    ) -> None:
        """Let time pass without samples: zeros take their place and the gap is noted (producer)."""
        if length == 0:
            return
        self._claimed = self.written + length
        self._gaps.append(LostSamples(start=self.written, length=length))
        zeros = np.zeros(min(length, self.capacity), dtype=np.float32)
        self._store((self.written + length - len(zeros)) % self.capacity, zeros)
        self._publish(length, arrived_at, captured_at)

    def write_reset(self) -> None:
        """Note that what follows has nothing to do with what came before (producer)."""
        self._resets.append(self.written)

    def read(self, start: int, length: int) -> NDArray[np.float32] | None:
        """Return a copy of samples ``[start, start + length)`` (consumer).

        Returns:
            None, counted in ``overruns``, if they have been overwritten.

        Raises:
            InputError: the samples have not come yet.
        """
        if start + length > self.written:
            raise InputError(
                f"Samples up to {start + length} were asked for; {self.written} have come."
            )
        offset = start % self.capacity
        if length <= self.capacity:
            samples = self._data[offset : offset + length].copy()
            # Claimed, not written: a write in progress replaces old samples before it is published.
            if self._claimed - start <= self.capacity:
                return samples
        self.overruns += 1
        return None

    def gaps(self, start: int, length: int) -> list[LostSamples]:
        """Return the parts of noted gaps that fall within ``[start, start + length)``."""
        return [
            LostSamples(start=max(gap.start, start), length=inside)
            for gap in tuple(self._gaps)
            if (inside := gap.overlap(start, length))
        ]

    def resets(self, start: int, length: int) -> list[int]:
        """Return the positions in ``[start, start + length)`` where something new begins."""
        return [at for at in tuple(self._resets) if start <= at < start + length]

    def arrived_at(self, position: int) -> float | None:
        """Return when the sample before ``position`` arrived; None if that is not known."""
        slot = self._slot(position)
        return None if slot is None else _known(self._arrivals[slot])

    def captured_at(self, position: int, *, rate: int) -> float | None:
        """Return when the sample before ``position`` was captured; None if that is not known.

        Samples that arrive together were captured one after the other.

        Args:
            position: as everywhere, >= 1.
            rate: samples a second.
        """
        slot = self._slot(position)
        if slot is None:
            return None
        return _known(self._captures[slot] - (self._stamp_ends[slot] - position) / rate)

    def _slot(self, position: int) -> int | None:
        """Return the stamp of what the sample before ``position`` came with."""
        ends = self._stamp_ends
        known = np.flatnonzero(ends >= position)
        return int(known[np.argmin(ends[known])]) if len(known) else None

    def _store(self, start: int, samples: NDArray[np.float32]) -> None:
        end = start + len(samples)
        for base in (0, self.capacity):
            self._data[base + start : min(base + end, 2 * self.capacity)] = samples[
                : 2 * self.capacity - base - start
            ]
        if end > self.capacity:
            self._data[: end - self.capacity] = samples[self.capacity - start :]

    def _publish(self, length: int, arrived_at: float | None, captured_at: float | None) -> None:
        self.written += length
        slot = self._stamped % self._STAMPS
        self._arrivals[slot] = np.nan if arrived_at is None else arrived_at
        self._captures[slot] = np.nan if captured_at is None else captured_at
        self._stamp_ends[slot] = self.written
        self._stamped += 1


def _known(time: float) -> float | None:
    return None if np.isnan(time) else float(time)
