"""What is to do after a look at some folders."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from realtime_mer.library.changes import Changes, Missing
from realtime_mer.library.store import TrackStore
from realtime_mer.library.walk import AudioFile
from tests.library.made import made_sound, made_track

NOTHING = Missing(gone=0, away=0, whole=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "music" / "deep").mkdir(parents=True)
    return tmp_path / "music"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TrackStore]:
    with TrackStore(tmp_path / "table.sqlite") as store:
        yield store


def file(path: Path, *, size: int = 1, mtime_ns: int = 2) -> AudioFile:
    device = os.stat(path.parent).st_dev
    return AudioFile(path=str(path), size=size, mtime_ns=mtime_ns, device=device)


def keep(store: TrackStore, *files: AudioFile, model: str = "x") -> None:
    for one in files:
        store.put(one, made_track(one.path, model_sha256=model), made_sound(one.path))


def listed(store: TrackStore) -> list[str]:
    return [Path(path).name for track in store.tracks() for path in track.paths]


def waiting(changes: Changes) -> list[str]:
    return [Path(one.path).name for one, _ in changes.to_hear()]


@pytest.mark.parametrize("change", [{"size": 2}, {"mtime_ns": 3}])
def test_what_is_new_or_of_another_size_or_time_waits(
    store: TrackStore, folder: Path, change: dict[str, int]
) -> None:
    a, b, c = (file(folder / name) for name in ("a", "b", "c"))
    keep(store, a, b)
    changes = Changes(store, [c, a, replace(b, **change)])
    assert (changes.seen, changes.waiting, waiting(changes)) == (3, 2, ["b", "c"])
    assert [one for one, _ in changes.to_hear()] == [replace(b, **change), c]


def test_what_was_found_twice_waits_once(store: TrackStore, folder: Path) -> None:
    a = file(folder / "a")
    assert waiting(Changes(store, [a, a])) == ["a"]


def test_the_list_may_change_while_it_is_worked_through(store: TrackStore, folder: Path) -> None:
    files = [file(folder / f"{number:04}") for number in range(1200)]
    changes = Changes(store, files)
    for one, _ in changes.to_hear():
        if one.path.endswith("0"):
            keep(store, one)
    assert store.count() == 120
    assert changes.waiting == 1200


def test_one_file_of_each_outdated_track_waits_too(store: TrackStore, folder: Path) -> None:
    a, b, new = (file(folder / name) for name in ("a", "b", "new"))
    copy = file(folder / "copy of a")
    keep(store, a, b)
    store.link(copy, store.known(made_sound(a.path)) or 0)
    changes = Changes(store, [a, b, copy, new])
    changes.outdate("x")
    assert waiting(changes) == ["new"]
    changes.outdate("y")
    assert [(Path(one.path).name, again) for one, again in changes.to_hear()] == [
        ("new", False),
        ("a", True),
        ("b", True),
    ]


def test_a_file_that_is_no_longer_there_is_gone(store: TrackStore, folder: Path) -> None:
    a, b = file(folder / "a"), file(folder / "deep" / "b")
    keep(store, a, b)
    changes = Changes(store, [a])
    assert changes.missing(folder, unread=[]) == Missing(gone=1, away=0, whole=False)
    assert listed(store) == ["a"]
    back = Changes(store, [a, b])
    assert (back.waiting, listed(store)) == (0, ["a", "b"])


def test_a_file_of_another_folder_is_nobodys_business(store: TrackStore, folder: Path) -> None:
    (folder.parent / "music 2").mkdir()
    a, other = file(folder / "a"), file(folder.parent / "music 2" / "b")
    keep(store, a, other)
    assert Changes(store, [a]).missing(folder, unread=[]) == NOTHING
    assert sorted(listed(store)) == ["a", "b"]


def test_a_folder_that_cannot_be_read_is_away(store: TrackStore, folder: Path) -> None:
    a, b = file(folder / "a"), file(folder / "deep" / "b")
    keep(store, a, b)
    found = Changes(store, [a]).missing(folder, unread=[str(folder / "deep")])
    assert found == Missing(gone=0, away=1, whole=False)
    assert listed(store) == ["a", "b"]


def test_a_file_of_another_drive_is_away_whether_its_folder_is_left_or_not(
    store: TrackStore, folder: Path
) -> None:
    a = file(folder / "a")
    mounted = [file(folder / "deep" / "b"), file(folder / "deep" / "c")]
    mounted = [replace(one, device=(one.device or 0) + 1) for one in mounted]
    keep(store, a, *mounted)
    assert Changes(store, [a]).missing(folder, unread=[]).away == 2  # its place is empty
    (folder / "deep").rmdir()
    assert Changes(store, [a]).missing(folder, unread=[]).away == 2
    assert listed(store) == ["a", "b", "c"]


def test_a_file_that_came_to_this_drive_and_was_deleted_is_gone(
    store: TrackStore, folder: Path
) -> None:
    a, b = file(folder / "a"), file(folder / "b")
    keep(store, a, replace(b, device=(b.device or 0) + 1))
    Changes(store, [a, b])  # a backup was played back
    assert Changes(store, [a]).missing(folder, unread=[]).gone == 1


def test_a_folder_with_nothing_left_in_it_is_away_as_a_whole(
    store: TrackStore, folder: Path
) -> None:
    keep(store, file(folder / "a"), file(folder / "b"))
    found = Changes(store, []).missing(folder, unread=[])
    assert found == Missing(gone=0, away=2, whole=True)
    assert listed(store) == ["a", "b"]
    assert Changes(store, []).missing(folder.parent / "never", unread=[]) == NOTHING
