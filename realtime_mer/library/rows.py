"""Rows of tables of tracks: what the columns are called, and what may stand in them."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Literal

from realtime_mer.emotion import GEMS, MOOD_WORDS, QUADRANTS
from realtime_mer.errors import InputError
from realtime_mer.estimate import Affect
from realtime_mer.library.tracks import Course, Point, Section, Track, edges

Kind = Literal["text", "number", "numbers", "texts", "sections"]

_MOODS = tuple(mood.word for mood in MOOD_WORDS)


def _columns() -> dict[str, Kind]:
    numbers = "seconds valence arousal valence_sd arousal_sd valence_low valence_high arousal_low "
    numbers += "arousal_high valence_spread arousal_spread"
    found: dict[str, Kind] = {"path": "text", "copies": "texts"}
    found |= dict.fromkeys(numbers.split(), "number")
    found |= {"quadrant": "text"}
    found |= dict.fromkeys([f"quadrants.{name}" for name in QUADRANTS], "number")
    found |= dict.fromkeys([f"gems.{name}" for name in GEMS], "number")
    found |= {"mood": "text"}
    found |= dict.fromkeys([f"moods.{word}" for word in _MOODS], "number")
    numbers = "music_share level_dbfs loudness_lufs beginning.valence beginning.arousal "
    numbers += "ending.valence ending.arousal typical_s"
    found |= dict.fromkeys(numbers.split(), "number")
    found |= {"sections": "sections", "course_s": "number"}
    found |= dict.fromkeys(["valence_course", "arousal_course"], "numbers")
    return found | dict.fromkeys(["model", "model_sha256", "sound"], "text")


COLUMNS: Mapping[str, Kind] = _columns()
"""Names of the columns of a table of tracks, in order, each with what stands in it."""

NEEDED = frozenset(
    (
        "path seconds valence arousal valence_sd arousal_sd valence_spread arousal_spread quadrant "
        f"{' '.join(f'quadrants.{name}' for name in QUADRANTS)} "
        f"{' '.join(f'gems.{name}' for name in GEMS)} level_dbfs model"
    ).split()
)
"""Those that every table has had; a track may lack the others, or they follow from these."""

_LONGEST_SHOWN = 80  # characters of a value that is no good


def row_of(track: Track) -> dict[str, Any]:
    """Return the row of a table: nested values by their path (``gems.power``), lists as such.

    The names are those of ``analyze --summary --format csv``, where that has them.

    Raises:
        ValueError: its numbers are not on the model's scale, which is what tables hold.
    """
    if track.scale:
        raise ValueError(f"{track.path} is on an {track.scale}")
    course, said = track.course, track.moods
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    for name in ("path", "seconds", "quadrant", "mood", "music_share", "level_dbfs", "model"):
        row[name] = getattr(track, name)
    for name in ("valence", "arousal", "valence_sd", "arousal_sd"):
        row[name] = getattr(track, name)
    for name in ("loudness_lufs", "typical_s", "valence_spread", "arousal_spread"):
        row[name] = getattr(track, name)
    row["copies"] = list(track.copies)
    row["valence_low"], row["valence_high"] = track.valence_interval
    row["arousal_low"], row["arousal_high"] = track.arousal_interval
    row |= {f"quadrants.{name}": value for name, value in track.quadrants.items()}
    row |= {f"gems.{name}": value for name, value in track.gems.items()}
    if said:
        row |= {f"moods.{word}": said.get(word, 0.0) for word in _MOODS}
    for name, point in (("beginning", track.beginning), ("ending", track.ending)):
        row |= {f"{name}.valence": point.valence, f"{name}.arousal": point.arousal}
    row["sections"] = [asdict(section) for section in track.sections]
    if course is not None:
        row["course_s"] = course.every_s
        row["valence_course"], row["arousal_course"] = list(course.valence), list(course.arousal)
    row["model_sha256"] = track.model_sha256 or None
    row["sound"] = track.sound or None
    return row


def track_of(row: Mapping[str, Any]) -> Track:
    """Rebuild a track from ``row_of``'s mapping, its numbers and lists as such or as text.

    Raises:
        InputError: a column is missing or holds something else.
    """
    path, seconds = _text(row, "path"), _number(row, "seconds")
    affect = Affect(
        valence=_number(row, "valence"),
        arousal=_number(row, "arousal"),
        valence_sd=_number(row, "valence_sd"),
        arousal_sd=_number(row, "arousal_sd"),
        quadrants={name: _number(row, f"quadrants.{name}") for name in QUADRANTS},
        gems={name: _number(row, f"gems.{name}") for name in GEMS},
    )
    course = _course(row, seconds=seconds)
    beginning, ending = _edges(row, course, seconds=seconds)
    return Track(
        path=path,
        copies=_copies(row),
        seconds=seconds,
        affect=affect,
        valence_spread=_number(row, "valence_spread"),
        arousal_spread=_number(row, "arousal_spread"),
        quadrant=_text(row, "quadrant"),
        beginning=beginning,
        ending=ending,
        moods=_moods(row),
        music_share=_number_or_none(row, "music_share"),
        level_dbfs=_number(row, "level_dbfs"),
        loudness_lufs=_number_or_none(row, "loudness_lufs"),
        sections=_sections(row),
        typical_s=_number_or_none(row, "typical_s"),
        course=course,
        model=_text(row, "model"),
        model_sha256=_text_or_none(row, "model_sha256"),
        sound=_text_or_none(row, "sound"),
    )


def _course(row: Mapping[str, Any], *, seconds: float) -> Course | None:
    lists = "valence_course", "arousal_course"
    if all(_empty(row, name) for name in lists) and not _empty(row, "beginning.valence"):
        return None
    valence, arousal = _numbers(row, "valence_course"), _numbers(row, "arousal_course")
    if len(valence) != len(arousal):
        raise InputError("valence_course and arousal_course are not of the same length")
    every_s = _number_or_none(row, "course_s")
    if every_s is None:
        every_s = seconds / len(valence)
    if every_s <= 0:
        raise InputError(f"course_s is {every_s}, not above 0")
    return Course(every_s=every_s, valence=valence, arousal=arousal)


def _edges(row: Mapping[str, Any], course: Course | None, *, seconds: float) -> tuple[Point, Point]:
    if course is not None and _empty(row, "beginning.valence"):
        return edges(course, seconds=seconds)
    beginning, ending = (
        Point(valence=_number(row, f"{name}.valence"), arousal=_number(row, f"{name}.arousal"))
        for name in ("beginning", "ending")
    )
    return beginning, ending


def _moods(row: Mapping[str, Any]) -> dict[str, float]:
    shares = {word: _number_or_none(row, f"moods.{word}") for word in _MOODS}
    said = {word: share for word, share in shares.items() if share}
    return dict(sorted(said.items(), key=lambda item: -item[1]))


def _copies(row: Mapping[str, Any]) -> tuple[str, ...]:
    copies = _list(row, "copies")
    if not all(isinstance(copy, str) and copy for copy in copies):
        raise InputError(f"copies is {_shown(copies)}, not a list of texts")
    return tuple(copies)


def _sections(row: Mapping[str, Any]) -> tuple[Section, ...]:
    found = []
    for one in _list(row, "sections"):
        if not isinstance(one, Mapping) or not isinstance(one.get("mood"), str):
            raise InputError(f"sections holds {_shown(one)}, which is none")
        found.append(
            Section(
                start=_number(one, "start"),
                end=_number(one, "end"),
                mood=one["mood"],
                valence=_number_or_none(one, "valence"),
                arousal=_number_or_none(one, "arousal"),
            )
        )
    return tuple(found)


# -- cells -----------------------------------------------------------------------------------------


def _empty(row: Mapping[str, Any], name: str) -> bool:
    return row.get(name) in (None, "")  # CSV has no other word for it


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


def _text_or_none(row: Mapping[str, Any], name: str) -> str:
    return "" if _empty(row, name) else _text(row, name)


def _number(row: Mapping[str, Any], name: str) -> float:
    return _finite(_cell(row, name), name)


def _number_or_none(row: Mapping[str, Any], name: str) -> float | None:
    return None if _empty(row, name) else _number(row, name)


def _finite(value: object, name: str) -> float:
    try:
        number = float(value) if isinstance(value, int | float | str) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{name} is {_shown(value)}, not a number")
    return number


def _numbers(row: Mapping[str, Any], name: str) -> tuple[float, ...]:
    value = _parsed(_cell(row, name), name, what="numbers")
    if not value:
        raise InputError(f"{name} is not a list of numbers")
    return tuple(_finite(number, name) for number in value)


def _list(row: Mapping[str, Any], name: str) -> list[Any]:
    return [] if _empty(row, name) else _parsed(row[name], name, what="what it should")


def _parsed(value: Any, name: str, *, what: str) -> list[Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{name} is {_shown(value)}, not a list of {what}") from error
    if not isinstance(value, list):
        raise InputError(f"{name} is not a list of {what}")
    return value


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:  # Python writes no integer of more than 4300 digits
        return "a huge number"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
