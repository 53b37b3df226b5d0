"""The vocabulary of emotion: valence and arousal, quadrants, GEMS-9 and mood words (plain data).

What is said with it is in ``mood``.

Valence and arousal are perceived ratings of the music on [-1, 1] with neutral 0.
"""

import math
from dataclasses import dataclass

QUADRANTS = ("Q1", "Q2", "Q3", "Q4")
"""Q1 +V+A, Q2 -V+A, Q3 -V-A, Q4 +V-A: counter-clockwise, as in Russell's circumplex."""

GEMS = (
    "amazement",
    "solemnity",
    "tenderness",
    "nostalgia",
    "calmness",
    "power",
    "joyful_activation",
    "tension",
    "sadness",
)
"""The nine factors of the Geneva Emotional Music Scale (Zentner, Grandjean & Scherer 2008)."""


@dataclass(frozen=True, kw_only=True)
class MoodWord:
    """A word and its place on the valence-arousal plane.

    Attributes:
        word: as people read it.
        valence, arousal: coordinates in [-1, 1].
        quadrant: what the word claims of the music, one of ``QUADRANTS``; None for the middle.
    """

    word: str
    valence: float
    arousal: float
    quadrant: str | None


# Angles in degrees, counter-clockwise from +valence: our own rounding, to 5 degrees, of the
# circular scaling in J. A. Russell, "A circumplex model of affect", Journal of Personality and
# Social Psychology 39 (1980), 1161-1178. Words less than 15 degrees from a commoner one are left
# out, so that a display stays readable.
_ANGLES = {
    "happy": 10,
    "delighted": 25,
    "excited": 50,
    "astonished": 70,
    "tense": 95,
    "afraid": 115,
    "distressed": 140,
    "miserable": 190,
    "sad": 210,
    "bored": 240,
    "tired": 270,
    "calm": 315,
    "serene": 330,
    "pleased": 355,
}

# Russell's scaling gives directions, not strengths. Mean ratings of music by a panel rarely leave
# the circle of radius 0.6, so the words stand there.
_RADIUS = 0.6

NEUTRAL = MoodWord(word="neutral", valence=0.0, arousal=0.0, quadrant=None)

MIDDLE_RADIUS = _RADIUS / 2
"""A point nearer than that to neutral is near the middle, whatever its direction."""

MOOD_WORDS = (
    NEUTRAL,
    *(
        MoodWord(
            word=word,
            valence=round(_RADIUS * math.cos(math.radians(angle)), 2),
            arousal=round(_RADIUS * math.sin(math.radians(angle)), 2),
            # Russell's own place of "tired" is 268 degrees: 270 belongs to the third.
            quadrant=QUADRANTS[math.ceil(angle / 90) - 1],
        )
        for word, angle in _ANGLES.items()
    ),
)


def quadrant_of(valence: float, arousal: float) -> str:
    """Return the quadrant in which a point lies; on an axis, that of the greater value."""
    if arousal >= 0:
        return "Q1" if valence >= 0 else "Q2"
    return "Q3" if valence < 0 else "Q4"
