"""Tables of tracks as files."""

import csv
import os
import sqlite3
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from realtime_mer.errors import InputError
from realtime_mer.library.store import TrackStore
from realtime_mer.library.tables import read_table, write_table
from realtime_mer.library.walk import AudioFile
from tests.library.made import made_track

TRACKS = [
    made_track("/a,\"b\"\n'c'.flac", valence=0.1, music_share=0.75),
    made_track("/ä.mp3", arousal=-0.7),
]


def write(path: Path, tracks=TRACKS) -> Path:
    if path.suffix != ".sqlite":
        write_table(path, tracks)
        return path
    with TrackStore(path) as store:
        for track in tracks:
            file = AudioFile(path=track.path, size=1, mtime_ns=2)
            store.put(file, track, model_sha256="x")
    return path


@pytest.fixture(params=["sqlite", "parquet", "csv"])
def path(request, tmp_path: Path) -> Path:
    return tmp_path / f"table.{request.param}"


def test_every_format_gives_the_very_tracks_back(path: Path) -> None:
    assert read_table(write(path)) == TRACKS


def test_a_table_that_is_damaged_is_told_in_one_line(path: Path) -> None:
    path.write_bytes(b"\xff\x00 no table \n" * 100)
    with pytest.raises(InputError, match=path.name) as refused:
        read_table(path)
    assert "\n" not in str(refused.value)


def test_a_table_that_is_cut_is_told(path: Path) -> None:
    content = write(path).read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(InputError, match=path.name):
        read_table(path)


def test_a_table_that_is_not_there_says_how_to_make_one(path: Path) -> None:
    with pytest.raises(InputError, match="does not exist: make it with `realtime-mer annotate`"):
        read_table(path)


def test_a_table_that_cannot_be_written_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    for name in ("table.csv", "table.parquet"):
        (tmp_path / name).mkdir()
        with pytest.raises(InputError, match=f"{name} cannot be written"):
            write(tmp_path / name)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["table.csv", "table.parquet"]


def test_a_row_that_is_damaged_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "table.csv")
    path.write_text(path.read_text(encoding="utf-8").replace("-0.7", "low"), encoding="utf-8")
    with pytest.raises(InputError, match=r"table\.csv: track 2: arousal is 'low', not a number"):
        read_table(path)


def test_an_empty_table_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no track"):
        read_table(write(tmp_path / "table.sqlite", []))


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"songs\.xls is no table that is known"):
        read_table(tmp_path / "songs.xls")


def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "addresses.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE people (name TEXT)")
    database.close()
    before = path.read_bytes()
    with pytest.raises(InputError, match="is a database of something else"):
        TrackStore(path)
    assert path.read_bytes() == before


def write_format_1(path: Path, tracks=TRACKS) -> Path:
    """Write a store as it was before tracks had a share of music."""
    write(path, tracks)
    with closing(sqlite3.connect(path)) as database:
        columns = [
            (name, kind)
            for _, name, kind, *_ in database.execute("PRAGMA table_info(tracks)")
            if name != "music_share"
        ]
        kinds = ", ".join(f'"{name}" {kind} NOT NULL' for name, kind in columns)
        names = ", ".join(f'"{name}"' for name, _ in columns)
        database.executescript(
            f"CREATE TABLE older ({kinds}, PRIMARY KEY (path));"
            f"INSERT INTO older SELECT {names} FROM tracks;"
            "DROP TABLE tracks; ALTER TABLE older RENAME TO tracks; PRAGMA user_version = 1;"
        )
    return path


def test_a_store_from_before_the_share_of_music_is_read_as_it_is(tmp_path: Path) -> None:
    path = write_format_1(tmp_path / "table.sqlite")
    before = path.read_bytes()
    assert read_table(path) == [replace(track, music_share=None) for track in TRACKS]
    assert path.read_bytes() == before


def test_who_writes_into_such_a_store_adds_the_column_once(tmp_path: Path) -> None:
    path = write_format_1(tmp_path / "table.sqlite")
    new = made_track("/new.mp3", music_share=0.5)
    with TrackStore(path) as one, TrackStore(path) as two:
        one.put(AudioFile(path=new.path, size=1, mtime_ns=2), new, model_sha256="x")
        assert len(two.done("x")) == 3
    old = [replace(track, music_share=None) for track in TRACKS]
    assert read_table(path) == sorted([*old, new], key=lambda track: track.path)
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (2,)


def test_a_store_that_another_process_has_just_brought_up_to_date_is_left_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_format_1(tmp_path / "table.sqlite")
    bring_up_to_date = TrackStore._bring_up_to_date

    def late(self: TrackStore) -> None:
        monkeypatch.undo()
        TrackStore(path).__exit__()
        bring_up_to_date(self)

    monkeypatch.setattr(TrackStore, "_bring_up_to_date", late)
    with TrackStore(path) as store:
        assert len(list(store.tracks())) == 2


