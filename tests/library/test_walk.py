"""Which files of a folder are music."""

import os
import sys
from pathlib import Path

import pytest

from realtime_mer.errors import InputError
from realtime_mer.library.walk import AudioFile, Broken, walk


def make(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"sound")


def walked(folder: Path) -> tuple[list[AudioFile], list[Broken]]:
    broken: list[Broken] = []
    return list(walk(folder, complain=broken.append)), broken


def found(folder: Path) -> list[str]:
    files, broken = walked(folder)
    assert broken == []
    return [Path(file.path).relative_to(folder).as_posix() for file in files]


def test_audio_files_are_found_at_every_depth_folder_by_folder(tmp_path: Path) -> None:
    make(tmp_path, "b.flac", "a/z.MP3", "a/b/c/d.m4a", "ä.ogg")
    assert found(tmp_path) == ["b.flac", "ä.ogg", "a/z.MP3", "a/b/c/d.m4a"]


def test_hidden_files_and_what_is_no_audio_are_left_out(tmp_path: Path) -> None:
    make(tmp_path, "song.wav", ".song.wav", "._song.wav", ".trash/song.wav", "a/.git/x.wav")
    make(tmp_path, "cover.jpg", "list.m3u8", "wav", "film.mp4", "song.wav.part", "tune.mid")
    (tmp_path / "folder.wav").mkdir()
    assert found(tmp_path) == ["song.wav"]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX files")
def test_links_to_files_are_followed_and_loops_are_not(tmp_path: Path) -> None:
    make(tmp_path, "a/song.wav")
    (tmp_path / "b.wav").symlink_to(tmp_path / "a" / "song.wav")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.wav")
    assert found(tmp_path) == ["b.wav", "a/song.wav"]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX files")
def test_a_link_to_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    files, (broken,) = walked(tmp_path)
    assert files == []
    assert broken.reason == f"{tmp_path / 'gone.wav'} cannot be read: No such file or directory"


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux only")
def test_a_name_that_is_no_text_is_as_good_as_any(tmp_path: Path) -> None:
    os.close(os.open(os.fsencode(tmp_path) + b"/\xff.wav", os.O_CREAT))
    ((file,), broken) = walked(tmp_path)
    assert broken == []
    assert os.fsencode(file.path) == os.fsencode(tmp_path) + b"/\xff.wav"


def test_a_file_comes_with_the_drive_of_its_folder(tmp_path: Path) -> None:
    make(tmp_path, "song.wav")
    ((file,), _) = walked(tmp_path)
    assert file.device == tmp_path.stat().st_dev


def test_a_file_comes_with_what_tells_whether_it_has_changed(tmp_path: Path) -> None:
    make(tmp_path, "song.wav")
    os.utime(tmp_path / "song.wav", ns=(1, 2_000_000_000))
    ((file,), _) = walked(tmp_path)
    path = os.path.abspath(tmp_path / "song.wav")
    assert file == AudioFile(path=path, size=5, mtime_ns=2_000_000_000)


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    make(tmp_path, "song.wav")
    with pytest.raises(InputError, match=r"song\.wav is a file: name the folder"):
        walked(tmp_path / "song.wav")
    with pytest.raises(InputError, match="nowhere does not exist"):
        walked(tmp_path / "nowhere")
