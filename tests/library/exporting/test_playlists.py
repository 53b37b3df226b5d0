"""Playlists that follow a table, and what other programs read in them."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from realtime_mer.errors import InputError
from realtime_mer.library.exporting.playlists import Playlists, check_playlists
from realtime_mer.library.tables import write_table
from realtime_mer.library.tracks import Track
from tests.command_line import noise, start, write_model, write_sound
from tests.library.checking.made_answers import write_scale
from tests.library.exporting.test_exports import sure
from tests.patience import PATIENCE_S

PLACES = {"a": (0.5, 0.5), "b": (-0.4, -0.2), "c": (0.4, -0.4)}


@pytest.fixture
def music(tmp_path: Path) -> Path:
    (tmp_path / "music").mkdir()
    return tmp_path / "music"


def tracks_of(music: Path, **places: tuple[float, float]) -> list[Track]:
    return [sure(str(music / f"{name}.wav"), *place) for name, place in places.items()]


def lists_of(music: Path, **options: bool) -> tuple[Playlists, Path]:
    table = music.parent / "table.csv"
    write_table(table, tracks_of(music, **PLACES))
    return Playlists(music / "moods", table=table, **options), table


def held(playlist: Path) -> list[str]:
    lines = playlist.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


def test_a_list_stands_for_each_mood_and_energy_with_names_from_its_folder_on(music: Path) -> None:
    lists, _ = lists_of(music)
    assert lists.follow(changed=False).written == 6
    assert {path.name for path in (music / "moods").iterdir()} == {
        "Mood excited.m3u8", "Mood sad.m3u8", "Mood calm.m3u8",
        "Energy 02.m3u8", "Energy 04.m3u8", "Energy 10.m3u8",
    }  # fmt: skip
    text = (music / "moods" / "Mood calm.m3u8").read_text()
    assert text == "#EXTM3U\n# made by realtime-mer\n#EXTINF:200,c\n../c.wav\n"


def test_music_in_a_store_keeps_its_url(music: Path) -> None:
    lists, table = lists_of(music)
    write_table(table, [sure("s3://bucket/a b.flac", 0.5, 0.5)])
    lists.follow(changed=False)
    assert held(music / "moods" / "Mood excited.m3u8") == ["s3://bucket/a b.flac"]


def test_absolute_names_are_for_whoever_wants_them(music: Path) -> None:
    lists, _ = lists_of(music, absolute=True)
    lists.follow(changed=False)
    assert held(music / "moods" / "Mood calm.m3u8") == [str(music / "c.wav")]


def test_only_what_says_something_else_is_written(music: Path) -> None:
    lists, table = lists_of(music)
    lists.follow(changed=False)
    for path in (music / "moods").iterdir():
        os.utime(path, ns=(0, 0))
    assert lists.follow(changed=True).written == 0
    write_table(table, tracks_of(music, **PLACES, d=(0.5, 0.49)))
    assert lists.follow(changed=False).written == 0  # nobody said that it has changed
    assert lists.follow(changed=True).written == 2
    new = {path.name for path in (music / "moods").iterdir() if path.stat().st_mtime_ns}
    assert new == {"Mood excited.m3u8", "Energy 10.m3u8"}


def test_a_list_that_holds_nothing_any_more_stays_and_is_empty(music: Path) -> None:
    lists, table = lists_of(music)
    lists.follow(changed=False)
    (music / "moods" / "mine.m3u8").write_text("#EXTM3U\n../x.mp3\n")
    write_table(table, tracks_of(music, a=PLACES["a"]))
    assert lists.follow(changed=True).written == 4
    assert (music / "moods" / "Mood calm.m3u8").read_text() == "#EXTM3U\n# made by realtime-mer\n"
    assert held(music / "moods" / "mine.m3u8") == ["../x.mp3"]
    assert lists.follow(changed=True).written == 0


def test_nothing_that_somebody_else_made_is_written_over(music: Path) -> None:
    lists, _ = lists_of(music)
    (music / "moods").mkdir()
    (music / "moods" / "Mood calm.m3u8").write_text("#EXTM3U\n")
    with pytest.raises(InputError, match="was not made by realtime-mer"):
        lists.follow(changed=False)
    assert [path.name for path in (music / "moods").iterdir()] == ["Mood calm.m3u8"]


def test_what_failed_is_made_up_for_at_the_next_look(music: Path) -> None:
    lists, table = lists_of(music)
    away = table.rename(table.with_suffix(".away"))
    with pytest.raises(InputError):
        lists.follow(changed=False)
    away.rename(table)
    assert lists.follow(changed=False).written == 6
    assert lists.follow(changed=False).written == 0


def test_a_name_with_a_line_break_costs_one_track_and_is_told(music: Path) -> None:
    lists, table = lists_of(music)
    write_table(table, tracks_of(music, **PLACES, **{"x\ny": (0.5, 0.5)}))
    refreshed = lists.follow(changed=False)
    assert refreshed.written == 6
    (remark,) = refreshed.remarks
    assert "has a line break" in remark
    assert held(music / "moods" / "Mood excited.m3u8") == ["../a.wav"]


def test_lists_on_the_owners_scale_say_so(music: Path) -> None:
    _, table = lists_of(music)
    many = [sure(f"/{n}.wav", n / 10 - 1, 0.1) for n in range(21)]
    scale = write_scale(music.parent / "a.json", many, offset=-0.5, slope=0.5)
    Playlists(music / "moods", table=table, my_scale=scale).follow(changed=False)
    head = (music / "moods" / "Energy 10.m3u8").read_text().splitlines()[1]
    assert head == "# made by realtime-mer, own scale: valence -0.50 +0.50 m"
    assert not (music / "moods" / "Mood excited.m3u8").exists()


@pytest.mark.parametrize(("name", "why"), [("file", "is a file"), ("no/moods", "make it first")])
def test_a_folder_that_cannot_be_one_is_refused_at_once(tmp_path: Path, name, why) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=why):
        check_playlists(tmp_path / name)


# -- a real server ---------------------------------------------------------------------------------

MPD = shutil.which("mpd", path=f"{os.environ['PATH']}:/usr/bin:/usr/sbin")


class Mpd:
    """A client of a music player daemon."""

    def __init__(self, place: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(PATIENCE_S)
        self._socket.connect(str(place))
        self._lines = self._socket.makefile("r", encoding="utf-8")
        assert self._lines.readline().startswith("OK MPD")

    def ask(self, command: str) -> list[str]:
        self._socket.sendall(f"{command}\n".encode())
        answer = []
        while (line := self._lines.readline().rstrip("\n")) != "OK":
            assert not line.startswith("ACK"), line
            answer.append(line)
        return answer

    def update(self) -> None:
        """Let it look at its music anew, and wait for that."""
        self.ask("update")
        while any(line.startswith("updating_db") for line in self.ask("status")):
            self.ask("idle update")

    def held(self, playlist: str) -> list[str]:
        return [line.partition(": ")[2] for line in self.ask(f'listplaylist "{playlist}"')]

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


@contextmanager
def mpd(music: Path) -> Iterator[Mpd]:
    home = music.parent / "mpd"
    home.mkdir()
    (home / "playlists").mkdir()
    place = home / "socket"
    (home / "mpd.conf").write_text(
        f'music_directory "{music}"\nplaylist_directory "{home}/playlists"\n'
        f'db_file "{home}/database"\nbind_to_address "{place}"\n'
        'audio_output {\n type "null"\n name "none"\n}\n'
    )
    with subprocess.Popen(
        [str(MPD), "--no-daemon", "--stderr", str(home / "mpd.conf")], stderr=subprocess.PIPE
    ) as process:
        try:
            deadline = time.monotonic() + PATIENCE_S
            while not place.exists():
                assert process.poll() is None, process.stderr and process.stderr.read()
                assert time.monotonic() < deadline
            client = Mpd(place)
            yield client
            client.close()
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.skipif(MPD is None, reason="mpd is not installed")
def test_mpd_reads_the_lists_before_and_after_a_change(music: Path) -> None:
    for name in "abcd":
        write_sound(music / f"{name}.wav", np.zeros((24_000, 1), np.float32))
    within, table = lists_of(music)
    within = Playlists(music, table=table)
    absolute = Playlists(music / "moods", table=table, absolute=True)
    for lists in (within, absolute):
        lists.follow(changed=False)
    with mpd(music) as server:
        server.update()
        for playlist in ("Mood calm.m3u8", "moods/Mood calm.m3u8"):
            assert server.held(playlist) == ["c.wav"]
        assert server.held("Energy 10.m3u8") == ["a.wav"]
        write_table(table, tracks_of(music, **PLACES, d=(0.4, -0.41)))
        for lists in (within, absolute):
            lists.follow(changed=True)
        server.update()
        for playlist in ("Mood calm.m3u8", "moods/Mood calm.m3u8"):
            assert server.held(playlist) == ["c.wav", "d.wav"]
        server.ask('load "moods/Mood calm.m3u8"')
        queue = [line for line in server.ask("playlistinfo") if line.startswith("file: ")]
        assert queue == ["file: c.wav", "file: d.wav"]


# -- with the watch --------------------------------------------------------------------------------


@pytest.mark.slow
def test_annotate_keeps_them_up_to_date_while_it_watches(music: Path) -> None:
    home, model = music.parent, write_model(music.parent)
    write_sound(music / "a.wav", noise(4))
    words = ("annotate", music, "--out", home / "table.csv", "--playlists", music / "moods")
    words += ("--watch", "--every", 1, "--model", model, "--compute", "light", "--jobs", 1)
    with start(*words) as process:
        try:
            written_by(process)
            assert named(music) == {"../a.wav"}
            write_sound(music / "b.wav", noise(6))
            written_by(process)
            assert named(music) == {"../a.wav", "../b.wav"}
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE_S)
        finally:
            process.kill()


def written_by(process: subprocess.Popen[str]) -> None:
    """Wait until it says that it has written playlists."""
    assert process.stdout is not None
    while "playlists written" not in (line := process.stdout.readline()):
        assert line, process.stderr and process.stderr.read()


def named(music: Path) -> set[str]:
    return {name for path in (music / "moods").iterdir() for name in held(path)}
