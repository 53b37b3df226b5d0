"""Places on the valence-arousal plane: as people type and read them, and between two of them."""

import math

from realtime_mer.errors import InputError
from realtime_mer.library.tracks import Point


def apart(one: Point, other: Point) -> float:
    """Return how far two places lie from each other."""
    return math.hypot(one.valence - other.valence, one.arousal - other.arousal)


def between(here: Point, there: Point, part: float) -> Point:
    """Return the place so far along the straight line from here (0) to there (1)."""
    return Point(
        valence=(1 - part) * here.valence + part * there.valence,
        arousal=(1 - part) * here.arousal + part * there.arousal,
    )


def record(point: Point) -> dict[str, float]:
    """Return a place as JSON has it."""
    return {"valence": round(point.valence, 6), "arousal": round(point.arousal, 6)}


def shown(point: Point) -> str:
    """Return a place as people read it."""
    return f"{point.valence:+z.2f},{point.arousal:+z.2f}"


def is_point(text: str) -> bool:
    """Return whether a text is numbers with commas between them, rather than a name."""
    try:
        [float(part) for part in text.split(",")]
    except ValueError:
        return False
    return True


def point_of(text: str, *, name: str) -> Point:
    """Return the place that an option names.

    Raises:
        InputError: it names none on the plane.
    """
    if is_point(text) and text.count(",") == 1:
        valence, arousal = (float(part) for part in text.split(","))
        if abs(valence) <= 1 and abs(arousal) <= 1:  # no NaN is
            return Point(valence=valence, arousal=arousal)
    raise InputError(
        f"{name} {text} is no place: give valence and arousal from -1 to 1, such as 0.3,-0.5."
    )
