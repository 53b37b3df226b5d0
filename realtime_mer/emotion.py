"""The vocabulary of emotion: valence and arousal, quadrants, GEMS-9 and mood words (plain data).

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
    """A word and its place on the valence-arousal plane, both coordinates in [-1, 1]."""

    word: str
    valence: float
    arousal: float


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
# the circle of radius 0.6, so the words stand there; "neutral" then covers the inner half of it.
_RADIUS = 0.6

MOOD_WORDS = (
    MoodWord(word="neutral", valence=0.0, arousal=0.0),
    *(
        MoodWord(
            word=word,
            valence=round(_RADIUS * math.cos(math.radians(angle)), 2),
            arousal=round(_RADIUS * math.sin(math.radians(angle)), 2),
        )
        for word, angle in _ANGLES.items()
    ),
)


def nearest_mood(valence: float, arousal: float) -> str:
    """Return the mood word nearest to a point of the valence-arousal plane.

    Args:
        valence, arousal: coordinates in [-1, 1].
    """
    return min(
        MOOD_WORDS, key=lambda mood: math.hypot(mood.valence - valence, mood.arousal - arousal)
    ).word
