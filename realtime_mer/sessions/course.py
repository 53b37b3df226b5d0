"""The course of a session: its numbers as arrays, its segments and change points, its shares.

A stretch of music is cut where its mean valence and arousal change: the cut that lowers the sum of
squared distances from the segments' means most (binary segmentation, Scott & Knott 1974) is made,
and then again on both sides, as long as that sum falls by more than a stated amount.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import compress, pairwise
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from realtime_mer.emotion import QUADRANTS
from realtime_mer.estimate import Estimate, Status
from realtime_mer.mood import Said, Words, mood_text, mood_words
from realtime_mer.sessions.moods import words_of

SHORTEST_SEGMENT_S = 8.0
"""A segment of music is at least so long, unless the music itself is shorter."""

SMALLEST_CHANGE = 0.15
"""Distance on the plane by which two segments of the shortest length must differ to be two; a
quarter of the distance at which the mood words stand. Longer ones may differ by less."""

_SHORTEST_STATE_S = 1.0  # a gap or silence shorter than that does not end a segment

_NAMES = ("t", "valence", "arousal", "valence_sd", "arousal_sd", "level_dbfs")
_NUMBERS = attrgetter(*_NAMES)

Numbers = NDArray[np.float64]


def hop_start(t: float, *, hop: float) -> float:
    """Return seconds of the stream at which the hop of an estimate at ``t`` begins."""
    return max(0.0, round(t - hop, 6))


@dataclass(frozen=True, kw_only=True)
class Course:
    """The estimates of a session as arrays ``(n,)``, in order of time.

    Attributes:
        hop: seconds from one estimate to the next.
        t: seconds at the end of each window.
        valence, arousal, valence_sd, arousal_sd, level_dbfs: as in ``Estimate``.
        statuses: of each estimate.
        quadrants: the probability of each of ``QUADRANTS``, ``(n, 4)``.
        xruns, skipped: from the first estimate to the last.
        tells: whether the model told music from other sound.
        turned: seconds at which the music turned to a new section or song, as it was told then;
            None where nobody compared.
    """

    hop: float
    t: Numbers
    valence: Numbers
    arousal: Numbers
    valence_sd: Numbers
    arousal_sd: Numbers
    level_dbfs: Numbers
    statuses: tuple[Status, ...]
    quadrants: Numbers
    xruns: int
    skipped: int
    tells: bool = False
    turned: tuple[float, ...] | None = None

    @classmethod
    def of(cls, estimates: Iterable[Estimate], *, hop: float) -> "Course":
        """Collect estimates, of which there may be none; rows of a session will do as well."""
        numbers = array("d")  # row by row; objects would take four times the room
        statuses = []
        before = one = turns = None
        tells = compares = False
        turned = []
        for one in estimates:
            if before is None:  # a recording may begin amid a session that has counted already
                before = (one.xruns, one.skipped) if one.t > 1.5 * hop else (0, 0)
            share = one.quadrants.get
            numbers.extend((*_NUMBERS(one), *[share(name, 0.0) for name in QUADRANTS]))
            statuses.append(one.status)
            tells = tells or one.music is not None
            compares = compares or one.changed is not None
            if turns is not None and one.turns > turns:
                turned.append(one.t)
            turns = one.turns
        xruns = skipped = 0
        if one is not None and before is not None:
            xruns, skipped = one.xruns - before[0], one.skipped - before[1]
        table = np.array(numbers, dtype=np.float64).reshape(-1, len(_NAMES) + len(QUADRANTS)).T
        return cls(
            hop=hop,
            **dict(zip(_NAMES, np.ascontiguousarray(table[: len(_NAMES)]), strict=True)),
            statuses=tuple(statuses),
            quadrants=np.ascontiguousarray(table[len(_NAMES) :].T),
            xruns=xruns,
            skipped=skipped,
            tells=tells,
            turned=tuple(turned) if compares else None,
        )

    @cached_property
    def words(self) -> tuple[Words, ...]:
        """What is said of each estimate."""
        return words_of(
            self.valence,
            self.arousal,
            valence_sd=self.valence_sd,
            arousal_sd=self.arousal_sd,
            quadrants=self.quadrants,
        )

    @cached_property
    def music(self) -> NDArray[np.bool_]:
        """Which estimates are of music, ``(n,)``."""
        return np.array([status is Status.MUSIC for status in self.statuses], dtype=bool)

    @property
    def start(self) -> float:
        """Seconds of the stream at which the first estimate's hop begins; 0 without any."""
        return hop_start(float(self.t[0]), hop=self.hop) if len(self.t) else 0.0

    @property
    def end(self) -> float:
        """Seconds of the stream at the last estimate; 0 without any."""
        return float(self.t[-1]) if len(self.t) else 0.0

    @property
    def seconds(self) -> float:
        """Seconds of sound from ``start`` to ``end``."""
        return self.end - self.start

    def seconds_of_status(self) -> Mapping[Status, float]:
        """Return how long each status lasted, the longest first."""
        return {one: count * self.hop for one, count in Counter(self.statuses).most_common()}

    @cached_property
    def said(self) -> Said:
        """For how many seconds each mood word was said, in music only."""
        said = Said()
        for words, count in Counter(compress(self.words, self.music.tolist())).items():
            said.add(words, amount=count * self.hop)
        return said


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A stretch in which the music expressed much the same, or in which there was none.

    Attributes:
        start, end: seconds of sound.
        status: ``music``, or what there was instead.
        words: what is said of the means; none without music.
        quadrants: mean probability of each over the music; empty without.
        valence, arousal: means over the music; None without.
        valence_sd, arousal_sd: root mean square of the hops' sd: how uncertain a single estimate
            is, not how uncertain the mean is; None without music.
    """

    start: float
    end: float
    status: Status
    words: Words = ()
    quadrants: Mapping[str, float] = field(default_factory=dict)
    valence: float | None = None
    arousal: float | None = None
    valence_sd: float | None = None
    arousal_sd: float | None = None

    @property
    def mood(self) -> str:
        """The words as a text; "" without music."""
        return mood_text(self.words)


def segments(course: Course) -> list[Segment]:
    """Return the segments of a session, in order; their bounds are its change points."""
    found = []
    for start, end in _stretches(course):
        status = course.statuses[start]
        if status is Status.MUSIC:
            for first, last in _cut(course, start, end):
                found.append(_of_music(course, first, last))
        else:
            found.append(
                Segment(start=_begin(course, start), end=float(course.t[end - 1]), status=status)
            )
    return found


def _stretches(course: Course) -> list[tuple[int, int]]:
    """Return where the status stays the same, ``[start, end)``; short states are passed over."""
    changes = [i for i, (a, b) in enumerate(pairwise(course.statuses)) if a is not b]
    bounds = [0, *(i + 1 for i in changes), len(course.statuses)]
    shortest = round(_SHORTEST_STATE_S / course.hop)
    joined: list[tuple[int, int]] = []
    for start, end in pairwise(bounds):
        if not end:
            continue
        same = joined and course.statuses[joined[-1][0]] is course.statuses[start]
        if joined and (same or end - start < shortest):
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _cut(course: Course, start: int, end: int) -> list[tuple[int, int]]:
    points = np.column_stack((course.valence[start:end], course.arousal[start:end]))
    sums = np.concatenate((np.zeros((1, 2)), np.cumsum(points, axis=0)))
    shortest = max(1, round(SHORTEST_SEGMENT_S / course.hop))
    # What a cut between two shortest segments gains that differ by the smallest change.
    least = shortest / 2 * SMALLEST_CHANGE**2
    pieces: list[tuple[int, int]] = []
    waiting = [(0, end - start)]
    while waiting:
        a, b = waiting.pop()
        where = _best_cut(sums, a, b, shortest=shortest, least=least)
        if where is None:
            pieces.append((start + a, start + b))
        else:
            waiting += [(where, b), (a, where)]  # the earlier one is taken first
    return pieces


def _best_cut(sums: Numbers, a: int, b: int, *, shortest: int, least: float) -> int | None:
    cuts = np.arange(a + shortest, b - shortest + 1)
    if len(cuts) == 0:
        return None
    before, after = cuts - a, b - cuts
    difference = (sums[cuts] - sums[a]) / before[:, None] - (sums[b] - sums[cuts]) / after[:, None]
    gains = before * after / (b - a) * np.sum(difference**2, axis=1)
    best = int(np.argmax(gains))
    return int(cuts[best]) if gains[best] >= least else None


def _of_music(course: Course, start: int, end: int) -> Segment:
    music = np.flatnonzero(course.music[start:end]) + start
    valence, arousal = float(course.valence[music].mean()), float(course.arousal[music].mean())
    valence_sd = float(np.sqrt(np.mean(course.valence_sd[music] ** 2)))
    arousal_sd = float(np.sqrt(np.mean(course.arousal_sd[music] ** 2)))
    shares = course.quadrants[music].mean(axis=0).tolist()
    quadrants = dict(zip(QUADRANTS, shares, strict=True))
    return Segment(
        start=_begin(course, start),
        end=float(course.t[end - 1]),
        status=Status.MUSIC,
        words=mood_words(
            valence,
            arousal,
            valence_sd=valence_sd,
            arousal_sd=arousal_sd,
            quadrants=quadrants,
        ),
        quadrants=quadrants,
        valence=valence,
        arousal=arousal,
        valence_sd=valence_sd,
        arousal_sd=arousal_sd,
    )


def _begin(course: Course, index: int) -> float:
    return max(0.0, round(float(course.t[index]) - course.hop, 6))
