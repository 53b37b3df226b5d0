"""When a room's samples were captured by this machine's clock, and how fast the sender's runs.

Pure: the times are told. Sound arrives as late as the network makes it, and never early: what came
with the least delay tells how the two clocks stand. The least of a minute is taken, so that a
sender whose clock runs fast or slow is followed, and a burst after an outage is not.
"""

from collections import deque

_SLICE_S = 5.0
_SLICES = 12  # a minute, within which a clock that is .1 % off moves by 60 ms
_DRIFT_AFTER_S = 60.0  # before that, some milliseconds of jitter would look like a bad clock


class SenderClock:
    """Compares the sound's own time with the clock here; begins anew with each sender."""

    def __init__(self) -> None:
        self._slices: deque[tuple[float, float]] = deque(maxlen=_SLICES)  # begin, least offset
        self._first: tuple[float, float] | None = None  # when, and the least offset of its slice

    def take(self, end_s: float, arrived_at: float) -> None:
        """Note that sound up to a time of its own had arrived.

        Args:
            end_s: seconds of sound since the room began, lost sound counted in.
            arrived_at: seconds of a steady clock.
        """
        offset = arrived_at - end_s
        if not self._slices or arrived_at - self._slices[-1][0] >= _SLICE_S:
            if self._first is None and self._slices:
                self._first = self._slices[0]
            self._slices.append((arrived_at, offset))
        else:
            begin, least = self._slices[-1]
            self._slices[-1] = begin, min(least, offset)

    def captured_at(self, t: float) -> float | None:
        """Return when sound of a time of its own was captured; None before any has come.

        The way that the quickest of the sound takes from the microphone to here is not in it.
        """
        if not self._slices:
            return None
        return t + min(least for _, least in self._slices)

    @property
    def drift_ppm(self) -> float | None:
        """How much faster the sender's clock runs, in millionths; None until that can be told."""
        if self._first is None:
            return None
        begun, least_then = self._first
        now, _ = self._slices[-1]
        if now - begun < _DRIFT_AFTER_S:
            return None
        least_now = min(least for _, least in list(self._slices)[-3:])
        return round(1e6 * (least_then - least_now) / (now - begun), 1)
