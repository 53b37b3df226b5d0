"""Tables as published: columns vary in case, blanks and word order, and rows are ragged."""

import csv
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from realtime_mer.emotion import QUADRANTS
from realtime_mer.errors import InputError

from .clip import Curve

Row = dict[str, str]


def plain_name(name: str) -> str:
    """Return a column's name in one spelling: ``" Valence(mean)"`` is ``"valence_mean"``."""
    return re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")


def read_rows(
    path: Path,
    columns: Sequence[str] | Mapping[str, Sequence[str]] = (),
    *,
    optional: Mapping[str, Sequence[str]] | None = None,
) -> list[Row]:
    """Read a table as text, its columns under names of ours.

    Args:
        path: comma-separated, with a header line.
        columns: the names it must have; a mapping gives, for a name of ours, the spellings of it
            that are met. Case, blanks and brackets do not matter.
        optional: likewise, of columns that may be absent and then read as empty.

    Returns:
        A dictionary for each row, with every column of the table in its plain name and, under our
        name, that of the first spelling there is.

    Raises:
        InputError: the file is missing, empty, or lacks one of ``columns``.
    """
    wanted: dict[str, Sequence[str]] = (
        dict(columns) if isinstance(columns, Mapping) else {name: (name,) for name in columns}
    )
    try:
        # Artists' names in other encodings must not keep the numbers from being read.
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            lines = [line for line in csv.reader(file) if line]
    except FileNotFoundError:
        raise InputError(f"the table {path} is missing; unpack all of the corpus") from None
    if not lines:
        raise InputError(f"the table {path} is empty; unpack it again")
    names = [plain_name(name) for name in lines[0]]
    rows = [
        dict.fromkeys(names, "") | dict(zip(names, (cell.strip() for cell in line), strict=False))
        for line in lines[1:]
    ]
    for name, spellings in (wanted | dict(optional or {})).items():
        there = [spelling for spelling in spellings if spelling in names]
        if not there and name in wanted:
            raise InputError(
                f"{path} lacks the column {' or '.join(map(repr, spellings))} and begins with "
                f"{','.join(lines[0])[:80]!r}; is it the right file, with commas between columns?"
            )
        for row in rows:
            row[name] = row[there[0]] if there else ""
    return rows


def number(text: str, where: object) -> float | None:
    """Return a finite number, or None for an empty cell, ``NA`` or ``nan``.

    Raises:
        InputError: it is neither; names ``where``.
    """
    if text.casefold() in ("", "na", "n/a", "nan", "none", "null"):
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{where} holds {text!r} where a number should be; correct the table")
    return value


def required(text: str, where: object) -> float:
    """Return a finite number.

    Raises:
        InputError: it is none; names ``where``.
    """
    value = number(text, where)
    if value is None:
        raise InputError(f"{where} holds no number where one should be; correct the table")
    return value


def quadrant(text: str, where: object) -> int | None:
    """Return the index of a quadrant named Q1 to Q4, or None for an empty cell.

    Raises:
        InputError: it is something else; names ``where``.
    """
    if not text:
        return None
    if text.upper() not in QUADRANTS:
        raise InputError(f"{where} names the quadrant {text!r}; known are {', '.join(QUADRANTS)}")
    return QUADRANTS.index(text.upper())


def song_number(text: str) -> str:
    """Return a song's number in one spelling, ``"12"`` for ``"12.0"``, ``"012"`` or ``" 12"``."""
    match = re.fullmatch(r"0*(\d+)(\.0*)?", text.strip())
    return match[1] if match else text.strip()


def read_samples(path: Path) -> dict[str, dict[float, float]]:
    """Read a wide table: a song in each row, columns like ``sample_15000ms``.

    Returns:
        By song: the value at every time, in seconds, that has one.

    Raises:
        InputError: it has no song number or no such column.
    """
    rows = read_rows(path, {"song": ("song_id", "songid", "id", "musicid")})
    times = {
        name: int(match[1]) / 1000
        for name in (rows[0] if rows else ())
        if (match := re.fullmatch(r"sample_(\d+)ms", name))
    }
    if not times:
        raise InputError(f"{path} has no column like 'sample_15000ms'; is it the right file?")
    return {
        song_number(row["song"]): {
            time: value
            for name, time in times.items()
            if (value := number(row[name], f"{path}, song {row['song']}")) is not None
        }
        for row in rows
    }


def curve(
    valence: Mapping[float, float],
    arousal: Mapping[float, float],
    valence_sd: Mapping[float, float] | None = None,
    arousal_sd: Mapping[float, float] | None = None,
) -> Curve | None:
    """Return the curve over the times at which everything is known, None if there is none."""
    given = [each for each in (valence, arousal, valence_sd, arousal_sd) if each is not None]
    times = sorted(set.intersection(*(set(each) for each in given)))
    if not times:
        return None

    def at(values: Mapping[float, float]) -> tuple[float, ...]:
        return tuple(values[time] for time in times)

    return Curve(
        times=tuple(times),
        valence=at(valence),
        arousal=at(arousal),
        valence_sd=None if valence_sd is None else at(valence_sd),
        arousal_sd=None if arousal_sd is None else at(arousal_sd),
    )
