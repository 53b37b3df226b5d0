"""Smoothing and delay for what is shown and sent: lights and screens may want either.

Both count time in the stream's own seconds, so they do the same at any speed, and both are told in
every estimate they touch.
"""

import math
from collections import deque
from dataclasses import replace

from realtime_mer.errors import InputError
from realtime_mer.estimate import Affect, Estimate

MAX_SECONDS = 60.0

_CATCH_UP = 16  # estimates at once where the delay got shorter: a flood would push others out


class Shaper:
    """Smooth estimates exponentially and hold them back.

    Args:
        smoothing_s: time constant, 0 for none; the step response reaches 63 % after it.
        delay_s: seconds an estimate is held back, 0 for none.

    Raises:
        InputError: a time is negative or over ``MAX_SECONDS``.
    """

    def __init__(self, *, smoothing_s: float = 0.0, delay_s: float = 0.0) -> None:
        self._wanted = self._checked(smoothing_s, delay_s)
        self._smoothing_s, self._delay_s = self._wanted
        self._last: tuple[float, Affect] | None = None  # when, and what it was smoothed to
        self._waiting: deque[Estimate] = deque()

    @property
    def smoothing_s(self) -> float:
        """The time constant that was asked for last, in seconds."""
        return self._wanted[0]

    @property
    def delay_s(self) -> float:
        """The delay that was asked for last, in seconds."""
        return self._wanted[1]

    def change(self, *, smoothing_s: float | None = None, delay_s: float | None = None) -> None:
        """Shape otherwise from the next estimate on. From any thread.

        A longer delay is a pause in what comes out; after a shorter one what was held back comes
        faster, in order, until it is made up for.

        Args:
            smoothing_s, delay_s: None for what it is.

        Raises:
            InputError: a time is negative or over ``MAX_SECONDS``; nothing has changed.
        """
        smoothing, delay = self._wanted
        self._wanted = self._checked(
            smoothing if smoothing_s is None else smoothing_s, delay if delay_s is None else delay_s
        )

    def shape(self, estimate: Estimate) -> list[Estimate]:
        """Take the next estimate and return those that are due, oldest first."""
        self._smoothing_s, self._delay_s = self._wanted
        if self._smoothing_s or self._delay_s:
            affect = self._smoothed(estimate) if self._smoothing_s else estimate.affect
            estimate = replace(
                estimate, affect=affect, smoothing_s=self._smoothing_s, delay_s=self._delay_s
            )
        if not (self._delay_s or self._waiting):
            return [estimate]
        now = estimate.t
        self._waiting.append(estimate)
        due: list[Estimate] = []
        # Half a microsecond: t is a rounded decimal, and equal times must count as equal.
        while (
            self._waiting
            and now - self._waiting[0].t >= self._delay_s - 5e-7
            and len(due) < _CATCH_UP
        ):
            due.append(self._waiting.popleft())
        return due

    @staticmethod
    def _checked(smoothing_s: float, delay_s: float) -> tuple[float, float]:
        if delay_s < 0:
            raise InputError(
                f"--delay {delay_s:g} is impossible: no estimate can come before the sound that it "
                "is of. Hold back the sound or the lights instead, or measure the way from "
                "loudspeaker to microphone with --align."
            )
        for name, value in (("--smoothing", smoothing_s), ("--delay", delay_s)):
            if not 0 <= value <= MAX_SECONDS:
                raise InputError(f"{name} {value} must lie between 0 and {MAX_SECONDS:g} seconds.")
        return smoothing_s, delay_s

    def flush(self) -> list[Estimate]:
        """Return what is still held back, at the end of a stream."""
        rest = list(self._waiting)
        self._waiting.clear()
        return rest

    def _smoothed(self, estimate: Estimate) -> Affect:
        affect = estimate.affect
        if self._last is not None:
            t, last = self._last
            kept = math.exp(-(estimate.t - t) / self._smoothing_s)

            def mix(old: float, new: float) -> float:
                return new + kept * (old - new)

            affect = Affect(
                valence=mix(last.valence, affect.valence),
                arousal=mix(last.arousal, affect.arousal),
                valence_sd=mix(last.valence_sd, affect.valence_sd),
                arousal_sd=mix(last.arousal_sd, affect.arousal_sd),
                quadrants={q: mix(last.quadrants[q], p) for q, p in affect.quadrants.items()},
                gems={name: mix(last.gems[name], p) for name, p in affect.gems.items()},
            )
        self._last = estimate.t, affect
        return affect
