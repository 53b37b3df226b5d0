"""``Past`` keeps the last minutes of a stream, thinned, for whoever joins late (pure, no clock)."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from realtime_mer.estimate import DECIMALS, Estimate
from realtime_mer.wire.protocol import (
    HISTORY_COLUMNS,
    MAX_HISTORY_S,
    MAX_PAST_MARKERS,
    MAX_POINTS,
    History,
    Marker,
)

STEP_S = 0.5
"""Seconds of sound from one kept estimate to the next, if there were any in between."""

MAX_MARKERS = 256
"""Markers that are kept; of more the oldest are forgotten."""

_DECIMALS = 3  # of ratings and levels: finer than any screen draws
_TOLERANCE_S = 1e-6  # t is a rounded decimal
_T = TypeVar("_T")


@dataclass(slots=True)
class _Block(Generic[_T]):
    """Up to ``MAX_POINTS`` estimates, and how they were written once they were that many."""

    number: int
    points: list[Estimate] = field(default_factory=list)
    written: _T | None = None


class Past(Generic[_T]):
    """The last minutes of estimates and markers.

    Of the estimates those stay that nobody can do without: between two that follow one another lie
    at most ``STEP_S`` seconds, or a hole that the stream itself had. The newest estimate is not of
    the past yet: it is sent to newcomers as it is. A step back in time, as of a replay, forgets
    all.

    Args:
        write: makes of a message what is sent; called once for a message that many ask for.
        seconds: of sound that are kept.
    """

    def __init__(self, write: Callable[[History], _T], *, seconds: float = MAX_HISTORY_S) -> None:
        self._write = write
        self._seconds = seconds
        self._blocks: deque[_Block[_T]] = deque()
        self._next_block = 0
        self._newest: Estimate | None = None
        self._kept: Estimate | None = None  # the last one that stays
        self._markers: deque[Marker] = deque(maxlen=MAX_MARKERS)
        self._marked = 0  # so far, forgotten ones too

    def __len__(self) -> int:
        """How many estimates and markers are kept."""
        return sum(len(block.points) for block in self._blocks) + len(self._markers)

    def add(self, estimate: Estimate) -> None:
        """Take the next estimate of the stream."""
        newest, self._newest = self._newest, estimate
        if newest is None:
            return
        if estimate.t <= newest.t:
            self._blocks.clear()
            self._markers.clear()
            self._kept = None
            return
        if self._kept is None or estimate.t - self._kept.t > STEP_S + _TOLERANCE_S:
            self._keep(newest)
        oldest = estimate.t - self._seconds
        while self._blocks and self._blocks[0].points[-1].t < oldest:
            self._blocks.popleft()

    def mark(self, marker: Marker) -> None:
        """Take a marker that was just set."""
        self._markers.append(marker)
        self._marked += 1

    def read(self, seconds: float, *, estimates: bool, markers: bool) -> Iterator[_T]:
        """Yield the past, oldest first, in messages that are made when they are asked for.

        What becomes past between two of them is told too, so that when nothing more comes all that
        is newer is still to be sent.

        Args:
            seconds: of sound before the newest estimate.
            estimates, markers: what to tell of.
        """
        start = (self._newest.t if self._newest is not None else 0.0) - seconds - _TOLERANCE_S
        block, place, marked = -1, 0, 0
        while True:
            part: _T | None = None
            if markers and marked < self._marked:
                found = self._markers_from(marked, start)
                marked = self._marked if len(found) < MAX_PAST_MARKERS else found[-1][0]
                if found:
                    part = self._write(History(markers=tuple(marker for _, marker in found)))
            elif estimates and (found_block := self._block_from(block, place, start)) is not None:
                if found_block.number != block:
                    block, place = found_block.number, 0
                part = self._written(found_block, place, start)
                place = len(found_block.points)
            else:
                return
            if part is not None:
                yield part

    def _keep(self, estimate: Estimate) -> None:
        if not self._blocks or len(self._blocks[-1].points) == MAX_POINTS:
            self._blocks.append(_Block(self._next_block))
            self._next_block += 1
        self._blocks[-1].points.append(estimate)
        self._kept = estimate

    def _markers_from(self, marked: int, start: float) -> list[tuple[int, Marker]]:
        """Return the next markers, each with the number of those until it."""
        first = self._marked - len(self._markers)
        numbered = enumerate(self._markers, first + 1)
        found = [
            (number, marker)
            for number, marker in numbered
            if number > marked and (marker.t is None or marker.t >= start)
        ]
        return found[:MAX_PAST_MARKERS]

    def _block_from(self, number: int, place: int, start: float) -> _Block[_T] | None:
        """Return the first block with something behind a place of another."""
        for block in self._blocks:
            unread = block.number > number or (block.number == number and len(block.points) > place)
            if unread and block.points[-1].t >= start:
                return block
        return None

    def _written(self, block: _Block[_T], place: int, start: float) -> _T:
        points = block.points[place:]
        if place or points[0].t < start or len(points) < MAX_POINTS:
            return self._write(_message([point for point in points if point.t >= start]))
        if block.written is None:
            block.written = self._write(_message(points))
        return block.written


def _message(points: list[Estimate]) -> History:
    columns: dict[str, Any] = {
        name: tuple(_short(getattr(point, name)) for point in points) for name in HISTORY_COLUMNS
    }
    columns["t"] = tuple(round(point.t, DECIMALS) for point in points)
    return History(**columns)


def _short(value: Any) -> Any:
    return round(value, _DECIMALS) if isinstance(value, float) else value
