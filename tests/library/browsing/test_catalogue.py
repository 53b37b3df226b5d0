"""What the page gets of all tracks, and when a table is read again."""

import json
import os
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from realtime_mer.errors import InputError
from realtime_mer.library.browsing.catalogue import NUMBERS, points, read_catalogue
from realtime_mer.library.browsing.shelf import Shelf
from realtime_mer.library.store import TrackStore
from realtime_mer.library.tables import write_table
from tests.library.browsing.made_library import add_tracks, made_library
from tests.library.made import made_track


def unpacked(content: bytes) -> tuple[dict, dict[str, list]]:
    """Read points as the page does."""
    head, _, rest = content.partition(b"\n")
    told = json.loads(head)
    assert (len(head) + 1) % 4 == 0
    columns = {}
    for place, name in enumerate(told["columns"]):
        kind = "<u4" if name in ("number", "mood") else "<f4"
        start = 4 * place * told["count"]
        columns[name] = np.frombuffer(rest[start : start + 4 * told["count"]], kind).tolist()
    assert len(rest) == 4 * told["count"] * len(told["columns"])
    return told, columns


def test_the_page_gets_the_numbers_of_every_track_side_by_side(tmp_path: Path) -> None:
    table = made_library(tmp_path / "t.sqlite", 50)
    told, columns = unpacked(points(read_catalogue(table, {}), version=7))
    assert (told["version"], told["count"]) == (7, 50)
    assert told["columns"] == ["number", "mood", *NUMBERS]
    with TrackStore(table, read_only=True) as store:
        tracks = list(store.tracks())
    assert columns["number"] == list(range(50))
    assert [told["moods"][place] for place in columns["mood"]] == [track.mood for track in tracks]
    for name in ("valence", "arousal", "seconds", "loudness_lufs", "music_share"):
        expected = [getattr(track, name) for track in tracks]
        assert columns[name] == pytest.approx(expected, rel=1e-6)
    spreads = [np.hypot(track.valence_spread, track.arousal_spread) for track in tracks]
    assert columns["spread"] == pytest.approx(spreads, rel=1e-6)


def test_what_is_not_known_of_a_track_is_no_number(tmp_path: Path) -> None:
    add_tracks(tmp_path / "t.sqlite", [made_track("/a.flac")])
    _, columns = unpacked(points(read_catalogue(tmp_path / "t.sqlite", {}), version=1))
    assert np.isnan([*columns["loudness_lufs"], *columns["music_share"]]).all()


def test_a_table_that_is_damaged_is_told(tmp_path: Path) -> None:
    add_tracks(tmp_path / "t.sqlite", [made_track("/a.flac")])
    for value in ("nonsense", "9e999"):
        with sqlite3.connect(tmp_path / "t.sqlite") as database:
            database.execute("UPDATE tracks SET valence = ?", (value,))
        database.close()
        with pytest.raises(InputError, match="cannot be used as a table"):
            read_catalogue(tmp_path / "t.sqlite", {})


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_table_that_has_changed_is_read_again_and_tracks_keep_their_numbers(
    tmp_path: Path,
) -> None:
    table = tmp_path / "t.sqlite"
    add_tracks(table, [made_track("/b.flac"), made_track("/c.flac")])
    shelf = Shelf(table, clock=Clock())
    first = shelf.edition
    shelf.refresh()
    assert shelf.edition is first
    add_tracks(table, [made_track("/a.flac")])
    with TrackStore(table) as store:
        store.lose(["/b.flac"])
    shelf.refresh()
    assert shelf.edition.version == 2
    catalogue = shelf.edition.catalogue
    assert [catalogue.path(number) for number in range(3)] == [None, "/c.flac", "/a.flac"]
    track = shelf.track(2)
    assert track is not None
    assert track.path == "/a.flac"
    assert track.course is not None
    assert shelf.track(0) is None


def test_a_table_that_changes_all_the_time_is_read_a_tenth_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, clock = tmp_path / "t.sqlite", Clock()
    add_tracks(table, [made_track("/a.flac")])

    def slowly(*args):
        clock.now += 1.0
        return read_catalogue(*args)

    monkeypatch.setattr("realtime_mer.library.browsing.shelf.read_catalogue", slowly)
    shelf = Shelf(table, clock=clock)
    add_tracks(table, [made_track("/b.flac")])
    clock.now += 8.9
    shelf.refresh()
    assert shelf.edition.version == 1
    clock.now += 0.2
    shelf.refresh()
    assert shelf.edition.version == 2


def test_a_table_that_goes_away_leaves_what_was_read_and_is_told(tmp_path: Path) -> None:
    table = tmp_path / "t.sqlite"
    add_tracks(table, [made_track("/a.flac")])
    shelf = Shelf(table, clock=Clock())
    os.rename(table, tmp_path / "elsewhere.sqlite")
    shelf.refresh()
    assert shelf.edition.catalogue.paths == ("/a.flac",)
    assert "t.sqlite" in shelf.problem
    os.rename(tmp_path / "elsewhere.sqlite", table)
    add_tracks(table, [made_track("/b.flac")])
    shelf.refresh()
    assert shelf.problem == ""
    assert len(shelf.edition.catalogue.paths) == 2


def test_of_a_table_in_parquet_or_csv_the_store_beside_it_is_read(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", [made_track("/a.flac")])
    with pytest.raises(InputError, match=r"t\.sqlite, which `annotate` keeps beside"):
        Shelf(tmp_path / "t.csv")
    add_tracks(tmp_path / "t.sqlite", [made_track("/a.flac")])
    assert Shelf(tmp_path / "t.csv").table == tmp_path / "t.sqlite"
