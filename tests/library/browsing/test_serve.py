"""What the page of a library is answered, over real sockets."""

import http.client
import json
import re
import shutil
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mutagen
import numpy as np
import pytest

from realtime_mer.library.browsing.serve import MOST_TRACKS, LibraryServer
from realtime_mer.library.browsing.shelf import Shelf
from realtime_mer.library.browsing.titles import Titles
from realtime_mer.library.store import TrackStore
from realtime_mer.web.library import PATHS
from tests.command_line import command
from tests.library.browsing.made_library import (
    add_tracks,
    made_library,
    moving_track,
    write_sounds,
)
from tests.library.made import made_track
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")

TOKEN = "iq3Xl0vT2k9uVnB7sWcE5yRz"


@contextmanager
def serving(table: Path, **options: object) -> Iterator[LibraryServer]:
    with LibraryServer(Shelf(table), **options) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def ask(
    server: LibraryServer, target: str, *, body: bytes | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(
        "127.0.0.1", server.server_address[1], timeout=PATIENCE_S
    )
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("GET" if body is None else "POST", target, body=body, headers=named)
    response = connection.getresponse()
    found = response.read()
    connection.close()
    return response.status, dict(response.getheaders()), found


def told(server: LibraryServer, target: str):
    status, _, body = ask(server, target)
    assert status == 200, body
    return json.loads(body)


def numbers(*values: int) -> bytes:
    return np.array(values, dtype="<u4").tobytes()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where two files with tags lie, among others."""
    folder = tmp_path_factory.mktemp("sounds")
    sounds = write_sounds(folder)
    for name, title, artist in (("flac", "Été", "Ada Lane"), ("ogg", "Harbour", "")):
        tags = mutagen.File(sounds[name])
        tags["title"] = title
        tags["artist"] = artist
        tags.save()
    return folder


@pytest.fixture
def table(folder: Path, tmp_path: Path) -> Path:
    """Two tracks with tags, in files, and one whose file is not there."""
    tracks = [
        moving_track(str(folder / f"tone in {name}.{name}"), 0.3, 0.2, seconds=40.0, seed=place)
        for place, name in enumerate(("flac", "ogg"))
    ]
    gone = made_track(str(folder / "zzz gone.mp3"))
    add_tracks(tmp_path / "t.sqlite", [*tracks, gone])
    return tmp_path / "t.sqlite"


def test_the_files_of_the_page_may_load_each_other_and_nothing_else(table: Path) -> None:
    with serving(table, token=TOKEN) as server:
        for path in PATHS:
            status, headers, _ = ask(server, path)
            assert status == 200
            assert "connect-src 'self'" in headers["Content-Security-Policy"]
        assert ask(server, "/app.js")[0] == 401  # of the other page


def test_nothing_is_told_without_the_token(table: Path) -> None:
    with serving(table, token=TOKEN) as server:
        for target in ("/about", "/points", "/find?text=a", "/tracks?numbers=0", "/track/0"):
            assert ask(server, target)[0] == 401
            assert ask(server, target, Authorization=f"Bearer {TOKEN}")[0] == 200
        for target in ("/playlist", "/paths"):
            assert ask(server, target, body=numbers(0))[0] == 401


def test_a_track_is_told_with_its_names_and_its_course(table: Path) -> None:
    with serving(table) as server:
        about = told(server, "/about")
        assert about == {"table": "t.sqlite", "version": 1, "tracks": 3, "problem": ""}
        track = told(server, "/track/0")
        names = told(server, "/tracks?numbers=2,7,1,0,x")
    with TrackStore(table, read_only=True) as store:
        expected = next(iter(store.tracks()))
    assert (track["title"], track["artist"]) == ("Été", "Ada Lane")
    assert track["course"]["valence"] == list(expected.course.valence)
    assert (track["mood"], track["typical_s"]) == (expected.mood, expected.typical_s)
    assert track["sections"][0]["mood"] == expected.sections[0].mood
    assert [one and one["title"] for one in names] == ["zzz gone", None, "Harbour", "Été", None]


def test_what_cannot_be_asked_for_is_refused(table: Path) -> None:
    many = ",".join("0" * (MOST_TRACKS + 1))
    with serving(table) as server:
        assert ask(server, f"/tracks?numbers={many}")[0] == 400
        for target in ("/track/9", "/track/-1", "/track/99999999999", "/track/", "/nothing"):
            assert ask(server, target)[0] == 404
        assert ask(server, "/points", body=b"")[0] == 404
        assert ask(server, "/playlist")[0] == 404
        assert ask(server, "/find?" + "&" * 9)[2] == numbers(0, 1, 2)


def test_a_playlist_names_the_tracks_in_the_order_they_were_given_in(
    table: Path, folder: Path
) -> None:
    with serving(table) as server:
        told(server, "/tracks?numbers=0")  # so its names are known
        status, headers, body = ask(server, "/playlist", body=numbers(1, 0, 77))
        paths = ask(server, "/paths", body=numbers(2, 1) + b"x")[2].decode()
    assert (status, headers["Content-Type"]) == (200, "audio/mpegurl; charset=utf-8")
    assert body.decode().splitlines()[2:] == [
        "#EXTINF:40,tone in ogg",
        f"{folder}/tone in ogg.ogg",
        "#EXTINF:40,Ada Lane - Été",
        f"{folder}/tone in flac.flac",
    ]
    assert paths.splitlines() == [f"{folder}/zzz gone.mp3", f"{folder}/tone in ogg.ogg"]


def test_names_that_are_no_utf_8_are_given_byte_by_byte(tmp_path: Path) -> None:
    add_tracks(tmp_path / "t.sqlite", [made_track("/m/\udce4.mp3")])
    with serving(tmp_path / "t.sqlite") as server:
        assert b"/m/\xe4.mp3" in ask(server, "/playlist", body=numbers(0))[2]
        assert told(server, "/track/0")["title"] == "\udce4"


def test_a_name_that_no_playlist_can_hold_is_told(tmp_path: Path) -> None:
    add_tracks(tmp_path / "t.sqlite", [made_track("/m/a\nb.mp3")])
    with serving(tmp_path / "t.sqlite") as server:
        status, _, body = ask(server, "/playlist", body=numbers(0))
    assert (status, b"has a line break" in body) == (409, True)


def test_a_text_is_found_in_tags_and_paths_whatever_its_case_and_accents(table: Path) -> None:
    def found(server: LibraryServer, text: str) -> tuple[list[int], int]:
        _, headers, body = ask(server, f"/find?text={text}")
        return np.frombuffer(body, "<u4").tolist(), int(headers["Titles-Read"])

    with serving(table) as server:
        assert found(server, "ZZZ%20mp3")[0] == [2]  # by the path, at once
        while found(server, "a")[1] < 3:
            pass
        assert found(server, "ete%20LANE") == ([0], 3)
        assert found(server, "harbour") == ([1], 3)
        assert found(server, "nobody") == ([], 3)


def test_tags_are_read_once_and_a_search_ends_with_its_service(tmp_path: Path) -> None:
    titles = Titles()
    paths = [f"/m/{number}.mp3" for number in range(2000)]
    assert titles.search("m 7.mp3", paths)
    titles.close()
    read = titles.read(paths)
    titles.search("m", paths)
    assert titles.read(paths) == read


def test_without_mutagen_titles_are_names_of_files_and_it_is_told(
    table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mutagen", None)
    with serving(table) as server:
        assert told(server, "/track/0")["title"] == "tone in flac"
        assert "Titles are the names of files" in told(server, "/about")["problem"]


def test_a_sound_is_heard_in_parts_by_the_address_that_was_told_and_by_no_other(
    table: Path, folder: Path
) -> None:
    with serving(table, token=TOKEN) as server:
        _, _, body = ask(server, "/track/0", Authorization=f"Bearer {TOKEN}")
        track = json.loads(body)
        place = f"/{track['sound']}"
        content = (folder / "tone in flac.flac").read_bytes()
        assert track["type"] == "audio/flac"
        status, headers, body = ask(server, place, Range="bytes=100-199")
        assert (status, body) == (206, content[100:200])
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert ask(server, place)[2] == content
        key = place.split("/")[2]
        for other in ("/sound/wrong/0", f"/sound/{key}/2", f"/sound/{key}/9", f"/sound/{key}/",
                      f"/sound/{key}/../t.sqlite", f"/sound/{key}/0/x", "/sound/"):  # fmt: skip
            assert ask(server, other)[0] == 404, other
        status, headers, body = ask(server, f"{place}/clip?at=3", Range="bytes=0-3")
        assert (status, body, headers["Content-Type"]) == (206, b"RIFF", "audio/wav")
        for nonsense in ("nan", "-1", "x", "1e300"):
            assert ask(server, f"{place}/clip?at={nonsense}")[0] == 200


def test_a_sound_that_cannot_be_decoded_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.wma").write_bytes(b"nothing of the kind")
    add_tracks(tmp_path / "t.sqlite", [made_track(str(tmp_path / "a.wma"))])
    with serving(tmp_path / "t.sqlite") as server:
        place = told(server, "/track/0")["sound"]
        status, _, body = ask(server, f"/{place}/clip")
    assert (status, b"cannot be decoded" in body) == (415, True)


def test_the_page_is_told_of_a_table_that_has_changed(table: Path) -> None:
    with serving(table) as server:
        server._shelf._next = 0.0
        add_tracks(table, [made_track("/new.mp3")])
        assert told(server, "/about")["version"] == 2
        assert told(server, "/track/3")["path"] == "/new.mp3"


@pytest.mark.slow
def test_the_command_says_where_the_page_is_and_ends_at_ctrl_c(tmp_path: Path) -> None:
    made_library(tmp_path / "t.sqlite", 5)
    words = command("library", "browse", str(tmp_path / "t.sqlite"), "--port", "0")
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        found = re.fullmatch(r"5 tracks at (http://127\.0\.0\.1:\d+/); Ctrl-C ends it\n", said)
        assert found is not None, said
        with urllib.request.urlopen(found[1]) as answer:
            assert b"<title>Library" in answer.read()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