def test_a_table_from_before_the_share_of_music_is_read_without(path: Path) -> None:
    if path.suffix == ".sqlite":
        write_format_1(path)
    elif path.suffix == ".csv":
        with write(path).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            del row["music_share"]
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        pq.write_table(pq.read_table(write(path)).drop_columns("music_share"), path)
    assert read_table(path) == [replace(track, music_share=None) for track in TRACKS]


def test_a_column_in_which_no_track_has_a_number_is_one_of_numbers(tmp_path: Path) -> None:
    path = write(tmp_path / "table.parquet", [made_track()])
    assert pq.read_schema(path).field("music_share").type == pa.float64()


def test_a_store_of_another_format_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "table.sqlite")
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(InputError, match="has format 99"):
        TrackStore(path)


def test_a_store_knows_by_which_model_and_in_which_state_a_file_was_done(tmp_path: Path) -> None:
    file = AudioFile(path="/ä.mp3", size=10, mtime_ns=2**62)
    changed = AudioFile(path="/ä.mp3", size=11, mtime_ns=2**62)
    with TrackStore(tmp_path / "table.sqlite") as store:
        store.put(file, TRACKS[1], model_sha256="x")
        assert (store.done("x"), store.done("y")) == ({file}, set())
        store.put(changed, TRACKS[1], model_sha256="y")
        assert (store.done("x"), store.done("y")) == (set(), {changed})
        store.drop(["/ä.mp3"])
        assert store.paths() == []


@pytest.mark.parametrize("text", ["=cmd()", "+1", "-x", "@a", "'=a"])
def test_texts_are_read_back_and_no_spreadsheet_runs_them(tmp_path: Path, text: str) -> None:
    path = tmp_path / "table.csv"
    tracks = [replace(TRACKS[0], path=text, model=text)]
    assert read_table(write(path, tracks)) == tracks
    assert path.read_text().splitlines()[1].startswith(f"'{text},")


def test_a_table_with_a_byte_order_mark_and_columns_nobody_knows_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "table.csv", TRACKS[1:])
    lines = path.read_text("utf-8").splitlines()
    more = [f"{line},{'note' if number == 0 else '=1'}" for number, line in enumerate(lines)]
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(more).encode())
    assert read_table(path) == TRACKS[1:]


HUGE = "1" + "0" * 5000


@pytest.mark.parametrize("column", ["valence", "seconds", "valence_course"])
@pytest.mark.parametrize("value", [HUGE, f"[{HUGE}]", "[" * 100_000, "1e999", "nan", "\0", ""])
def test_a_number_that_is_none_is_one_short_line(tmp_path: Path, column: str, value: str) -> None:
    path = write(tmp_path / "table.csv")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows[1][column] = value
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(InputError, match=r"table\.csv") as refused:
        read_table(path)
    assert len(str(refused.value)) < 400
    assert "\n" not in str(refused.value)


def test_parquet_of_something_else_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    for column in ([10**18], [b"\xff"], [{"a": 1}], [10**30]):
        array = pa.array(column, pa.decimal128(38)) if column == [10**30] else pa.array(column)
        pq.write_table(pa.table({"path": array}), path)
        with pytest.raises(InputError, match=r"table\.parquet") as refused:
            read_table(path)
        assert "\n" not in str(refused.value)
    far = pa.array([2**60], pa.timestamp("ms"))  # of a year that Python does not know
    pq.write_table(pa.table({"path": far}), path)
    with pytest.raises(InputError, match=r"table\.parquet"):
        read_table(path)


@pytest.mark.skipif(sys.platform != "linux", reason="names are text elsewhere")
def test_a_table_whose_name_is_no_text_is_written_and_read(path: Path) -> None:
    named = path.with_name(os.fsdecode(b"\xff" + os.fsencode(path.suffix)))
    assert read_table(write(named)) == TRACKS


def test_a_table_whose_writing_was_killed_half_way_is_read_as_it_was_before(
    tmp_path: Path,
) -> None:
    whole = write(tmp_path / "whole.sqlite")
    writer = sqlite3.connect(whole, isolation_level=None)
    writer.execute("PRAGMA cache_size = 1")  # so that it writes before it is done
    writer.execute("BEGIN")
    writer.execute("UPDATE tracks SET model = hex(zeroblob(100000))")
    for end in ("", "-journal"):  # what a kill would leave at this moment
        (tmp_path / f"left.sqlite{end}").write_bytes(Path(f"{whole}{end}").read_bytes())
    writer.close()
    assert (tmp_path / "left.sqlite-journal").stat().st_size > 0
    assert read_table(tmp_path / "left.sqlite") == TRACKS
    assert not (tmp_path / "left.sqlite-journal").exists()


def test_who_reads_a_table_writes_nothing_into_it(tmp_path: Path) -> None:
    path = write(tmp_path / "table.sqlite")
    with TrackStore(path, read_only=True) as store, pytest.raises(InputError, match="readonly"):
        store.drop([TRACKS[0].path])
    assert read_table(path) == TRACKS
