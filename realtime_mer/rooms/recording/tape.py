"""The sound of a room on its way to the disk: pieces at their places, and nothing in between."""

import threading
from collections import deque
from collections.abc import Iterator
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from realtime_mer.audio.ring import LostSamples


class Tape:
    """Takes sound from the service's loop and gives it to the thread that writes it.

    It is to a ``SoundRecorder`` what the ring of a live session is. But a room may lose hours at
    once, where a sender was cut off for so long: here they take no place, and push nothing out that
    was not written yet.

    Args:
        capacity: samples that may wait; of more the oldest are lost.

    Attributes:
        capacity: as given.
        written: samples so far, those that never came among them.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.written = 0
        self._lock = threading.Lock()  # over what follows; nobody holds it for long
        self._pieces: deque[tuple[int, NDArray[np.float32]]] = deque()  # each with its place
        self._waiting = 0
        self._lost_before = 0  # what lies before was pushed out unread, at least in part
        self._gaps: deque[LostSamples] = deque(maxlen=256)

    def write(self, samples: NDArray[np.float32], *, missing: int) -> None:
        """Append samples.

        Args:
            samples: float32 ``(n,)``; not to be changed any more.
            missing: samples that were lost just before them.
        """
        with self._lock:
            if missing:
                self._gaps.append(LostSamples(start=self.written, length=missing))
            start = self.written + missing
            if len(samples):
                self._pieces.append((start, samples))
                self._waiting += len(samples)
            while self._waiting > self.capacity:
                place, oldest = self._pieces.popleft()
                self._waiting -= len(oldest)
                self._lost_before = place + len(oldest)
            self.written = start + len(samples)

    def read(self, start: int, length: int) -> NDArray[np.float32] | None:
        """Return samples ``[start, start + length)``, zeros where none came, and forget them.

        Args:
            start: where the last call ended.
            length: of what was written.

        Returns:
            None if some of them were pushed out by newer ones.
        """
        end = start + length
        samples = np.zeros(length, dtype=np.float32)
        with self._lock:
            for place, piece in takewhile(lambda one: one[0] < end, tuple(self._pieces)):
                first, last = max(place, start), min(place + len(piece), end)
                samples[first - start : last - start] = piece[first - place : last - place]
            while self._pieces and self._end_of_oldest() <= end:
                self._waiting -= len(self._pieces.popleft()[1])
            return None if start < self._lost_before else samples

    def drain(self) -> Iterator[tuple[NDArray[np.float32], int]]:
        """Yield what nobody has read, piece by piece, each after how much never came before it."""
        with self._lock:
            pieces, end = tuple(self._pieces), 0
            self._pieces.clear()
            self._waiting = 0
        for place, piece in pieces:
            yield piece, place - end
            end = place + len(piece)
        yield np.zeros(0, dtype=np.float32), self.written - end

    def gaps(self, start: int, length: int) -> list[LostSamples]:
        """Return the parts of what never came that fall within ``[start, start + length)``."""
        with self._lock:
            gaps = tuple(self._gaps)
        return [
            LostSamples(start=max(gap.start, start), length=inside)
            for gap in gaps
            if (inside := gap.overlap(start, length))
        ]

    def _end_of_oldest(self) -> int:
        place, piece = self._pieces[0]
        return place + len(piece)
