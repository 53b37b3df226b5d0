"""What is told of a track, from the estimates of all its hops."""

import math
import os
from collections import Counter
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime_mer.errors import InputError
from realtime_mer.estimate import Status, Summary
from realtime_mer.library.sound import Sound
from realtime_mer.library.tracks import (
    COURSE_EVERY_S,
    TYPICAL_S,
    Course,
    Section,
    Track,
    edges,
)
from realtime_mer.mood import Said
from realtime_mer.sessions.course import Course as Hops
from realtime_mer.sessions.course import segments

Numbers = NDArray[np.float64]
Mask = NDArray[np.bool_]

_HEARD = {Status.MUSIC, Status.WARMING_UP, Status.NO_MUSIC}  # the others are silence, or near it
_STEP_S = 1.0  # from one place at which the typical part may begin to the next


def describe(hops: Hops, summary: Summary, *, sound: Sound, model: str) -> Track:
    """Return what is known of a track.

    Args:
        hops: the estimates of the whole track.
        summary: of the same; its path is made absolute.
        sound: of the file that was heard.
        model: name of the checkpoint.

    Raises:
        InputError: there is no estimate.
    """
    if summary.affect is None or not len(hops.t):
        raise InputError(f"{summary.path} is shorter than one hop: there is no estimate of it")
    counts = hops.music if hops.music.any() else np.ones(len(hops.t), dtype=bool)
    valence, arousal = hops.valence[counts], hops.arousal[counts]
    quadrants = summary.affect.quadrants
    course = Course(
        every_s=COURSE_EVERY_S,
        valence=_means(hops, hops.valence, counts),
        arousal=_means(hops, hops.arousal, counts),
    )
    beginning, ending = edges(course, seconds=summary.seconds)
    return Track(
        path=os.path.abspath(summary.path),
        seconds=summary.seconds,
        affect=summary.affect,
        valence_spread=round(float(valence.std()), 6),
        arousal_spread=round(float(arousal.std()), 6),
        quadrant=max(quadrants, key=quadrants.__getitem__),
        beginning=beginning,
        ending=ending,
        moods=_moods(hops, counts),
        music_share=summary.music_share if _HEARD & set(hops.statuses) else 0.0,
        level_dbfs=round(10 * math.log10(np.mean(10 ** (hops.level_dbfs[counts] / 10))), 2),
        loudness_lufs=sound.loudness_lufs,
        sections=_sections(hops),
        typical_s=_typical(hops, counts, seconds=summary.seconds),
        course=course,
        model=model,
        sound=sound.sha256,
    )


def _means(hops: Hops, values: Numbers, counts: Mask) -> tuple[float, ...]:
    """Average over equal parts of time; a part without music lies between its neighbours."""
    part = ((hops.t - hops.hop / 2) // COURSE_EVERY_S).astype(int)
    parts = int(part[-1]) + 1
    sums = np.bincount(part[counts], weights=values[counts], minlength=parts)
    heard = np.bincount(part[counts], minlength=parts)
    known = np.flatnonzero(heard)
    means = np.interp(np.arange(parts), known, sums[known] / heard[known])
    return tuple(round(float(mean), 6) for mean in means)


def _moods(hops: Hops, counts: Mask) -> dict[str, float]:
    said = Said()
    for words, count in Counter(compress(hops.words, counts.tolist())).items():
        said.add(words, amount=count)
    whole = int(counts.sum())
    return {word: round(amount / whole, 6) for word, amount in said.words.items()}


def _sections(hops: Hops) -> tuple[Section, ...]:
    """Return the segments of the track; those without music are one where they follow each other.

    What the network had not yet warmed up to belongs to what comes next.
    """
    found: list[Section] = []
    start = None
    for one in segments(hops):
        start = one.start if start is None else start
        if one.status is Status.WARMING_UP:
            continue
        if found and not found[-1].mood and not one.mood:
            start = found.pop().start
        found.append(
            Section(
                start=round(start, 3),
                end=round(one.end, 3),
                mood=one.mood,
                valence=_rounded(one.valence),
                arousal=_rounded(one.arousal),
            )
        )
        start = None
    return tuple(found)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _typical(hops: Hops, counts: Mask, *, seconds: float) -> float:
    """Return where the part begins whose hops lie nearest to the track's mean, by their squares.

    Of those parts that are music for as long as the one with the most music; the first of equals.
    """
    size, step = round(TYPICAL_S / hops.hop), max(1, round(_STEP_S / hops.hop))
    if seconds <= TYPICAL_S or len(hops.t) <= size:
        return 0.0
    starts = np.arange(0, len(hops.t) - size + 1, step)

    def over_parts(values: NDArray[Any]) -> Numbers:
        sums = np.concatenate(([0.0], np.cumsum(np.where(counts, values, 0.0))))
        return np.asarray(sums[starts + size] - sums[starts])

    off = sum((values - values[counts].mean()) ** 2 for values in (hops.valence, hops.arousal))
    heard = np.round(over_parts(np.ones(len(hops.t))))
    most = heard == heard.max()
    squares = np.round(over_parts(np.asarray(off)) / np.maximum(heard, 1), 9)
    best = int(np.argmin(np.where(most, squares, np.inf)))
    return round(float(starts[best] * hops.hop), 3)
