"""What the SQLite file of a ``TrackStore`` looks like, now and in earlier formats."""

import json
import os
import sqlite3
import sys
from array import array
from collections.abc import Iterator
from typing import Any

from realtime_mer.library.rows import COLUMNS, NEEDED, row_of, track_of
from realtime_mer.library.tracks import Track
from realtime_mer.library.walk import AudioFile
from realtime_mer.wording import legible

APPLICATION = 0x524D4552
"""Marks the file as ours: "RMER"."""

VERSION = 3
"""Format 1 had no share of music; 1 and 2 had one table, a row a path."""

ELSEWHERE = frozenset("path copies course_s valence_course arousal_course".split())
"""Columns of a table of tracks that stand in other tables of the store."""

KEPT = tuple(name for name in COLUMNS if name not in ELSEWHERE)
"""Columns of the table ``tracks``, besides its ``id`` and ``fingerprint``."""

SOUGHT = (
    "seconds valence arousal valence_spread arousal_spread beginning.valence beginning.arousal "
    "loudness_lufs music_share"
).split()
"""Columns by which tracks are searched for: an index holds them, so that no more need be read."""

_KINDS = {"number": "REAL", "text": "TEXT", "sections": "TEXT"}

SEARCH_INDEX = "CREATE INDEX IF NOT EXISTS tracks_by_place ON tracks ({})".format(
    ", ".join(f'"{name}"' for name in SOUGHT)
)
"""Makes the index of ``SOUGHT``; stores that were written before lack it until they are opened."""

_TABLES = """
CREATE TABLE tracks (
    id INTEGER PRIMARY KEY,
    {columns},
    fingerprint BLOB,
    UNIQUE (sound)
);
CREATE INDEX tracks_by_length ON tracks (seconds);
{index};
CREATE TABLE courses (
    track INTEGER PRIMARY KEY REFERENCES tracks (id),
    every_s REAL NOT NULL,
    valence BLOB NOT NULL,
    arousal BLOB NOT NULL
);
CREATE TABLE files (
    path NOT NULL PRIMARY KEY,
    track INTEGER NOT NULL REFERENCES tracks (id),
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    device TEXT,
    here INTEGER NOT NULL DEFAULT 1
) WITHOUT ROWID;
CREATE INDEX files_by_track ON files (track);
PRAGMA application_id = {application};
PRAGMA user_version = {version};
"""


_CHANGES = ("INSERT ON tracks", "UPDATE ON tracks", "INSERT ON files", "UPDATE ON files")


def watch_exports(database: sqlite3.Connection) -> None:
    """Let the store itself strike out the tables written from it with whatever changes in it.

    No kill and no full disk comes between; another format is no other one for it.
    """
    database.execute("CREATE TABLE IF NOT EXISTS exports (path NOT NULL PRIMARY KEY) WITHOUT ROWID")
    for number, change in enumerate(_CHANGES):
        database.execute(
            f"CREATE TRIGGER IF NOT EXISTS changed_{number} AFTER {change} "
            "BEGIN DELETE FROM exports; END"
        )


def create(database: sqlite3.Connection) -> None:
    """Make the tables; the caller has begun a transaction."""
    columns = ", ".join(
        f'"{name}" {_KINDS[COLUMNS[name]]}{" NOT NULL" if name in NEEDED else ""}' for name in KEPT
    )
    script = _TABLES.format(
        columns=columns, index=SEARCH_INDEX, application=APPLICATION, version=VERSION
    )
    for statement in script.split(";"):  # a script would end the transaction
        database.execute(statement)


def move_up(database: sqlite3.Connection) -> None:
    """Bring a store of an earlier format up to date; the caller has begun a transaction."""
    database.execute("ALTER TABLE tracks RENAME TO older")
    create(database)
    for file, track in older_tracks(database, "older"):
        link(database, file, insert(database, track))
    database.execute("DROP TABLE older")


def older_tracks(database: sqlite3.Connection, table: str) -> Iterator[tuple[AudioFile, Track]]:
    """Yield the tracks of a store of format 1 or 2, with the state their files had.

    Raises:
        InputError: a row is damaged.
    """
    rows = database.execute(f"SELECT * FROM {table} ORDER BY path")
    names = [column[0] for column in rows.description]
    for values in rows:
        row = dict(zip(names, values, strict=True))
        track = track_of(row)
        file = AudioFile(path=track.path, size=row["file_size"], mtime_ns=row["file_mtime_ns"])
        yield file, track


def insert(
    database: sqlite3.Connection,
    track: Track,
    *,
    fingerprint: bytes | None = None,
    number: int | None = None,
) -> int:
    """Write a track, in place of the one of that number if one is given; return its number."""
    row = {name: stored(value) for name, value in row_of(track).items() if name in KEPT}
    row["fingerprint"] = fingerprint
    names = ", ".join(f'"{name}"' for name in row)
    if number is None:
        places = ", ".join("?" * len(row))
        written = database.execute(
            f"INSERT INTO tracks ({names}) VALUES ({places})", list(row.values())
        )
        number = written.lastrowid or 0
    else:
        changes = ", ".join(f'"{name}" = ?' for name in row)
        database.execute(f"UPDATE tracks SET {changes} WHERE id = ?", [*row.values(), number])
        database.execute("DELETE FROM courses WHERE track = ?", (number,))
    if (course := track.course) is not None:
        database.execute(
            "INSERT INTO courses VALUES (?, ?, ?, ?)",
            (number, course.every_s, packed(course.valence), packed(course.arousal)),
        )
    return number


def link(database: sqlite3.Connection, file: AudioFile, number: int) -> None:
    """Write which track a file holds, in place of what was known of it."""
    device = None if file.device is None else str(file.device)
    database.execute(
        "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, 1)",
        (to_name(file.path), number, file.size, file.mtime_ns, device),
    )


def stored(value: Any) -> Any:
    """Return a value of a row as SQLite holds it."""
    return json.dumps(value) if isinstance(value, list) else value


def packed(values: tuple[float, ...]) -> bytes:
    """Return numbers in [-1, 1] as bytes, to seven digits."""
    return _little_endian(array("f", values)).tobytes()


def unpacked(content: object) -> list[float]:
    """Return the numbers that ``packed`` wrote, to six decimals.

    Raises:
        ValueError: it is something else.
    """
    if not isinstance(content, bytes):
        raise ValueError("a course is no bytes")
    numbers = array("f")
    numbers.frombytes(content)
    return [round(number, 6) for number in _little_endian(numbers)]


def _little_endian(numbers: "array[float]") -> "array[float]":
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def to_name(path: str) -> str | bytes:
    """Return a path as SQLite holds it: a text, and bytes where it is no UTF-8."""
    return path if legible(path) == path else os.fsencode(path)


def from_name(name: str | bytes) -> str:
    """Return the path that ``to_name`` wrote."""
    return os.fsdecode(name) if isinstance(name, bytes) else name
