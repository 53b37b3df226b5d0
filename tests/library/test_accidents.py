"""Drives that fill up, are read-only or go away; what the network would say is made up."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from realtime_mer.errors import InputError
from realtime_mer.library import annotate as annotating
from realtime_mer.library.annotate import AnnotateOptions, Annotation
from realtime_mer.library.store import TrackStore
from realtime_mer.library.tables import read_table, write_table
from realtime_mer.library.walk import AudioFile, Broken
from realtime_mer.library.workers import Found, Heard
from realtime_mer.writing.replacing import PART
from tests.command_line import call
from tests.drives import fill_up, mounted, unmount
from tests.library.made import made_sound, made_track
from tests.library.tagging.made_files import make

Hearing = Callable[[AudioFile], None]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> list[Hearing]:
    """What happens before each file is heard; a file that is not there by then is broken."""
    happening: list[Hearing] = []

    def answers(files: Iterable[AudioFile], **options: Any) -> Generator[Found, None, None]:
        for file in files:
            for happens in happening:
                happens(file)
            try:
                content = Path(file.path).read_bytes()
            except OSError as error:
                reason = f"{file.path} cannot be opened: {error.strerror}"
                yield file, Broken(path=file.path, reason=reason)
                continue
            sound = made_sound(content.decode("latin-1"))
            yield file, Heard(track=made_track(file.path), sound=sound, faults={})

    monkeypatch.setattr(annotating, "annotated", answers)
    return happening


@pytest.fixture
def music(tmp_path: Path, meanwhile: list[Hearing]) -> Path:
    (tmp_path / "music").mkdir()
    (tmp_path / "model.json").write_text("a card")
    (tmp_path / "model.safetensors").write_text("weights")
    (tmp_path / "music" / "a.mp3").write_text("a")
    return tmp_path / "music"


@pytest.fixture
def annotate(music: Path) -> Callable[..., Annotation]:
    def run(*folders: Path, out: Path | None = None, **more: Any) -> Annotation:
        home = music.parent
        options = AnnotateOptions(
            folders=folders or [music],
            out=out or home / "table.sqlite",
            model=str(home / "model"),
            jobs=1,
            **more,
        )
        return annotating.annotate(options)

    return run


def listed(music: Path) -> list[str]:
    return [Path(track.path).name for track in read_table(music.parent / "table.sqlite")]


# -- drives that go away ---------------------------------------------------------------------------


@pytest.fixture
def usb(music: Path, tmp_path: Path) -> Iterator[Callable[[], None]]:
    """A drive with two tracks at ``music/usb``; returns what plugs it in."""
    drive, place = tmp_path / "drive", music / "usb"
    drive.mkdir()
    place.mkdir()
    with mounted(drive):
        for name in "bc":
            (drive / f"{name}.mp3").write_text(name)

        def plug_in() -> None:
            subprocess.run(["mount", "--bind", str(drive), str(place)], check=True)

        plug_in()
        yield plug_in
        unmount(place)


def test_a_drive_that_is_away_loses_nothing_even_if_asked_to_forget(
    annotate, music: Path, usb
) -> None:
    assert annotate().done == 3
    unmount(music / "usb")
    away = annotate(forget=True)
    assert (away.kept, away.away, away.gone, away.forgotten, away.total) == (1, 2, 0, 0, 3)
    assert (away.broken, away.remarks) == ([], [])
    usb()
    assert (annotate().kept, listed(music)) == (3, ["a.mp3", "b.mp3", "c.mp3"])


def test_a_drive_that_is_the_folder_and_is_away_is_one_line(annotate, music: Path, usb) -> None:
    assert annotate(music / "usb").done == 2
    unmount(music / "usb")
    away = annotate(music / "usb", forget=True)
    assert (away.away, away.forgotten, away.total) == (2, 0, 2)
    (remark,) = away.remarks
    assert remark.startswith(f"{music / 'usb'} holds no audio file now: what is known")


@pytest.mark.parametrize("outdated", [False, True])
def test_a_drive_that_goes_away_in_the_middle_is_one_line_a_file_and_keeps_its_tracks(
    annotate, music: Path, usb, meanwhile: list[Hearing], outdated: bool
) -> None:
    if outdated:
        annotate()
        (music.parent / "model.json").write_text("another card")
    meanwhile.append(lambda file: unmount(music / "usb") if file.path.endswith("b.mp3") else None)
    found = annotate(outdated=outdated, forget=True)
    assert (found.done, found.forgotten) == (1, 0)
    assert [Path(one.path).name for one in found.broken] == ["b.mp3"]
    assert list(found.remarks) == ["1 file went away unheard: what is known of its files is kept."]
    assert len(listed(music)) == (3 if outdated else 1)
    assert annotate(forget=True).forgotten == 0
    meanwhile.clear()
    usb()
    again = annotate(outdated=outdated)
    assert (again.done, again.total, again.broken) == (2, 3, [])


def test_a_link_into_a_drive_that_is_away_is_away_too(annotate, music: Path) -> None:
    (music.parent / "drive").mkdir()
    (music.parent / "drive" / "b.mp3").write_text("b")
    (music / "b.mp3").symlink_to(music.parent / "drive" / "b.mp3")
    assert annotate().done == 2
    (music.parent / "drive").rename(music.parent / "unplugged")
    away = annotate(forget=True)
    assert (away.away, away.gone, away.forgotten, away.total) == (1, 0, 0, 2)
    (broken,) = away.broken
    assert "b.mp3 cannot be read" in broken.reason
    (music.parent / "unplugged").rename(music.parent / "drive")
    assert annotate().kept == 2


# -- drives that are full --------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "small").mkdir()
    with mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=8m", "tmpfs") as folder:
        yield folder


def test_a_table_on_a_full_drive_is_one_line_and_is_gone_on_with(
    annotate, music: Path, small: Path
) -> None:
    for name in range(60):
        (music / f"{name:02}.mp3").write_text(str(name))
    fill_up(small / "filler")
    os.truncate(small / "filler", (small / "filler").stat().st_size - 150_000)
    table = small / "table.sqlite"
    with pytest.raises(InputError, match="cannot be used as a table: database or disk is full"):
        annotate(out=table)
    with TrackStore(table) as store:
        kept = store.count()
    assert 1 <= kept < 61
    (small / "filler").unlink()
    again = annotate(out=table)
    assert (again.kept, again.done, again.total) == (kept, 61 - kept, 61)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_an_export_to_a_full_drive_is_one_line_and_leaves_the_old_one(
    small: Path, kind: str
) -> None:
    table = small / f"table.{kind}"
    write_table(table, [made_track()])
    fill_up(small / "filler")
    with pytest.raises(InputError, match=f"table.{kind} cannot be written: No space left"):
        write_table(table, [made_track(f"/{number}.mp3") for number in range(300)])
    assert read_table(table) == [made_track()]
    assert sorted(path.name for path in small.iterdir()) == ["filler", table.name]


def test_an_export_that_a_full_drive_broke_off_is_written_the_next_time(
    annotate, music: Path
) -> None:
    table = music.parent / "table.csv"
    annotate(out=table)
    (music / "b.mp3").write_text("b")
    table.with_name("table.csv.part").symlink_to("/dev/full")
    with pytest.raises(InputError, match="cannot be written: No space left"):
        annotate(out=table)
    assert len(read_table(table)) == 1
    again = annotate(out=table)
    assert (again.done, again.kept, len(read_table(table))) == (0, 2, 2)


def test_an_export_in_another_format_is_written_anew_once_something_has_changed(
    annotate, music: Path
) -> None:
    csv, parquet = (music.parent / f"table.{kind}" for kind in ("csv", "parquet"))
    annotate(out=csv)
    annotate(out=parquet)
    (music / "b.mp3").write_text("b")
    annotate(out=csv)
    annotate(out=parquet)
    assert len(read_table(csv)) == len(read_table(parquet)) == 2


def tag(capsys: pytest.CaptureFixture[str], table: Path, *files: Path) -> Any:
    write_table(table, [made_track(str(file), arousal=0.5) for file in files])
    return call(capsys, "tag", table, "--write")


def test_tagging_on_a_full_drive_is_one_line_and_is_gone_on_with(
    capsys, tmp_path: Path, small: Path
) -> None:
    files = [make(small / name) for name in ("a.mp3", "b.flac")]
    before = [file.read_bytes() for file in files]
    fill_up(small / "filler")
    full = tag(capsys, tmp_path / "table.csv", *files)
    assert full.complaint().startswith("realtime-mer: The disk is full: 0 files written, all")
    assert [file.read_bytes() for file in files] == before
    assert not list(small.glob(f"*{PART}"))
    (small / "filler").unlink()
    again = tag(capsys, tmp_path / "table.csv", *files)
    assert (again.code, again.out.splitlines()[-1]) == (
        0,
        "2 changed, 0 as they should be, 0 left out",
    )


# -- what may not be written -----------------------------------------------------------------------


def test_tagging_on_a_read_only_drive_is_a_line_a_file_and_stops_nothing(
    capsys, tmp_path: Path, small: Path
) -> None:
    locked, free = make(small / "a.mp3"), make(tmp_path / "b.mp3")
    before = locked.read_bytes()
    remount = ["mount", "-o", "remount,ro", str(small)]
    subprocess.run(remount, check=True)
    result = tag(capsys, tmp_path / "table.csv", locked, free)
    assert result.code == 1
    assert result.out.splitlines()[-1] == "1 changed, 0 as they should be, 1 left out"
    (remark,) = result.remarks()
    assert remark.startswith(f"realtime-mer: {locked} is left as it is: ")
    assert locked.read_bytes() == before


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who writes a file")
def test_a_file_that_another_program_has_open_to_write_is_left_to_it(
    capsys, tmp_path: Path
) -> None:
    held, free = make(tmp_path / "a.mp3"), make(tmp_path / "b.mp3")
    before = held.read_bytes()
    program = "import sys; f = open(sys.argv[1], 'ab'); print(flush=True); sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", program, str(held)], **pipes) as writer:
        writer.stdout.readline()
        result = tag(capsys, tmp_path / "table.csv", held, free)
        assert result.code == 1
        (remark,) = result.remarks()
        assert remark == (
            f"realtime-mer: {held} is left as it is: another program is writing it: "
            "try again when that is done"
        )
        assert held.read_bytes() == before
        writer.communicate()
    again = tag(capsys, tmp_path / "table.csv", held, free)
    assert again.out.splitlines()[-1] == "1 changed, 1 as they should be, 0 left out"


def test_a_file_that_is_only_read_meanwhile_is_tagged(capsys, tmp_path: Path) -> None:
    file = make(tmp_path / "a.mp3")
    with file.open("rb") as player:
        assert tag(capsys, tmp_path / "table.csv", file).code == 0
        assert player.read() != file.read_bytes()  # it plays on what it has open


def test_a_file_that_grows_while_it_is_heard_is_heard_again_next_time(
    annotate, music: Path, meanwhile: list[Hearing]
) -> None:
    meanwhile.append(lambda file: (music / "a.mp3").write_text("a and more"))
    assert annotate().done == 1
    meanwhile.clear()
    assert (annotate().kept, annotate().kept) == (0, 1)


@pytest.mark.slow
def test_a_table_that_another_program_writes_is_one_line_and_stays(annotate, music: Path) -> None:
    annotate()
    (music / "b.mp3").write_text("b")
    with closing(sqlite3.connect(music.parent / "table.sqlite")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(InputError, match="cannot be used as a table: database is locked"):
            annotate()
    assert annotate().total == 2


# -- names -----------------------------------------------------------------------------------------

NAMES = (
    "Björk.mp3".encode(),
    "Bjo\u0308rk.mp3".encode(),  # the same to read, another name
    "Björk.mp3".encode("latin-1"),
    "宇多田.mp3".encode("shift-jis"),
    b"line\nbreak.mp3",
    b"bell \x07 and \x1b[31mred.mp3",
    b"x" * 251 + b".mp3",  # the longest that there may be
)


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux only")
def test_names_in_any_encoding_are_kept_and_tagged_with_a_line_each(
    annotate, music: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (music / "a.mp3").unlink()
    files = [Path(os.fsdecode(os.fsencode(music) + b"/" + name)) for name in NAMES]
    for number, file in enumerate(files):
        make(file)
        with file.open("ab") as sound:
            sound.write(bytes([number]))  # each a sound of its own
    assert annotate().total == len(NAMES)
    table = music.parent / "table.sqlite"
    assert {os.fsencode(track.path) for track in read_table(table)} == {
        os.fsencode(file) for file in files
    }
    result = call(capsys, "tag", table, "--write")
    assert (result.code, result.remarks()) == (0, [])
    lines = result.out.splitlines()
    assert len(lines) == len(NAMES) + 1
    assert lines[-1] == f"{len(NAMES)} changed, 0 as they should be, 0 left out"
    assert "\x07" not in result.out
    assert {os.fsencode(file) for file in music.iterdir()} == {os.fsencode(f) for f in files}
    assert annotate().total == len(NAMES)
