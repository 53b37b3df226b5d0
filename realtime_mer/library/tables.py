"""Tables of tracks as files: SQLite, Parquet and CSV, by the extension."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from realtime_mer.errors import InputError
from realtime_mer.library.rows import COLUMNS, row_of, track_of
from realtime_mer.library.store import TrackStore
from realtime_mer.library.tracks import Track
from realtime_mer.wording import legible
from realtime_mer.writing.cells import from_cell, to_cells
from realtime_mer.writing.replacing import replacing

if TYPE_CHECKING:
    import pyarrow as pa

_COURSES = ("valence_course", "arousal_course")

_GROUP = 1000  # tracks of a Parquet file that are held at a time

_LONGEST_CELL = 1 << 24  # characters: the course of a track of a month

EXTENSIONS = (".sqlite", ".parquet", ".csv")


def check_extension(path: Path) -> None:
    """Refuse a table whose extension does not say what it is.

    Raises:
        InputError: it is none of ``EXTENSIONS``.
    """
    if path.suffix.lower() not in EXTENSIONS:
        raise InputError(f"{path} is no table that is known: end it in {', '.join(EXTENSIONS)}")


FileState = tuple[tuple[int, int, int], ...]
"""What ``state_of`` tells of a file: another one where it may say something else."""


def state_of(path: Path) -> FileState:
    """Return number, size and time of a file, beside an SQLite file also of its log.

    Changes come first into the log. One that is opened and holds nothing is as good as none, and so
    is a file that is not there.
    """
    log = path.with_name(f"{path.name}-wal")
    return tuple(map(_number_size_time, (path, log) if path.suffix == ".sqlite" else (path,)))


def _number_size_time(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0, 0
    return (found.st_ino, found.st_size, found.st_mtime_ns) if found.st_size else (0, 0, 0)


def store_of(table: Path) -> Path:
    """Return the SQLite file in which a table is worked out: itself, or beside it."""
    return table if table.suffix.lower() == ".sqlite" else table.with_suffix(".sqlite")


def write_table(path: Path, tracks: Iterable[Track]) -> None:
    """Write a Parquet or CSV file, whole or not at all, and few tracks of it at a time.

    In CSV a list is JSON in a cell. A name that is no UTF-8 is spelt out, as in ``\\udcff``.

    Raises:
        InputError: it cannot be written.
    """
    write = _write_parquet if path.suffix.lower() == ".parquet" else _write_csv
    try:
        write(path, (_legible(row_of(track)) for track in tracks))
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


def read_table(path: Path, *, courses: bool = True) -> list[Track]:
    """Read the tracks of a table in any of the three formats.

    Args:
        path: of the table.
        courses: read the courses too, which are most of what there is to hold.

    Raises:
        InputError: it is missing, something else, damaged or empty.
    """
    tracks = list(each_track(path, courses=courses))
    if not tracks:
        raise InputError(f"{path} holds no track: annotate a folder with music in it")
    return tracks


def each_track(path: Path, *, courses: bool = True) -> Iterator[Track]:
    """Yield the tracks of a table in any of the three formats, few of them held at a time.

    Args:
        path: of the table.
        courses: read the courses too.

    Raises:
        InputError: it is missing, something else or damaged.
    """
    check_table(path)
    suffix = path.suffix.lower()
    if suffix == ".sqlite":
        with TrackStore(path, read_only=True) as store:
            yield from store.tracks(courses=courses)
        return
    read: Callable[[Path], Iterator[Mapping[str, Any]]]
    read = _read_parquet if suffix == ".parquet" else _read_csv
    for number, row in enumerate(read(path), start=1):
        try:
            track = track_of(row)
        except InputError as error:
            raise InputError(f"{path}: track {number}: {error}") from error
        yield track if courses else replace(track, course=None)


def arrow_table(path: Path) -> "pa.Table | None":
    """Return a Parquet or CSV file in Arrow's memory, all but the courses, with columns by kind.

    None where Arrow cannot read it so; ``each_track`` then says why.
    """
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as file:
            if path.suffix.lower() == ".parquet":
                parquet = pq.ParquetFile(file)
                names = [name for name in parquet.schema_arrow.names if name not in _COURSES]
                return parquet.read(names)
            heading = csv.reader([file.readline().decode("utf-8-sig")])
            names = [name for name in next(heading, []) if name not in _COURSES]
            file.seek(0)
            kinds = {"number": pa.float64()}
            return pa.csv.read_csv(
                file,
                # A cell may hold the sections of a long track.
                read_options=pa.csv.ReadOptions(block_size=_LONGEST_CELL),
                parse_options=pa.csv.ParseOptions(newlines_in_values=True),
                convert_options=pa.csv.ConvertOptions(
                    include_columns=names,
                    column_types={n: kinds.get(k, pa.string()) for n, k in COLUMNS.items()},
                    null_values=[""],
                    strings_can_be_null=True,
                ),
            )
    except (OSError, ValueError, KeyError, pa.ArrowException):
        return None


def arrow_rows(table: "pa.Table", path: Path) -> list[dict[str, Any]]:
    """Return rows of what ``arrow_table`` read from a file, with texts as they were before CSV."""
    rows: list[dict[str, Any]] = table.to_pylist()
    if path.suffix.lower() == ".parquet":
        return rows
    return [{k: from_cell(v) if isinstance(v, str) else v for k, v in row.items()} for row in rows]


def _legible(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "path": legible(row["path"]), "copies": [legible(one) for one in row["copies"]]}


def _write_csv(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    with replacing(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(COLUMNS), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            texts = {k: json.dumps(v) if isinstance(v, list) else v for k, v in row.items()}
            writer.writerow(to_cells(texts))


def _read_csv(path: Path) -> Iterator[Mapping[str, Any]]:
    limit = csv.field_size_limit(_LONGEST_CELL)
    try:
        # With the mark that spreadsheets put before UTF-8, or without.
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                yield {k: from_cell(v) if isinstance(v, str) else v for k, v in row.items()}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as CSV ({error}): annotate again") from error
    finally:
        csv.field_size_limit(limit)


# pyarrow takes a third of a second to import, and only Parquet needs it.


def _write_parquet(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = pa.float64()
    section = {"start": number, "end": number, "mood": pa.string()}
    section |= {"valence": number, "arousal": number}
    kinds = {
        "number": number,
        "text": pa.string(),
        "numbers": pa.list_(number),
        "texts": pa.list_(pa.string()),
        "sections": pa.list_(pa.struct(list(section.items()))),
    }
    form = pa.schema([(name, kinds[kind]) for name, kind in COLUMNS.items()])
    waiting = iter(rows)
    # pyarrow knows no name that is no UTF-8, hence the file.
    with replacing(path) as file, pq.ParquetWriter(file, form) as writer:
        while some := list(islice(waiting, _GROUP)):
            writer.write_table(pa.Table.from_pylist(some, form))


def _read_parquet(path: Path) -> Iterator[Mapping[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as file:
            for batch in pq.ParquetFile(file).iter_batches(_GROUP):
                yield from batch.to_pylist()
    # What pyarrow cannot make a value of Python's, such as a year 100000, is no error of its own.
    except (OSError, pa.ArrowException, ValueError, OverflowError) as error:
        reason = (str(error).splitlines() or ["damaged"])[0].rstrip(".")
        raise InputError(f"{path} cannot be read as Parquet ({reason}): annotate again") from error
