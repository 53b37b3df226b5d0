"""``Track``: what is known of a piece of music, its emotion as a whole and how that moves."""

import json
import math
import os
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from realtime_mer.emotion import GEMS, QUADRANTS
from realtime_mer.errors import InputError
from realtime_mer.estimate import Affect, Estimate, HasAffect, Status, Summary, columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

COURSE_POINTS = 20
"""Points of a track's course, equally spaced over its duration."""

COLUMNS = (
    "path seconds valence arousal valence_sd arousal_sd valence_spread arousal_spread quadrant "
    f"{' '.join(f'quadrants.{name}' for name in QUADRANTS)} "
    f"{' '.join(f'gems.{name}' for name in GEMS)} "
    "mood music_share level_dbfs valence_course arousal_course model"
).split()
"""Names of the columns of a table of tracks, in order."""

OPTIONAL = ("music_share",)
"""Those that a track may lack; all of them hold numbers."""

_IN_A_ROW = dict.fromkeys(name.partition(".")[0] for name in COLUMNS)  # attributes, in that order
_EDGE_POINTS = 2  # a tenth of the track: what is heard while two tracks are mixed

_LONGEST_SHOWN = 80  # characters of a value that is no good


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A place on the valence-arousal plane, both coordinates in [-1, 1]."""

    valence: float
    arousal: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Track(HasAffect):
    """The emotion of a track as a whole and over time.

    Attributes:
        path: absolute.
        seconds: duration of its sound.
        affect: of the track as a whole, as in ``Summary``; its parts can be read as the track's.
        valence_spread, arousal_spread: standard deviation over the track's hops, >= 0.
        valence_course, arousal_course: means over ``COURSE_POINTS`` equal parts of the track.
        quadrant: the most probable.
        music_share: as in ``Summary``; None also where the table was written before there was one.
        level_dbfs: root mean square of the sound in dB relative to full scale.
        model: name of the checkpoint.

    Mean, spread, course and level are of the hops that ``Summarizer`` averages: those that are
    ``music``, and all of them if there are none.
    """

    path: str
    seconds: float
    affect: Affect
    valence_spread: float
    arousal_spread: float
    quadrant: str
    level_dbfs: float
    valence_course: tuple[float, ...]
    arousal_course: tuple[float, ...]
    model: str
    music_share: float | None = None

    @property
    def mean(self) -> Point:
        """Where the track lies as a whole."""
        return Point(valence=self.valence, arousal=self.arousal)

    @property
    def beginning(self) -> Point:
        """Mean of its first tenth."""
        return self._edge(slice(None, _EDGE_POINTS))

    @property
    def ending(self) -> Point:
        """Mean of its last tenth."""
        return self._edge(slice(-_EDGE_POINTS, None))

    def _edge(self, part: slice) -> Point:
        valence, arousal = self.valence_course[part], self.arousal_course[part]
        return Point(
            valence=math.fsum(valence) / len(valence), arousal=math.fsum(arousal) / len(arousal)
        )

    def to_row(self) -> dict[str, Any]:
        """Return the row of a table: nested values by their path (``gems.power``), lists as such.

        The names are those of ``analyze --summary --format csv``.
        """
        cells = columns({name: getattr(self, name) for name in _IN_A_ROW})
        return {name: list(cell) if isinstance(cell, tuple) else cell for name, cell in cells}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Rebuild a track from ``to_row``'s mapping, its numbers and lists as such or as text.

        Raises:
            InputError: a column is missing or holds something else.
        """
        return cls(
            path=_text(row, "path"),
            seconds=_number(row, "seconds"),
            affect=Affect(
                valence=_number(row, "valence"),
                arousal=_number(row, "arousal"),
                valence_sd=_number(row, "valence_sd"),
                arousal_sd=_number(row, "arousal_sd"),
                quadrants={name: _number(row, f"quadrants.{name}") for name in QUADRANTS},
                gems={name: _number(row, f"gems.{name}") for name in GEMS},
            ),
            valence_spread=_number(row, "valence_spread"),
            arousal_spread=_number(row, "arousal_spread"),
            quadrant=_text(row, "quadrant"),
            level_dbfs=_number(row, "level_dbfs"),
            valence_course=_course(row, "valence_course"),
            arousal_course=_course(row, "arousal_course"),
            model=_text(row, "model"),
            music_share=_share(row, "music_share"),
        )


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
        return Track(
            path=os.path.abspath(summary.path),
            seconds=summary.seconds,
            affect=summary.affect,
            valence_spread=round(float(valence[counts].std()), 6),
            arousal_spread=round(float(arousal[counts].std()), 6),
            quadrant=max(quadrants, key=quadrants.__getitem__),
            level_dbfs=round(10 * math.log10(float(np.mean(10 ** (level[counts] / 10)))), 2),
            valence_course=_means(valence, counts),
            arousal_course=_means(arousal, counts),
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


def _cell(row: Mapping[str, Any], name: str) -> Any:
    value = row.get(name)
    if value is None:
        raise InputError(f"the column {name} is missing: write the table with annotate again")
    return value


def _text(row: Mapping[str, Any], name: str) -> str:
    value = _cell(row, name)
    if not isinstance(value, str) or not value:
        raise InputError(f"{name} is {_shown(value)}, not a text")
    return value


def _number(row: Mapping[str, Any], name: str) -> float:
    return _finite(_cell(row, name), name)


def _share(row: Mapping[str, Any], name: str) -> float | None:
    value = row.get(name)
    if value is None or value == "":  # CSV has no other word for it
        return None
    return _finite(value, name)


def _finite(value: object, name: str) -> float:
    try:
        number = float(value) if isinstance(value, int | float | str) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{name} is {_shown(value)}, not a number")
    return number


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:  # Python writes no integer of more than 4300 digits
        return "a huge number"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _course(row: Mapping[str, Any], name: str) -> tuple[float, ...]:
    value = _cell(row, name)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{name} is {_shown(value)}, not a list of numbers") from error
    if not isinstance(value, list) or len(value) != COURSE_POINTS:
        raise InputError(f"{name} is not a list of {COURSE_POINTS} numbers")
    return tuple(_finite(number, name) for number in value)
