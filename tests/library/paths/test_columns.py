"""What searches read of a table is what it says of its tracks."""

import math
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from realtime_mer.errors import InputError
from realtime_mer.library import schema
from realtime_mer.library.paths.columns import Columns, read_columns
from realtime_mer.library.store import TrackStore
from realtime_mer.library.tables import read_table, write_table
from realtime_mer.library.walk import AudioFile
from tests.library.made import made_sound, made_track

TRACKS = [
    made_track('/ä,\n"b".mp3', valence=0.1, arousal=-0.7, loudness_lufs=-14.2),
    made_track("/=a.flac", valence=-0.4, music_share=0.75, seconds=61.5, valence_spread=0.3),
    made_track("/z.ogg", arousal=0.5, copies=("/zz.ogg",)),
]


def write(path: Path, tracks: Any = TRACKS) -> Path:
    if path.suffix != ".sqlite":
        write_table(path, tracks)
        return path
    with TrackStore(path) as store:
        for track in tracks:
            for name in track.paths:
                store.put(AudioFile(path=name, size=1, mtime_ns=2), track, made_sound(track.path))
    return path


@pytest.fixture(params=["sqlite", "parquet", "csv"])
def path(request, tmp_path: Path) -> Path:
    return tmp_path / f"table.{request.param}"


def test_columns_are_those_of_the_tracks_in_order_of_their_paths(path: Path) -> None:
    found, wanted = read_columns(write(path)), Columns.of(read_table(path))
    assert list(found.paths) == list(wanted.paths) == sorted(track.path for track in TRACKS)
    for name in (name.replace(".", "_") for name in schema.SOUGHT):
        assert np.array_equal(getattr(found, name), getattr(wanted, name), equal_nan=True), name
    assert np.isnan(found.loudness_lufs).tolist() == [True, True, False]


def test_a_track_that_was_found_is_read_whole(path: Path) -> None:
    tracks = sorted(read_table(write(path)), key=lambda track: track.path)
    found = read_columns(path).whole([2, 0])
    if path.suffix != ".sqlite":  # of whose courses nothing is read
        tracks = [replace(track, course=None) for track in tracks]
    assert found == [tracks[2], tracks[0]]


def test_a_file_that_is_not_there_any_more_is_no_track(tmp_path: Path) -> None:
    path = write(tmp_path / "table.sqlite")
    with TrackStore(path) as store:
        store.lose(["/z.ogg", "/=a.flac"])
    assert sorted(read_columns(path).paths) == ["/zz.ogg", '/ä,\n"b".mp3']
    assert [track.path for track in read_columns(path).whole([0])] == ["/zz.ogg"]


def test_a_name_that_is_no_utf_8_is_found(tmp_path: Path) -> None:
    track = made_track("/\udcff.flac")
    path = write(tmp_path / "table.sqlite", [track])
    (found,) = read_columns(path).whole([0])
    assert found.path == read_columns(path).paths[0] == "/\udcff.flac"


def test_searching_reads_an_index_and_no_track(tmp_path: Path) -> None:
    names = ", ".join(f'"{name}"' for name in schema.SOUGHT)
    with closing(sqlite3.connect(write(tmp_path / "table.sqlite"))) as database:
        plan = database.execute(f"EXPLAIN QUERY PLAN SELECT id, {names} FROM tracks").fetchall()
    assert "USING COVERING INDEX tracks_by_place" in plan[0][-1]


def test_a_store_from_before_the_index_is_read_and_gets_it_when_it_is_written_to(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "table.sqlite")
    with closing(sqlite3.connect(path)) as database:
        database.execute("DROP INDEX tracks_by_place")
    assert len(read_columns(path).paths) == 3
    with TrackStore(path):
        pass
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT name FROM sqlite_master WHERE type = 'index'").fetchall()
    assert ("tracks_by_place",) in rows


@pytest.mark.parametrize("value", ["?", math.inf])
def test_a_number_that_is_none_is_told_in_one_line(tmp_path: Path, value: Any) -> None:
    path = write(tmp_path / "table.sqlite")
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE tracks SET valence = ?", (value,))
    with pytest.raises(InputError, match=r"table\.sqlite cannot be used as a table") as refused:
        read_columns(path)
    assert "\n" not in str(refused.value)


def test_a_damaged_table_is_told_in_one_line(path: Path) -> None:
    path.write_bytes(b"\xff\x00 no table \n" * 100)
    with pytest.raises(InputError, match=path.name) as refused:
        read_columns(path)
    assert "\n" not in str(refused.value)


def test_a_table_without_tracks_is_told(path: Path) -> None:
    with pytest.raises(InputError, match="holds no track"):
        read_columns(write(path, []))


def test_a_number_of_a_csv_that_is_none_is_told_with_its_track(tmp_path: Path) -> None:
    path = write(tmp_path / "table.csv")
    path.write_text(path.read_text().replace("-0.7", "low", 1))
    with pytest.raises(InputError, match="track 1: arousal is 'low', not a number"):
        read_columns(path)


def test_a_parquet_file_of_an_earlier_version_is_read_by_its_courses(tmp_path: Path) -> None:
    path = write(tmp_path / "table.parquet")
    table = pq.read_table(path)
    dropped = ["beginning.valence", "beginning.arousal", "ending.valence", "ending.arousal"]
    pq.write_table(table.drop_columns([*dropped, "loudness_lufs"]), path)
    columns = read_columns(path)
    assert columns.beginning_arousal.tolist() == pytest.approx([0.0, 0.5, -0.7])


def test_numbers_of_other_widths_are_numbers(tmp_path: Path) -> None:
    path = write(tmp_path / "table.parquet")
    table = pq.read_table(path)
    place = table.column_names.index("arousal")
    narrow = table["arousal"].cast(pa.float32())
    pq.write_table(table.set_column(place, "arousal", narrow), path)
    assert read_columns(path).arousal == pytest.approx([0.0, 0.5, -0.7])
