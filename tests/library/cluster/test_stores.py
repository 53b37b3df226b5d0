"""Music in stores that are no folders. Memory stands in for S3: fsspec reads both alike."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from realtime_mer.errors import AudioFileError, InputError
from realtime_mer.library.cluster import stores
from realtime_mer.library.cluster.places import look, place_of, root_of
from realtime_mer.library.walk import AudioFile, Broken

fsspec = pytest.importorskip("fsspec")

MUSIC = "memory:///music"


@pytest.fixture(autouse=True)
def memory() -> Iterator[Any]:
    """The store, with five files in it."""
    store = fsspec.filesystem("memory")
    store.store.clear()
    for name in ("b.flac", "a/z.MP3", "a/.hidden.wav", ".trash/x.wav", "cover.jpg"):
        store.pipe_file(f"/music/{name}", b"sound")
    yield store
    store.store.clear()


def walked() -> tuple[list[AudioFile], list[Broken]]:
    broken: list[Broken] = []
    return list(stores.walk(MUSIC, complain=broken.append)), broken


def test_audio_files_are_found_at_every_depth_and_named_by_their_urls() -> None:
    files, broken = walked()
    assert [file.path for file in files] == [f"{MUSIC}/b.flac", f"{MUSIC}/a/z.MP3"]
    assert {file.size for file in files} == {5}
    assert broken == []


@pytest.mark.parametrize("typed", ["memory://music", "memory:///music", "memory:///music/"])
def test_a_place_has_one_name_with_which_its_files_begin(typed: str) -> None:
    place = place_of(typed)
    assert place == MUSIC
    assert all(file.path.encode().startswith(root_of(place)) for file in walked()[0])
    assert not b"memory:///music 2/a.wav".startswith(root_of(place))


def test_a_folder_of_this_machine_is_one(tmp_path: Path) -> None:
    assert place_of(str(tmp_path)) == tmp_path
    assert root_of(tmp_path) == os.fsencode(f"{tmp_path}{os.sep}")


def test_a_file_that_was_written_again_is_another_one(memory: Any) -> None:
    before = {file.path: file for file in walked()[0]}
    memory.pipe_file("/music/b.flac", b"other")
    after = {file.path: file for file in walked()[0]}
    assert after[f"{MUSIC}/b.flac"] != before[f"{MUSIC}/b.flac"]
    assert after[f"{MUSIC}/a/z.MP3"] == before[f"{MUSIC}/a/z.MP3"] == look(f"{MUSIC}/a/z.MP3")
    memory.rm("/music/b.flac")
    assert look(f"{MUSIC}/b.flac") is None


def test_a_folder_that_cannot_be_listed_is_told_and_the_rest_goes_on(
    memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ls = type(memory).ls

    def refuse(self: Any, path: str, **how: Any) -> Any:
        if path.endswith("/a"):
            raise PermissionError(13, "Access Denied")
        return ls(self, path, **how)

    monkeypatch.setattr(type(memory), "ls", refuse)
    files, (broken,) = walked()
    assert [file.path for file in files] == [f"{MUSIC}/b.flac"]
    assert broken == Broken(path=f"{MUSIC}/a", reason=f"{MUSIC}/a cannot be read: Access Denied")


@pytest.mark.parametrize(
    ("url", "match"),
    [
        ("memory:///nowhere", "memory:///nowhere does not exist"),
        ("memory:///music/b.flac", "b.flac is a file: name the folder it is in"),
    ],
)
def test_what_is_no_folder_is_refused(url: str, match: str) -> None:
    with pytest.raises(InputError, match=match):
        stores.check(url)


def test_a_store_that_nobody_knows_is_refused_in_one_line() -> None:
    with pytest.raises(InputError, match=r"^never://bucket cannot be reached: ") as refused:
        place_of("never://bucket")
    assert "\n" not in str(refused.value)


def test_without_fsspec_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(InputError, match=r"needs fsspec.*realtime-mer\[cluster\]"):
        place_of("s3://bucket")


def test_a_file_is_fetched_for_as_long_as_it_is_needed() -> None:
    with stores.fetched(f"{MUSIC}/a/z.MP3") as local:
        assert Path(local).read_bytes() == b"sound"
        assert Path(local).suffix == ".MP3"
    assert not Path(local).parent.exists()


def test_a_file_of_this_machine_is_read_where_it_lies(tmp_path: Path) -> None:
    with stores.fetched(str(tmp_path / "a.wav")) as local:
        assert local == str(tmp_path / "a.wav")


def test_a_file_that_cannot_be_fetched_is_named(memory: Any) -> None:
    url = f"{MUSIC}/gone.wav"
    with pytest.raises(AudioFileError, match=f"^{url} cannot be fetched"), stores.fetched(url):
        pass
