"""Tables of tracks as files: SQLite, Parquet and CSV, by the extension."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from realtime_mer.errors import InputError
from realtime_mer.library.rows import OPTIONAL, row_of, track_of
from realtime_mer.library.store import TrackStore
from realtime_mer.library.tracks import Track
from realtime_mer.writing.cells import from_cell, to_cells
from realtime_mer.writing.replacing import replacing

EXTENSIONS = (".sqlite", ".parquet", ".csv")


def check_extension(path: Path) -> None:
    """Refuse a table whose extension does not say what it is.

    Raises:
        InputError: it is none of ``EXTENSIONS``.
    """
    if path.suffix.lower() not in EXTENSIONS:
        raise InputError(f"{path} is no table that is known: end it in {', '.join(EXTENSIONS)}")


def store_of(table: Path) -> Path:
    """Return the SQLite file in which a table is worked out: itself, or beside it."""
    return table if table.suffix.lower() == ".sqlite" else table.with_suffix(".sqlite")


def write_table(path: Path, tracks: Sequence[Track]) -> None:
    """Write a Parquet or CSV file, whole or not at all; in CSV a course is a JSON list in a cell.

    Raises:
        InputError: it cannot be written.
    """
    write = _write_parquet if path.suffix.lower() == ".parquet" else _write_csv
    try:
        write(path, [row_of(track) for track in tracks])
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from error


def check_table(path: Path) -> None:
    """Refuse a table that is not there or is none.

    Raises:
        InputError: its extension is unknown, or it does not exist.
    """
    check_extension(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist: make it with `realtime-mer annotate`")


def read_table(path: Path) -> list[Track]:
    """Read the tracks of a table in any of the three formats.

    Raises:
        InputError: it is missing, something else, damaged or empty.
    """
    check_table(path)
    suffix = path.suffix.lower()
    if suffix == ".sqlite":
        with TrackStore(path, read_only=True) as store:
            tracks = list(store.tracks())
    else:
        read: Callable[[Path], Iterator[Mapping[str, Any]]]
        read = _read_parquet if suffix == ".parquet" else _read_csv
        tracks = []
        for number, row in enumerate(read(path), start=1):
            try:
                tracks.append(track_of(row))
            except InputError as error:
                raise InputError(f"{path}: track {number}: {error}") from error
    if not tracks:
        raise InputError(f"{path} holds no track: annotate a folder with music in it")
    return tracks


def _write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    with replacing(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            texts = {k: json.dumps(v) if isinstance(v, list) else v for k, v in row.items()}
            writer.writerow(to_cells(texts))


def _read_csv(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        # With the mark that spreadsheets put before UTF-8, or without.
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                yield {k: from_cell(v) if isinstance(v, str) else v for k, v in row.items()}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as CSV ({error}): annotate again") from error


# pyarrow takes a third of a second to import, and only Parquet needs it.


def _write_parquet(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist(list(rows))
    for name in OPTIONAL:  # of a column in which no track has a number it would not know the kind
        place = table.column_names.index(name)
        table = table.set_column(place, name, table.column(name).cast(pa.float64()))
    with replacing(path) as file:  # pyarrow knows no name that is no UTF-8
        pq.write_table(table, file)


def _read_parquet(path: Path) -> Iterator[Mapping[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as file:
            rows = pq.read_table(file).to_pylist()
    # What pyarrow cannot make a value of Python's, such as a year 100000, is no error of its own.
    except (OSError, pa.ArrowException, ValueError, OverflowError) as error:
        reason = (str(error).splitlines() or ["damaged"])[0].rstrip(".")
        raise InputError(f"{path} cannot be read as Parquet ({reason}): annotate again") from error
    yield from rows
