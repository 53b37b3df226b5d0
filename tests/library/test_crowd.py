"""Very many files in one folder: the work grows as they do, and memory by their names alone."""

import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from realtime_mer.library import schema
from realtime_mer.library.changes import Changes, Missing
from realtime_mer.library.store import TrackStore
from realtime_mer.library.walk import Broken, walk
from tests.library.made import made_sound, made_track

FEW, MANY = 1_000, 10_000
NAME_BYTES = 600
"""What a name may take while its folder is looked through, with the folders above it."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Of a look at a folder: hundreds of instructions of SQLite, and most bytes held at a time."""

    steps: int
    peak: int


def costing(store: TrackStore, look: Callable[[], None]) -> Cost:
    steps = 0

    def tell() -> None:
        nonlocal steps
        steps += 1

    store._database.set_progress_handler(tell, 100)
    tracemalloc.start()
    try:
        look()
        return Cost(steps=steps, peak=tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()
        store._database.set_progress_handler(None, 0)


def looks(home: Path, count: int) -> tuple[Cost, Cost]:
    """Return what a first look at so many files costs, and one at which all of them are known."""
    music = home / "music"
    music.mkdir(parents=True)
    for number in range(count):
        (music / f"{number:06} a name as long as those of tracks usually are.mp3").touch()
    broken: list[Broken] = []

    with TrackStore(home / "table.sqlite") as store:
        store._database.execute("PRAGMA synchronous = OFF")  # what a disk takes is not asked here

        def first() -> None:
            changes = Changes(store, walk(music, complain=broken.append))
            assert (changes.seen, changes.waiting) == (count, count)
            assert sum(1 for _ in changes.to_hear()) == count

        def again() -> None:
            changes = Changes(store, walk(music, complain=broken.append))
            assert (changes.seen, changes.waiting) == (count, 0)
            assert changes.missing(music, unread=[]) == Missing(gone=0, away=0, whole=False)

        new = costing(store, first)
        files = list(walk(music, complain=broken.append))
        store.put(files[0], made_track(files[0].path), made_sound("one for all"))
        number = store.known(made_sound("one for all"))
        assert number is not None
        with store.transaction():
            for file in files:
                schema.link(store._database, file, number)
        del files
        return new, costing(store, again)


@pytest.mark.slow
def test_ten_times_the_files_are_ten_times_the_work_and_no_more_memory_than_their_names(
    tmp_path: Path,
) -> None:
    few, many = looks(tmp_path / "few", FEW), looks(tmp_path / "many", MANY)
    for one, other in zip(few, many, strict=True):
        assert other.steps < 13 * one.steps  # a search in a tree of ten times as much is longer
        assert other.peak < MANY * NAME_BYTES
