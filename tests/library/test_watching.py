"""Folders that are looked through again and again; what the network would say is made up."""

import os
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Any

import pytest

from realtime_mer.library import annotate as annotating
from realtime_mer.library.annotate import AnnotateOptions
from realtime_mer.library.tables import read_table
from realtime_mer.library.walk import AudioFile, Broken
from realtime_mer.library.watching import Watching
from realtime_mer.library.workers import Found, Heard
from tests.library.made import made_sound, made_track


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were heard; what begins with "broken" is."""
    names: list[str] = []

    def answers(files: Iterable[AudioFile], **options: Any) -> Generator[Found, None, None]:
        for file in files:
            name = Path(file.path).name
            names.append(name)
            if name.startswith("broken"):
                yield file, Broken(path=file.path, reason=f"{name} is broken")
            else:
                sound = made_sound(f"{file.path} {file.size}")
                yield file, Heard(track=made_track(file.path), sound=sound, faults={})

    monkeypatch.setattr(annotating, "annotated", answers)
    return names


@pytest.fixture
def music(tmp_path: Path) -> Path:
    (tmp_path / "music").mkdir()
    (tmp_path / "model.json").write_text("a card")
    (tmp_path / "model.safetensors").write_text("weights")
    (tmp_path / "music" / "a.mp3").write_text("sound")
    return tmp_path / "music"


@pytest.fixture
def watching(music: Path, heard: list[str]) -> Watching:
    home = music.parent
    return Watching(
        AnnotateOptions(folders=[music], out=home / "table.csv", model=str(home / "model"), jobs=1)
    )


@pytest.fixture
def looks(watching: Watching, heard: list[str]) -> Callable[[], list[str]]:
    """Return what is heard in one look."""

    def look() -> list[str]:
        heard.clear()
        watching.look()
        return list(heard)

    return look


def test_the_first_look_takes_everything_and_the_next_ones_nothing(looks, music: Path) -> None:
    assert (looks(), looks(), looks()) == (["a.mp3"], [], [])
    assert len(read_table(music.parent / "table.csv")) == 1


def test_a_new_file_is_heard_once_two_looks_have_found_it_the_same(looks, music: Path) -> None:
    looks()
    new = music / "b.mp3"
    new.write_text("so")
    assert looks() == []
    new.write_text("sou")  # it is still being written
    assert looks() == []
    assert looks() == ["b.mp3"]
    assert len(read_table(music.parent / "table.csv")) == 2
    assert looks() == []


def test_a_broken_file_is_tried_again_once_it_has_changed(looks, music: Path) -> None:
    (music / "broken.mp3").write_text("so")
    assert looks() == ["a.mp3", "broken.mp3"]
    assert (looks(), looks()) == ([], [])
    (music / "broken.mp3").write_text("sound")
    assert (looks(), looks(), looks()) == ([], ["broken.mp3"], [])


def test_what_changes_nothing_writes_no_table(watching: Watching, music: Path) -> None:
    watching.look()
    table = music.parent / "table.csv"
    os.utime(table, ns=(0, 0))
    assert not watching.look().changed
    assert table.stat().st_mtime_ns == 0
    (music / "b.mp3").write_text("sound")
    watching.look()
    assert watching.look().changed
    assert table.stat().st_mtime_ns > 0


def test_a_file_that_goes_is_gone_at_the_next_look(watching: Watching, music: Path) -> None:
    (music / "b.mp3").write_text("sound")
    watching.look()
    (music / "a.mp3").unlink()
    assert watching.look().gone == 1
    (track,) = read_table(music.parent / "table.csv")
    assert Path(track.path).name == "b.mp3"
