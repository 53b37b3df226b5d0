"""``annotate``: a whole library worked out, from the command line and through every accident."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import soundfile

from realtime_mer.errors import CheckpointError
from realtime_mer.library.sound import Sound
from realtime_mer.library.tables import read_table
from realtime_mer.library.walk import AudioFile, Broken
from realtime_mer.library.workers import annotated
from tests.command_line import Result, call, noise, remarks, start, write_model, write_sound
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a library of three tracks in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "music" / "deep").mkdir(parents=True)
    write_sound(tmp_path / "music" / "a.wav", noise(5))
    write_sound(tmp_path / "music" / "deep" / "b.flac", noise(4, rate=44_100), rate=44_100)
    write_sound(tmp_path / "music" / "c.ogg", noise(6, channels=2))
    return tmp_path


def options(model: Path, out: str = "table.sqlite", jobs: int = 1) -> tuple[object, ...]:
    return ("music", "--out", out, "--model", model, "--compute", "cpu", "--jobs", jobs)


def nobody(file: AudioFile, sound: Sound) -> None:
    """Know no sound."""


@pytest.fixture
def annotate(model: Path, capsys: pytest.CaptureFixture[str]):
    def run(out: str = "table.sqlite", jobs: int = 1) -> Result:
        return call(capsys, "annotate", *options(model, out, jobs))

    return run


def cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


# -- what comes out --------------------------------------------------------------------------------


def test_a_table_has_the_very_numbers_of_analyze(folder, annotate, model, capsys) -> None:
    result = annotate("table.parquet", jobs=2)
    assert (result.code, result.remarks()) == (0, [])
    assert result.out == "table.parquet: 3 tracks; 3 new, 0 unchanged, 0 gone, 0 broken\n"
    tracks = read_table(Path("table.parquet"))
    paths = [track.path for track in tracks]
    assert paths == [str(folder / "music" / name) for name in ("a.wav", "c.ogg", "deep/b.flac")]
    summaries = call(capsys, "analyze", *paths, "--summary", "--model", model).records()
    for track, summary in zip(tracks, summaries, strict=True):
        assert {name: getattr(track, name) for name in summary} == summary


def test_all_formats_hold_the_same_and_share_the_work(folder, annotate) -> None:
    annotate("table.csv")
    again = annotate("table.parquet")
    assert "0 new, 3 unchanged" in again.out
    tables = [read_table(Path(f"table.{kind}")) for kind in ("csv", "parquet", "sqlite")]
    assert tables[0] == tables[1] == tables[2]
    assert len(tables[0]) == 3


# -- going on --------------------------------------------------------------------------------------


def test_only_what_has_changed_is_done_again(folder, annotate) -> None:
    annotate()
    write_sound(folder / "music" / "a.wav", noise(4))
    write_sound(folder / "music" / "d.wav", noise(1))
    (folder / "music" / "c.ogg").unlink()
    result = annotate()
    assert "3 tracks; 2 new, 1 unchanged, 1 gone, 0 broken" in result.out
    seconds = {Path(track.path).name: track.seconds for track in read_table(Path("table.sqlite"))}
    assert seconds == {"a.wav": 4.0, "b.flac": 4.0, "d.wav": 1.0}


def test_a_file_that_only_looks_new_is_recognised_by_its_sound(folder, annotate) -> None:
    annotate()
    os.utime(folder / "music" / "a.wav", ns=(0, 0))
    assert "3 tracks; 0 new, 1 recognised, 2 unchanged" in annotate().out
    assert "3 tracks; 0 new, 3 unchanged" in annotate().out


def test_what_was_moved_tagged_or_copied_is_not_worked_out_again(folder, annotate) -> None:
    music = folder / "music"
    annotate()
    before = read_table(Path("table.sqlite"))
    (music / "a.wav").rename(music / "deep" / "moved.wav")
    with soundfile.SoundFile(music / "tagged.flac", "w", 44_100, 1) as tagged:
        tagged.title = "A title"
        tagged.write(soundfile.read(music / "deep" / "b.flac")[0])
    (music / "tagged.flac").replace(music / "deep" / "b.flac")
    shutil.copy(music / "c.ogg", music / "copy.ogg")
    result = annotate()
    assert "3 tracks; 0 new, 3 recognised, 1 unchanged, 1 gone, 0 broken" in result.out
    after = read_table(Path("table.sqlite"))
    assert [Path(track.path).name for track in after] == ["c.ogg", "b.flac", "moved.wav"]
    assert after[0].copies == (str(music / "copy.ogg"),)
    heard = {track.sound: replace(track, path="", copies=()) for track in after}
    assert heard == {track.sound: replace(track, path="") for track in before}


def test_two_folders_at_once_are_one_table(folder, annotate, model, capsys) -> None:
    (folder / "more").mkdir()
    write_sound(folder / "more" / "d.wav", noise(2))
    result = call(capsys, "annotate", "more", *options(model))
    assert "4 tracks; 4 new" in result.out
    (folder / "more" / "d.wav").unlink()
    (folder / "more").rmdir()
    away = call(capsys, "annotate", "more", *options(model))
    assert "4 tracks; 0 new, 3 unchanged, 0 gone, 1 away" in away.out
    assert away.remarks() == ["realtime-mer: more is away: what is known of its files is kept."]
    assert len(read_table(Path("table.sqlite"))) == 4


def test_a_drive_that_is_away_or_whose_place_is_empty_loses_nothing(folder, annotate) -> None:
    annotate()
    (folder / "music").rename(folder / "elsewhere")
    away = annotate()
    assert (away.code, "3 tracks; 0 new, 0 unchanged, 0 gone, 3 away" in away.out) == (0, True)
    (folder / "music").mkdir()
    empty = annotate()
    assert "3 tracks; 0 new, 0 unchanged, 0 gone, 3 away" in empty.out
    assert "music holds no audio file now" in empty.err
    (folder / "music").rmdir()
    (folder / "elsewhere").rename(folder / "music")
    assert "3 tracks; 0 new, 3 unchanged" in annotate().out


def test_what_is_gone_is_deleted_only_when_that_is_asked_for(
    folder, annotate, model, capsys
) -> None:
    annotate()
    content = (folder / "music" / "c.ogg").read_bytes()
    (folder / "music" / "c.ogg").unlink()
    assert "2 tracks; 0 new, 2 unchanged, 1 gone" in annotate().out
    (folder / "music" / "back.ogg").write_bytes(content)
    assert "3 tracks; 0 new, 1 recognised, 2 unchanged" in annotate().out
    (folder / "music" / "back.ogg").unlink()
    result = call(capsys, "annotate", *options(model), "--forget")
    assert "2 tracks; 0 new, 2 unchanged, 1 gone, 1 forgotten" in result.out
    (folder / "music" / "back.ogg").write_bytes(content)
    assert "3 tracks; 1 new" in annotate().out


def test_what_another_model_said_is_kept_until_it_is_outdated(
    folder, annotate, model, capsys
) -> None:
    annotate()
    copy = folder / "other.safetensors"
    shutil.copy(model, copy)
    shutil.copy(model.with_suffix(".onnx"), copy.with_suffix(".onnx"))
    card = json.loads(model.with_suffix(".json").read_text())
    copy.with_suffix(".json").write_text(json.dumps({**card, "name": "other"}))
    kept = call(capsys, "annotate", *options(copy))
    assert "0 new, 3 unchanged" in kept.out
    (remark,) = kept.remarks()
    assert "3 tracks are as another model or an earlier version heard them" in remark
    result = call(capsys, "annotate", *options(copy), "--outdated")
    told = "3 tracks; 0 new, 3 heard again, 3 unchanged"
    assert (told in result.out, result.remarks()) == (True, [])
    assert {track.model for track in read_table(Path("table.sqlite"))} == {"other"}


def test_a_table_may_hold_several_folders(folder, annotate, model, capsys) -> None:
    annotate()
    write_sound(folder / "more.wav", noise(1))
    (folder / "music").rename(folder / "music 2")
    (folder / "music").mkdir()
    shutil.move(folder / "more.wav", folder / "music" / "more.wav")
    result = call(capsys, "annotate", "music 2", *options(model)[1:])
    assert "3 tracks; 0 new, 3 recognised" in result.out  # with a file in each of both folders
    assert "4 tracks; 1 new, 0 unchanged, 3 gone" in annotate().out


# -- broken files ----------------------------------------------------------------------------------


def test_broken_files_are_listed_and_not_fatal(folder, annotate) -> None:
    (folder / "music" / "empty.mp3").touch()
    (folder / "music" / "rubbish.flac").write_text("rubbish")
    write_sound(folder / "music" / "short.wav", noise(0.05))
    result = annotate()
    assert result.code == 0
    assert "3 tracks; 3 new, 0 unchanged, 0 gone, 3 broken" in result.out
    lines = result.remarks()
    for line, (name, reason) in zip(
        lines,
        (
            ("empty.mp3", "is empty"),
            ("rubbish.flac", "decoded"),
            ("short.wav", "is shorter than one hop"),
        ),
        strict=True,
    ):
        assert line.startswith(f"realtime-mer: {folder / 'music' / name} ")
        assert reason in line


def test_a_file_that_was_cut_off_is_told_and_its_track_kept(folder, annotate) -> None:
    cut(folder / "music" / "a.wav")
    result = annotate()
    assert "3 tracks; 3 new" in result.out
    (line,) = remarks(result.err)
    assert "frames fewer than the file announces" in line


def test_what_a_file_announces_wrongly_is_told_and_its_track_kept(folder, annotate) -> None:
    path = folder / "music" / "a.wav"
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = bytes(4)
    path.write_bytes(data)
    result = annotate()
    assert "3 tracks; 3 new" in result.out
    (line,) = remarks(result.err)
    assert line.startswith(f"realtime-mer: {path}: ")
    assert "frames more than the file announces" in line


def test_a_track_that_breaks_leaves_the_table(folder, annotate) -> None:
    annotate()
    path = folder / "music" / "deep" / "b.flac"
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = bytes(2000)
    path.write_bytes(data)
    assert "2 tracks; 0 new, 2 unchanged, 0 gone, 1 broken" in annotate().out


def test_a_track_that_was_cut_off_stays_with_what_it_has_and_is_told(folder, annotate) -> None:
    annotate()
    cut(folder / "music" / "a.wav")
    result = annotate()
    assert "3 tracks; 1 new, 2 unchanged, 0 gone, 0 broken" in result.out
    (line,) = result.remarks()
    assert "frames fewer than the file announces" in line


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux only")
def test_a_name_that_is_no_text_is_worked_out_and_kept_byte_by_byte(folder, annotate) -> None:
    named = os.fsdecode(os.fsencode(folder) + b"/music/\xff.wav")
    (folder / "music" / "a.wav").rename(named)
    result = annotate("table.csv")
    assert ("3 tracks; 3 new" in result.out, result.remarks()) == (True, [])
    assert named in [track.path for track in read_table(Path("table.sqlite"))]
    assert str(folder / "music" / "\\udcff.wav") in [t.path for t in read_table(Path("table.csv"))]
    assert "3 tracks; 0 new, 3 unchanged" in annotate("table.csv").out
    Path(named).write_bytes(b"rubbish")
    (remark,) = annotate("table.csv").remarks()
    assert "\\udcff.wav" in remark


def test_broken_files_are_tried_again_every_time(folder, annotate) -> None:
    (folder / "music" / "a.wav").write_text("rubbish")
    assert annotate().remarks() == annotate().remarks() != []


def test_where_nothing_could_be_read_the_exit_status_says_so(folder, annotate) -> None:
    shutil.rmtree(folder / "music")
    (folder / "music").mkdir()
    (folder / "music" / "rubbish.flac").write_text("rubbish")
    result = annotate("table.csv")
    assert result.code == 1
    assert "rubbish.flac" in result.err
    assert not Path("table.csv").exists()


# -- bad input -------------------------------------------------------------------------------------


def test_what_cannot_be_is_refused_in_one_line(folder, annotate, model, capsys) -> None:
    (folder / "nothing").mkdir()
    for args, complaint in (
        (("nowhere", *options(model)[1:]), "nowhere does not exist"),
        (("nothing", *options(model)[1:]), "nothing holds no audio file"),
        (options(model, "table.xls"), "table.xls is no table that is known"),
        (options(model, "no/such/table.csv"), "--out no/such/table.csv cannot be written"),
        (("music", "--model", "none-such"), "No checkpoint 'none-such'"),
    ):
        assert complaint in call(capsys, "annotate", *args).complaint(), args
    assert sorted(path.name for path in folder.iterdir()) == ["music", "nothing"]


def test_a_process_that_cannot_load_the_model_says_why(folder, tmp_path) -> None:
    file = AudioFile(path=str(folder / "music" / "a.wav"), size=1, mtime_ns=1)
    with pytest.raises(CheckpointError, match="none-such"):
        list(annotated([file], known=nobody, model="none-such", compute="cpu", jobs=1))


# -- accidents -------------------------------------------------------------------------------------

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and scripts")


@pytest.fixture
def ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Put another program in ffmpeg's place, which is asked for what libsndfile cannot read."""

    def install(script: str) -> None:
        (tmp_path / "bin").mkdir()
        program = tmp_path / "bin" / "ffmpeg"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")

    return install


