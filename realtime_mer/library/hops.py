"""``Hops``: what a track is made of."""

import math
import os
from array import array
from typing import TYPE_CHECKING, Any

from realtime_mer.errors import InputError
from realtime_mer.estimate import Estimate, Status, Summary
from realtime_mer.library.rows import COURSE_POINTS
from realtime_mer.library.tracks import Course, Track, edges

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Hops:
    """What a track needs of each of its hops: 25 bytes, where an estimate takes a kilobyte."""

    def __init__(self) -> None:
        self._numbers = array("d")  # valence, arousal and level, hop by hop
        self._music = bytearray()

    def add(self, estimate: Estimate) -> None:
        """Take the next hop."""
        affect = estimate.affect
        self._numbers.extend((affect.valence, affect.arousal, estimate.level_dbfs))
        self._music.append(estimate.status is Status.MUSIC)

    def __len__(self) -> int:
        """How many were taken."""
        return len(self._music)

    def track(self, summary: Summary, *, model: str) -> Track:
        """Return what is known of the track whose hops these are, all of them, in order.

        Args:
            summary: of these hops; its path is made absolute.
            model: name of the checkpoint that made them.

        Raises:
            InputError: there is no hop.
        """
        if summary.affect is None or not len(self):
            raise InputError(f"{summary.path} is shorter than one hop: there is no estimate of it")
        import numpy as np  # whoever only reads tracks has no use for it

        music = np.frombuffer(self._music, dtype=bool)
        counts = music if music.any() else np.ones(len(self), dtype=bool)
        valence, arousal, level = np.array(self._numbers).reshape(-1, 3).T.copy()
        quadrants = summary.affect.quadrants
        course = Course(
            every_s=summary.seconds / COURSE_POINTS,
            valence=_means(valence, counts),
            arousal=_means(arousal, counts),
        )
        beginning, ending = edges(course, seconds=summary.seconds)
        return Track(
            path=os.path.abspath(summary.path),
            seconds=summary.seconds,
            affect=summary.affect,
            valence_spread=round(float(valence[counts].std()), 6),
            arousal_spread=round(float(arousal[counts].std()), 6),
            quadrant=max(quadrants, key=quadrants.__getitem__),
            level_dbfs=round(10 * math.log10(float(np.mean(10 ** (level[counts] / 10)))), 2),
            beginning=beginning,
            ending=ending,
            course=course,
            model=model,
            music_share=summary.music_share,
        )


def _means(values: "NDArray[Any]", counts: "NDArray[Any]") -> tuple[float, ...]:
    """Average over equal parts of time; a part without music lies between its neighbours."""
    import numpy as np

    part = np.arange(len(values)) * COURSE_POINTS // len(values)
    sums = np.bincount(part[counts], weights=values[counts], minlength=COURSE_POINTS)
    hops = np.bincount(part[counts], minlength=COURSE_POINTS)
    known = np.flatnonzero(hops)
    means = np.interp(np.arange(COURSE_POINTS), known, sums[known] / hops[known])
    return tuple(round(float(mean), 6) for mean in means)
