"""The values that a mapping can take from a session, by their names."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Literal

from realtime_mer.emotion import GEMS, QUADRANTS
from realtime_mer.estimate import ESTIMATE, Estimate, Status
from realtime_mer.mood import Held, mood_text
from realtime_mer.wire.protocol import Event, LevelMessage, Marker, StatusMessage

Plain = float | int | str
Kind = Literal["estimate", "level", "status", "marker"]
"""The events that bring values."""

HOLD_S = 1.0
"""Seconds of sound that a mood must stand before it counts as a change, as on the terminal."""

BANDS = 64
"""Mel bands of a level."""

HELD = (
    Status.SILENCE,
    Status.NO_MUSIC,
    Status.TOO_QUIET,
    Status.NO_SIGNAL,
    Status.RECONNECTING,
    Status.PAUSED,
)
"""While these last an estimate is an old one that is held."""

SILENCES: Mapping[str, tuple[str, ...]] = {
    "silence": (Status.SILENCE, Status.NO_SIGNAL),
    "no_music": (Status.NO_MUSIC,),
    "too_quiet": (Status.TOO_QUIET,),
}
"""What a route may treat in a way of its own, and which statuses that means."""

STATUSES = tuple(status.value for status in Status)

_WITH_PARTS = {"quadrants": QUADRANTS, "gems": GEMS}
_OF_LEVEL = ("level_dbfs", "peak_dbfs")
_OF_ESTIMATE = (
    *(name for name in ESTIMATE if name not in {*_WITH_PARTS, *_OF_LEVEL, "wall_time"}),
    "quadrant",
    "mood_held",
    "mood_age_s",
)
_TEXTS = ("mood", "mood_held", "status", "marker")
_BAND = re.compile(r"bands\.(\d{1,2})(?:-(\d{1,2}))?")

NAMES = (
    *_OF_ESTIMATE,
    *(f"{whole}.{part}" for whole, parts in _WITH_PARTS.items() for part in parts),
    *_OF_LEVEL,
    "marker",
)
"""All names, but for ``bands.0`` to ``bands.63`` and means such as ``bands.0-7``."""


def is_known(name: str) -> bool:
    """Whether there is such a value."""
    return name in NAMES or _bands(name) is not None


def is_text(name: str) -> bool:
    """Whether a value is a text rather than a number."""
    return name in _TEXTS


def kind_of(name: str) -> Kind:
    """Return which event brings a value."""
    if name == "marker":
        return "marker"
    return "level" if name in _OF_LEVEL or _bands(name) is not None else "estimate"


def usual_range(name: str) -> tuple[float, float] | None:
    """Return the range of a number that has one."""
    if name in {"valence", "arousal"}:
        return (-1.0, 1.0)
    shares = name.startswith(("quadrants.", "gems.", "bands.")) or name in {
        "music",
        "familiar",
        "changed",
    }
    return (0.0, 1.0) if shares else None


class Values:
    """What is known at this moment.

    Attributes:
        status: of the latest estimate, or of what came between estimates.
        estimate: the latest; None before the first.
        mood: what is said, as on the terminal; "" before the first.
    """

    def __init__(self) -> None:
        self.status = ""
        self.estimate: Estimate | None = None
        self.mood = ""
        self._held = Held(HOLD_S)
        self._mood_since = 0.0
        self._level: LevelMessage | None = None
        self._marker: str | None = None

    def take(self, event: Event) -> Kind:
        """Take an event over, and return what it was."""
        match event:
            case Estimate():
                self._take_estimate(event)
                return "estimate"
            case LevelMessage():
                self._level = event
                return "level"
            case Marker():
                self._marker = event.label
                return "marker"
            case StatusMessage():
                self.status = event.status.value
                return "status"

    def get(self, name: str) -> Plain | None:
        """Return a value; None while it is not known."""
        if (bands := _bands(name)) is not None:
            level = self._level
            if level is None or level.mel is None:
                return None
            part = level.mel[bands[0] : bands[1] + 1]
            return sum(part) / (255 * len(part)) if part else None
        if name in _OF_LEVEL:
            return None if self._level is None else float(getattr(self._level, name))
        match name:
            case "status":
                return self.status or None
            case "marker":
                return self._marker
            case "mood_held":
                return self.mood or None
        estimate = self.estimate
        if estimate is None:
            return None
        match name:
            case "quadrant":
                likeliest = max(QUADRANTS, key=lambda one: estimate.quadrants[one])
                return 1 + QUADRANTS.index(likeliest)
            case "mood_age_s":
                return estimate.t - self._mood_since
        return _reader(name)(estimate)

    def sd(self, name: str) -> float:
        """Return how uncertain a value is: the sd of its axis, else the larger one; 0 for none."""
        estimate = self.estimate
        if estimate is None or kind_of(name) != "estimate":
            return 0.0
        if name.startswith("valence"):
            return estimate.valence_sd
        if name.startswith("arousal"):
            return estimate.arousal_sd
        if name.startswith(("quadrant", "gems.", "mood")):
            return max(estimate.valence_sd, estimate.arousal_sd)
        return 0.0

    def _take_estimate(self, estimate: Estimate) -> None:
        if self.estimate is not None and estimate.t < self.estimate.t:  # the stream began anew
            self._held, self.mood = Held(HOLD_S), ""
        self.estimate, self.status = estimate, estimate.status.value
        self._held.offer(estimate, now=estimate.t)
        mood = mood_text(self._held.words)
        if mood != self.mood:
            self.mood, self._mood_since = mood, estimate.t


@cache
def _bands(name: str) -> tuple[int, int] | None:
    match = _BAND.fullmatch(name)
    if match is None:
        return None
    first = int(match[1])
    last = first if match[2] is None else int(match[2])
    return (first, last) if first <= last < BANDS else None


@cache
def _reader(name: str) -> Callable[[Estimate], Plain | None]:
    whole, _, part = name.partition(".")

    def read(estimate: Estimate) -> Plain | None:
        value = getattr(estimate, whole, None)
        return value.get(part) if part and value is not None else value

    return read
