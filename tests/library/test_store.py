"""A store: tracks by their sound, and the files that hold them."""

import os
import sqlite3
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from realtime_mer.errors import InputError
from realtime_mer.library.store import TrackStore
from realtime_mer.library.walk import AudioFile
from tests.library.made import made_sound, made_track, moving

A, B = made_sound("a"), made_sound("b")


def file(path: str, *, size: int = 1) -> AudioFile:
    return AudioFile(path=path, size=size, mtime_ns=2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "table.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[TrackStore]:
    with TrackStore(path) as store:
        yield store


def names(store: TrackStore) -> list[tuple[str, ...]]:
    return [track.paths for track in store.tracks()]


def rows(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


# -- tracks and their files ------------------------------------------------------------------------


def test_two_files_of_one_sound_are_one_track_with_a_copy(store: TrackStore) -> None:
    store.put(file("/b.mp3"), made_track("/b.mp3", valence=0.5), A)
    number = store.known(A)
    assert number is not None
    store.link(file("/a.flac"), number)
    (track,) = store.tracks()
    assert (track.path, track.copies, track.valence) == ("/a.flac", ("/b.mp3",), 0.5)
    assert store.count() == 1
    assert store.track_at("/a.flac") == store.track_at("/b.mp3") == track
    assert store.track_at("/c.ogg") is None


def test_tracks_come_in_order_of_their_first_files(store: TrackStore) -> None:
    for name in ("/c", "/a", "/b"):
        store.put(file(name), made_track(name), made_sound(name))
    assert names(store) == [("/a",), ("/b",), ("/c",)]


def test_a_course_is_read_where_it_is_asked_for(store: TrackStore) -> None:
    track = made_track("/a", valence=0.123456)
    store.put(file("/a"), track, A)
    (with_it,), (without,) = store.tracks(), store.tracks(courses=False)
    assert with_it.course == track.course
    assert without == replace(with_it, course=None)


def test_a_file_with_another_sound_holds_another_track(store: TrackStore) -> None:
    store.put(file("/a"), made_track("/a", valence=0.1), A)
    store.put(file("/a", size=2), made_track("/a", valence=0.2), B)
    (track,) = store.tracks()
    assert track.valence == 0.2
    assert store.known(A) is not None  # it may turn up under another name


def test_a_file_that_is_lost_is_not_listed_and_its_track_known_again(store: TrackStore) -> None:
    store.put(file("/a"), made_track("/a", valence=0.1), A)
    store.lose(["/a", "/never there"])
    assert (names(store), store.count()) == ([], 0)
    number = store.known(A)
    assert number is not None
    store.link(file("/new name"), number)
    assert [track.valence for track in store.tracks()] == [0.1]


def test_what_is_forgotten_is_deleted(store: TrackStore, path: Path) -> None:
    store.put(file("/a"), made_track("/a"), A)
    store.put(file("/b"), made_track("/b"), B)
    store.link(file("/copy of b"), store.known(B) or 0)
    store.lose(["/a", "/b"])
    assert store.forget() == 1
    assert store.known(A) is None
    assert names(store) == [("/copy of b",)]
    assert [rows(path, table) for table in ("tracks", "courses", "files")] == [1, 1, 1]


# -- models ----------------------------------------------------------------------------------------


def test_another_model_has_the_last_word_and_the_same_one_the_first(store: TrackStore) -> None:
    store.put(file("/a"), made_track("/a", valence=0.1, model_sha256="x"), A)
    store.put(file("/copy"), made_track("/copy", valence=0.2, model_sha256="x"), A)
    assert [track.valence for track in store.tracks()] == [0.1]
    store.put(file("/a"), made_track("/a", valence=0.3, model_sha256="y"), A)
    (track,) = store.tracks()
    assert (track.valence, track.model_sha256, track.copies) == (0.3, "y", ("/copy",))
    assert track.course == made_track(valence=0.3).course


def test_a_track_is_outdated_where_another_model_spoke_of_it(store: TrackStore) -> None:
    store.put(file("/a"), made_track("/a", model_sha256="x"), A)
    store.put(file("/b"), made_track("/b", model_sha256="y"), B)
    assert (store.count_outdated("x"), store.count_outdated("y")) == (1, 1)
    store.lose(["/b"])
    assert store.count_outdated("x") == 0


# -- the same sound in another format --------------------------------------------------------------


def bits(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, 1200, dtype=np.uint8)


def other_format(**changes: object) -> tuple[object, object]:
    """Return a sound, and one that differs in every fiftieth bit of it and as asked for."""
    fingerprint = bits(0)
    bent = fingerprint.copy()
    bent[::6] ^= 1
    one = replace(A, loudness_lufs=-14.0, fingerprint=fingerprint.tobytes())
    other = replace(B, loudness_lufs=-14.1, fingerprint=bent.tobytes(), seconds=200.05)
    return one, replace(other, **changes)


def test_the_same_sound_in_another_format_is_known(store: TrackStore) -> None:
    one, other = other_format()
    store.put(file("/a.flac"), made_track("/a.flac", loudness_lufs=-14.0), one)
    assert store.known(other) == store.known(one)


@pytest.mark.parametrize(
    "changes",
    [
        {"seconds": 200.5},
        {"seconds": 199.5},
        {"loudness_lufs": -13.0},
        {"loudness_lufs": -15.0},
        {"loudness_lufs": None},
        {"fingerprint": bits(1).tobytes()},
        {"fingerprint": b""},
    ],
)
def test_a_sound_of_another_length_loudness_or_fingerprint_is_another_track(
    store: TrackStore, changes: dict[str, object]
) -> None:
    one, other = other_format(**changes)
    store.put(file("/a.flac"), made_track("/a.flac", loudness_lufs=-14.0), one)
    assert store.known(other) is None


# -- names -----------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux only")
def test_names_that_are_no_utf_8_are_kept_byte_by_byte(store: TrackStore, path: Path) -> None:
    name = os.fsdecode(b"/m\xfcsic/\xff.wav")
    store.put(file(name), made_track(name), A)
    store.put(file("/ünd.wav"), made_track("/ünd.wav"), B)
    store.link(file(name + "2"), store.known(A) or 0)
    assert sorted(names(store)) == sorted([("/ünd.wav",), (name, name + "2")])
    assert store.track_at(name) is not None
    assert store.holds(Path(os.fsdecode(b"/m\xfcsic")))
    assert not store.holds(Path(os.fsdecode(b"/m\xfc")))
    store.lose([name, name + "2"])
    assert names(store) == [("/ünd.wav",)]


# -- what SQLite holds -----------------------------------------------------------------------------


def test_a_store_is_written_in_wal_mode_and_is_one_file_when_it_is_closed(path: Path) -> None:
    with TrackStore(path) as store:
        store.put(file("/a"), made_track("/a"), A)
        with TrackStore(path, read_only=True) as reader:  # meanwhile
            assert names(reader) == [("/a",)]
        assert Path(f"{path}-wal").exists()
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_store_that_somebody_else_has_open_stays_in_wal_mode_and_is_whole(path: Path) -> None:
    with TrackStore(path) as store:
        store.put(file("/a"), made_track("/a"), A)
        with closing(sqlite3.connect(path)) as other:
            held = other.execute("SELECT path FROM files")
            store.__exit__()
            assert held.fetchall() == [("/a",)]
    with TrackStore(path, read_only=True) as reader:
        assert names(reader) == [("/a",)]


def test_a_full_disk_is_one_line_and_what_was_kept_is_kept(path: Path) -> None:
    with TrackStore(path) as store:
        store.put(file("/a"), made_track("/a"), A)
        with store.transaction() as run:
            (pages,) = run("PRAGMA page_count").fetchone()
        with store.transaction(locking=False) as run:
            run(f"PRAGMA max_page_count = {pages}")

        def fill() -> None:
            for number in range(1000):
                name = f"/{number}"
                store.put(file(name), made_track(name), made_sound(name))

        with pytest.raises(InputError, match="disk is full") as refused:
            fill()
        assert "\n" not in str(refused.value)
        kept = store.count()
    with TrackStore(path) as store:
        assert store.count() == kept >= 1


def test_few_tracks_are_held_while_many_are_read(path: Path) -> None:
    course = moving([0.1] * 100, [0.2] * 100)  # of short ones Python keeps some room

    def peak(count: int) -> int:
        path.unlink(missing_ok=True)
        with TrackStore(path) as store:
            for number in range(count):
                name = f"/{number:05}"
                store.put(file(name), made_track(name, course=course), made_sound(name))
            tracemalloc.start()
            try:
                for _ in store.tracks():
                    pass
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

    assert peak(400) < peak(20) + 20_000


@pytest.mark.parametrize("courses", [True, False])
def test_the_work_of_reading_grows_as_the_tracks_do(tmp_path: Path, courses: bool) -> None:
    def steps(count: int) -> int:
        """Return how many hundred instructions of SQLite it takes to read so many tracks."""
        done = 0

        def tell() -> None:
            nonlocal done
            done += 1

        with TrackStore(tmp_path / f"{count}.sqlite") as store:
            for number in range(count):
                name = f"/{number:05}"
                store.put(file(name), made_track(name), made_sound(name))
            store._database.set_progress_handler(tell, 100)
            assert len(list(store.tracks(courses=courses))) == count
        return done

    assert steps(320) < 6 * steps(80)  # four times as many
