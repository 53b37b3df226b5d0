"""``Columns``: what searches need of every track of a table, read without the rest of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime_mer.errors import InputError
from realtime_mer.library.checking.shown import read_shown
from realtime_mer.library.rows import track_of
from realtime_mer.library.schema import SOUGHT, from_name
from realtime_mer.library.store import TrackStore
from realtime_mer.library.tables import arrow_rows, arrow_table, check_table, each_track
from realtime_mer.library.tracks import Track

Numbers = NDArray[np.float64]
Whole = Callable[[Sequence[int]], list[Track]]

_MAY_LACK = frozenset(("loudness_lufs", "music_share"))


@dataclass(frozen=True, kw_only=True, eq=False)
class Columns:
    """Tracks as arrays ``(tracks,)``, in order of their paths; what they are is told in ``Track``.

    Attributes:
        paths: absolute.
        seconds, valence, arousal, valence_spread, arousal_spread, beginning_valence,
            beginning_arousal: finite.
        loudness_lufs, music_share: NaN where a track has none.
        whole: reads the tracks at some places, whole; their courses too where the table is SQLite.
    """

    paths: Sequence[str]
    seconds: Numbers
    valence: Numbers
    arousal: Numbers
    valence_spread: Numbers
    arousal_spread: Numbers
    beginning_valence: Numbers
    beginning_arousal: Numbers
    loudness_lufs: Numbers
    music_share: Numbers
    whole: Whole

    @classmethod
    def of(cls, tracks: Sequence[Track]) -> "Columns":
        """Return the columns of tracks that are there already, in any order."""
        tracks = sorted(tracks, key=lambda track: track.path)
        rows = [[_value(track, name) for name in SOUGHT] for track in tracks]
        numbers = np.array(rows, dtype=np.float64).reshape(-1, len(SOUGHT))
        return _columns(
            [track.path for track in tracks],
            dict(zip(SOUGHT, numbers.T, strict=True)),
            whole=lambda places: [tracks[place] for place in places],
        )


def read_columns(path: Path, *, my_scale: Path | None = None) -> Columns:
    """Read what searches need of the tracks of a table.

    Of SQLite that is an index of its own, of Parquet and CSV, and on the owner's scale, all but the
    courses.

    Args:
        path: of the table.
        my_scale: the answers of a check, for numbers on the owner's scale.

    Raises:
        InputError: the table is missing, something else, damaged or empty, or the scale cannot be
            used.
    """
    check_table(path)
    if my_scale is not None:
        return Columns.of(read_shown(path, my_scale))
    if path.suffix.lower() == ".sqlite":
        found = _of_store(path)
    else:
        # What Arrow does not take for numbers is read again as annotate wrote it: it knows older
        # tables, and says which track is damaged.
        found = _of_arrow(path) or Columns.of(list(each_track(path, courses=False)))
    if not found.paths:
        raise InputError(f"{path} holds no track: annotate a folder with music in it")
    return found


def _of_store(path: Path) -> Columns:
    names = ", ".join(f'"{name}"' for name in SOUGHT)
    with TrackStore(path, read_only=True) as store, store.transaction(locking=False) as run:
        files = run("SELECT path, track FROM files WHERE here ORDER BY path").fetchall()
        rows = run(f"SELECT id, {names} FROM tracks").fetchall()
        numbers = np.array(rows, dtype=np.float64).reshape(-1, 1 + len(SOUGHT))
    ids, order = np.unique(numbers[:, 0], return_index=True)
    # A track's name is that of the first of its files.
    tracks, first = np.unique([track for _, track in files], return_index=True)
    held = np.isin(tracks, ids)
    first = np.sort(first[held])
    there = np.searchsorted(ids, [files[place][1] for place in first])
    numbers = numbers[order[there.astype(np.intp)]]
    paths = [from_name(files[place][0]) for place in first]

    def whole(places: Sequence[int]) -> list[Track]:
        with TrackStore(path, read_only=True) as store:
            found = [store.track_at(paths[place]) for place in places]
        if None in found:
            raise InputError(f"{path} has changed meanwhile: give the same command again")
        return [track for track in found if track is not None]

    columns = dict(zip(SOUGHT, numbers.T[1:], strict=True))
    damaged = _damaged(columns)
    if damaged is not None:
        raise InputError(f"{path} cannot be used as a table: {damaged} of a track is no number")
    return _columns(paths, columns, whole=whole)


def _of_arrow(path: Path) -> Columns | None:
    """Return the columns of a Parquet or CSV file; None where they are not as they are today."""
    table = arrow_table(path)
    if table is None or not {"path", *SOUGHT} <= set(table.column_names):
        return None
    try:
        numbers = {name: table[name].to_numpy().astype(np.float64) for name in SOUGHT}
    except (TypeError, ValueError):
        return None
    if _damaged(numbers) is not None or table["path"].null_count:
        return None
    paths = [str(row["path"]) for row in arrow_rows(table.select(["path"]), path)]
    order = sorted(range(len(paths)), key=paths.__getitem__)

    def whole(places: Sequence[int]) -> list[Track]:
        rows: list[Any] = []
        for place in places:
            rows += arrow_rows(table.slice(order[place], 1), path)
        return [track_of(row) for row in rows]

    return _columns(
        [paths[place] for place in order],
        {name: values[order] for name, values in numbers.items()},
        whole=whole,
    )


def _columns(paths: Sequence[str], numbers: dict[str, Numbers], *, whole: Whole) -> Columns:
    arrays = {name.replace(".", "_"): np.ascontiguousarray(v) for name, v in numbers.items()}
    known = {field.name for field in fields(Columns)}
    return Columns(paths=paths, whole=whole, **{k: v for k, v in arrays.items() if k in known})


def _damaged(numbers: dict[str, Numbers]) -> str | None:
    """Return the first column that holds something that is no number; None if none does."""
    for name, values in numbers.items():
        bad = np.isinf(values) if name in _MAY_LACK else ~np.isfinite(values)
        if bad.any():
            return name
    return None


def _value(track: Track, name: str) -> float | None:
    part, _, coordinate = name.rpartition(".")
    value = getattr(getattr(track, part) if part else track, coordinate)
    return None if value is None else float(value)