@posix
def test_a_file_that_crashes_its_decoder_is_broken_and_the_rest_goes_on(
    folder, model, ffmpeg
) -> None:
    ffmpeg("kill -SEGV $PPID")
    (folder / "music" / "b.ape").write_text("crash me")
    names = ("a.wav", "b.ape", "c.ogg")
    files = [AudioFile(path=str(folder / "music" / n), size=1, mtime_ns=1) for n in names]
    found = dict(annotated(files, known=nobody, model=str(model), compute="cpu", jobs=1))
    assert list(found) == files
    assert isinstance(found[files[1]], Broken)
    assert "b.ape crashed what reads it (exit status -11)" in found[files[1]].reason
    assert [found[files[i]].track.path for i in (0, 2)] == [files[0].path, files[2].path]


@pytest.fixture
def stuck(folder: Path, model: Path, ffmpeg) -> Iterator[subprocess.Popen[str]]:
    """A real annotation that has come to its fourth and last file, which never ends."""
    os.mkfifo(folder / "reached")
    ffmpeg(f'echo $$ > "{folder / "reached"}"\nexec sleep 600')
    (folder / "music" / "z.ape").write_text("endless")
    with start("annotate", *options(model)) as process:
        decoder = psutil.Process(int((folder / "reached").read_text()))
        try:
            yield process
        finally:
            process.kill()
            with suppress(psutil.NoSuchProcess):
                decoder.kill()


