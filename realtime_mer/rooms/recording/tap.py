"""Where the sound of a room goes on its way to the disk, unless it runs ahead of time."""

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from realtime_mer.rooms.recording.tape import Tape
from realtime_mer.sessions.sound import SoundRecorder

AHEAD_S = 60.0
"""Seconds that the sound of a recorded room may be ahead of what a clock and ``SPEED`` let come.

What was lost is zeros on the disk. A sender that leaps ahead by a week, again and again, would have
them written for ever; one that was away for a night is not ahead of anything.
"""

SPEED = 2.0


class SoundTap:
    """Hands the sound of a room to whoever writes it, and never waits for the disk.

    Args:
        tape: where it waits, also before somebody writes it.
        rate: samples a second.
        clock: seconds of a clock that goes on while the machine sleeps.
    """

    def __init__(self, tape: Tape, *, rate: int, clock: Callable[[], float] = time.time) -> None:
        self.tape = tape
        self._rate, self._clock = rate, clock
        self._begun = clock()
        self._recorder: SoundRecorder | None = None
        self._ended: str | None = None  # why nothing more is taken

    def write_with(self, recorder: SoundRecorder) -> None:
        """Let somebody write what comes, and what has come."""
        self._recorder = recorder
        if self._ended is not None:
            recorder.end(self._ended)

    def __call__(self, samples: NDArray[np.float32], missing: int) -> None:
        """Take the next sound of the room.

        Args:
            samples: float32 ``(n,)``; not to be changed any more.
            missing: samples that were lost before them.
        """
        recorder = self._recorder
        if self._ended is not None or (recorder is not None and recorder.failure is not None):
            return
        came_s = (self.tape.written + missing + len(samples)) / self._rate
        passed_s = max(0.0, self._clock() - self._begun)
        if came_s <= SPEED * passed_s + AHEAD_S:
            self.tape.write(samples, missing=missing)
            return
        self._ended = f"its sender left out {missing / self._rate:.0f} s that have not passed yet"
        if recorder is not None:
            recorder.end(self._ended)
