"""``Lead``: a path while it is played, corrected by what is heard of it (pure).

A room, its loudspeakers and a microphone move what is heard away from what a file says. If the
track that plays is heard calmer than its file is, the next ones are chosen livelier by as much, so
that what is heard in the room keeps to the way; never by more than a step.
"""

from collections.abc import Callable
from dataclasses import dataclass

from realtime_mer.library.paths.search import Beginning, Search
from realtime_mer.library.paths.way import Way
from realtime_mer.library.tracks import Point, Track

AHEAD_S = 10.0
"""Seconds before a track's end at which the next one is settled and told."""

SETTLING_S = 10.0
"""Seconds of a track that are not compared: the one before still sounds in them, or is heard."""

ENOUGH = 20
"""Estimates of a track from which a correction is taken."""

_MOVED = 0.02  # by which a correction must have changed for a look at the plan
_STAYING = 0.1  # most that is corrected where there is no step


@dataclass(frozen=True, kw_only=True, slots=True)
class Next:
    """A track is settled.

    Attributes:
        number: from 0.
        in_s: seconds until it begins.
    """

    number: int
    in_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Replanned:
    """Tracks to come have changed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """The last track has ended."""


Event = Next | Replanned | Ended


class Lead:
    """A path on its way. Times are seconds since its first track began.

    Args:
        search: that the path was found with; it is asked again for what is left.
        way: of the path.
        path: as it was found.
        last: the track that it is to end with; None for any.
        whole: returns a track.

    Attributes:
        path: what has been played, and the plan.
        way: as it is gone now, with the correction.
        settled: how many of its tracks do not change any more.
        correction: by which places are moved.
    """

    def __init__(
        self,
        search: Search,
        way: Way,
        path: Beginning,
        *,
        last: int | None,
        whole: Callable[[int], Track],
    ) -> None:
        self.path, self.way = path, way
        self.settled = 0
        self.correction = Point(valence=0.0, arousal=0.0)
        self._search, self._given, self._last, self._whole = search, way, last, whole
        self._planned_with = self.correction
        self._heard = _Heard()
        self._ended = False

    def hear(self, point: Point, at_s: float) -> None:
        """Take an estimate of music in the room into account.

        Args:
            point: where it lies.
            at_s: when.
        """
        number = self._playing(at_s)
        if number is None:
            return
        if number != self._heard.number:
            self._heard = _Heard(number=number)
        turn = self.path.turns[number]
        if at_s - turn.starts_s < SETTLING_S:
            return
        said = course_at(self._whole(turn.track), at_s - turn.starts_s)
        self._heard.add(point.valence - said.valence, point.arousal - said.arousal)
        if self._heard.count >= ENOUGH:
            most = self._given.step or _STAYING
            self.correction = self._heard.correction(most)

    def at(self, at_s: float) -> list[Event]:
        """Return what has come to be until now, in order.

        Args:
            at_s: now; never less than before.
        """
        events: list[Event] = []
        while self.settled < len(self.path.turns):
            turn = self.path.turns[self.settled]
            if self.settled and at_s < turn.starts_s - AHEAD_S:
                break
            # What is to come is looked at once more before it is settled.
            events += self._replanned()
            turn = self.path.turns[self.settled]
            events.append(Next(number=self.settled, in_s=max(0.0, turn.starts_s - at_s)))
            self.settled += 1
        else:
            if at_s >= self.path.turns[-1].ends_s and not self._ended:
                self._ended = True
                events.append(Ended())
            return events
        return events + self._replanned()

    def due_s(self) -> float:
        """Return when ``at`` has something to say, unless something is heard before."""
        if self.settled == len(self.path.turns):
            return self.path.turns[-1].ends_s
        return self.path.turns[self.settled].starts_s - (AHEAD_S if self.settled else 0.0)

    def _playing(self, at_s: float) -> int | None:
        for number in reversed(range(self.settled)):
            if self.path.turns[number].starts_s <= at_s:
                return number
        return None

    def _replanned(self) -> list[Event]:
        now, before = self.correction, self._planned_with
        moved = max(abs(now.valence - before.valence), abs(now.arousal - before.arousal))
        if moved < _MOVED or self.settled == len(self.path.turns):
            return []
        self._planned_with = now
        way = self._given.shifted(now)
        gone = Beginning(
            turns=self.path.turns[: self.settled],
            places=self.path.places[: self.settled],
            costs=self.path.costs[: self.settled],
        )
        outcome = self._search.find(way, from_=gone, last=self._last)
        if outcome.path is None:
            return []  # the plan of before keeps all rules; better that than none
        same = [t.track for t in outcome.path.turns] == [t.track for t in self.path.turns]
        self.path, self.way = outcome.path, way
        return [] if same else [Replanned()]


@dataclass(kw_only=True)
class _Heard:
    """How far what is heard of a track lies from what its file says, summed up."""

    number: int | None = None
    count: int = 0
    valence: float = 0.0
    arousal: float = 0.0

    def add(self, valence: float, arousal: float) -> None:
        self.count += 1
        self.valence += valence
        self.arousal += arousal

    def correction(self, most: float) -> Point:
        """Return the opposite of the mean, of at most this length."""
        valence, arousal = -self.valence / self.count, -self.arousal / self.count
        length = (valence**2 + arousal**2) ** 0.5
        part = min(1.0, most / length) if length else 1.0
        return Point(valence=valence * part, arousal=arousal * part)


def course_at(track: Track, at_s: float) -> Point:
    """Return where a track lies at a time, by its course; as a whole where it has none."""
    course = track.course
    if course is None:
        return track.mean
    part = min(max(int(at_s / course.every_s), 0), len(course.valence) - 1)
    return Point(valence=course.valence[part], arousal=course.arousal[part])
