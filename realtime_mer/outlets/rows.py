"""Rows of numbers with the time of each, as recorders want them; knows no clock."""

import math
from collections import deque

Row = tuple[float, float | None, list[float]]
"""Seconds of sound, when that was captured, and a value a channel."""

_STEADY = 100  # windows over which the way of the sound is taken to be as long
_JUMP_S = 0.25  # later than this is no jitter
_JUMPED = 5  # windows in a row that are that late


class Stamps:
    """When windows end, freed of jitter: a busy machine hands sound over late, never early.

    What the sound took on its way is the least of the last ten seconds or so. Where it takes much
    longer for good, time was lost or a pause made, and all begins anew.
    """

    def __init__(self) -> None:
        self._ways: deque[float] = deque(maxlen=_STEADY)
        self._late: list[float] = []

    def at(self, t: float, captured_at: float) -> float:
        """Return when a window ended.

        Args:
            t: seconds of sound at its end.
            captured_at: when its end is said to have been captured, in seconds on any clock.
        """
        way = captured_at - t
        if self._ways and way - min(self._ways) > _JUMP_S:
            self._late.append(way)
            if len(self._late) < _JUMPED:
                return captured_at
            self._ways.clear()
            self._ways.extend(self._late)
        else:
            self._ways.append(way)
        self._late.clear()
        return t + min(self._ways)


class Rows:
    """Puts values together that are of one moment; a channel keeps its value until the next.

    The first channel that brings values sets the pace: a row for each of its moments. A row is
    whole when it has all that the row before had been given, or when the next begins.

    Args:
        width: how many channels.
    """

    def __init__(self, width: int) -> None:
        self._values = [math.nan] * width
        self._leader = width  # none yet
        self._given: set[int] = set()
        self._before: set[int] | None = None
        self._open: tuple[float, float | None] | None = None

    def put(
        self, channel: int, value: float, *, t: float | None, captured_at: float | None
    ) -> Row | None:
        """Take a value, and return the row that it ends: ``t``, ``captured_at`` and values."""
        ended = None
        if t is not None and channel <= self._leader:
            self._leader = channel
            if self._open is None or self._open[0] != t:
                ended = self.take()
                self._open, self._given = (t, captured_at), set()
        self._values[channel] = value
        if self._open is not None and t == self._open[0]:
            self._given.add(channel)
        return ended

    def take_whole(self) -> Row | None:
        """Return the row if it is whole."""
        return self.take() if self._before is not None and self._given >= self._before else None

    def take(self) -> Row | None:
        """Return the row as it is; None where none has begun."""
        if self._open is None:
            return None
        t, captured_at = self._open
        self._open, self._before = None, self._given
        return t, captured_at, list(self._values)
