"""What a report says in sentences: of a session as a whole, and of each of its segments."""

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise

from realtime_mer.emotion import MOOD_WORDS, NEUTRAL
from realtime_mer.estimate import Status
from realtime_mer.mood import Most, mood_text
from realtime_mer.sessions.course import SMALLEST_CHANGE, Course, Segment
from realtime_mer.wording import MIDDLE_WORDS, STATUS_WORDS, clock, counted, mostly

_SLIGHT, _STRONG = 0.15, 0.5  # distances from 0 on an axis
_QUADRANT = {mood.word: mood.quadrant for mood in MOOD_WORDS}
_NEITHER = {
    "valence": "neither clearly pleasant nor unpleasant",
    "arousal": "with neither much nor little energy",
}
_SIDES = {
    "valence": (
        ("slightly pleasant", "pleasant", "very pleasant"),
        ("slightly unpleasant", "unpleasant", "very unpleasant"),
    ),
    "arousal": (
        ("with some energy", "energetic", "very energetic"),
        ("with rather little energy", "with little energy", "with very little energy"),
    ),
}
_RIGHT, _UP = {"Q1", "Q4"}, {"Q1", "Q2"}


def duration(seconds: float) -> str:
    """Return how long something took, as people say it: ``1 hour 5 minutes``."""
    whole = round(seconds)
    if whole < 60:
        return counted(whole, "second")
    minutes = round(seconds / 60)
    hours, rest = divmod(minutes, 60)
    parts = ([counted(hours, "hour")] if hours else []) + (
        [counted(rest, "minute")] if rest else []
    )
    return " ".join(parts)


def summary(course: Course, segments: Sequence[Segment]) -> str:
    """Return a session in some sentences.

    What it says of the whole time is said by one claim and a word of it; what it says of a
    segment, by that segment's words. So no two sentences contradict each other.
    """
    if not len(course.t):
        return "No estimate was recorded."
    if course.said.most() is None:
        return f"{_capital(duration(course.seconds))} of sound without music."
    music_s = course.seconds_of_status().get(Status.MUSIC, 0.0)
    said = [
        f"{_capital(duration(music_s))} of music in {duration(course.seconds)} of sound.",
        f"Most of the music was {' or '.join(map(mostly, _half(course.said.ranked())))}.",
    ]
    heard = [one for one in segments if one.words]
    if len(heard) > 1:
        said.append(f"It began {_where(heard[0])} and ended {_where(heard[-1])}.")
        before, after = max(pairwise(heard), key=lambda pair: _distance(*pair))
        if before.words != after.words and _distance(before, after) >= SMALLEST_CHANGE:
            said.append(
                f"The greatest change came at {clock(after.start)}: from {_where(before)} to "
                f"{_where(after)}."
            )
    return " ".join(said)


def sentence(segment: Segment) -> str:
    """Return what a segment expressed, as somebody would say it.

    A side of an axis is named only where the mean lies on it and every word of the segment does.
    """
    if segment.valence is None or segment.arousal is None:
        return _capital(STATUS_WORDS[segment.status])
    valence = _side("valence", segment.valence, segment)
    arousal = _side("arousal", segment.arousal, segment)
    if segment.words == (NEUTRAL.word,):
        return "Near the middle: no mood stood out"
    if segment.words[0] == NEUTRAL.word:
        said = f"Near the middle, if anything {segment.words[1]}"
    else:
        said = _capital(mood_text(segment.words))
    return f"{said}: {valence}, {arousal}"


def _half(claims: Sequence[Most]) -> list[Most]:
    """Return the fewest claims that together were made half of the time."""
    parts = accumulate(claim.part for claim in claims)
    return [claim for claim, so_far in zip(claims, parts, strict=True) if so_far - claim.part < 0.5]


def _side(axis: str, mean: float, segment: Segment) -> str:
    """Return on which side of an axis a segment lies, and how far; or that this is not clear."""
    positive = _RIGHT if axis == "valence" else _UP
    sides = {_QUADRANT[word] in positive for word in segment.words if _QUADRANT[word]}
    if len(sides) != 1 or sides != {mean > 0} or abs(mean) < _SLIGHT / 3:
        return _NEITHER[axis]
    far = (abs(mean) >= _SLIGHT) + (abs(mean) >= _STRONG)
    return _SIDES[axis][mean < 0][far]


def _where(segment: Segment) -> str:
    if segment.words[0] == NEUTRAL.word:
        return MIDDLE_WORDS
    return mood_text(segment.words)


def _distance(before: Segment, after: Segment) -> float:
    return math.dist(
        (before.valence or 0.0, before.arousal or 0.0), (after.valence or 0.0, after.arousal or 0.0)
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
