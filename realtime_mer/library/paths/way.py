"""``Way``: which place on the plane each track of a path is to have, by its number or by the clock.

Pure. The iso-principle of music therapy (Altshuler 1948) is such a way: it begins at a place that
somebody has chosen, and goes on to another one in steps of a stated size that last a stated time.
"""

import math
from dataclasses import dataclass, replace

from realtime_mer.library.paths.points import apart, between
from realtime_mer.library.tracks import Point


@dataclass(frozen=True, kw_only=True)
class Way:
    """Places one after the other.

    By number every place has one track. By the clock each place lasts ``step_s``, to the nearest
    track, and no place is left out, however long tracks are.

    Attributes:
        places: in order, >= 1.
        step_s: seconds that each lasts; None for one track each.
        early_s: seconds by which the first track of a place may come before its time, so that a
            step is not half a track too long each time.
    """

    places: tuple[Point, ...]
    step_s: float | None = None
    early_s: float = 0.0

    @property
    def last(self) -> int:
        """Number of the last place."""
        return len(self.places) - 1

    @property
    def step(self) -> float:
        """How far the places lie from each other at most; 0 where there is one."""
        pairs = zip(self.places, self.places[1:], strict=False)
        return max((apart(one, other) for one, other in pairs), default=0.0)

    def next(self, place: int | None, at_s: float) -> int:
        """Return the place of the next track.

        Args:
            place: of the track before; None for the first one.
            at_s: seconds from the beginning of the way to that of the track.
        """
        if place is None:
            return 0
        if self.step_s is None:
            return place + 1
        due = math.floor((at_s + self.early_s) / self.step_s)
        return max(place, min(due, place + 1, self.last))

    def done(self, place: int | None, at_s: float) -> bool:
        """Return whether the way is at its end with a track of this place that ends now."""
        if place != self.last:
            return False
        return self.step_s is None or at_s >= len(self.places) * self.step_s

    def shifted(self, by: Point) -> "Way":
        """Return the way with every place moved, as far as the plane goes."""
        moved = [
            Point(
                valence=_on_scale(place.valence + by.valence),
                arousal=_on_scale(place.arousal + by.arousal),
            )
            for place in self.places
        ]
        return replace(self, places=tuple(moved))


def counted(here: Point, there: Point, count: int) -> Way:
    """Return the way in so many equal steps, of which the first leads away from here already."""
    return Way(places=tuple(between(here, there, i / count) for i in range(1, count + 1)))


def stepped(here: Point, there: Point, *, step: float) -> Way:
    """Return the way that begins here, in the fewest equal steps of at most this size."""
    steps = math.ceil(apart(here, there) / step - 1e-9)
    return Way(places=tuple(between(here, there, i / max(steps, 1)) for i in range(steps + 1)))


def lasting(way: Way, *, step_s: float, track_s: float) -> Way:
    """Return a way by the clock.

    Args:
        way: by number.
        step_s: seconds that each place lasts.
        track_s: how long a track usually is.
    """
    return replace(way, step_s=step_s, early_s=min(track_s, step_s) / 2)


def _on_scale(value: float) -> float:
    return min(max(value, -1.0), 1.0)
