"""Rows of tables of tracks: what the columns are called, and what may stand in them."""

import json
import math
from collections.abc import Mapping
from typing import Any

from realtime_mer.emotion import GEMS, QUADRANTS
from realtime_mer.errors import InputError
from realtime_mer.estimate import Affect, columns
from realtime_mer.library.tracks import Course, Track, edges

COURSE_POINTS = 20
"""Points of the courses of a table."""

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

_LONGEST_SHOWN = 80  # characters of a value that is no good


def row_of(track: Track) -> dict[str, Any]:
    """Return the row of a table: nested values by their path (``gems.power``), lists as such.

    The names are those of ``analyze --summary --format csv``.
    """
    course = track.course
    lists = {
        "valence_course": [] if course is None else list(course.valence),
        "arousal_course": [] if course is None else list(course.arousal),
    }
    return dict(
        columns(
            {name: lists[name] if name in lists else getattr(track, name) for name in _IN_A_ROW}
        )
    )


def track_of(row: Mapping[str, Any]) -> Track:
    """Rebuild a track from ``row_of``'s mapping, its numbers and lists as such or as text.

    Raises:
        InputError: a column is missing or holds something else.
    """
    seconds = _number(row, "seconds")
    affect = Affect(
        valence=_number(row, "valence"),
        arousal=_number(row, "arousal"),
        valence_sd=_number(row, "valence_sd"),
        arousal_sd=_number(row, "arousal_sd"),
        quadrants={name: _number(row, f"quadrants.{name}") for name in QUADRANTS},
        gems={name: _number(row, f"gems.{name}") for name in GEMS},
    )
    course = Course(
        every_s=seconds / COURSE_POINTS,
        valence=_course(row, "valence_course"),
        arousal=_course(row, "arousal_course"),
    )
    beginning, ending = edges(course, seconds=seconds)
    return Track(
        path=_text(row, "path"),
        seconds=seconds,
        affect=affect,
        valence_spread=_number(row, "valence_spread"),
        arousal_spread=_number(row, "arousal_spread"),
        quadrant=_text(row, "quadrant"),
        beginning=beginning,
        ending=ending,
        level_dbfs=_number(row, "level_dbfs"),
        course=course,
        model=_text(row, "model"),
        music_share=_share(row, "music_share"),
    )


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
