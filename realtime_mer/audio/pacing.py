"""``Pacer`` holds a file or the demo piece back, so that it plays by a clock."""

import threading
import time


class Pacer:
    """Makes each block wait until a sound card would have delivered it.

    The clock starts with the first ``wait``; due times are counted in frames from there, so waiting
    never accumulates an error and a late reader catches up. ``wait`` and ``restart`` belong to one
    thread, ``close`` and ``speed`` may come from any.

    Args:
        rate: sample rate in Hz.

    Attributes:
        speed: seconds of sound in a second of the clock; another one holds from the next ``wait``.
    """

    def __init__(self, *, rate: int) -> None:
        self.speed = 1.0
        self._paced_at = 1.0  # the speed since the start
        self._rate = rate
        self._frames = 0
        self._start: float | None = None
        self._closed = threading.Event()

    def wait(self, frames: int) -> float | None:
        """Block until ``frames`` more frames are due.

        Returns:
            The ``time.monotonic()`` at which the last of them was due; None once closed.
        """
        now = time.monotonic()
        if self._start is None:
            self._start = now
        speed = self.speed
        if speed != self._paced_at:
            self._start, self._frames, self._paced_at = self._due(), 0, speed
        self._frames += frames
        due = self._due()
        return None if self._closed.wait(max(0.0, due - now)) else due

    def restart(self, *, rate: int | None = None) -> None:
        """Begin anew: the clock starts with the next ``wait``, or goes on at another rate."""
        if rate is None:
            self._start = None
        elif self._start is not None:
            self._start = self._due()
        self._rate = rate or self._rate
        self._frames = 0

    def _due(self) -> float:
        """When the frames so far are due."""
        return (self._start or 0.0) + self._frames / (self._rate * self._paced_at)

    def close(self) -> None:
        """End a ``wait`` in progress at once, and all later ones. May be called twice."""
        self._closed.set()
