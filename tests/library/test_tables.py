"""Tables of tracks as files."""

import csv
import json
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
from realtime_mer.library.rows import COLUMNS, NEEDED, row_of
from realtime_mer.library.store import TrackStore
from realtime_mer.library.tables import read_table, write_table
from realtime_mer.library.tracks import Section, Track
from realtime_mer.library.walk import AudioFile
from tests.library.made import made_sound, made_track

TRACKS = [
    made_track("/a,\"b\"\n'c'.flac", valence=0.1, music_share=0.75, copies=("/b", "/z.ogg")),
    made_track(
        "/ä.mp3",
        arousal=-0.7,
        moods={"calm": 1.0},
        sections=(Section(start=0.0, end=200.0, mood="calm", valence=0.1, arousal=-0.7),),
        loudness_lufs=-14.2,
        typical_s=12.0,
        model_sha256="x",
        sound="y",
    ),
]


STORED = [replace(track, sound=made_sound(track.path).sha256) for track in TRACKS]
OLD = [made_track("/a.flac", valence=0.1, music_share=0.75), made_track("/ö.mp3", arousal=-0.7)]
OLD_COLUMNS = [
    name
    for name in COLUMNS
    if name in NEEDED | {"mood", "music_share", "valence_course", "arousal_course"}
]


def write(path: Path, tracks=TRACKS) -> Path:
    if path.suffix != ".sqlite":
        write_table(path, tracks)
        return path
    with TrackStore(path) as store:
        for track in tracks:
            for name in track.paths:
                file = AudioFile(path=name, size=1, mtime_ns=2)
                store.put(file, track, made_sound(track.path))
    return path


@pytest.fixture(params=["sqlite", "parquet", "csv"])
def path(request, tmp_path: Path) -> Path:
    return tmp_path / f"table.{request.param}"


def test_every_format_gives_the_very_tracks_back(path: Path) -> None:
    assert read_table(write(path)) == (STORED if path.suffix == ".sqlite" else TRACKS)


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


@pytest.fixture(params=[1, 2])
def old(request, tmp_path: Path) -> Path:
    """A store as it was when it had a row a path, in both of its formats."""
    return write_old(tmp_path / "table.sqlite", request.param)


def write_old(path: Path, version: int, tracks=OLD) -> Path:
    """Write a store of an earlier format: courses of twenty parts as JSON in the one table."""
    names = [
        name
        for name in (*OLD_COLUMNS, "file_size", "file_mtime_ns", "model_sha256")
        if version > 1 or name != "music_share"
    ]
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(f"CREATE TABLE tracks ({', '.join(map(repr, names))}, PRIMARY KEY (path))")
        for track in tracks:
            row = row_of(track)
            row |= {name: json.dumps(row[name]) for name in ("valence_course", "arousal_course")}
            row |= {"file_size": 1, "file_mtime_ns": 2, "model_sha256": "x"}
            places = ", ".join("?" * len(names))
            database.execute(f"INSERT INTO tracks VALUES ({places})", [row[name] for name in names])
        database.execute(f"PRAGMA application_id = {0x524D4552}")
        database.execute(f"PRAGMA user_version = {version}")
    return path


def as_old(version: int) -> list[Track]:
    share = {} if version > 1 else {"music_share": None}
    return [replace(track, model_sha256="x", **share) for track in OLD]


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        return database.execute("PRAGMA user_version").fetchone()[0]


def test_a_store_of_an_earlier_format_is_read_as_it_is(old: Path) -> None:
    before = old.read_bytes()
    assert read_table(old) == as_old(version_of(old))
    assert old.read_bytes() == before
    assert [path.name for path in old.parent.iterdir()] == [old.name]


def test_who_writes_into_such_a_store_brings_it_up_to_date_once(old: Path) -> None:
    version = version_of(old)
    new = made_track("/new.mp3", music_share=0.5, model_sha256="x")
    with TrackStore(old) as one, TrackStore(old) as two:
        one.put(AudioFile(path=new.path, size=1, mtime_ns=2), new, made_sound("new"))
        assert two.count() == 3
        assert two.count_outdated("x") == 2  # they lack what is told of a track today
    found = read_table(old)
    expected = sorted([*as_old(version), new], key=lambda track: track.path)
    assert [replace(track, sound="") for track in found] == expected
    assert version_of(old) == 3


def test_a_store_that_another_process_has_just_brought_up_to_date_is_left_so(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = version_of(old)
    asked = TrackStore._version

    def late(self: TrackStore) -> int:
        """Answer as before the other one came."""
        monkeypatch.undo()
        answer = asked(self)
        TrackStore(old).__exit__()
        return answer

    monkeypatch.setattr(TrackStore, "_version", late)
    with TrackStore(old) as store:
        assert list(store.tracks()) == as_old(version)


def test_bringing_up_to_date_is_all_or_nothing(old: Path) -> None:
    with closing(sqlite3.connect(old)) as database, database:
        database.execute("UPDATE tracks SET valence = 'high' WHERE path = '/ö.mp3'")
    with pytest.raises(InputError, match="valence is 'high', not a number"):
        TrackStore(old)
    with closing(sqlite3.connect(old)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master")]
    assert "tracks" in tables
    assert "older" not in tables


@pytest.mark.parametrize("lacking", [("music_share",), tuple(set(COLUMNS) - set(OLD_COLUMNS))])
def test_a_file_of_an_earlier_table_is_read_without_what_it_lacks(
    path: Path, lacking: tuple[str, ...]
) -> None:
    if path.suffix == ".sqlite":
        pytest.skip("a store of an earlier format has tests of its own")
    write(path, OLD)
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            for name in lacking:
                del row[name]
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        pq.write_table(pq.read_table(path).drop_columns(list(lacking)), path)
    share = {"music_share": None} if "music_share" in lacking else {}
    assert read_table(path) == [replace(track, **share) for track in OLD]


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
    assert read_table(write(named)) == (STORED if path.suffix == ".sqlite" else TRACKS)


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_a_table_whose_writing_was_killed_half_way_is_read_as_it_was_before(
    tmp_path: Path, mode: str
) -> None:
    whole = write(tmp_path / "whole.sqlite")
    writer = sqlite3.connect(whole, isolation_level=None)
    writer.execute(f"PRAGMA journal_mode = {mode}")
    writer.execute("PRAGMA cache_size = 1")  # so that it writes before it is done
    writer.execute("BEGIN")
    writer.execute("UPDATE tracks SET model = hex(zeroblob(100000))")
    log = "-journal" if mode == "DELETE" else "-wal"
    for end in ("", log):  # what a kill would leave at this moment
        (tmp_path / f"left.sqlite{end}").write_bytes(Path(f"{whole}{end}").read_bytes())
    writer.close()
    assert (tmp_path / f"left.sqlite{log}").stat().st_size > 0
    assert read_table(tmp_path / "left.sqlite") == STORED
    assert not (tmp_path / f"left.sqlite{log}").exists()


def test_who_reads_a_table_writes_nothing_into_it(tmp_path: Path) -> None:
    path = write(tmp_path / "table.sqlite")
    with TrackStore(path, read_only=True) as store, pytest.raises(InputError, match="readonly"):
        store.lose([TRACKS[0].path])
    assert read_table(path) == STORED
