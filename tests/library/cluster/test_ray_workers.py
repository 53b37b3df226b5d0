"""``annotate --engine ray`` on real clusters of this machine, whose workers are killed."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from realtime_mer.errors import InputError
from realtime_mer.library.cluster.ray_workers import annotated_on_ray, connected
from realtime_mer.library.tables import read_table
from realtime_mer.library.tracks import Track
from tests.command_line import call, noise, start, write_model, write_sound
from tests.patience import PATIENCE_S

slow = pytest.mark.slow

NAMES = ("a.wav", "b.flac", "c.ogg", "deep/d.wav", "deep/e.flac")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def ffmpeg(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file of what is done in ffmpeg's place, which decodes what libsndfile does not."""
    real = shutil.which("ffmpeg")
    if real is None or sys.platform == "win32":
        pytest.skip("needs ffmpeg, and POSIX scripts")
    home = tmp_path_factory.mktemp("bin")
    (home / "ffmpeg").write_text(f'#!/bin/sh\n. "{home}/instead"\nexec "{real}" "$@"\n')
    (home / "ffmpeg").chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{home}{os.pathsep}{os.environ['PATH']}")
        yield home / "instead"


@pytest.fixture(scope="module")
def two_workers(ffmpeg: Path) -> Iterator[None]:
    """A cluster with room for two workers, to which this process is connected."""
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        with connected(None, 2):
            yield


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a library of five tracks in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    (tmp_path / "music" / "deep").mkdir(parents=True)
    for seconds, name in enumerate(NAMES, start=3):
        write_sound(tmp_path / "music" / name, noise(seconds))
    return tmp_path


@pytest.fixture
def stuck(folder: Path, ffmpeg: Path) -> Path:
    """A pipe that tells of the first decoding of a sixth track, which never ends.

    It tells the process that decodes, and that which asked it to. The next time it does end.
    """
    ffmpeg.write_text("")
    sound = write_sound(folder / "f.wav", noise(8))
    subprocess.run(["ffmpeg", "-v", "error", "-i", sound, folder / "music" / "f.m4a"], check=True)
    os.mkfifo(folder / "reached")
    ffmpeg.write_text(
        f'if mkdir "{folder}/once" 2> /dev/null; then\n'
        f'echo "$PPID $$" > "{folder}/reached"\nexec sleep 600\nfi\n'
    )
    return folder / "reached"


def words(model: Path, out: str, *more: object, where: object = "music") -> tuple[object, ...]:
    return ("annotate", where, "--out", out, "--model", model, "--compute", "cpu", *more)


def on_ray(model: Path, out: str, *, where: object = "music") -> tuple[object, ...]:
    return words(model, out, "--jobs", 2, "--engine", "ray", where=where)


def tracks(out: str) -> list[Track]:
    return read_table(Path(out))


@slow
def test_a_worker_that_is_killed_costs_nothing_but_its_repeat(
    stuck: Path, two_workers: None, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    killed = []

    def kill_it() -> None:
        worker, decoder = map(int, stuck.read_text().split())
        killed.append(" ".join(psutil.Process(worker).cmdline()))
        os.kill(worker, signal.SIGKILL)
        os.kill(decoder, signal.SIGKILL)

    killer = threading.Thread(target=kill_it)
    killer.start()
    result = call(capsys, *on_ray(model, "ray.parquet"))
    killer.join()
    assert (result.code, result.remarks()) == (0, [])
    assert "6 tracks; 6 new, 0 unchanged, 0 gone, 0 broken" in result.out
    assert "ray::" in killed[0]
    assert call(capsys, *words(model, "pool.parquet", "--jobs", 1)).code == 0
    assert tracks("ray.parquet") == tracks("pool.parquet")


@slow
def test_a_file_at_which_workers_die_is_broken_and_the_rest_is_heard(
    folder: Path, ffmpeg: Path, two_workers: None, model: Path, capsys
) -> None:
    ffmpeg.write_text("kill -SEGV $PPID\n")
    (folder / "music" / "x.ape").write_text("crash me")
    (folder / "music" / "y.flac").touch()
    result = call(capsys, *on_ray(model, "table.sqlite"))
    assert result.code == 0
    assert "5 tracks; 5 new, 0 unchanged, 0 gone, 2 broken" in result.out
    crashed, empty = result.remarks()
    assert "x.ape crashed 3 workers, one after the other" in crashed
    assert "y.flac is empty" in empty


@slow
def test_a_store_is_read_by_every_worker_as_a_folder_is(
    folder: Path, two_workers: None, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = (folder / "music").as_uri()
    assert "5 tracks; 5 new" in call(capsys, *on_ray(model, "store.csv", where=url)).out
    assert call(capsys, *words(model, "folder.csv", "--jobs", 1)).code == 0
    plain = [replace(one, path=one.path.removeprefix("file://")) for one in tracks("store.csv")]
    assert plain == tracks("folder.csv")


@slow
def test_a_worker_with_another_model_is_refused(two_workers: None, model: Path) -> None:
    more = {"known": lambda *_: None, "compute": "cpu", "jobs": 1, "most": 1, "address": None}
    with pytest.raises(InputError, match="another model"):
        list(annotated_on_ray([], model=str(model), model_sha256="other", **more))


@slow
def test_after_a_kill_of_all_the_same_command_goes_on_from_there(
    stuck: Path, two_workers: None, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with start(*on_ray(model, "table.sqlite")) as process:  # with a cluster of its own
        _, decoder = map(int, stuck.read_text().split())
        everybody = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGKILL)
        assert process.wait(timeout=PATIENCE_S) == -signal.SIGKILL
    os.kill(decoder, signal.SIGKILL)
    assert psutil.wait_procs(everybody, timeout=PATIENCE_S)[1] == []
    kept = len(tracks("table.sqlite"))
    assert 1 <= kept < 6
    again = call(capsys, *words(model, "table.sqlite", "--jobs", 1))
    assert f"6 tracks; {6 - kept} new, {kept} unchanged, 0 gone, 0 broken" in again.out


@slow
def test_a_store_is_gone_on_with_and_kept_while_it_is_away(
    folder: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = (folder / "music").as_uri()
    run = words(model, "store.sqlite", "--jobs", 1, where=url)
    (folder / "music" / "rubbish.flac").write_text("rubbish")
    first = call(capsys, *run)
    assert "5 tracks; 5 new, 0 unchanged, 0 gone, 1 broken" in first.out
    (remark,) = first.remarks()
    assert f"{url}/rubbish.flac is not audio" in remark
    (folder / "music" / "rubbish.flac").unlink()
    write_sound(folder / "music" / "a.wav", noise(9))
    (folder / "music" / "b.flac").unlink()
    assert "4 tracks; 1 new, 3 unchanged, 1 gone" in call(capsys, *run).out
    (folder / "music").rename(folder / "elsewhere")
    away = call(capsys, *run, "--forget")  # forgets b, and what a was
    assert (
        "4 tracks; 0 new, 0 unchanged, 0 gone, 4 away, 2 forgotten" in away.out
    )  # b, and what a was
    assert f"{url} is away" in away.err


def test_without_ray_it_is_said_what_to_install(
    folder: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    complaint = call(capsys, *on_ray(model, "table.sqlite")).complaint()
    assert "--engine ray needs Ray, which is not installed" in complaint
    assert "realtime-mer[cluster]" in complaint


def test_a_cluster_is_of_no_use_to_the_pool(folder: Path, model: Path, capsys) -> None:
    refused = call(capsys, *words(model, "table.sqlite", "--cluster", "auto"))
    assert "--cluster auto is of no use without --engine ray" in refused.complaint()
