"""What the window knows of the service, now and of the last minutes (no Qt)."""

from collections import deque
from dataclasses import dataclass
from itertools import takewhile

from realtime_mer.display.plots.history import History, Spectrum
from realtime_mer.display.snapshot import Snapshot
from realtime_mer.estimate import Estimate
from realtime_mer.wire.protocol import Marker

_CAPACITY = 8192  # rows of history: four minutes at the hop of 0.1 s, with room for a shorter one
_COLUMNS, _BANDS = 300, 64  # of the spectrum: half a minute at the hop of 0.1 s
_MOST_MARKERS = 200  # that are listed


@dataclass(frozen=True, kw_only=True, slots=True)
class News:
    """What a snapshot brought.

    Attributes:
        estimate: the latest estimate, if it is new.
        levels: whether there are new levels.
        spectrum: whether there is a new column of the spectrum.
        markers: those that are new, oldest first.
        past: the new markers of what the service told of the time before; None where it told
            nothing new.
        service: whether the service says something else of itself, or is there or away.
    """

    estimate: Estimate | None
    levels: bool
    spectrum: bool
    markers: tuple[Marker, ...]
    past: tuple[Marker, ...] | None
    service: bool


class Memory:
    """What is known, of a size that does not grow.

    Attributes:
        snapshot: the latest.
        seen: the latest estimate; None before the first.
        arrived: when that came, in seconds on the clock of ``take``.
        history, spectrum: of the last minutes.
        markers: the last ones, oldest first.
        marked: where markers stand in this stream, in seconds of sound.
        start: of the session's clock, in seconds of sound.
    """

    def __init__(self, *, now: float) -> None:
        self.snapshot = Snapshot()
        self.seen: Estimate | None = None
        self.arrived = now
        self.history = History(capacity=_CAPACITY)
        self.spectrum = Spectrum(capacity=_COLUMNS, bands=_BANDS)
        self.markers: deque[Marker] = deque(maxlen=_MOST_MARKERS)
        self.marked: deque[float] = deque(maxlen=_MOST_MARKERS)
        self.start = 0.0
        self._level_t: float | None = None

    @property
    def leveled(self) -> bool:
        """Whether any level has come."""
        return self._level_t is not None

    def clock(self, t: float) -> float:
        """Return a stream time on the session's clock, not below 0."""
        return max(0.0, t - self.start)

    def restart_clock(self) -> None:
        """Let the session's clock begin anew with the latest estimate."""
        self.start = self.seen.t if self.seen is not None else 0.0

    def take(self, snapshot: Snapshot, *, now: float) -> News:
        """Take a snapshot and return what is new in it.

        Args:
            now: seconds on any steady clock.
        """
        before, self.snapshot = self.snapshot, snapshot
        if _session(snapshot) != _session(before) and _session(before) is not None:
            self.history.clear()  # its time began anew
            self.marked.clear()
        past = self._take_past(before)
        estimate = snapshot.estimate if snapshot.estimate is not self.seen else None
        if estimate is not None:
            self._take_estimates()
            self.seen, self.arrived = estimate, now
        levels = snapshot.levels is not before.levels
        return News(
            estimate=estimate,
            levels=levels,
            spectrum=levels and self._take_levels(),
            markers=self._take_markers(before),
            past=past,
            service=_of_itself(snapshot) != _of_itself(before),
        )

    def _take_past(self, before: Snapshot) -> tuple[Marker, ...] | None:
        told, markers = False, []
        for part in self.snapshot.past:
            if any(part is old for old in before.past):
                continue
            told |= self.history.add_past(part)
            for marker in part.markers:
                if marker not in self.markers:
                    markers.append(marker)
                    self._place(marker)
        return tuple(markers) if told or markers else None

    def _take_estimates(self) -> None:
        """Remember all that came since the last frame, not just the latest."""
        unseen = takewhile(lambda old: old is not self.seen, reversed(self.snapshot.estimates))
        for estimate in reversed(list(unseen)):
            if self.history.add(estimate):
                self.marked.clear()

    def _place(self, marker: Marker) -> None:
        self.markers.append(marker)
        if marker.t is not None:
            self.marked.append(marker.t)

    def _take_levels(self) -> bool:
        hop = self.snapshot.hello.hop if self.snapshot.hello is not None else 0.1
        added = False
        for level in self.snapshot.levels:
            if self._level_t is not None and 0 <= self._level_t - level.t < 64 * hop:
                continue  # seen before
            self._level_t = level.t
            if level.mel is not None:
                added |= self.spectrum.add(level.t, level.mel, hop=hop)
        return added

    def _take_markers(self, before: Snapshot) -> tuple[Marker, ...]:
        if self.snapshot.markers is before.markers:
            return ()
        new = tuple(
            marker
            for marker in self.snapshot.markers
            if not any(marker is old for old in before.markers)
        )
        for marker in new:
            self._place(marker)
        return new


def _session(snapshot: Snapshot) -> str | None:
    return snapshot.hello.session if snapshot.hello is not None else None


def _of_itself(snapshot: Snapshot) -> tuple[object, ...]:
    return (
        snapshot.link,
        snapshot.source,
        snapshot.hello,
        snapshot.recording,
        snapshot.outlets,
    )