def rows() -> int:
    with sqlite3.connect("table.sqlite") as database:
        (count,) = database.execute("SELECT count(*) FROM tracks").fetchone()
    database.close()
    return count


@posix
def test_after_a_kill_the_same_command_goes_on_from_there(stuck, folder, annotate) -> None:
    (worker,) = (
        child
        for child in psutil.Process(stuck.pid).children()
        if "spawn_main" in str(child.cmdline())
    )
    decoders = worker.children()
    stuck.send_signal(signal.SIGKILL)
    assert stuck.wait(timeout=PATIENCE_S) == -signal.SIGKILL
    kept = rows()
    assert kept >= 2  # the third was on its way when the fourth began
    for decoder in decoders:
        decoder.kill()
    assert psutil.wait_procs([worker], timeout=PATIENCE_S)[1] == []  # nobody asks it any more
    (folder / "music" / "z.ape").unlink()
    assert f"3 tracks; {3 - kept} new, {kept} unchanged, 0 gone, 0 broken" in annotate().out


@posix
def test_ctrl_c_ends_all_processes_at_once_and_without_a_word(stuck) -> None:
    children = psutil.Process(stuck.pid).children()
    assert children
    for process in (psutil.Process(stuck.pid), *children):  # as a terminal does
        process.send_signal(signal.SIGINT)
    assert (stuck.wait(timeout=PATIENCE_S), stuck.stdout.read()) == (130, "")
    assert remarks(stuck.stderr.read()) == []
    assert psutil.wait_procs(children, timeout=PATIENCE_S)[1] == []
    assert rows() >= 2
