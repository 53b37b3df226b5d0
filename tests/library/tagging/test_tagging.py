"""``realtime-mer tag`` as people type it."""

import errno
import os
import sys
from pathlib import Path

import pytest

from realtime_mer.errors import InputError
from realtime_mer.library.tables import write_table
from realtime_mer.library.tagging import tagging
from realtime_mer.library.tagging.families import family_of
from tests.command_line import Result, call
from tests.library.made import made_track
from tests.library.tagging.made_files import make


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    (folder / "house").mkdir(parents=True)
    return folder


@pytest.fixture
def table(music: Path, tmp_path: Path) -> Path:
    """A table of three files, the last of which is gone."""
    files = [make(music / "a.mp3"), make(music / "house" / "b.flac"), music / "gone.mp3"]
    write_table(tmp_path / "table.csv", [made_track(str(f), arousal=0.5) for f in files[:2]])
    return tmp_path / "table.csv"


def fields(path: Path) -> dict[str, tuple[str, ...]]:
    with path.open("rb") as file:
        return dict(family_of(file).read(file))


def test_without_a_word_nothing_is_written_and_all_is_shown(capsys, music, table) -> None:
    before = {path: path.read_bytes() for path in music.rglob("*.*")}
    result = call(capsys, "tag", table, "--energy")
    assert result.code == 0
    said = "MER_VALENCE 0.000, MER_AROUSAL 0.500, MOOD astonished; pleased, COMMENT Energy 10"
    assert result.out.splitlines() == [
        f"{music}/a.mp3: {said}",
        f"{music}/house/b.flac: {said}",
        "2 would be changed, 0 as they should be, 0 left out; nothing is written without --write",
    ]
    assert {path: path.read_bytes() for path in music.rglob("*.*")} == before


def test_what_is_written_is_written_once_and_removed_once(capsys, music, table) -> None:
    assert last(call(capsys, "tag", table, "--write")) == (
        "2 changed, 0 as they should be, 0 left out"
    )
    assert fields(music / "a.mp3")["MER_AROUSAL"] == ("0.500",)
    assert last(call(capsys, "tag", table, "--write")) == (
        "0 changed, 2 as they should be, 0 left out"
    )
    shown = call(capsys, "tag", table, "--remove")
    assert "no MOOD (was astonished; pleased)" in shown.out
    assert fields(music / "a.mp3") != {}
    assert call(capsys, "tag", table, "--remove", "--write").code == 0
    assert fields(music / "a.mp3") == fields(music / "house" / "b.flac") == {}


def last(result: Result) -> str:
    assert result.code == 0, result.err
    return result.out.splitlines()[-1]


def test_what_was_written_can_be_removed_without_a_table(capsys, music, table) -> None:
    call(capsys, "tag", table, "--write")
    table.unlink()
    assert last(call(capsys, "tag", music, "--remove", "--write")).startswith("2 changed")
    assert fields(music / "a.mp3") == {}


def test_every_file_of_a_track_is_written(capsys, monkeypatch, music, table) -> None:
    files = [music / "a.mp3", music / "house" / "b.flac"]
    track = made_track(str(files[0]), copies=(str(files[1]),))
    monkeypatch.setattr(tagging, "read_shown", lambda path, my_scale: [track])
    assert last(call(capsys, "tag", table, "--write")).startswith("2 changed")
    assert all(fields(file)["MER_VALENCE"] == ("0.000",) for file in files)


def test_a_file_without_music_is_given_no_tags_and_loses_those_of_before(
    capsys, monkeypatch, music, table
) -> None:
    call(capsys, "tag", table, "--write")
    files = [music / "a.mp3", music / "house" / "b.flac"]
    tracks = [made_track(str(files[0]), music_share=0.0), made_track(str(files[1]))]
    monkeypatch.setattr(tagging, "read_shown", lambda path, my_scale: tracks)
    result = call(capsys, "tag", table, "--write")
    assert f"{files[0]}: no MER_VALENCE" in result.out
    assert fields(files[0]) == {}
    assert fields(files[1])["MOOD"] != ()


def test_only_what_is_asked_for_is_written(capsys, music, table) -> None:
    assert last(call(capsys, "tag", table, music / "house", "--write")).startswith("1 changed")
    assert (len(fields(music / "a.mp3")), len(fields(music / "house" / "b.flac"))) == (0, 4)


def test_what_cannot_be_written_is_one_line_and_stops_nothing(capsys, music, table) -> None:
    (music / "a.mp3").unlink()
    stranger = make(music / "new.mp3")
    result = call(capsys, "tag", table, music, stranger, "--write")
    assert result.code == 1
    gone, new = result.remarks()
    assert gone == f"realtime-mer: {music}/a.mp3 is left as it is: No such file or directory"
    assert new == f"realtime-mer: {stranger} is not in {table}: annotate it first"
    assert result.out.splitlines()[-1] == "1 changed, 0 as they should be, 2 left out"


def test_a_full_disk_ends_it_with_one_line(monkeypatch, music, table) -> None:
    def full(*args: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tagging, "write", full)
    options = tagging.TagOptions(table=table, write=True)
    with pytest.raises(InputError, match="The disk is full: 0 files written"):
        tagging.tag(options, tell=lambda line: None)


def test_what_contradicts_itself_is_refused(capsys, table) -> None:
    complaint = call(capsys, "tag", table, "--remove", "--energy").complaint()
    assert "leave --energy, --replace and --my-scale" in complaint
    complaint = call(capsys, "tag", table, table.parent / "musik").complaint()
    assert "does not exist: did you mean" in complaint


def test_without_mutagen_mp3_is_tagged_and_flac_says_what_to_install(
    capsys, monkeypatch, music, table
) -> None:
    monkeypatch.setitem(sys.modules, "mutagen", None)
    assert last(call(capsys, "tag", table, music / "a.mp3", "--write")).startswith("1 changed")
    complaint = call(capsys, "tag", table, music / "house").complaint()
    assert "need mutagen, which is not installed: `pip install 'realtime-mer[tags]'`" in complaint
