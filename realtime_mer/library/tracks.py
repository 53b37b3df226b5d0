"""``Track``: what is known of a piece of music, its emotion as a whole and how that moves."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from realtime_mer.estimate import Affect, HasAffect

COURSE_EVERY_S = 2.0
"""Seconds from one value of a track's course to the next."""

TYPICAL_S = 30.0
"""Seconds of a track that are looked for as its most typical."""

INTERVAL = 0.9
"""Part of a panel's ratings of a track that its interval is to hold."""

_INTERVAL_SDS = 1.6449  # of a normal distribution to either side


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A place on the valence-arousal plane, both coordinates in [-1, 1]."""

    valence: float
    arousal: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """How a track moves: means over equal parts of its time, from its first second on.

    Attributes:
        every_s: seconds of a part; ``COURSE_EVERY_S``, and a twentieth of the track in tables from
            before that. The last part may be shorter.
        valence, arousal: of each part, in [-1, 1]; a part without music lies between its
            neighbours. Both are of the same length, >= 1.
    """

    every_s: float
    valence: tuple[float, ...]
    arousal: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A stretch of a track in which it expresses much the same, or in which there is no music.

    Attributes:
        start, end: seconds of the track.
        mood: what is said of it, such as ``calm``; "" without music.
        valence, arousal: means in [-1, 1]; None without music.
    """

    start: float
    end: float
    mood: str
    valence: float | None
    arousal: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Track(HasAffect):
    """The emotion of a track as a whole and over time.

    One track may lie in several files: copies, and the same sound in other formats.

    Attributes:
        path: absolute, of the first of its files by name; a name that is no UTF-8 holds
            surrogates, as ``os.fsdecode`` gives it.
        copies: the paths of its other files, in order.
        seconds: duration of its sound.
        affect: of the track as a whole, as in ``Summary``; its parts can be read as the track's.
        valence_spread, arousal_spread: standard deviation over the track's hops, >= 0.
        quadrant: the most probable.
        beginning, ending: means of its first and of its last tenth.
        moods: shares of the mood words that were said of its hops, in (0, 1], the largest first;
            empty where the table was written before there were any.
        music_share: as in ``Summary``; None also where the table was written before there was one.
        level_dbfs: root mean square of the sound in dB relative to full scale.
        loudness_lufs: integrated loudness by ITU-R BS.1770-4; None where nothing is loud enough to
            have one, and where the table was written before there was one.
        sections: it as a whole, cut where it turns; empty where it is shorter than the model's
            warm-up, and where the table was written before.
        typical_s: seconds at which its most typical ``TYPICAL_S`` begin; None likewise.
        course: how it moves; None where it was not asked for.
        model: name of the checkpoint that said so.
        model_sha256: fingerprint of that checkpoint's card and weights; "" in tables from before.
        sound: hash of its decoded sound in hexadecimal, by which it is known again whatever its
            file is called and whatever its tags say; "" where it was heard before there was one.
        scale: whose scale its numbers are on, in words; "" for the model's, as in every table.

    Mean, spread, course, level and moods are of the hops that ``Summarizer`` averages: those that
    are ``music``, and all of them if there are none.
    """

    path: str
    copies: tuple[str, ...] = ()
    seconds: float
    affect: Affect
    valence_spread: float
    arousal_spread: float
    quadrant: str
    beginning: Point
    ending: Point
    moods: Mapping[str, float] = field(default_factory=dict)
    music_share: float | None = None
    level_dbfs: float
    loudness_lufs: float | None = None
    sections: tuple[Section, ...] = ()
    typical_s: float | None = None
    course: Course | None = None
    model: str
    model_sha256: str = ""
    sound: str = ""
    scale: str = ""

    @property
    def paths(self) -> tuple[str, ...]:
        """All of its files, in order."""
        return (self.path, *self.copies)

    @property
    def says_nothing(self) -> bool:
        """Whether nothing of it is music, so that its mood is of silence or talk."""
        return self.music_share == 0

    @property
    def mean(self) -> Point:
        """Where the track lies as a whole."""
        return Point(valence=self.valence, arousal=self.arousal)

    @property
    def valence_interval(self) -> tuple[float, float]:
        """Where the ratings of ``INTERVAL`` of a panel are expected, lowest and highest."""
        return _interval(self.valence, self.valence_sd)

    @property
    def arousal_interval(self) -> tuple[float, float]:
        """The same of arousal."""
        return _interval(self.arousal, self.arousal_sd)

    @property
    def turns(self) -> tuple[float, ...]:
        """Seconds at which it turns: where its sections of music but the first begin."""
        return tuple([section.start for section in self.sections if section.mood][1:])


def edges(course: Course, *, seconds: float) -> tuple[Point, Point]:
    """Return the means of the first and of the last tenth of a track, of a part of it at least.

    Args:
        course: of the track.
        seconds: its duration.
    """
    parts = max(1, round(seconds / 10 / course.every_s))
    return _mean(course, slice(None, parts)), _mean(course, slice(-parts, None))


def _mean(course: Course, part: slice) -> Point:
    valence, arousal = course.valence[part], course.arousal[part]
    return Point(
        valence=round(math.fsum(valence) / len(valence), 6),
        arousal=round(math.fsum(arousal) / len(arousal), 6),
    )


def _interval(mean: float, sd: float) -> tuple[float, float]:
    low, high = mean - _INTERVAL_SDS * sd, mean + _INTERVAL_SDS * sd
    return round(max(-1.0, low), 6), round(min(1.0, high), 6)
