"""Tracks made up for tests."""

import hashlib
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from realtime_mer.emotion import GEMS, QUADRANTS
from realtime_mer.estimate import Affect
from realtime_mer.library.sound import Sound
from realtime_mer.library.tracks import Course, Track, edges


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
        "model": "random",
    }
    values = {"valence": valence, "arousal": arousal, **values, **changes}
    if "course" not in values:
        values["course"] = steady(valence, arousal, seconds=values["seconds"])
    if values["course"] is not None and "beginning" not in values:
        beginning, ending = edges(values["course"], seconds=values["seconds"])
        values |= {"beginning": beginning, "ending": ending}
    affect = Affect(**{field.name: values.pop(field.name) for field in fields(Affect)})
    return Track(affect=affect, **values)


def steady(valence: float, arousal: float, *, seconds: float = 200.0) -> Course:
    """Return the course of a track that stays at one place."""
    return moving([valence] * 20, [arousal] * 20, seconds=seconds)


def moving(valence: Sequence[float], arousal: Sequence[float], *, seconds: float = 200.0) -> Course:
    """Return the course of a track through these places."""
    return Course(
        every_s=seconds / len(valence),
        valence=tuple(float(value) for value in valence),
        arousal=tuple(float(value) for value in arousal),
    )


def made_sound(name: str, *, seconds: float = 200.0, loudness_lufs: float | None = None) -> Sound:
    """Return a sound that is like no other one: it has no fingerprint."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return Sound(sha256=digest, seconds=seconds, loudness_lufs=loudness_lufs, fingerprint=b"")
