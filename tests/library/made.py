"""Tracks made up for tests."""

from dataclasses import fields
from typing import Any

from realtime_mer.emotion import GEMS, QUADRANTS
from realtime_mer.estimate import Affect
from realtime_mer.library.tracks import COURSE_POINTS, Track


def made_track(path: str = "/music/track.flac", **changes: Any) -> Track:
    """Return a track that stays at one place, with some attributes changed."""
    valence, arousal = changes.get("valence", 0.0), changes.get("arousal", 0.0)
    values: dict[str, Any] = {
        "path": path,
        "seconds": 200.0,
        "valence_sd": 0.2,
        "arousal_sd": 0.3,
        "valence_spread": 0.0,
        "arousal_spread": 0.0,
        "quadrant": "Q4",
        "quadrants": dict(zip(QUADRANTS, (0.1, 0.2, 0.3, 0.4), strict=True)),
        "gems": dict.fromkeys(GEMS, 0.125),
        "level_dbfs": -20.0,
        "valence_course": (valence,) * COURSE_POINTS,
        "arousal_course": (arousal,) * COURSE_POINTS,
        "model": "random",
    }
    values = {"valence": valence, "arousal": arousal, **values, **changes}
    affect = Affect(**{field.name: values.pop(field.name) for field in fields(Affect)})
    return Track(affect=affect, **values)
