"""``Catalogue``: the numbers of all tracks of a table side by side, as the page wants them."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from realtime_mer.errors import InputError
from realtime_mer.library.schema import from_name
from realtime_mer.library.store import TrackStore

NUMBERS = ("valence", "arousal", "spread", "seconds", "loudness_lufs", "music_share")
"""Columns of numbers; those that a track lacks are NaN."""

_ROWS = """
SELECT found.path, mood, valence, arousal, valence_spread, arousal_spread, seconds, loudness_lufs,
    music_share
FROM (SELECT track, min(path) AS path FROM files WHERE here GROUP BY track) AS found
JOIN tracks ON tracks.id = found.track
ORDER BY found.path
"""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Catalogue:
    """What is known of all tracks, a row a track.

    A track is known by a number, which stays with its path for as long as the service lives.

    Attributes:
        rows: of the tracks by their numbers.
        paths: of the tracks.
        moods: every mood that is said of one.
        mood: place among ``moods``, ``(tracks,)``.
        columns: ``NUMBERS``, ``(tracks,)`` each: ``spread`` is the standard deviation of a track's
            hops on the plane, the others are those of a ``Track``.
    """

    rows: Mapping[int, int]
    paths: tuple[str, ...]
    moods: tuple[str, ...]
    mood: NDArray[np.uint32]
    columns: Mapping[str, NDArray[np.float32]]

    @property
    def numbers(self) -> tuple[int, ...]:
        """Of the tracks, row by row."""
        return tuple(self.rows)

    def path(self, number: int) -> str | None:
        """Return where a track lies; None where the table holds it no longer."""
        row = self.rows.get(number)
        return None if row is None else self.paths[row]

    def seconds(self, number: int) -> float:
        """Return how long a track of the table is."""
        return float(self.columns["seconds"][self.rows[number]])


def read_catalogue(table: Path, numbers: dict[str, int]) -> Catalogue:
    """Read the numbers of all tracks that have a file.

    Args:
        table: see ``TrackStore``.
        numbers: of paths that were seen before; new ones are added.

    Raises:
        InputError: it cannot be used.
    """
    paths, moods = [], []
    values: list[tuple[float, ...]] = []
    with TrackStore(table, read_only=True) as store, store.transaction(locking=False) as run:
        for name, mood, *cells in run(_ROWS):
            paths.append(from_name(name))
            moods.append(str(mood or ""))
            values.append(tuple(math.nan if cell is None else float(cell) for cell in cells))
    for path in paths:
        numbers.setdefault(path, len(numbers))
    said = sorted(set(moods))
    places = {mood: place for place, mood in enumerate(said)}
    valence, arousal, of_valence, of_arousal, *others = (
        np.array(values, dtype=np.float32).reshape(-1, 7).T
    )
    drawn = (valence, arousal, np.hypot(of_valence, of_arousal), *others)
    if not all(np.isfinite(column).all() for column in drawn[:4]):
        raise InputError(f"{table} cannot be used as a table: a track lies nowhere on the plane")
    return Catalogue(
        rows={numbers[path]: row for row, path in enumerate(paths)},
        paths=tuple(paths),
        moods=tuple(said),
        mood=np.array([places[mood] for mood in moods], dtype=np.uint32),
        columns=dict(zip(NUMBERS, drawn, strict=True)),
    )


def points(catalogue: Catalogue, *, version: int) -> bytes:
    """Return all numbers as the page reads them.

    A line of JSON (``version``, ``count``, ``moods``, ``columns``), filled up with spaces to a
    multiple of four bytes, and then each column, little-endian: ``number`` and ``mood`` as unsigned
    integers of 32 bits, the others as floats of 32 bits.

    Args:
        catalogue: of the tracks.
        version: which one it is.
    """
    columns: dict[str, NDArray[np.uint32] | NDArray[np.float32]] = {
        "number": np.array(catalogue.numbers, dtype=np.uint32),
        "mood": catalogue.mood,
        **catalogue.columns,
    }
    told = {
        "version": version,
        "count": len(catalogue.paths),
        "moods": catalogue.moods,
        "columns": list(columns),
    }
    head = json.dumps(told).encode()
    head += b" " * (-(len(head) + 1) % 4) + b"\n"
    bodies = [
        column.astype(column.dtype.newbyteorder("<")).tobytes() for column in columns.values()
    ]
    return head + b"".join(bodies)
